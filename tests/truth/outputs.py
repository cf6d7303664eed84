"""The lines of an output, row by row, and what the tables must say of them."""

import json
from dataclasses import dataclass, field
from itertools import repeat
from random import Random
from typing import Any, NamedTuple

import numpy as np

from truth import csvs
from truth.inputs import Inputs
from truth.layouts import Layout
from truth.lines import Failure, Template, Variant, error_row, make_templates, unreadable
from truth.spelling import Style, blocks, laid_out

GOOD, ERROR, UNREADABLE, MISSING = range(4)


class Picks(NamedTuple):
    """What was chosen for each row: what becomes of it, and the number in its prediction."""

    fates: np.ndarray
    slots: list[str]


@dataclass
class Output:
    """A list entry for each input row; an empty line is no row of the results."""

    lines: list[str]
    instances: list[str | None]
    texts: list[str]
    extras: list[dict[str, Any] | None]
    noted: list[bool | None]
    failures: dict[int, Failure]
    header: str = ""
    beside: dict[str, str] = field(default_factory=dict)


def dealt(pool: list[Any], rows: int) -> list[Any]:
    """Return the entry of each row of a pool that is dealt out in blocks."""
    found: list[Any] = []
    for number, start, end in blocks(len(pool), rows):
        found += [pool[number]] * (end - start)
    return found


def make_jsonl(
    layout: Layout, dice: Random, style: Style, inputs: Inputs, picks: Picks, pool: list[Variant]
) -> Output:
    """Make the rows of an output in JSON Lines."""
    templates = make_templates(layout, dice, style)
    texts = laid_out([each.text for each in pool], picks.slots)
    keys = inputs.quoted if dice.random() < 0.5 else inputs.literals
    output = Output(
        lines=[],
        instances=list(inputs.told),
        texts=texts,
        extras=dealt([row.extra for row in templates], layout.rows),
        noted=dealt([each.noted for each in pool], layout.rows),
        failures={},
    )
    predictions = texts
    if any(each.siblings for each in pool):
        siblings = dealt([each.siblings for each in pool], layout.rows)
        predictions = list(map(str.__add__, texts, siblings))
    for number, start, end in blocks(len(templates), layout.rows):
        columns = (inputs.shown[start:end], keys[start:end], predictions[start:end])
        output.lines += template_lines(templates[number], columns)
        if not templates[number].instance:
            output.instances[start:end] = repeat(None, end - start)
    for at in np.flatnonzero(inputs.noted).tolist():
        output.noted[at] = output.noted[at] if output.instances[at] is None else True
    rows = dealt(templates, layout.rows)
    for at in np.flatnonzero(picks.fates != GOOD).tolist():
        spoil(layout, dice, style, inputs, output, rows[at], keys[at], at, picks.fates[at])
    return output


def template_lines(row: Template, columns: tuple[list[str], ...]) -> list[str]:
    """Return the lines of instances, keys and predictions in the order of a template."""
    first, second, *third = (columns[role] for role in row.roles)
    if not third:
        a, b, c = row.pieces
        return [f"{a}{x}{b}{y}{c}" for x, y in zip(first, second, strict=True)]
    a, b, c, d = row.pieces
    return [f"{a}{x}{b}{y}{c}{z}{d}" for x, y, z in zip(first, second, third[0], strict=True)]


def spoil(
    layout: Layout,
    dice: Random,
    style: Style,
    inputs: Inputs,
    output: Output,
    row: Template,
    key: str,
    at: int,
    fate: int,
) -> None:
    """Make a row one that has no prediction."""
    if fate == MISSING:
        output.lines[at] = ""
    elif fate == ERROR:
        line, code, message = error_row(layout, dice, style, row, inputs.shown[at], key)
        output.lines[at] = line
        raw = line[:2000] if code == "E222" else None
        output.failures[at] = Failure(inputs.keys[at], code, message and message[:2000], raw)
    else:

        def with_prediction(text: str) -> str:
            return template_lines(row, ([inputs.shown[at]], [key], [text]))[0]

        line_bytes = unreadable(dice, output.lines[at], with_prediction)[1]
        output.lines[at] = line_bytes.decode(errors="surrogateescape")
        raw = line_bytes.decode(errors="replace")[:2000]
        output.failures[at] = Failure(None, "E222", None, raw)


def make_csv(
    layout: Layout, dice: Random, _: Style, inputs: Inputs, picks: Picks, pool: list[Variant]
) -> Output:
    """Make the rows of an output in CSV, where all cells of the input are texts."""
    name = {"field": layout.key_field, "key": "key"}.get(layout.named, "uid")
    sheet = csvs.make_sheet(layout.form, name, layout.named != "key", dice)
    features = [csvs.feature_cells(dice) for _ in range(20)]
    texts = [json.loads(key) for key in inputs.quoted] if inputs.quoted else []
    keys = list(map(csvs.csv_cell, texts))
    names = [key[1:-1] for key in inputs.quoted]
    instances = laid_out([csvs.instance_text(row, sheet) for row in features], names)
    spelt = csvs.custom_cell if layout.kind == "custom" else csvs.prediction_cells
    cells = laid_out([spelt(each.text) for each in pool], picks.slots)
    broken = np.flatnonzero(picks.fates == UNREADABLE).tolist()
    for at in broken:
        cells[at] = csvs.unreadable_cell(sheet, dice)
    if layout.named != "key":
        inputs.lines[:] = instances
    rows = dealt(features, layout.rows)
    output = Output(
        lines=csvs.csv_lines(sheet, rows, keys, cells),
        instances=list(instances) if layout.named != "key" else [None] * layout.rows,
        texts=laid_out([each.text for each in pool], picks.slots),
        extras=[None] * layout.rows,
        noted=dealt([each.noted for each in pool], layout.rows),
        failures={},
        header=sheet.header(),
    )
    failed = np.flatnonzero(picks.fates == ERROR).tolist()
    text = 'column Age: "x", not a number'
    output.beside["errors_1.csv"] = csvs.error_file(sheet, rows, keys, failed, text)
    for at in failed:
        output.failures[at] = Failure(inputs.keys[at], None, text, None, "errors_1.csv")
        output.lines[at] = ""
    for at in np.flatnonzero(picks.fates == MISSING).tolist():
        output.lines[at] = ""
    for at in broken:
        spoil_row(dice, sheet, inputs, output, at)
    return output


def spoil_row(dice: Random, sheet: csvs.Sheet, inputs: Inputs, output: Output, at: int) -> None:
    """Note a row whose cells are no prediction, or make it one with a cell too many or too few."""
    key = inputs.keys[at]
    if dice.random() < 0.5:
        width = len(sheet.inputs) + len(sheet.predictions)
        key, output.lines[at] = None, ",".join(["x"] * dice.choice([width - 1, width + 1]))
    output.failures[at] = Failure(key, "E222", None, output.lines[at][:2000])

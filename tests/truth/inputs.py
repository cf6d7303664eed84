"""The rows that were predicted: their keys, and their instances as given and as shown again."""

import json
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import numpy as np

from truth.layouts import Layout
from truth.spelling import (
    SLOT,
    Number,
    Style,
    blocks,
    laid_out,
    random_style,
    short_text,
    spell,
)

# The same number in other words.
RESPELT = {"1.50": "1.5", "2.0": "2", "1e2": "100", "0.1": "1e-1", "7": "7.0", "-0.0": "0"}


class Fragment(NamedTuple):
    """An instance but for its key or number.

    ``given`` is a line of the input, ``shown`` the instance as the output has it, and ``told``
    what the predictions must say of it.
    """

    given: str
    shown: str
    told: str
    keyed: bool
    plain: bool = False
    noted: bool = False


@dataclass(frozen=True)
class Inputs:
    """The input, a list entry for each row."""

    lines: list[str]
    shown: list[str]
    told: list[str]
    noted: list[bool]
    keys: list[str | None]
    literals: list[str]
    quoted: list[str]


def make_inputs(layout: Layout, dice: Random, rng: np.random.Generator, style: Style) -> Inputs:
    """Make the input rows of a layout; ``style`` is how the output spells them."""
    fragments = make_fragments(layout, dice, style)
    count, start = layout.rows, dice.randrange(10**6)
    texts, plain = key_texts(layout, dice, start), list(map(str, range(start, start + count)))
    literals, quoted = spelt_keys(layout, texts, style)
    slots = plain if fragments[0].plain else literals
    keys: list[str | None] = list(texts)
    noted = [False] * count
    for number, first, end in blocks(len(fragments), count):
        if not fragments[number].keyed:
            keys[first:end] = [None] * (end - first)
        noted[first:end] = [fragments[number].noted] * (end - first)
    inputs = Inputs(
        lines=laid_out([fragment.given for fragment in fragments], slots),
        shown=laid_out([fragment.shown for fragment in fragments], slots),
        told=laid_out([fragment.told for fragment in fragments], slots),
        noted=noted,
        keys=keys,
        literals=literals,
        quoted=quoted,
    )
    if "duplicates" in layout.odd:
        repeat_rows(inputs, rng)
    return inputs


def repeat_rows(inputs: Inputs, rng: np.random.Generator) -> None:
    """Make a tenth of the rows equal to others."""
    count = len(inputs.keys)
    again = np.flatnonzero(rng.random(count) < 0.1)
    others = rng.integers(max(count, 1), size=again.size)
    pairs = list(zip(again.tolist(), others.tolist(), strict=True))
    for column in vars(inputs).values():
        for row, other in pairs:
            column[row] = column[other]


def key_texts(layout: Layout, dice: Random, start: int) -> list[str]:
    """Return the keys as texts."""
    numbers = range(start, start + layout.rows)
    if layout.numbering == "text":
        before, after = short_text(dice), short_text(dice)
        return [f"{before}{number}{after}" for number in numbers]
    if layout.numbering in ("safe", "long", "huge"):
        edge = {"safe": 2**53, "long": 2**64, "huge": 10**30}[layout.numbering]
        first = edge - layout.rows // 2
        return list(map(str, range(first, first + layout.rows)))
    pattern = {"small": "%d", "zeros": "%012d", "decimal": "%d.50"}[layout.numbering]
    return [pattern % number for number in numbers]


def spelt_keys(layout: Layout, texts: list[str], style: Style) -> tuple[list[str], list[str]]:
    """Return the keys as JSON: as the input has them, and as texts."""
    if layout.numbering == "text":
        quoted = [spell(text, style) for text in texts]
        return list(quoted), quoted
    quoted = [f'"{text}"' for text in texts]
    return (list(quoted) if layout.numbering == "zeros" else texts), quoted


def make_fragments(layout: Layout, dice: Random, style: Style) -> list[Fragment]:
    """Make the instances of a layout but for their numbers."""
    given = random_style(dice)
    if layout.named == "none":
        makers = (bare_row, list_row, table_row, file_row, image_row)
        maker = table_row if layout.kind == "gemini" else dice.choice(makers)
        return [maker(layout, dice, given, style) for _ in range(20)]
    unkeyed = 0.4 if layout.named == "mixed" else 0
    return [keyed_row(layout, dice, given, style, dice.random() >= unkeyed) for _ in range(20)]


def features(dice: Random) -> dict[str, Any]:
    """Return features of every type."""
    every: dict[str, Any] = {
        "age": "72",
        "height": Number(dice.choice(sorted(RESPELT))),
        "number": Number("9007199254740993"),
        "city": short_text(dice),
        "member": dice.random() < 0.5,
        "income": None,
        "image": {"b64": "/9j/4AAQ"},
        "values": [1, 2.5, Number("1.50")],
        short_text(dice): 1,
    }
    return {name: every[name] for name in dice.sample(sorted(every), dice.randint(0, 6))}


def respelt(value: Any, dice: Random) -> Any:
    """Return the same value in other words: members in another order, numbers spelt anew."""
    if isinstance(value, Number):
        return Number(RESPELT.get(value, value))
    if isinstance(value, list):
        return [respelt(part, dice) for part in value]
    if isinstance(value, dict):
        return {
            name: respelt(value[name], dice) for name in dice.sample(sorted(value), len(value))
        }
    return value


def shown_again(layout: Layout, dice: Random, value: Any) -> Any:
    return respelt(value, dice) if "respelt" in layout.odd else value


def plain_fragment(
    layout: Layout, dice: Random, styles: tuple[Style, Style], value: Any, plain: bool = False
) -> Fragment:
    """Return the fragment of an instance that is its own identity."""
    shown = spell(shown_again(layout, dice, value), styles[1])
    given = {"request": value} if layout.kind == "gemini" else value
    return Fragment(spell(given, styles[0]), shown, shown, False, plain)


def bare_row(layout: Layout, dice: Random, given: Style, style: Style) -> Fragment:
    return plain_fragment(layout, dice, (given, style), Number(SLOT))


def list_row(layout: Layout, dice: Random, given: Style, style: Style) -> Fragment:
    value = [25, Number(SLOT), short_text(dice), Number("1.50"), None]
    return plain_fragment(layout, dice, (given, style), value)


def table_row(layout: Layout, dice: Random, given: Style, style: Style) -> Fragment:
    value = {**features(dice), "uid": Number(SLOT)}
    return plain_fragment(layout, dice, (given, style), value)


def file_row(layout: Layout, dice: Random, given: Style, style: Style) -> Fragment:
    value = f"gs://bucket/{dice.randrange(99)}/{SLOT}.jpg"
    return plain_fragment(layout, dice, (given, style), value, True)


def image_row(layout: Layout, dice: Random, given: Style, style: Style) -> Fragment:
    value = {"content": f"gs://bucket/{SLOT} \u6771.png", "mimeType": "image/png"}
    return plain_fragment(layout, dice, (given, style), value, True)


def keyed_row(layout: Layout, dice: Random, given: Style, style: Style, keyed: bool) -> Fragment:
    """Return an instance with a key, or with only a number of its own."""
    parts, name = features(dice), layout.key_field if keyed else "uid"
    whole = {**parts, name: Number(SLOT)}
    whole = {name: whole[name] for name in dice.sample(sorted(whole), len(whole))}
    inside = layout.named in ("field", "mixed")
    shown = shown_again(layout, dice, whole if inside else parts)
    told, noted = shown, "constants" in layout.odd and keyed and dice.random() < 0.1
    if noted:
        odd = dice.choice(["NaN", "Infinity", "-Infinity"])
        shown, told = {**shown, "odd": Number(odd)}, {**shown, "odd": odd}
    if layout.kind == "gemini":
        whole = {name: Number(SLOT), "request": parts}
    texts = (spell(whole, given), spell(shown, style), spell(told, style))
    return Fragment(*texts, keyed, noted=noted)


def identity(line: str) -> Any:
    """Return what two spellings of an instance have in common."""

    def number(text: str) -> tuple[str, Any]:
        value = float(text) if any(mark in text for mark in ".eE") else int(text)
        return ("number", int(value) if value == int(value) else value)

    def unordered(value: Any) -> Any:
        if isinstance(value, dict):
            return ("object", *sorted((name, repr(unordered(v))) for name, v in value.items()))
        if isinstance(value, list):
            return ("list", *map(unordered, value))
        return value if isinstance(value, tuple) else (type(value).__name__, value)

    parsed = json.loads(line, parse_int=number, parse_float=number)
    return repr(unordered(parsed))

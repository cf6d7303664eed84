"""Whole jobs: the input, the output directory, and what must become of each row."""

from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from truth.csvs import SPELT
from truth.inputs import Inputs, make_inputs
from truth.layouts import COMMON, EXPLAINED, LAST, OWN, Layout
from truth.lines import Failure, Variant, make_variants
from truth.outputs import GOOD, MISSING, Output, Picks, dealt, make_csv, make_jsonl
from truth.shards import write_others, write_shards
from truth.spelling import filled, random_style


@dataclass
class Predicted:
    """The rows with a prediction, a list entry for each."""

    keys: list[str | None]
    instances: list[str | None]
    texts: list[str]
    variants: list[int]
    slots: list[str]
    extras: list[dict[str, Any] | None]
    noted: list[bool | None]
    sources: list[str]


@dataclass
class Job:
    """One job, and the truth about it."""

    layout: Layout
    directory: Path
    instances: Path
    variants: list[Variant]
    predicted: Predicted
    failures: list[Failure]
    unanswered: list[tuple[str | None, str]]  # key and line of the inputs without a prediction
    missing: int
    unknown: list[str]  # names of the files and folders that nobody knows

    @property
    def columns(self) -> dict[str, str]:
        """Name and SQL type of the columns that the predictions must have."""
        explained = self.layout.explained and self.predicted.keys
        return {**COMMON, **OWN[self.layout.kind], **(EXPLAINED if explained else {}), **LAST}

    def counts(self) -> dict[str, int]:
        """Return the counts that the summary must give."""
        good, bad = len(self.predicted.keys), len(self.failures)
        missing = self.missing if self.layout.reconciled else 0
        counts = {"input": good + bad + missing, "predicted": good, "failed": bad}
        return {**counts, "missing": missing, "unexpected": 0, "duplicate": 0}

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows that the predictions must hold, a dictionary each."""
        truth, types, found = self.predicted, self.columns, []
        for at, number in enumerate(truth.variants):
            columns = dict.fromkeys(self.columns)
            typed = filled(self.variants[number].columns, truth.slots[at])
            columns |= {name: as_type(part, types[name]) for name, part in typed.items()}
            columns |= {"key": truth.keys[at], "instance": truth.instances[at]}
            columns |= {"prediction": truth.texts[at], "extra": truth.extras[at]}
            found.append({**columns, "note": truth.noted[at], "source": truth.sources[at]})
        return found


def as_type(value: Any, kind: str) -> Any:
    """Return a value of a column as the database gives it back."""
    if kind == "DOUBLE[]" and value is not None:
        return list(map(float, value))
    return float(value) if kind == "DOUBLE" and value is not None else value


def make_job(layout: Layout, folder: Path) -> Job:
    """Write a random job into an empty folder.

    The predictions of all rows differ, so that no two rows can be taken for each other, but for
    those of a few words, such as ``true``.
    """
    dice, rng = Random(layout.seed), np.random.default_rng(layout.seed)
    style = SPELT if layout.csv else random_style(dice, "spaces" in layout.odd)
    variants = make_variants(layout, dice, style)
    inputs = make_inputs(layout, dice, rng, style)
    picks = make_picks(layout, rng)
    make = make_csv if layout.csv else make_jsonl
    output = make(layout, dice, style, inputs, picks, variants)
    directory, instances = folder / "job", folder / "instances.jsonl"
    directory.mkdir()
    sources = write_shards(directory, layout, dice, rng, output.lines, output.header)
    unknown = write_others(directory, layout, dice)
    for name, content in output.beside.items():
        (directory / name).write_text(content, encoding="utf-8")
    instances.write_text("\n".join([*inputs.lines, ""]), encoding="utf-8", newline="\n")
    return Job(
        layout=layout,
        directory=directory,
        instances=instances,
        variants=variants,
        predicted=predicted_rows(inputs, output, picks, sources, len(variants)),
        failures=[
            row._replace(source=row.source or sources[at]) for at, row in output.failures.items()
        ],
        unanswered=[
            (inputs.keys[at], inputs.lines[at]) for at in np.flatnonzero(picks.fates != GOOD)
        ],
        missing=int((picks.fates == MISSING).sum()),
        unknown=unknown,
    )


def make_picks(layout: Layout, rng: np.random.Generator) -> Picks:
    """Choose what becomes of each row, and a number of 17 digits from 0.5 to 1 for each."""
    rate = 0.15 if layout.rows < 500 else 0.02 if layout.rows < 10_000 else 0.002
    bad = [rate * (name in layout.odd) for name in ("errors", "unreadable", "missing")]
    fates = rng.choice(4, size=layout.rows, p=[1 - sum(bad), *bad])
    digits = rng.integers(5 * 10**16 + 1, 10**17, size=layout.rows).tolist()
    return Picks(fates, [f"0.{number}" for number in digits])


def predicted_rows(
    inputs: Inputs, output: Output, picks: Picks, sources: list[str], variants: int
) -> Predicted:
    """Return what the predictions must hold."""
    numbers = dealt(list(range(variants)), len(sources))
    columns: list[list[Any]] = [inputs.keys, output.instances, output.texts, numbers, picks.slots]
    columns += [output.extras, output.noted, sources]
    if picks.fates.any():
        good = (picks.fates == GOOD).tolist()
        columns = [list(compress(column, good)) for column in columns]
    return Predicted(*columns)

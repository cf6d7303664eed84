"""What ``batchpredict backfill`` shows: the plan, runs that start or end, and the outcome."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from batchpredict.cli.tables import table_lines
from batchpredict.vertex.links import run_link

if TYPE_CHECKING:
    from batchpredict.vertex.backfilling import VertexBackfill
    from batchpredict.vertex.backfills import Attempt, DateState, Plan


def title(backfill: "VertexBackfill", dates: Sequence[str], concurrency: int) -> str:
    """Return the line above the plan."""
    span = f"{len(dates)} dates from {dates[0]} to {dates[-1]}"
    return f"{backfill.compiled.name}: {span}, {concurrency} at a time (key {backfill.key})"


def plan_lines(now: "Plan", digest: str) -> Iterator[str]:
    """Yield where the dates stand, neighbours together."""
    rows = []
    for status, group in groupby(now.dates, key=lambda it: it.status):
        dates = [it.date for it in group]
        span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        rows.append((status, str(len(dates)), span))
    yield from table_lines(("status", "dates", "which"), rows)
    others = [it for it in now.dates if it.attempt and it.attempt.digest != digest]
    if others:
        text = f"{len(others)} of these have a run of another version of the pipeline"
        yield f"{text}; --redo-changed runs again what it did"


class Teller:
    """Shows a line for each run that starts or ends."""

    def __init__(self) -> None:
        self._told: set[tuple[str, bool]] = set()

    def __call__(self, attempt: "Attempt") -> None:
        """Show the run, if its start or its end has not been shown."""
        news = (attempt.name, attempt.is_over)
        if news not in self._told:
            self._told.add(news)
            state = attempt.state if attempt.is_over else "started"
            click.echo(f"{attempt.date}  {state:<9}  {run_link(attempt.name)}", err=True)


def show(
    backfill: "VertexBackfill",
    now: "Plan",
    goals: Mapping[str, int],
    *,
    output: str,
    with_table: bool,
) -> None:
    """Show where each date stands, as text or as JSON."""
    if output == "json":
        dates = [_described(backfill, it, goals[it.date]) for it in now.dates]
        content = {
            "pipeline": backfill.compiled.name,
            "key": backfill.key,
            "counts": _counts(now),
            "dates": dates,
        }
        click.echo(json.dumps(content, indent=2))
        return
    if with_table:
        rows = [_row(it) for it in now.dates]
        click.echo("\n".join(table_lines(("date", "status", "run"), rows)))
    click.echo(", ".join(f"{number} {status}" for status, number in _counts(now).items()))


def _row(it: "DateState") -> tuple[str, str, str]:
    if it.attempt is None:
        return it.date, it.status, "-"
    run = it.attempt.name.rpartition("/")[2]
    error = " ".join(it.attempt.error.split())[:200] if it.status == "failed" else ""
    return it.date, it.status, f"{run}  {it.attempt.state}: {error}" if error else run


def _counts(now: "Plan") -> dict[str, int]:
    return {name: len(now.with_status(name)) for name in ("done", "running", "failed", "todo")}


def _described(backfill: "VertexBackfill", it: "DateState", number: int) -> dict[str, Any]:
    """Return a date for JSON; the run of one that is to do is that which it will have."""
    name = it.attempt.name if it.attempt else backfill.name(it.date, number)
    return {
        "date": it.date,
        "status": it.status,
        "attempt": number,
        "run": name,
        "state": it.attempt.state if it.attempt else "",
        "error": it.attempt.error if it.attempt else "",
        "link": run_link(name),
    }

"""Show the steps of a run as they go: live on a terminal, one line each otherwise."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import click

from batchpredict.cli.results import title_of

INTERVAL = 0.1
MARKS = {
    "SUCCEEDED": "OK",
    "FAILED": "FAIL",
    "SKIPPED": "CACHED",
    "NOT_TRIGGERED": "SKIP",
    "CANCELLED": "STOP",
    "RUNNING": "RUN",
    "PENDING": "wait",
}
UNDER_WAY = ("RUN", "wait")
PASSED = ("OK", "CACHED", "KEPT")
LINES_BELOW = 3  # the rest's number, the time, and the cursor
COLOURS = {
    "OK": "green",
    "CACHED": "green",
    "KEPT": "green",
    "FAIL": "red",
    "SKIP": "yellow",
    "STOP": "red",
    "RUN": "cyan",
}


class Shown(Protocol):
    """What is shown of a step of a run, here or on Vertex AI."""

    @property
    def name(self) -> str:
        """Names of the graphs around it and its own, with ``/`` between."""

    @property
    def state(self) -> str:
        """Such as ``SUCCEEDED``."""

    @property
    def seconds(self) -> float:
        """Run time so far."""

    @property
    def origin(self) -> Mapping[str, Any]:
        """Where its outputs were taken from, when it did not run."""

    @property
    def is_kept(self) -> bool:
        """Whether it ended well before the run was resumed."""


AnyStep = TypeVar("AnyStep", bound=Shown)


def mark_of(step: Shown) -> str:
    """Return the short word for what has become of a step."""
    return "KEPT" if step.is_kept else MARKS.get(step.state, step.state)


def follow(read: Callable[[], Sequence[Shown]], ended: Callable[[float], bool]) -> None:
    """Show the steps until the run has ended.

    Args:
        read: Returns the steps as they are now.
        ended: Waits for at most so many seconds; returns whether the run has ended.
    """
    if sys.stderr.isatty():
        _follow_live(read, ended)
    else:
        _follow_plainly(read, ended)


def _follow_plainly(read: Callable[[], Sequence[Shown]], ended: Callable[[float], bool]) -> None:
    """Write one line when a step ends."""
    shown: set[str] = set()
    over = False
    while not over:
        over = ended(INTERVAL)
        for step in read():
            if mark_of(step) not in UNDER_WAY and step.name not in shown:
                shown.add(step.name)
                click.echo(_line(step), err=True)


def _line(step: Shown) -> str:
    mark = mark_of(step)
    seconds = f"{step.seconds:6.1f} s" if mark in ("OK", "FAIL", "STOP") else ""
    return f"{f'{mark:<4} {seconds}':<13}  {title_of(step.name)}"


def _follow_live(read: Callable[[], Sequence[Shown]], ended: Callable[[float], bool]) -> None:
    """Redraw a table in place."""
    from rich.console import Console
    from rich.live import Live

    started = time.monotonic()
    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False) as live:
        over = False
        while not over:
            over = ended(INTERVAL)
            steps = read()
            rows = len(steps) if over else console.height - LINES_BELOW
            shown = visible(steps, rows)
            table = _table(shown, time.monotonic() - started, len(steps) - len(shown))
            live.update(table, refresh=True)


def visible(steps: Sequence[AnyStep], rows: int) -> list[AnyStep]:
    """Return the steps that fit.

    Those that ended make room first, the failed ones last of them; then those that wait.
    """
    ended = [step for step in steps if mark_of(step) not in UNDER_WAY]
    ended.sort(key=lambda step: step.state == "FAILED")
    gone = {step.name for step in ended[: max(0, len(steps) - rows)]}
    return [step for step in steps if step.name not in gone][: max(1, rows)]


def _table(steps: Sequence[Shown], seconds: float, hidden: int = 0) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    for step in steps:
        mark = mark_of(step)
        spent = f"{step.seconds:.1f} s" if step.seconds and not step.origin else ""
        table.add_row(
            Text(mark, style=COLOURS.get(mark, "dim")), f"{spent:>8}", Text(title_of(step.name))
        )
    if hidden:
        table.add_row("", "", f"and {hidden} more steps")
    table.add_row("", f"{seconds:6.1f} s", "")
    return table

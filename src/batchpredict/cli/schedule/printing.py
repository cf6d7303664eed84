"""What the verbs of schedules say to people."""

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from batchpredict.errors import UsageError

if TYPE_CHECKING:
    from batchpredict.clock_changes import ClockChange
    from batchpredict.cron import Cron
    from batchpredict.vertex.schedule_states import KeptSchedule


def limits(
    active: int | None, starting: int | None, total: int | None, queues: bool, started: int = 0
) -> list[str]:
    """Return what the limits of a schedule mean.

    Args:
        active: ``max_concurrent_active_run_count``.
        starting: ``max_concurrent_run_count``.
        total: ``max_run_count``.
        queues: ``allow_queueing``.
        started: Runs that it has started.
    """
    what = "waits its turn" if queues else "is skipped"
    most = f"at most {active} at a time" if active else "any number at a time"
    lines = [
        f"runs: {most} (max_concurrent_active_run_count); one more {what} "
        f"(allow_queueing: {str(queues).lower()})",
        f"starts: at most {starting} requests at a time (max_concurrent_run_count); "
        "this does not limit the runs themselves",
    ]
    if total:
        lines.append(f"in all: {started} of {total} runs started (max_run_count)")
    return lines


def limits_of(kept: "KeptSchedule") -> list[str]:
    """Return what the limits of a schedule mean that Vertex AI keeps."""
    return limits(
        kept.count("maxConcurrentActiveRunCount"),
        kept.count("maxConcurrentRunCount"),
        kept.count("maxRunCount"),
        bool(kept.resource.get("allowQueueing")),
        kept.count("startedRunCount"),
    )


def utc(moment: datetime.datetime) -> str:
    """Return a moment such as ``2026-01-31T06:00:00Z``."""
    return f"{moment.astimezone(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"


def local(moment: datetime.datetime, cron: "Cron") -> str:
    """Return what the clock of a schedule's zone shows then, with its offset."""
    there = moment.astimezone(cron.zone)
    return f"{there:%a %Y-%m-%d %H:%M} {there.tzname()} (UTC{there:%z})"


def next_run(kept: "KeptSchedule") -> str:
    """Return when the next run of a schedule is, in UTC and in its zone."""
    moment = kept.moment("nextRunTime")
    if kept.state != "ACTIVE" or moment is None:
        return {"PAUSED": "none while it is paused"}.get(kept.state, "none")
    try:
        there = local(moment, kept.rule)
    except UsageError:
        return utc(moment)
    return f"{utc(moment)}, {there}"


def warn(name: str, found: "list[ClockChange]") -> None:
    """Tell on standard error what the clocks do to a schedule within a year."""
    for change in found:
        click.echo(f"Warning: {change.code} {name}: {change.text}", err=True)


def warning_rows(found: "list[ClockChange]") -> list[Mapping[str, Any]]:
    """Return what the clocks do to a schedule, for JSON."""
    return [{"code": it.code, "time": utc(it.moment), "message": it.text} for it in found]


def confirmed(question: str) -> bool:
    """Ask a person.

    Raises:
        UsageError: Nobody is there to answer (E425).
    """
    try:
        return click.confirm(question, err=True)
    except click.Abort as error:
        message = "nothing was changed: it asks first, and nobody answered; add --yes"
        raise UsageError("E425", message) from error

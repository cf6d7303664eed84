"""``batchpredict schedule next``: when the next runs start."""

import datetime
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchpredict.cli.options import output_option, with_settings
from batchpredict.cli.schedule.places import place_of

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings
    from batchpredict.cron import Cron
    from batchpredict.vertex.schedule_states import KeptSchedule

Moment = datetime.datetime | None


@dataclass(frozen=True)
class Plan:
    """When a schedule fires.

    Attributes:
        name: Its name.
        cron: When it fires.
        start: Not before it.
        end: Not after it.
        runs: Runs that are left.
        note: What keeps it from firing, or "".
    """

    name: str
    cron: "Cron"
    start: Moment = None
    end: Moment = None
    runs: int | None = None
    note: str = ""

    def times(self, now: datetime.datetime, count: int) -> list[datetime.datetime]:
        """Return the next times, in UTC."""
        just_before = max(now, self.start or now) - datetime.timedelta(microseconds=1)
        found = self.cron.upcoming(just_before)
        found = itertools.takewhile(lambda it: self.end is None or it <= self.end, found)
        return list(itertools.islice(found, count if self.runs is None else min(count, self.runs)))


@click.command("next")
@click.argument("target", required=False, metavar="[FILE|NAME]")
@with_settings
@click.option("-n", "--count", type=click.IntRange(1, 1000), default=5, show_default=True)
@click.option("--cron", default="", metavar="FIELDS", help="Instead of FILE or NAME: five fields.")
@click.option("--timezone", default="", metavar="ZONE", help="With --cron: such as Europe/Berlin.")
@output_option
def command(
    target: str | None,
    settings: "Settings",
    count: int,
    cron: str,
    timezone: str,
    output: str,
) -> None:
    """Show when the next runs start, in UTC and in the time zone of the schedule.

    FILE is a file of schedules, and nothing is asked of the cloud; NAME is a schedule on Vertex
    AI. Without either it is schedules.yaml, .toml or .json of this folder. Warns of runs within a
    year that fall into a change of the clocks.
    """
    from batchpredict.clock_changes import clock_changes

    now = datetime.datetime.now(datetime.UTC)
    plans = [_typed_plan(cron, timezone)] if cron else list(_plans(target, settings))
    rows = []
    for plan in plans:
        found = clock_changes(plan.cron, now)
        if output == "text":
            _show(plan, plan.times(now, count), found)
        rows.append(_row(plan, plan.times(now, count), found))
    if output == "json":
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))


def _typed_plan(fields: str, zone: str) -> Plan:
    from batchpredict.cron import Cron, cron_text
    from batchpredict.errors import UsageError

    try:
        return Plan("--cron", Cron(cron_text(fields, zone)))
    except ValueError as error:
        raise UsageError("E421", str(error)) from error


def _plans(target: str | None, settings: "Settings") -> Iterator[Plan]:
    from batchpredict.config.schedule_files import SUFFIXES, find_schedules, read_schedules
    from batchpredict.cron import Cron
    from batchpredict.vertex.schedule_lookup import get_schedule

    if target is None or target.lower().endswith(SUFFIXES):
        path = Path(target) if target else find_schedules(Path())
        for it in read_schedules(path):
            yield Plan(it.name, Cron(it.cron_text), it.start, it.end, it.max_run_count)
        return
    yield _kept_plan(get_schedule(target, *place_of(target, settings)))


def _kept_plan(kept: "KeptSchedule") -> Plan:
    """Return when a schedule fires that Vertex AI keeps."""
    total = kept.count("maxRunCount")
    notes = {
        "PAUSED": "paused: no run starts before it is resumed",
        "COMPLETED": "completed: no run starts any more",
    }
    start = kept.moment("nextRunTime" if kept.state == "ACTIVE" else "startTime")
    return Plan(
        kept.display_name,
        kept.rule,
        start,
        kept.moment("endTime"),
        total - kept.count("startedRunCount") if total else None,
        notes.get(kept.state, ""),
    )


def _show(plan: Plan, times: list[datetime.datetime], found: list[Any]) -> None:
    from batchpredict.cli.schedule.printing import local, utc, warn

    click.echo(f"{plan.name}: {plan.cron.text} ({plan.cron.zone.key})")
    if plan.note:
        click.echo(plan.note, err=True)
    if times:
        click.echo("\n".join(f"{utc(it)}  {local(it, plan.cron)}" for it in times))
    else:
        click.echo("no runs are left", err=True)
    warn(plan.name, found)


def _row(plan: Plan, times: list[datetime.datetime], found: list[Any]) -> dict[str, Any]:
    from batchpredict.cli.schedule.printing import utc, warning_rows

    zone = plan.cron.zone
    return {
        "name": plan.name,
        "cron": plan.cron.text,
        "timezone": zone.key,
        "note": plan.note,
        "times": [{"utc": utc(it), "local": it.astimezone(zone).isoformat()} for it in times],
        "warnings": warning_rows(found),
    }

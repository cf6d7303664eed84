"""``batchpredict schedule apply``: make the schedules of a file, or change them."""

import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchpredict.cli.options import output_option, with_settings

if TYPE_CHECKING:
    from batchpredict.config.schedule_files import ScheduleEntry
    from batchpredict.config.settings import Settings
    from batchpredict.vertex.schedule_requests import Schedule
    from batchpredict.vertex.schedules import Applied


@click.command("apply")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1, metavar="[NAME]...")
@with_settings
@click.option("--dry-run", is_flag=True, help="Print the requests as JSON; ask and send nothing.")
@click.option("--diff", is_flag=True, help="Say what would change, and change nothing.")
@output_option
def command(
    file: Path,
    names: tuple[str, ...],
    settings: "Settings",
    dry_run: bool,
    diff: bool,
    output: str,
) -> None:
    """Make the schedules of FILE, or change those that are there to what it says.

    With NAME only those. What differs is shown field by field, parameters and pipeline included;
    applied a second time nothing changes. A schedule is known by its name within its project and
    region. One that is paused stays paused.
    """
    from batchpredict.cli.schedule.printing import warn
    from batchpredict.clock_changes import clock_changes
    from batchpredict.config.schedule_files import named_entries
    from batchpredict.vertex.schedule_requests import of_entry

    entries = named_entries(file, names)
    wanted = [of_entry(entry, _settings_of(entry, settings)) for entry in entries]
    _refuse_findings(wanted)
    now = datetime.datetime.now(datetime.UTC)
    for it in wanted:
        warn(it.name, clock_changes(it.cron, now))
    if dry_run:
        requests = [it.to_dict() for it in wanted]
        click.echo(json.dumps(requests, indent=2, ensure_ascii=False, allow_nan=False))
        return
    _send(wanted, diff, output)


def _settings_of(entry: "ScheduleEntry", settings: "Settings") -> "Settings":
    """Return the settings of the environment that a schedule names.

    Raises:
        UsageError: Another one was asked for (E426), or there is none of this name.
    """
    from batchpredict.cli.options import OVERRIDES
    from batchpredict.config.loading import load_settings
    from batchpredict.errors import UsageError

    if entry.environment in ("", settings.environment):
        return settings
    if settings.environment:
        raise UsageError(
            "E426",
            f"schedule {entry.name} is for the environment {entry.environment!r}, and "
            f"{settings.environment!r} was asked for ({settings.origin('environment')})",
        )
    names = [name for name, *_ in OVERRIDES]
    given = [name for name in names if settings.origin(name).startswith("flag ")]
    flags = {name: getattr(settings, name) for name in given}
    return load_settings(entry.environment, settings.file, flags)


def _refuse_findings(wanted: "list[Schedule]") -> None:
    """Refuse what would fail in every run, as `check` finds it."""
    from batchpredict.errors import RunError
    from batchpredict.linting.findings import lint

    count = 0
    for it in wanted:
        job = it.body["createPipelineJobRequest"]["pipelineJob"]
        parameters = job["runtimeConfig"].get("parameterValues", {})
        for found in lint(job["pipelineSpec"], parameters):
            if found.code.startswith("E"):
                click.echo(f"{it.name}: {found.where}: {found.code} {found.message}", err=True)
                count += 1
    if count:
        raise RunError("E123", f"{count} findings must be mended first; see above")


def _send(wanted: "list[Schedule]", diff: bool, output: str) -> None:
    """Compare every schedule before one is changed, then apply them."""
    from batchpredict.vertex import schedules

    found = [schedules.compare_schedule(it) for it in wanted]
    rows = []
    for one, plan in zip(wanted, found, strict=True):
        done = plan if diff else schedules.carry_out(one, plan)
        rows.append({"name": one.name, **done.to_dict()})
        if output == "text":
            _show(one, done, diff)
    if output == "json":
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))


def _show(wanted: "Schedule", done: "Applied", diff: bool) -> None:
    from batchpredict.cli.schedule.printing import limits_of, next_run
    from batchpredict.vertex.links import schedule_link

    would = {"created": "would be created", "updated": "would be updated"}
    outcome = would.get(done.outcome, done.outcome) if diff else done.outcome
    paused = f" ({done.kept.state.lower()})" if done.kept and done.kept.state != "ACTIVE" else ""
    click.echo(f"{wanted.name}: {outcome}{paused} in {wanted.parent}")
    for change in done.changes:
        click.echo(f"  {change.text}")
    if done.kept is None or diff:
        return
    click.echo(f"  page: {schedule_link(done.kept.name)}")
    click.echo(f"  next run: {next_run(done.kept)}")
    if done.outcome == "created":
        for line in limits_of(done.kept):
            click.echo(f"  {line}")

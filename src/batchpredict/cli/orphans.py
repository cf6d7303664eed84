"""``batchpredict orphans``: jobs that go on although their run does not, and their end."""

import json
from typing import TYPE_CHECKING

import click

from batchpredict.cli.durations import read_duration
from batchpredict.cli.options import output_option, with_settings

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings
    from batchpredict.errors import RunError
    from batchpredict.vertex.orphans import Job


@click.command("orphans")
@with_settings
@click.option(
    "--older-than",
    callback=read_duration,
    default="10m",
    show_default=True,
    metavar="TIME",
    help="Leave out jobs that were made since, such as 2h; their run may be tidying up.",
)
@click.option("--cancel", is_flag=True, help="Cancel those whose run failed, or is gone.")
@click.option(
    "--succeeded",
    is_flag=True,
    help="With --cancel: also those whose run succeeded, which may go on by intent.",
)
@click.option("--yes", is_flag=True, help="Cancel without asking.")
@output_option
def command(
    settings: "Settings",
    older_than: float,
    cancel: bool,
    succeeded: bool,
    yes: bool,
    output: str,
) -> None:
    """List batch prediction jobs whose pipeline run has ended or is gone, and cancel them.

    Only jobs that steps of batchpredict made are looked at: they bear the label batchpredict-step.
    Of a job that an older version made the run is not known; it is listed, and never cancelled.
    """
    from batchpredict.vertex.orphans import find_orphans

    if (succeeded or yes) and not cancel:
        raise click.UsageError("--succeeded and --yes need --cancel", click.get_current_context())
    settings.require("project", "location")

    def find() -> "list[Job]":
        return find_orphans(settings.project, settings.location, older_than)

    found = find()
    states: dict[str, str] = {}
    fault = None
    _show(found, people=output == "json")
    chosen = [job for job in found if _is_chosen(job, succeeded)] if cancel else []
    if chosen and (yes or _confirmed(f"cancel {_jobs(chosen)}?")):
        # A person may have taken a while to answer.
        still = {job.name for job in find() if _is_chosen(job, succeeded)}
        states, fault = _cancel([job for job in chosen if job.name in still])
    elif cancel and not chosen:
        click.echo("there is nothing to cancel", err=True)
    if output == "json":
        rows = [{**job.to_dict(), "cancelled": job.name in states} for job in found]
        click.echo(json.dumps(rows, indent=2))
    if fault is not None:
        raise fault


def _is_chosen(job: "Job", succeeded: bool) -> bool:
    wanted = job.is_abandoned or (succeeded and job.run_state == "SUCCEEDED")
    return wanted and job.state != "CANCELLING"


def _jobs(found: "list[Job]") -> str:
    return "1 job" if len(found) == 1 else f"{len(found)} jobs"


def _show(found: "list[Job]", *, people: bool) -> None:
    """Show the jobs; ``people`` look at standard error when a program reads the other."""
    from batchpredict.cli.tables import table_lines

    if not found:
        click.echo("no job of ours goes on without its run", err=True)
        return
    header = ("created", "state", "run", "run is", "job", "name")
    rows = [
        (
            job.create_time[:19] + "Z",
            job.state,
            job.run or "-",
            job.run_state,
            job.name.rpartition("/")[2],
            job.display_name,
        )
        for job in found
    ]
    click.echo("\n".join(table_lines(header, rows)), err=people)


def _confirmed(question: str) -> bool:
    """Ask a person.

    Raises:
        UsageError: Nobody is there to answer (E436).
    """
    from batchpredict.errors import UsageError

    try:
        return click.confirm(question, err=True)
    except click.Abort as error:
        message = "nothing was cancelled: it asks first, and nobody answered; add --yes"
        raise UsageError("E436", message) from error


def _cancel(chosen: "list[Job]") -> "tuple[dict[str, str], RunError | None]":
    """Cancel jobs; return their states by name, and the fault if some could not be (E437)."""
    from batchpredict.errors import RunError
    from batchpredict.vertex.orphans import cancel_orphans

    states, faults = cancel_orphans(chosen)
    for name, state in states.items():
        click.echo(f"{name.rpartition('/')[2]}: {state}", err=True)
    if not faults:
        return states, None
    reasons = "; ".join(str(fault) for fault in faults)
    message = f"{len(faults)} of {_jobs(chosen)} could not be cancelled: {reasons}"
    return states, RunError("E437", message)

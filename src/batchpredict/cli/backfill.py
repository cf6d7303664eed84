"""``batchpredict backfill``: a run for each date, begun anew as often as need be."""

import datetime
import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from batchpredict.cli.durations import read_duration
from batchpredict.cli.options import output_option, parameter_option, with_settings

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings
    from batchpredict.errors import BatchpredictError
    from batchpredict.pipeline_files import CompiledPipeline
    from batchpredict.vertex.backfilling import VertexBackfill
    from batchpredict.vertex.backfills import DateState, Plan

STEP = re.compile("([1-9][0-9]{0,3})([dw])")
MOST_NAMED = 5


def read_date(context: click.Context, parameter: click.Parameter, text: str) -> datetime.date:
    """Return the date that the text of an option stands for.

    Raises:
        click.BadParameter: It is none.
    """
    try:
        if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return datetime.date.fromisoformat(text)
    except ValueError:
        pass
    raise click.BadParameter(f"{text!r} is no date such as 2026-01-31", context, parameter)


def read_step(context: click.Context, parameter: click.Parameter, text: str) -> int:
    """Return the days that the text of an option stands for.

    Raises:
        click.BadParameter: It is no number of days or weeks.
    """
    found = STEP.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no step such as 1d or 2w", context, parameter)
    return int(found[1]) * (7 if found[2] == "w" else 1)


@click.command("backfill")
@click.argument("pipeline")
@click.option(
    "--from", "first", required=True, callback=read_date, metavar="DATE", help="The first date."
)
@click.option(
    "--to", "last", required=True, callback=read_date, metavar="DATE", help="The last, included."
)
@click.option(
    "--every",
    "days",
    default="1d",
    show_default=True,
    callback=read_step,
    metavar="STEP",
    help="From one date to the next, such as 1d or 2w.",
)
@click.option(
    "--date-parameter",
    default="run_date",
    show_default=True,
    metavar="NAME",
    help="The parameter that takes the date, as YYYY-MM-DD.",
)
@parameter_option
@with_settings
@click.option(
    "--concurrency",
    type=click.IntRange(1, 300),
    default=2,
    show_default=True,
    help="Runs that may be under way at a time.",
)
@click.option("--retry-failed", is_flag=True, help="Run dates that failed once more.")
@click.option(
    "--redo-changed", is_flag=True, help="Run dates anew that another version of PIPELINE did."
)
@click.option("--dry-run", is_flag=True, help="Show the plan and start nothing.")
@click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Go on until all is over; else start what --concurrency allows.",
)
@click.option(
    "--timeout",
    callback=read_duration,
    metavar="TIME",
    help="Wait no longer than this, such as 90m or 12h; runs that were started go on.",
)
@output_option
def command(
    pipeline: str,
    first: datetime.date,
    last: datetime.date,
    days: int,
    date_parameter: str,
    assignments: tuple[str, ...],
    settings: "Settings",
    concurrency: int,
    retry_failed: bool,
    redo_changed: bool,
    dry_run: bool,
    wait: bool,
    timeout: float | None,
    output: str,
) -> None:
    """Run PIPELINE on Vertex AI once for each date from --from to --to.

    Dates that are done are skipped, and runs that are under way are waited for, whoever started
    them: the same command, given again after an interruption, goes on where it was.
    """
    from batchpredict.cli.backfill_texts import Teller, plan_lines, show, title
    from batchpredict.vertex.backfilling import carry_out
    from batchpredict.vertex.backfills import dates_between, goals_of, plan

    dates = dates_between(first, last, days)
    backfill = _backfill(pipeline, settings, assignments, date_parameter, dates[0])
    found = backfill.attempts()
    redo_unless = backfill.digest if redo_changed else ""
    goals = goals_of(dates, found, retry_failed=retry_failed, redo_unless=redo_unless)
    now = plan(goals, found, concurrency)
    lines = [title(backfill, dates, concurrency), *plan_lines(now, backfill.digest)]
    click.echo("\n".join(lines), err=output == "json")
    if not dry_run:
        try:
            now = carry_out(
                backfill, goals, found, concurrency, wait=wait, timeout=timeout, tell=Teller()
            )
        except BaseException:
            click.echo("the runs go on; the same command goes on from here", err=True)
            raise
    show(backfill, now, goals, output=output, with_table=not dry_run)
    if not dry_run and (fault := _fault(now, timeout if wait else None)) is not None:
        raise fault


def _backfill(
    pipeline: str,
    settings: "Settings",
    assignments: Sequence[str],
    date_parameter: str,
    date: str,
) -> "VertexBackfill":
    """Return the back-fill, its first request made once to see that it can be.

    Raises:
        UsageError: The pipeline has no such parameter for a text (E431), it is given by ``-p`` too
            (E432), or the request cannot be made.
    """
    from batchpredict.cli.submit import refuse_findings
    from batchpredict.config.pipelines import run_parameters
    from batchpredict.errors import UsageError
    from batchpredict.vertex.backfilling import VertexBackfill
    from batchpredict.vertex.registry import find_anywhere
    from batchpredict.vertex.requests import of_settings

    compiled = find_anywhere(pipeline, settings)
    _check_date_parameter(compiled, date_parameter)
    if any(text.partition("=")[0] == date_parameter for text in assignments):
        message = (
            f"-p {date_parameter}=… is given, but --from and --to say the dates; leave it out"
        )
        raise UsageError("E432", message)
    dated = [*assignments, f"{date_parameter}={date}"]
    parameters = run_parameters(compiled, settings, dated)
    make = partial(of_settings, compiled, settings)
    backfill = VertexBackfill(
        compiled, settings.project, settings.location, parameters, date_parameter, make
    )
    backfill.request(date, 1)
    refuse_findings(compiled, parameters)
    return backfill


def _check_date_parameter(compiled: "CompiledPipeline", name: str) -> None:
    from batchpredict.errors import UsageError
    from batchpredict.pipeline_files import unknown

    if name not in compiled.parameters:
        texts = [it for it, spec in compiled.parameters.items() if _is_text(spec)]
        message = f"{compiled.name}: {unknown('text parameter', name, texts)}"
        raise UsageError("E431", f"{message}; name the one that takes the date: --date-parameter")
    if not _is_text(compiled.parameters[name]):
        kind = compiled.parameters[name]["parameterType"]
        message = f"{compiled.name}: {name!r} is a {kind}; a date is a text such as 2026-01-31"
        raise UsageError("E431", f"{message}; name another: --date-parameter")


def _is_text(spec: Any) -> bool:
    return bool(spec["parameterType"] == "STRING")


def _fault(now: "Plan", timeout: float | None) -> "BatchpredictError | None":
    """Return what to end with, None when nothing has failed."""
    from batchpredict.errors import RunError, RunTooLong

    if timeout is not None and not now.is_over:
        left = len(now.dates) - len(now.with_status("done")) - len(now.with_status("failed"))
        message = f"{left} of {len(now.dates)} dates were not over after {timeout:g} s"
        return RunTooLong("E434", f"{message}; the same command goes on from here")
    failed = now.with_status("failed")
    if failed:
        message = f"{len(failed)} of {len(now.dates)} dates failed: {_named(failed)}"
        return RunError("E435", f"{message}; --retry-failed runs them once more")
    return None


def _named(dates: "Iterable[DateState]") -> str:
    names = [it.date for it in dates]
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")

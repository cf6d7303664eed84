"""``batchpredict run``: run a compiled pipeline on this machine, or let a run go on."""

import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from batchpredict.cli.durations import read_duration
from batchpredict.cli.options import config_option, environment_option
from batchpredict.cli.progress import PASSED, follow, mark_of
from batchpredict.cli.results import printable, result_lines, short_path
from batchpredict.config.loading import load_settings
from batchpredict.config.pipelines import find_pipeline, run_parameters
from batchpredict.pipeline_files import CompiledPipeline, local_files, read_assignments

if TYPE_CHECKING:
    from batchpredict.local.outcomes import Outcome
    from batchpredict.local.session import LocalVertex

HOME = Path(".batchpredict")
LOG_TAIL = 20
LAST = ""  # the value of --resume without a run
Begin = Callable[["LocalVertex"], tuple[str, CompiledPipeline]]


@click.command("run")
@click.argument("pipeline", required=False)
@click.option(
    "-p",
    "--parameter",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the pipeline; lists and dictionaries as JSON. A parameter …_uri takes a "
    "file of this machine too.",
)
@config_option
@environment_option
@click.option(
    "--home",
    default=HOME,
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of the local buckets, models, endpoints and runs.",
)
@click.option("--cold", is_flag=True, help="Start every step from nothing: slower, same results.")
@click.option("--no-isolation", is_flag=True, help="Do not put the steps into private namespaces.")
@click.option("--no-cache", is_flag=True, help="Run every step, whatever earlier runs have done.")
@click.option(
    "--images",
    type=click.Path(dir_okay=False, path_type=Path),
    help="An images.toml: how containers of your own are started here.",
)
@click.option(
    "--timeout",
    callback=read_duration,
    metavar="TIME",
    help="Cancel the run when it takes longer, such as 90s, 10m or 1h30m.",
)
@click.option(
    "--resume",
    is_flag=False,
    flag_value=LAST,
    metavar="[RUN]",
    help="Let a run go on that was interrupted or has failed, the last one if none is named. "
    "What had ended well is not repeated; PIPELINE and -p are not needed.",
)
def command(
    pipeline: str | None,
    assignments: tuple[str, ...],
    config: Path | None,
    environment: str | None,
    home: Path,
    cold: bool,
    no_isolation: bool,
    no_cache: bool,
    images: Path | None,
    timeout: float | None,
    resume: str | None,
) -> None:
    """Run PIPELINE, a name or a compiled YAML file, with Vertex AI emulated on this machine.

    The YAML is the one that Vertex AI Pipelines runs; nothing leaves the machine. Parameters of a
    configuration hold unless -p gives them.
    """
    configured = load_settings(environment, config, {})
    compiled = None if pipeline is None else find_pipeline(pipeline, configured)
    if resume is not None:
        begin = _resumption(resume, compiled, assignments)
    elif compiled is not None:
        begin = _new_run(compiled, run_parameters(compiled, configured, assignments))
    else:
        raise click.UsageError("Missing argument 'PIPELINE'.", click.get_current_context())
    signal.signal(signal.SIGTERM, _stop)
    from batchpredict.local.session import local_vertex
    from batchpredict.local.settings import LocalSettings

    settings = LocalSettings(
        warm=not cold, isolate=not no_isolation, caching=not no_cache, images=images
    )
    with local_vertex(home, settings) as vertex:
        fault = _run(vertex, begin, timeout)
    if fault is not None:
        raise fault


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    sys.exit(128 + number)


def _new_run(compiled: CompiledPipeline, parameters: Mapping[str, Any]) -> Begin:
    """Check the files of a run; return what starts it."""
    files = local_files(parameters)

    def begin(vertex: "LocalVertex") -> tuple[str, CompiledPipeline]:
        from batchpredict.local.runs import start_run

        return start_run(vertex, compiled, _with_files(vertex, parameters, files)), compiled

    return begin


def _resumption(run: str, compiled: CompiledPipeline | None, assignments: Sequence[str]) -> Begin:
    """Return what lets an earlier run go on."""

    def begin(vertex: "LocalVertex") -> tuple[str, CompiledPipeline]:
        from batchpredict.local.resuming import check_same, find_run, pipeline_of, resume_run

        job = find_run(vertex, run)
        pipeline = pipeline_of(vertex, job)
        given = read_assignments(pipeline, assignments)
        check_same(job, compiled, _with_files(vertex, given, local_files(given)))
        return resume_run(vertex, job), pipeline

    return begin


def _with_files(
    vertex: "LocalVertex", parameters: Mapping[str, Any], files: Mapping[str, Path]
) -> dict[str, Any]:
    """Return the parameters with files of this machine in a local bucket."""
    from batchpredict.local.runs import import_file

    return {**parameters, **{name: import_file(vertex, path) for name, path in files.items()}}


def _run(vertex: "LocalVertex", begin: Begin, timeout: float | None) -> Any:
    """Run the pipeline, show it, and return the fault it ended with, if any."""
    from batchpredict.local import runs
    from batchpredict.local.outcomes import conclude
    from batchpredict.local.pipelines.features import deadline_of

    for note in (*vertex.recovered, *vertex.sandbox.notes):
        click.echo(f"note: {note}", err=True)
    known = len(vertex.sandbox.notes)
    name, compiled = begin(vertex)
    click.echo(f"{compiled.name}: services are up after {vertex.start_seconds:.1f} s", err=True)
    pipelines = vertex.services.pipelines
    timeout = timeout or deadline_of(compiled.platforms)
    is_over = False
    try:
        follow(
            lambda: runs.steps(pipelines.snapshot(name)), _Deadline(pipelines, name, timeout).ended
        )
        is_over = True
    finally:  # also when it is interrupted
        outcome = conclude(vertex, compiled, name)
        if not is_over:
            _show_way_on(vertex, name)
    for note in vertex.sandbox.notes[known:]:  # of the packages, which loaded meanwhile
        click.echo(f"note: {note}", err=True)
    _show_failures(outcome)
    _show_outputs(vertex, outcome)
    if outcome.fault is not None:
        _show_way_on(vertex, name)
    return outcome.fault


class _Deadline:
    """Waits for the end of a run, and cancels it when it takes too long."""

    def __init__(self, pipelines: Any, name: str, timeout: float | None) -> None:
        self._pipelines = pipelines
        self._name = name
        self._timeout = timeout
        self._started = time.monotonic()

    def ended(self, seconds: float) -> bool:
        """Wait for at most so long; return whether the run has ended."""
        spent = time.monotonic() - self._started
        if self._timeout is not None and spent > self._timeout:
            late = f"the run was cancelled: it took longer than {self._timeout:g} s"
            self._pipelines.stop(self._name, late=late)
        return bool(self._pipelines.wait(self._name, seconds))


def _show_way_on(vertex: "LocalVertex", name: str) -> None:
    home = "" if vertex.home == HOME.resolve() else f" --home {short_path(vertex.home)}"
    run = name.rpartition("/")[2]
    click.echo(f"to go on from here: batchpredict run --resume {run}{home}", err=True)


def _show_failures(outcome: "Outcome") -> None:
    """Show the last lines of the log of each failing step."""
    for step in outcome.steps:
        log = outcome.log_path(step.name)
        if step.state == "FAILED" and log.is_file():
            lines = outcome.log(step.name).splitlines()[-LOG_TAIL:]
            click.echo(f"last {len(lines)} lines of {log}:", err=True)
            for line in lines:
                click.echo(f"  | {printable(line)}", err=True)


def _show_outputs(vertex: "LocalVertex", outcome: "Outcome") -> None:
    marks = [mark_of(step) for step in outcome.steps]
    counts = {"PASS": sum(mark in PASSED for mark in marks)}
    counts |= {word: marks.count(word) for word in ("FAIL", "SKIP")}
    counts |= {word: marks.count(word) for word in ("CACHED", "KEPT") if word in marks}
    seconds = (outcome.job.end_time - outcome.job.start_time).total_seconds()
    for line in result_lines(vertex, outcome.job):
        click.echo(line)
    click.echo(f"run: {short_path(outcome.manifest)}")
    click.echo(" ".join(f"{k}={v}" for k, v in counts.items()) + f"  {seconds:.1f} s")

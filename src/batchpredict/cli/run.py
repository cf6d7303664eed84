"""``batchpredict run``: run a compiled pipeline on this machine."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from batchpredict.cli.progress import follow, mark_of
from batchpredict.cli.results import result_lines, short_path
from batchpredict.pipeline_files import (
    CompiledPipeline,
    local_files,
    parse_parameters,
    read_pipeline,
)

if TYPE_CHECKING:
    from batchpredict.local.session import LocalVertex

LOG_TAIL = 20


@click.command("run")
@click.argument("pipeline")
@click.option(
    "-p",
    "--parameter",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the pipeline; lists and dictionaries as JSON. A parameter …_uri takes a "
    "file of this machine too.",
)
@click.option(
    "--home",
    default=".batchpredict",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of the local buckets, models, endpoints and runs.",
)
@click.option("--cold", is_flag=True, help="Start every step from nothing: slower, same results.")
@click.option("--no-isolation", is_flag=True, help="Do not put the steps into private namespaces.")
def command(
    pipeline: str, assignments: tuple[str, ...], home: Path, cold: bool, no_isolation: bool
) -> None:
    """Run PIPELINE, a name or a compiled YAML file, with Vertex AI emulated on this machine.

    The YAML is the one that Vertex AI Pipelines runs; nothing leaves the machine.
    """
    compiled = read_pipeline(pipeline)
    parameters = parse_parameters(compiled, assignments)
    files = local_files(parameters)
    signal.signal(signal.SIGTERM, _stop)
    from batchpredict.local.session import local_vertex
    from batchpredict.local.settings import LocalSettings

    settings = LocalSettings(warm=not cold, isolate=not no_isolation)
    with local_vertex(home, settings) as vertex:
        fault = _run(vertex, compiled, parameters, files)
    if fault is not None:
        raise fault


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    sys.exit(128 + number)


def _run(
    vertex: "LocalVertex",
    compiled: CompiledPipeline,
    parameters: Mapping[str, Any],
    files: Mapping[str, Path],
) -> Any:
    """Run the pipeline, show it, and return the fault it ended with, if any."""
    from batchpredict.local import runs

    uris = {name: runs.import_file(vertex, path) for name, path in files.items()}
    ready = vertex.sandbox.wait_ready()
    for note in vertex.sandbox.notes:
        click.echo(f"note: {note}", err=True)
    start_up = max(ready, vertex.start_seconds)
    click.echo(f"{compiled.name}: services are up after {start_up:.1f} s", err=True)
    name = runs.start_run(vertex, compiled, {**parameters, **uris})
    pipelines = vertex.services.pipelines
    try:
        follow(
            lambda: runs.steps(pipelines.snapshot(name)),
            lambda seconds: bool(pipelines.wait(name, seconds)),
        )
    finally:  # also when it is interrupted
        pipelines.stop(name)
        job = pipelines.snapshot(name)
        manifest = runs.write_manifest(vertex, compiled, job)
    _show_failures(vertex, job)
    _show_outputs(vertex, job, manifest)
    return runs.fault_of(job, vertex.home)


def _show_failures(vertex: "LocalVertex", job: Any) -> None:
    """Show the last lines of the log of each failing step."""
    from batchpredict.local.runs import run_folder, steps

    for step in steps(job):
        log = run_folder(vertex, job.name) / "logs" / f"{step.name.replace('/', '.')}.log"
        if step.state == "FAILED" and log.is_file():
            lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL:]
            click.echo(f"last {len(lines)} lines of {log}:", err=True)
            for line in lines:
                click.echo(f"  | {_printable(line)}", err=True)


def _printable(line: str) -> str:
    """Return the line without control characters: a log may hold what a stranger wrote."""
    return "".join(
        c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in line
    )


def _show_outputs(vertex: "LocalVertex", job: Any, manifest: Path) -> None:
    from batchpredict.local.runs import steps

    marks = [mark_of(step.state) for step in steps(job)]
    counts = {
        word: marks.count(mark)
        for word, mark in (("PASS", "OK"), ("FAIL", "FAIL"), ("SKIP", "SKIP"))
    }
    seconds = (job.end_time - job.start_time).total_seconds()
    for line in result_lines(vertex, job):
        click.echo(line)
    click.echo(f"run: {short_path(manifest)}")
    click.echo(" ".join(f"{k}={v}" for k, v in counts.items()) + f"  {seconds:.1f} s")

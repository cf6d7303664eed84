"""``batchpredict submit``: start a run on Vertex AI, or show the request that would start it."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from batchpredict.cli.durations import read_duration
from batchpredict.cli.options import output_option, parameter_option, with_settings
from batchpredict.cli.waiting import going_on, wait_for

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings
    from batchpredict.pipeline_files import CompiledPipeline


def read_labels(
    context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]
) -> dict[str, str]:
    """Return the labels that the texts of an option stand for.

    Raises:
        click.BadParameter: One is not of the form.
    """
    labels = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{text!r} is not of the form key=value", context, parameter)
        labels[key] = value
    return labels


@click.command("submit")
@click.argument("pipeline")
@parameter_option
@with_settings
@click.option("--dry-run", is_flag=True, help="Print the request as JSON and send nothing.")
@click.option("--wait", is_flag=True, help="Show the steps until the run has ended.")
@click.option(
    "--timeout",
    callback=read_duration,
    metavar="TIME",
    help="With --wait: cancel the run when it takes longer, such as 90s, 10m or 1h30m.",
)
@click.option(
    "--run-id", default="", metavar="ID", help="The run's id; the same again starts nothing."
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    callback=read_labels,
    metavar="KEY=VALUE",
    help="A label of the run, beside those of the configuration.",
)
@click.option("--no-cache", is_flag=True, help="Run every step, whatever earlier runs have done.")
@output_option
def command(
    pipeline: str,
    assignments: tuple[str, ...],
    settings: "Settings",
    dry_run: bool,
    wait: bool,
    timeout: float | None,
    run_id: str,
    labels: Mapping[str, str],
    no_cache: bool,
    output: str,
) -> None:
    """Run PIPELINE, a name, a compiled YAML file or an uploaded one, on Vertex AI Pipelines.

    The parameters are those of the configuration, and -p over them. The first line is the run's
    page in the console.
    """
    from batchpredict.config.pipelines import run_parameters
    from batchpredict.vertex.registry import find_anywhere
    from batchpredict.vertex.requests import of_settings

    if timeout is not None and not wait:
        raise click.UsageError("--timeout needs --wait", click.get_current_context())
    settings.require("project", "location")
    compiled = find_anywhere(pipeline, settings)
    parameters = run_parameters(compiled, settings, assignments)
    request = of_settings(
        compiled,
        settings,
        parameters,
        run_id=run_id,
        labels=labels,
        enable_caching=False if no_cache else None,
    )
    refuse_findings(compiled, parameters)
    if dry_run:
        click.echo(request.to_json())
        return
    _send(request, wait, timeout, output)


def refuse_findings(compiled: "CompiledPipeline", parameters: Mapping[str, Any]) -> None:
    """Refuse what would fail an hour later, as `check` finds it."""
    from batchpredict.errors import RunError
    from batchpredict.linting.findings import lint

    found = [it for it in lint(compiled.spec, parameters) if it.code.startswith("E")]
    for it in found:
        click.echo(f"{compiled.name}: {it.where}: {it.code} {it.message}", err=True)
    if found:
        raise RunError("E123", f"{len(found)} findings must be mended before the run; see above")


def _send(request: Any, wait: bool, timeout: float | None, output: str) -> None:
    from batchpredict.vertex.links import run_link
    from batchpredict.vertex.runs import submit_once

    run, is_new = submit_once(request)
    people = output == "json"
    fault = None
    with going_on(run.name):
        click.echo(run_link(run.name), err=people)
        click.echo(f"run: {run.name}", err=people)
        if not is_new:
            click.echo(f"the run {run.id} is there already: the same request started it", err=True)
        if wait:
            run, fault = wait_for(run, timeout)
    if output == "json":
        click.echo(json.dumps({**run.to_dict(), "created": is_new}, indent=2))
    if fault is not None:
        raise fault

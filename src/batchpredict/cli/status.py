"""``batchpredict status``: what has become of a run on Vertex AI, or of the last ones."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from batchpredict.cli.options import output_option, with_settings
from batchpredict.cli.submit import read_labels
from batchpredict.cli.tables import table_lines

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings
    from batchpredict.vertex.states import Run


def resource_name(run: str, settings: "Settings") -> str:
    """Return the resource name of a run that a person names.

    Raises:
        UsageError: It is none (E409), or only an id and the settings do not say where (E411).
    """
    from batchpredict.vertex.runs import name_of

    if not run.startswith("projects/"):
        settings.require("project", "location")
    return name_of(run, settings.project, settings.location)


@click.command("status")
@click.argument("run", required=False)
@with_settings
@click.option(
    "-n", "--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many."
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    callback=read_labels,
    metavar="KEY=VALUE",
    help="Without RUN: only runs with this label.",
)
@output_option
def command(
    run: str | None,
    settings: "Settings",
    limit: int,
    labels: Mapping[str, str],
    output: str,
) -> None:
    """Show RUN, an id or a resource name, with its steps; without it the last runs.

    The exit code is 1 when RUN has failed or was cancelled.
    """
    from batchpredict.cli.waiting import fault_of
    from batchpredict.vertex import runs

    if run is None:
        settings.require("project", "location")
        found = runs.list_runs(settings.project, settings.location, labels=labels, limit=limit)
        _show_list(found, output)
        return
    one = runs.get_run(resource_name(run, settings))
    if output == "json":
        click.echo(json.dumps(one.to_dict(), indent=2))
    else:
        _show(one)
    if one.is_failed and (fault := fault_of(one)) is not None:
        raise fault


def _show_list(found: "list[Run]", output: str) -> None:
    if output == "json":
        click.echo(json.dumps([_short(run) for run in found], indent=2))
        return
    if not found:
        click.echo("there are no runs", err=True)
        return
    rows = [(run.create_time, run.state, run.display_name, run.id) for run in found]
    for line in table_lines(("created", "state", "pipeline", "run"), rows):
        click.echo(line)


def _short(run: "Run") -> dict[str, object]:
    """Return a run without its steps: a list of many is to stay short."""
    return {key: value for key, value in run.to_dict().items() if key != "steps"}


def _show(run: "Run") -> None:
    from batchpredict.cli.progress import mark_of
    from batchpredict.cli.results import title_of

    facts = {
        "page": run.link,
        "run": run.name,
        "pipeline": run.display_name,
        "state": run.state,
        "created": run.create_time,
        "ended": run.end_time,
        "outputs": f"{run.pipeline_root.rstrip('/')}/{run.id}",
    }
    for key, value in facts.items():
        if value:
            click.echo(f"{key + ':':<9} {value}")
    rows = []
    for step in run.steps:
        spent = f"{step.seconds:.1f} s" if step.start_time and not step.origin else ""
        rows.append((mark_of(step), spent, title_of(step.name), " ".join(step.jobs)))
    if rows:
        click.echo()
    for line in table_lines(("state", "time", "step", "jobs"), rows) if rows else ():
        click.echo(line)

"""``batchpredict report``: a page that says all about a run."""

import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchpredict.cli.options import output_option, with_settings
from batchpredict.cli.results import short_path

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings
    from batchpredict.reporting.facts import Surroundings


@click.command("report")
@click.argument("run", required=False, default="", metavar="[RUN|FOLDER]")
@click.option(
    "-o",
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the page there; else report.html in the folder of a run of this machine, RUN.html "
    "here for one on Vertex AI.",
)
@click.option(
    "--home",
    default=".batchpredict",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the runs of this machine.",
)
@output_option
@with_settings
def command(run: str, file: Path | None, home: Path, output: str, settings: "Settings") -> None:
    """Write the page of a run.

    It has the state, why a step failed, the timeline, the graph, parameters, metrics and outputs.
    RUN is a run of this machine, by its id or its folder (the last one if none is named), else one
    on Vertex AI, by its id or its resource name. The page is one file: it can be mailed or kept,
    runs no script, and asks nothing of the network.
    """
    from batchpredict.reporting.facts import facts_of
    from batchpredict.reporting.local_runs import find_local_run, read_local_run
    from batchpredict.reporting.page import page_of

    found = find_local_run(home.expanduser(), run)
    if found is not None:
        job, around = read_local_run(found)
    else:
        job, around = _on_vertex(run, home, settings)
    facts = facts_of(job, around)
    folder = Path(facts.folder)
    usual = (
        folder / "report.html" if folder.is_dir() and facts.folder else Path(f"{facts.id}.html")
    )
    place = file or usual
    place.write_text(page_of(facts, datetime.datetime.now(datetime.UTC)), encoding="utf-8")
    if output == "json":
        row = {"run": facts.name, "state": facts.state, "file": str(place.resolve())}
        click.echo(json.dumps(row, indent=2))
        return
    click.echo(f"{facts.id}: {facts.state}", err=True)
    click.echo(f"report: {short_path(place)}")


def _on_vertex(
    run: str, home: Path, settings: "Settings"
) -> tuple[dict[str, Any], "Surroundings"]:
    """Return a run on Vertex AI, when it can be said where that is."""
    from batchpredict.reporting.facts import Surroundings
    from batchpredict.reporting.local_runs import no_such_run

    is_whole = run.startswith("projects/")
    if not run or not (is_whole or settings.project or settings.environments):
        raise no_such_run(home, run)
    if not is_whole:
        settings.require("project", "location")
    from batchpredict.vertex.documents import run_document
    from batchpredict.vertex.links import job_link, run_link, storage_link

    job = run_document(run, settings.project, settings.location)
    return job, Surroundings(
        run_link=run_link(job["name"]), link_of=storage_link, job_link=job_link
    )

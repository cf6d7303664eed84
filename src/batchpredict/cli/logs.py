"""``batchpredict logs``: what the steps of a run on Vertex AI print."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from batchpredict.cli.options import output_option, with_settings

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings


@click.command("logs")
@click.argument("run")
@click.argument("step", required=False, default="")
@with_settings
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has ended.")
@output_option
def command(run: str, step: str, settings: "Settings", follow: bool, output: str) -> None:
    """Print the log of RUN, an id or a resource name, or of one STEP of it.

    Each line begins with the name of its step. With --output json each line is one JSON object.
    """
    from batchpredict.cli.results import printable, title_of
    from batchpredict.cli.status import resource_name
    from batchpredict.vertex.logs import follow_log, log_lines
    from batchpredict.vertex.runs import get_run

    found = get_run(resource_name(run, settings))
    for line in follow_log(found, step) if follow else log_lines(found, step):
        if output == "json":
            click.echo(json.dumps(asdict(line)))
        else:
            for text in line.text.splitlines() or [""]:
                click.echo(f"{title_of(line.step)} | {printable(text)}")
    if not found.is_over and not follow:
        click.echo(f"the run {found.id} goes on; -f goes on with it", err=True)

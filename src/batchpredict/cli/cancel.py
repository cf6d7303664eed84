"""``batchpredict cancel``: end a run on Vertex AI."""

from typing import TYPE_CHECKING

import click

from batchpredict.cli.durations import read_duration
from batchpredict.cli.options import with_settings

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings


@click.command("cancel")
@click.argument("run")
@with_settings
@click.option("--wait", is_flag=True, help="Wait until the run has ended.")
@click.option(
    "--timeout",
    callback=read_duration,
    metavar="TIME",
    help="With --wait: do not wait longer than this.",
)
def command(run: str, settings: "Settings", wait: bool, timeout: float | None) -> None:
    """Cancel RUN, an id or a resource name.

    A run that has ended stays as it is. Jobs that its steps submitted may run on where a step had
    no time to stop them: `batchpredict orphans` finds those.
    """
    from batchpredict.cli.status import resource_name
    from batchpredict.vertex import runs

    name = resource_name(run, settings)
    found = runs.cancel(name)
    if wait and not found.is_over:
        found = runs.wait(name, timeout)
    if found.state == "CANCELLED" or not found.is_over:
        ended = "has ended: CANCELLED" if found.is_over else "is being cancelled"
    else:
        ended = f"had ended before: {found.state}"
    click.echo(f"the run {found.id} {ended}", err=True)

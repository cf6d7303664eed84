"""``batchpredict schedule``: runs that start by themselves, one file per verb."""

import click

from batchpredict.cli.schedule import apply, delete, list, next, pause, resume, show


@click.group("schedule")
def command() -> None:
    """Runs that Vertex AI starts by itself: say in a file what is wanted, and apply it."""


for verb in (apply, list, show, next, pause, resume, delete):
    command.add_command(verb.command)

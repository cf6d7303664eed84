"""``batchpredict schedule pause``: let a schedule start no more runs."""

from typing import TYPE_CHECKING

import click

from batchpredict.cli.options import with_settings
from batchpredict.cli.schedule.places import place_of

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings


@click.command("pause")
@click.argument("name")
@with_settings
def command(name: str, settings: "Settings") -> None:
    """Let the schedule NAME start no more runs until it is resumed.

    Runs that have started go on. Pausing twice is pausing once.
    """
    from batchpredict.vertex.schedules import pause_schedule

    kept, changed = pause_schedule(name, *place_of(name, settings))
    state = f"{'is' if changed else 'was'} {kept.state.lower()}{'' if changed else ' already'}"
    click.echo(f"the schedule {kept.display_name} {state}", err=True)

"""``batchpredict schedule delete``: take a schedule away."""

from typing import TYPE_CHECKING

import click

from batchpredict.cli.options import with_settings
from batchpredict.cli.schedule.places import place_of

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings


@click.command("delete")
@click.argument("name")
@with_settings
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(name: str, settings: "Settings", yes: bool) -> None:
    """Delete the schedule NAME, a name or a resource name.

    Runs that it has started go on, and stay. A schedule that is gone counts as deleted.
    """
    from batchpredict.cli.schedule.printing import confirmed
    from batchpredict.vertex.schedule_lookup import find_schedule
    from batchpredict.vertex.schedules import delete_schedule

    project, location = place_of(name, settings)
    kept = find_schedule(name, project, location)
    if kept is None:
        where = "" if name.startswith("projects/") else f" in {project}, {location}"
        click.echo(f"nothing to delete: there is no schedule {name!r}{where}", err=True)
        return
    if not yes and not confirmed(f"Delete the schedule {kept.display_name} ({kept.name})?"):
        click.echo("nothing was deleted", err=True)
        return
    delete_schedule(kept)
    click.echo(f"the schedule {kept.display_name} is deleted", err=True)

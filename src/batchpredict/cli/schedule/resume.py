"""``batchpredict schedule resume``: let a paused schedule start runs again."""

import datetime
from typing import TYPE_CHECKING

import click

from batchpredict.cli.options import with_settings
from batchpredict.cli.schedule.places import place_of

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings
    from batchpredict.vertex.schedule_states import KeptSchedule


@click.command("resume")
@click.argument("name")
@with_settings
@click.option("--catch-up", is_flag=True, help="Start the runs first that the pause has missed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(name: str, settings: "Settings", catch_up: bool, yes: bool) -> None:
    """Let the paused schedule NAME start runs again.

    Runs that were missed are skipped, or started at once with --catch-up: how many is said, and
    asked, before. Resuming twice is resuming once.
    """
    from batchpredict.cli.schedule.printing import next_run
    from batchpredict.vertex.schedule_lookup import get_schedule
    from batchpredict.vertex.schedules import resume_schedule

    kept = get_schedule(name, *place_of(name, settings))
    if catch_up and kept.state == "PAUSED" and not (_told(kept) or yes or _agreed(kept)):
        click.echo("nothing was changed", err=True)
        return
    kept, changed = resume_schedule(kept.name, catch_up=catch_up)
    state = f"{'is' if changed else 'was'} active{'' if changed else ' already'}"
    click.echo(f"the schedule {kept.display_name} {state}", err=True)
    click.echo(f"next run: {next_run(kept)}", err=True)


def _told(kept: "KeptSchedule") -> bool:
    """Say how many runs would start; return whether there is nothing to ask."""
    from batchpredict.vertex.schedule_states import MOST_COUNTED, missed_runs

    count = missed_runs(kept, datetime.datetime.now(datetime.UTC))
    most = kept.count("maxConcurrentActiveRunCount")
    number = f"{count} or more" if count == MOST_COUNTED else str(count)
    limit = f", at most {most} at a time" if most else ", without a limit at a time"
    click.echo(
        f"{kept.display_name} has missed {number} runs: resumed with --catch-up, it starts them "
        f"now{limit if count else ''}",
        err=True,
    )
    return count == 0


def _agreed(kept: "KeptSchedule") -> bool:
    from batchpredict.cli.schedule.printing import confirmed

    return confirmed(f"Resume {kept.display_name} and start them?")

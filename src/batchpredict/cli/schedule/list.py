"""``batchpredict schedule list``: the schedules of a region."""

import json
from typing import TYPE_CHECKING

import click

from batchpredict.cli.options import output_option, with_settings

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings
    from batchpredict.vertex.schedule_states import KeptSchedule

HEADER = ("name", "state", "cron", "next run", "last start", "pipeline")


@click.command("list")
@with_settings
@click.option("--all", "everyone", is_flag=True, help="Those that others made too.")
@output_option
def command(settings: "Settings", everyone: bool, output: str) -> None:
    """Show the schedules that batchpredict made in a project and region."""
    from batchpredict.cli.tables import table_lines
    from batchpredict.vertex.schedule_lookup import list_schedules

    settings.require("project", "location")
    found = list_schedules(settings.project, settings.location, ours=not everyone)
    if output == "json":
        click.echo(json.dumps([it.to_dict() for it in found], indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo(f"no schedules in {settings.project}, {settings.location}", err=True)
        return
    click.echo("\n".join(table_lines(HEADER, [_row(it) for it in found])))


def _row(kept: "KeptSchedule") -> tuple[str, ...]:
    facts = kept.to_dict()
    coming = facts["next_run_time"] if kept.state == "ACTIVE" else ""
    last = facts["last_run"]["response"][:40]
    return (kept.display_name, kept.state, kept.cron, coming, last, facts["pipeline"])

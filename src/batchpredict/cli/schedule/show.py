"""``batchpredict schedule show``: one schedule, its limits, and its last runs."""

import json
from typing import TYPE_CHECKING

import click

from batchpredict.cli.options import output_option, with_settings
from batchpredict.cli.schedule.places import place_of

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings
    from batchpredict.vertex.schedule_states import KeptSchedule
    from batchpredict.vertex.states import Run

RUNS = 5


@click.command("show")
@click.argument("name")
@with_settings
@output_option
def command(name: str, settings: "Settings", output: str) -> None:
    """Show the schedule NAME: its state, times, limits and parameters, and its last runs."""
    from batchpredict.vertex.runs import list_runs
    from batchpredict.vertex.schedule_lookup import get_schedule

    kept = get_schedule(name, *place_of(name, settings))
    _, project, _, location, *_ = kept.name.split("/")
    runs = list_runs(project, location, filter=f"schedule_name={kept.name}", limit=RUNS)
    if output == "json":
        rows = [{"id": it.id, "state": it.state, "create_time": it.create_time} for it in runs]
        click.echo(json.dumps({**kept.to_dict(), "runs": rows}, indent=2, ensure_ascii=False))
        return
    _show(kept, runs)


def _show(kept: "KeptSchedule", runs: "list[Run]") -> None:
    from batchpredict.cli.schedule.printing import limits_of, next_run
    from batchpredict.cli.tables import table_lines
    from batchpredict.vertex.schedule_changes import shown

    facts = kept.to_dict()
    last = facts["last_run"]
    named = {
        "page": facts["link"],
        "schedule": kept.name,
        "state": kept.state,
        "cron": kept.cron,
        "next run": next_run(kept),
        "from": facts["start_time"],
        "until": facts["end_time"],
        "last start": f"{last['scheduled_time']} {last['response']}".strip(),
        "started": f"{facts['started_run_count']} runs",
        "pipeline": facts["pipeline"],
        "pipeline root": facts["pipeline_root"],
        "account": facts["service_account"],
    }
    lines = [f"{key}: {value}" for key, value in named.items() if value]
    lines += limits_of(kept)
    lines += [f"parameter {key}: {shown(it)}" for key, it in sorted(facts["parameters"].items())]
    click.echo("\n".join(lines))
    if runs:
        rows = [(it.create_time, it.state, it.id) for it in runs]
        click.echo("\n".join(table_lines(("created", "state", "run"), rows)))

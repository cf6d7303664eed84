"""``batchpredict check``: look through pipelines and settings without a cloud account."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchpredict.cli.options import (
    config_option,
    environment_option,
    output_option,
    parameter_option,
)
from batchpredict.cli.tables import table_lines
from batchpredict.errors import RunError

if TYPE_CHECKING:
    from batchpredict.projects.checking import Row

HEADER = ("pipeline", "environment", "where", "code", "message")


@click.command("check")
@click.argument("pipelines", nargs=-1)
@config_option
@environment_option
@click.option("--all-environments", is_flag=True, help="All, even if BATCHPREDICT_ENV names one.")
@parameter_option
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@output_option
def command(
    pipelines: tuple[str, ...],
    config: Path | None,
    environment: str | None,
    all_environments: bool,
    assignments: tuple[str, ...],
    strict: bool,
    output: str,
) -> None:
    """Check PIPELINES: names of yours or ours, or YAML files that KFP compiled from anything.

    Without PIPELINES all of your own are checked, those that the configuration leads to. In each
    environment: the keys of the configuration, parameters and their types, batch prediction
    requests that the service would refuse; in each pipeline: its source against what is compiled,
    steps that name what they do not carry, that fall back to us-central1, that submit jobs and
    may come from the cache, images without a digest, secrets as parameters. E… must not run, W…
    should be looked at. All findings are shown at once; nothing is asked of the cloud.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # KFP and Google's packages warn about themselves
        from batchpredict.projects.checking import check_project, open_project

        project = open_project(pipelines, config, environment, all_environments)
        checked, rows = check_project(project, assignments)
    if not checked and not rows:
        raise click.UsageError(
            "Missing argument 'PIPELINES': there is no configuration with pipelines here.",
            click.get_current_context(),
        )
    _show(rows, output)
    faults = len([row for row in rows if strict or row.code.startswith("E")])
    click.echo(f"{checked} checked, {len(rows)} findings, {faults} of them fail", err=True)
    if faults:
        raise RunError("E123", f"{faults} findings must be mended before the run; see above")


def _show(rows: "Sequence[Row]", output: str) -> None:
    if output == "json":
        click.echo(json.dumps([vars(row) for row in rows], indent=2))
    elif rows:
        cells = [[getattr(row, name) or "-" for name in HEADER] for row in rows]
        click.echo("\n".join(table_lines(HEADER, cells)))

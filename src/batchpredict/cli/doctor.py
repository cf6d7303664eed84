"""``batchpredict doctor``: what would keep runs from working, before one is started."""

import json
from typing import TYPE_CHECKING

import click

from batchpredict.cli.options import output_option, with_settings

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings


@click.command("doctor")
@click.option("--offline", is_flag=True, help="Ask nothing of Google Cloud.")
@output_option
@with_settings
def command(offline: bool, output: str, settings: "Settings") -> None:
    """Look at this machine and at the project: would a run work?

    One line for each thing: OK, WARN, FAIL, or SKIP for what could not be looked at and why; what
    to do stands behind ->. Fails when there is a FAIL. Credentials are never shown.
    """
    from batchpredict.doctoring.all_checks import CHECKS
    from batchpredict.doctoring.checks import FAIL, Subject, results
    from batchpredict.doctoring.installation import requirements
    from batchpredict.errors import RunError

    requirements()
    rows = []
    for check, found in results(CHECKS, Subject(settings), offline=offline):
        rows.append({"check": check, "status": found.status, "what": found.what})
        rows[-1]["todo"] = found.todo
        if output == "text":
            todo = f" -> {found.todo}" if found.todo else ""
            click.echo(f"{found.status:<4}  {check}: {found.what}{todo}")
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
    statuses = [row["status"] for row in rows]
    counts = ", ".join(f"{statuses.count(it)} {it}" for it in ("OK", "WARN", "FAIL", "SKIP"))
    click.echo(counts, err=True)
    if FAIL in statuses:
        raise RunError("E465", f"{statuses.count(FAIL)} things must be mended; see above")

"""``batchpredict config``: what holds and where it comes from, and the form of the file."""

import json
from typing import TYPE_CHECKING, Any

import click

from batchpredict.cli.options import output_option, with_settings

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings


@click.group("config")
def command() -> None:
    """Show the settings that hold, and the form of a configuration file."""


@command.command("show")
@output_option
@with_settings
def show(settings: "Settings", output: str) -> None:
    """Show each setting with its value and its origin.

    A flag goes before a variable BATCHPREDICT_…, the variable before the file, the file before
    the default. In the file an environment goes before `defaults`.
    """
    from batchpredict.cli.tables import table_lines
    from batchpredict.config.listing import listed

    rows = listed(settings)
    if output == "json":
        click.echo(json.dumps([vars(row) for row in rows], indent=2))
        return
    shown = [(row.key, _text(row.value), row.origin) for row in rows]
    click.echo("\n".join(table_lines(("setting", "value", "origin"), shown)))
    if settings.environments and not settings.environment:
        names = ", ".join(settings.environments)
        click.echo(f"no environment is chosen (--env): {names}", err=True)


def _text(value: Any) -> str:
    if value in ("", None):
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema of a configuration file, for editors and other checks."""
    from batchpredict.config.models import schema_text

    click.echo(schema_text(), nl=False)

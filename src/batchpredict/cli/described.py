"""Tell a person what compiled files hold."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchpredict.cli.tables import table_lines

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings
    from batchpredict.graphing.contents import Contents, Item

WIDTH = 88


def settings_of(config: Path | None) -> "Settings":
    """Return the settings of the working folder, for its compiled files."""
    from batchpredict.config.loading import load_settings

    return load_settings(None, config, {})


def show_list(paths: Mapping[str, Path], output: str) -> None:
    """Show the compiled files of a kind, a line each.

    Args:
        paths: The files by name.
        output: ``text`` or ``json``.
    """
    from batchpredict.graphing.contents import contents_of
    from batchpredict.pipeline_files import compiled_folder, read_pipeline

    ours = compiled_folder()
    rows: list[dict[str, Any]] = []
    for name, path in sorted(paths.items()):
        found = contents_of(read_pipeline(str(path)))
        origin = "batchpredict" if path.is_relative_to(ours) else str(path)
        rows.append({"name": name, "origin": origin, "description": found.description})
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    table = [(row["name"], row["origin"], first_sentence(row["description"])) for row in rows]
    click.echo("\n".join(table_lines(("name", "from", "description"), table)))


def first_sentence(text: str) -> str:
    """Return the first sentence of a description."""
    head, stop, _ = text.partition("\n\n")[0].partition(". ")
    return head + stop.strip()


def show_contents(found: "Contents", output: str) -> None:
    """Show all that a compiled file declares.

    Args:
        found: What it declares.
        output: ``text`` or ``json``.
    """
    if output == "json":
        click.echo(json.dumps(found.to_dict(), indent=2))
        return
    click.echo("\n".join(_lines(found)))


def _lines(found: "Contents") -> Iterator[str]:
    yield found.name
    yield from _wrapped(found.description, "  ")
    for title, items in (("Inputs", found.inputs), ("Outputs", found.outputs)):
        yield from _item_lines(title, items, inputs=title == "Inputs")
    yield from ("", "Steps")
    for step in found.steps:
        yield f"  {step.path}"
        where = step.image or "reads the address of an artifact"
        packages = [package.partition(";")[0].strip() for package in step.packages]
        with_ = f", with {', '.join(packages)}" if packages else ""
        yield from _wrapped(f"{where}{with_}", "      ")
    yield from ("", f"File  {found.path}")


def _item_lines(title: str, items: Sequence["Item"], *, inputs: bool) -> Iterator[str]:
    if not items:
        return
    yield from ("", title)
    for item in items:
        yield f"  {item.name}: {item.type}{_default(item) if inputs else ''}"
        yield from _wrapped(item.description, "      ")


def _default(item: "Item") -> str:
    if item.is_required:
        return " (required)"
    return " (optional)" if item.default is None else f" = {json.dumps(item.default)}"


def _wrapped(text: str, indent: str) -> list[str]:
    lines: list[str] = []
    for part in text.split("\n\n"):
        lines += textwrap.wrap(
            part, WIDTH, initial_indent=indent, subsequent_indent=indent,
            break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip
    return lines

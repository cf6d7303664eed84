"""Write what ``--help`` says into the pages of the verbs.

``python -m batchpredict.cli.help_pages`` does it; with ``--check`` it only compares. Between
``<!-- help: VERB -->`` and ``<!-- /help -->`` of ``docs/cli/VERB.md`` stands the help of the verb;
a verb inside a group has its block, such as ``help: local up``, on the page of the group.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from batchpredict.cli import commands
from batchpredict.errors import BatchpredictError, RunError, UsageError

WIDTH = 88
BLOCK = "<!-- help: {verb} -->\n```text\n{text}\n```\n<!-- /help -->"
FOUND = r"<!-- help: {verb} -->.*?<!-- /help -->"


def verbs(
    command: click.Command = commands, parent: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    """Yield each verb below a command, such as ``local up``, with its help.

    Args:
        command: The group whose verbs are asked for.
        parent: The context of the group, None for the outermost.
    """
    name = "batchpredict" if parent is None else command.name
    context = click.Context(
        command, parent, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH,
        **command.context_settings,
    )  # fmt: skip
    if parent is not None:
        verb = context.command_path.partition(" ")[2]
        yield verb, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from verbs(inner, context)


def pages(folder: Path) -> dict[Path, str]:
    """Return each page as it should be.

    Args:
        folder: Where the pages are.

    Raises:
        UsageError: A verb has no page.
    """
    texts: dict[Path, str] = {}
    missing = []
    for verb, text in verbs():
        path = folder / f"{verb.partition(' ')[0]}.md"
        if path.is_file():
            texts[path] = with_block(texts.get(path) or path.read_text(), verb, text)
        elif path.name not in missing:
            missing.append(path.name)
    if missing:
        raise UsageError("E440", f"{folder} has no {', '.join(missing)}; each verb needs a page")
    return texts


def with_block(page: str, verb: str, text: str) -> str:
    """Return a page with the help of a verb in its block, which comes last if there is none.

    Args:
        page: The page as it is.
        verb: The verb, as it is typed after ``batchpredict``.
        text: Its help.
    """
    block = BLOCK.format(verb=verb, text=text)
    pattern = re.compile(FOUND.format(verb=re.escape(verb)), re.DOTALL)
    if pattern.search(page):
        return pattern.sub(lambda _: block, page, count=1)
    return f"{page.rstrip()}\n\n## {verb}\n\n{block}\n"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail on any difference.")
@click.option(
    "--folder",
    default="docs/cli",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the pages.",
)
def command(check: bool, folder: Path) -> None:
    """Write what --help says into the pages of the verbs, or check it."""
    differing = [path for path, text in pages(folder).items() if path.read_text() != text]
    if check and differing:
        names = ", ".join(path.name for path in differing)
        raise RunError(
            "E441", f"not current in {folder}: {names}; run python -m batchpredict.cli.help_pages"
        )
    for path, text in pages(folder).items():
        if path in differing:
            path.write_text(text)
            click.echo(f"written {path}")
    click.echo(f"the pages in {folder} are current")


if __name__ == "__main__":
    try:
        command.main(standalone_mode=False)
    except BatchpredictError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)

"""``batchpredict init``: a working project of one's own."""

import sys
from pathlib import Path

import click


@click.command("init")
@click.argument("folder", default=".", type=click.Path(path_type=Path), metavar="[DIR]")
@click.option("--name", help="Name of the project, its models and jobs.")
@click.option("--project", help="The Google Cloud project.")
@click.option("--location", help="The region, such as europe-west4.")
@click.option("--bucket", help="The bucket of data and runs, without gs://.")
@click.option("--yes", is_flag=True, help="Ask nothing; what is not given has a stand-in.")
def command(
    folder: Path,
    name: str | None,
    project: str | None,
    location: str | None,
    bucket: str | None,
    yes: bool,
) -> None:
    """Make a project in DIR, which is new or empty: it can be checked, run and tested at once.

    A pipeline of one's own that uses our components, its compiled YAML, a configuration for two
    environments, data to try it with, a test that runs it on this machine. Off a terminal nothing
    is asked. All of it is written, or nothing.
    """
    from batchpredict.projects.creating import Answers, check_place, create_project

    check_place(folder)
    given = {"name": name, "project": project, "location": location, "bucket": bucket}
    known = vars(Answers())
    asks = not yes and _is_terminal()
    answers = {
        key: value or (_ask(key, known[key]) if asks else known[key])
        for key, value in given.items()
    }
    for path in create_project(folder, Answers(**answers)):
        click.echo(f"written {folder / path}")
    inside = f"cd {folder} && " if folder != Path() else ""
    click.echo(f"next: {inside}batchpredict check", err=True)


def _ask(key: str, default: str) -> str:
    return str(click.prompt(key, default=default, err=True))


def _is_terminal() -> bool:
    return sys.stdin.isatty()

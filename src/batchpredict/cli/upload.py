"""``batchpredict upload``: a compiled pipeline into Artifact Registry."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchpredict.cli.options import output_option, with_settings

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings


@click.command("upload")
@click.argument("pipeline")
@click.option(
    "--repository",
    required=True,
    metavar="REPOSITORY",
    help="https://REGION-kfp.pkg.dev/PROJECT/NAME, or NAME in --project and --location.",
)
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Another name of this version.")
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    default="uploads.json",
    show_default=True,
    metavar="FILE",
    help="Where the version is noted.",
)
@output_option
@with_settings
def command(
    pipeline: str,
    repository: str,
    tags: tuple[str, ...],
    record: Path,
    output: str,
    settings: "Settings",
) -> None:
    """Upload PIPELINE, a name or a compiled YAML, to an Artifact Registry repository (KFP format).

    The file is uploaded as it is. The address that is printed names this very content: `submit`
    and `schedule apply` take it, or one with a tag, in place of a name. Uploading the same content
    again gives the same address.
    """
    from batchpredict.config.pipelines import find_pipeline
    from batchpredict.vertex.registry import repository_of, upload
    from batchpredict.vertex.uploads import check_record, note

    if "/" not in repository:
        settings.require("project", "location")
    place = repository_of(repository, settings.project, settings.location)
    compiled = find_pipeline(pipeline, settings)
    check_record(record)
    done = upload(compiled, place, tags)
    note(record, place, done)
    if output == "json":
        row = {"package": done.package, "version": done.version, "uri": done.uri}
        click.echo(json.dumps({**row, "tags": list(done.tags)}, indent=2))
        return
    click.echo(done.uri)
    for tag in done.tags:
        click.echo(f"{tag}: {place.url}/{done.package}/{tag}", err=True)
    click.echo(f"noted in {record}", err=True)

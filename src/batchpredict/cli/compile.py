"""``batchpredict compile``: write the YAML of pipelines and components, or check it."""

import warnings
from pathlib import Path

import click

from batchpredict.errors import RunError, UsageError


@click.command("compile")
@click.argument("names", nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing; fail on any difference and show it.")
@click.option(
    "--folder",
    default="compiled",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the YAML files.",
)
def command(names: tuple[str, ...], check: bool, folder: Path) -> None:
    """Compile pipelines and components (all, or those in NAMES) to YAML.

    Every step is checked to carry all that it names, and batch prediction requests as far as
    their inputs are constants.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # KFP and Google's packages warn about themselves
        from batchpredict.compiler import differences, golden_files, write_compiled

        files = golden_files(names)
        if not check:
            for path in write_compiled(folder, files):
                click.echo(f"written {path}")
            _refuse_wrong_requests([folder / path for path in files])
            click.echo(f"{len(files)} compiled files in {folder} are current.")
            return
        if not folder.is_dir():
            raise UsageError("E108", f"there is no folder {folder}; name it with --folder")
        found = differences(folder, files)
    for text in found:
        click.echo(text, nl=False)
    if found:
        raise RunError("E122", f"{len(found)} compiled files differ; run `batchpredict compile`")
    _refuse_wrong_requests([folder / path for path in files])
    click.echo(f"{len(files)} compiled files in {folder} are current.")


def _refuse_wrong_requests(paths: list[Path]) -> None:
    """Refuse constants that the service would refuse: this is the earliest moment to say so."""
    from batchpredict.linting.findings import lint
    from batchpredict.pipeline_files import read_pipeline

    found = [
        f"{path}: {it.where}: {it.code} {it.message}"
        for path in paths
        for it in lint(read_pipeline(str(path)).spec)
        if it.code.startswith("E")
    ]
    if found:
        raise RunError("E123", "; ".join(found))

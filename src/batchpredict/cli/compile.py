"""``batchpredict compile``: write the YAML of pipelines and components, or check it."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from batchpredict.cli.options import config_option
from batchpredict.errors import RunError, UsageError


@click.command("compile")
@click.argument("names", nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing; fail on any difference and show it.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the YAML files; else that of the configuration, or compiled.",
)
@config_option
def command(names: tuple[str, ...], check: bool, folder: Path | None, config: Path | None) -> None:
    """Compile pipelines and components (all, or those in NAMES) to YAML.

    Where a configuration names `sources`, those are compiled, one pipeline of each file; else
    those of this package. Every step is checked to carry all that it names, and batch prediction
    requests as far as their inputs are constants.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # KFP and Google's packages warn about themselves
        job = _job(names, folder, config)
        if check:
            _refuse_differences(job)
        else:
            from batchpredict.compiler import write_compiled

            for path in write_compiled(job.folder, job.files):
                click.echo(f"written {path}")
    _refuse_wrong_requests([job.folder / path for path in job.files])
    click.echo(f"{len(job.files)} compiled files in {job.folder} are current.")


@dataclass(frozen=True)
class _Job:
    """What is compiled, and where to.

    Attributes:
        folder: Of the compiled files.
        files: Pipelines and components by the path of their file in the folder.
        known: All paths that belong into the folder.
    """

    folder: Path
    files: Mapping[Path, Any]
    known: frozenset[Path]


def _job(names: tuple[str, ...], folder: Path | None, config: Path | None) -> _Job:
    """Return what to compile: the user's own sources where there are some, else ours."""
    from batchpredict.config.loading import load_settings

    settings = load_settings("", config, {})
    if settings.sources is not None:
        from batchpredict.projects.sources import own_files, source_files

        known = {Path(f"{name}.yaml") for name in source_files(settings.sources)}
        folder = folder or settings.compiled or settings.sources.parent / "compiled"
        return _Job(folder, own_files(settings.sources, names), frozenset(known))
    from batchpredict.compiler import golden_files

    files = golden_files(names)
    return _Job(folder or Path("compiled"), files, frozenset(golden_files() if names else files))


def _refuse_differences(job: _Job) -> None:
    from batchpredict.compiler import differences

    if not job.folder.is_dir():
        raise UsageError("E108", f"there is no folder {job.folder}; name it with --folder")
    found = differences(job.folder, job.files, job.known)
    for text in found:
        click.echo(text, nl=False)
    if found:
        raise RunError("E122", f"{len(found)} compiled files differ; run `batchpredict compile`")


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

"""``batchpredict components``: what there is to build pipelines with."""

from pathlib import Path

import click

from batchpredict.cli.options import config_option, output_option


@click.group("components")
def command() -> None:
    """List the components, or show what one takes, gives, and runs."""


@command.command("list")
@config_option
@output_option
def list_(config: Path | None, output: str) -> None:
    """List the components: ours, and those of your compiled folder."""
    from batchpredict.cli.described import settings_of, show_list
    from batchpredict.graphing.contents import component_paths

    show_list(component_paths(settings_of(config).compiled), output)


@command.command("show")
@click.argument("name")
@config_option
@output_option
def show(name: str, config: Path | None, output: str) -> None:
    """Show the component NAME: inputs, outputs, steps, images and packages.

    NAME may be a compiled YAML file, too.
    """
    from batchpredict.cli.described import settings_of, show_contents
    from batchpredict.errors import UsageError
    from batchpredict.graphing.contents import component_paths, contents_of
    from batchpredict.pipeline_files import read_pipeline, unknown

    path = name
    if not name.endswith((".yaml", ".yml")):
        paths = component_paths(settings_of(config).compiled)
        name = name.replace("-", "_") if name not in paths else name
        if name not in paths:
            raise UsageError("E101", unknown("component", name, list(paths)))
        path = str(paths[name])
    show_contents(contents_of(read_pipeline(path)), output)

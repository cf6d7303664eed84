"""``batchpredict pipelines``: what there is to run, and how it hangs together."""

from pathlib import Path

import click

from batchpredict.cli.options import config_option, output_option

FORMATS = ("mermaid", "dot", "svg")


@click.group("pipelines")
def command() -> None:
    """List the pipelines, show one, or draw its graph."""


@command.command("list")
@config_option
@output_option
def list_(config: Path | None, output: str) -> None:
    """List the pipelines: ours, and those of your compiled folder."""
    from batchpredict.cli.described import settings_of, show_list
    from batchpredict.config.pipelines import own_pipelines
    from batchpredict.pipeline_files import compiled_folder, pipeline_names

    ours = {name: compiled_folder() / f"{name}.yaml" for name in pipeline_names()}
    show_list({**ours, **own_pipelines(settings_of(config))}, output)


@command.command("show")
@click.argument("name")
@config_option
@output_option
def show(name: str, config: Path | None, output: str) -> None:
    """Show the pipeline NAME: parameters, outputs, steps, images and packages.

    NAME may be a compiled YAML file, too.
    """
    from batchpredict.cli.described import settings_of, show_contents
    from batchpredict.config.pipelines import find_pipeline
    from batchpredict.graphing.contents import contents_of

    show_contents(contents_of(find_pipeline(name, settings_of(config))), output)


@command.command("graph")
@click.argument("name")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Language of the graph; else that of the file's ending, else mermaid.",
)
@click.option(
    "-o",
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it there rather than to standard output.",
)
@config_option
def graph(name: str, form: str | None, file: Path | None, config: Path | None) -> None:
    """Draw the graph of the pipeline NAME, or of any compiled YAML file.

    It shows the steps, what they hand over, conditions, loops, exit handlers and graphs inside
    graphs. An svg opens in a browser; mermaid is what GitHub draws in Markdown; dot is Graphviz's.
    """
    from batchpredict.cli.described import settings_of
    from batchpredict.config.pipelines import find_pipeline
    from batchpredict.graphing import drawing, text_forms
    from batchpredict.graphing.model import graph_of

    root = graph_of(find_pipeline(name, settings_of(config)).spec)
    write = {
        "mermaid": text_forms.to_mermaid,
        "dot": text_forms.to_dot,
        "svg": drawing.to_svg,
    }[form or _form_of(file)]
    text = write(root)
    if file is None:
        click.echo(text, nl=False)
        return
    file.write_text(text)
    click.echo(f"written {file}", err=True)


def _form_of(file: Path | None) -> str:
    """Return the language that a file's ending stands for."""
    ending = file.suffix.removeprefix(".") if file else ""
    return {"gv": "dot"}.get(ending, ending) if ending in (*FORMATS, "gv") else FORMATS[0]

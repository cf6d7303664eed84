"""``batchpredict check``: look through compiled pipelines without a cloud account."""

import json
from dataclasses import asdict

import click

from batchpredict.errors import RunError


@click.command("check")
@click.argument("pipelines", nargs=-1, required=True)
@click.option(
    "-p",
    "--parameter",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the run, as for `run`; what depends on it is checked as well.",
)
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", help="Form of what is found."
)
def command(
    pipelines: tuple[str, ...], assignments: tuple[str, ...], strict: bool, output: str
) -> None:
    """Check compiled PIPELINES: names of ours, or YAML files that KFP compiled from anything.

    Finds batch prediction requests that the service would refuse, as far as the file says them;
    steps that fall back to us-central1; steps that submit jobs and may come from the cache; images
    without a digest; secrets as parameters. E… must not run, W… should be looked at. All findings
    are shown at once; nothing is asked of the cloud.
    """
    from batchpredict.linting.findings import lint
    from batchpredict.pipeline_files import parse_parameters, read_pipeline

    found = {}
    for name in pipelines:
        compiled = read_pipeline(name)
        given = parse_parameters(compiled, assignments) if assignments else {}
        found[name] = lint(compiled.spec, given)
    if output == "json":
        rows = [{"pipeline": name, **asdict(it)} for name, all_ in found.items() for it in all_]
        click.echo(json.dumps(rows, indent=2))
    else:
        for name, all_ in found.items():
            for it in all_:
                click.echo(f"{name}: {it.where}: {it.code} {it.message}")
    codes = [it.code for all_ in found.values() for it in all_]
    faults = len([code for code in codes if strict or code.startswith("E")])
    click.echo(f"{len(pipelines)} checked, {len(codes)} findings, {faults} of them fail", err=True)
    if faults:
        raise RunError("E123", f"{faults} findings must be mended before the run; see above")

"""``batchpredict local``: Vertex AI on this machine as a server for any client."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from batchpredict.errors import EnvironmentFault, UsageError

STOP_SECONDS = 30.0
INTERVAL = 0.05


def home_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the option ``--home``."""
    return click.option(
        "--home",
        default=".batchpredict",
        show_default=True,
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder of the local buckets, models, endpoints and runs.",
    )(command)


output_option = click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json is for programs.",
)


@click.group("local")
def command() -> None:
    """Vertex AI on this machine as a server for any client.

    Start it with `up`, then lead a shell to it: eval "$(batchpredict local env)".
    """


@command.command("up")
@home_option
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the proxy; else a free one.")
@click.option("--cold", is_flag=True, help="Start every step from nothing: slower, same results.")
@click.option("--no-isolation", is_flag=True, help="Do not put the steps into private namespaces.")
@click.option("--no-cache", is_flag=True, help="Run every step, also when it was run before.")
@click.option(
    "--images",
    type=click.Path(dir_okay=False, path_type=Path),
    help="An images.toml: how containers of your own are started here.",
)
@click.option(
    "--shards",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="Files of results of each batch prediction job.",
)
@click.option("--background", is_flag=True, help="Return when it is up; `down` stops it.")
def up(
    home: Path,
    port: int | None,
    cold: bool,
    no_isolation: bool,
    no_cache: bool,
    images: Path | None,
    shards: int,
    background: bool,
) -> None:
    """Run the services until Ctrl-C."""
    from batchpredict.cli import local_up
    from batchpredict.local.settings import BatchSettings, LocalSettings

    if background:
        local_up.start_in_background(home, _arguments(click.get_current_context()))
        return
    settings = LocalSettings(
        warm=not cold,
        isolate=not no_isolation,
        caching=not no_cache,
        images=images,
        port=port or 0,
        batch=BatchSettings(shards=shards),
    )
    local_up.serve(home, settings)


def _arguments(context: click.Context) -> list[str]:
    """Return the options that were given, to start the command again in the foreground."""
    arguments = context.command_path.split()[1:]
    for option in context.command.params:
        value = context.params[str(option.name)]
        if value is True and option.name != "background":
            arguments.append(option.opts[0])
        elif value is not None and not isinstance(value, bool):
            arguments += [option.opts[0], str(value)]
    return arguments


@command.command("status")
@home_option
@output_option
def status(home: Path, output: str) -> None:
    """Say whether a server runs and what the home holds; exit code 1 when none runs."""
    from batchpredict.local.home.connection import find_server
    from batchpredict.local.home.contents import contents_of
    from batchpredict.local.home.folder import user_of

    home = home.expanduser().resolve()
    server, found = find_server(home), contents_of(home)
    facts = {
        "home": str(home),
        "running": server is not None,
        "used_by": user_of(home),
        "since": server.since if server else None,
        "proxy_port": server.proxy_port if server else None,
        "plain_port": server.plain_port if server else None,
        "counts": found.counts,
        "bytes": found.size,
        "runs": [vars(run) for run in found.runs],
    }
    click.echo(json.dumps(facts, indent=2) if output == "json" else _status_text(facts))
    sys.exit(0 if server else 1)


def _status_text(facts: dict[str, Any]) -> str:
    state = "no server runs"
    if facts["running"]:
        state = (
            f"running since {facts['since']} in process {facts['used_by']}, "
            f"proxy port {facts['proxy_port']}, plain port {facts['plain_port']}"
        )
    elif facts["used_by"]:
        state = f"in use by process {facts['used_by']}, which is no server"
    counts = ", ".join(f"{name} {count}" for name, count in facts["counts"].items())
    lines = [f"{facts['home']}: {state}", f"{counts}; {facts['bytes'] / 1e6:.1f} MB on disk"]
    lines += [
        f"{run['state']:<10} {run['created'][:19]:<19}  {run['run']}" for run in facts["runs"]
    ]
    return "\n".join(lines)


@command.command("env")
@home_option
@output_option
@click.option(
    "--shell",
    type=click.Choice(["bash", "fish", "powershell"]),
    default="bash",
    show_default=True,
    help="bash is also right for sh, dash and zsh.",
)
def env(home: Path, output: str, shell: str) -> None:
    """Print what leads a shell to the server: eval "$(batchpredict local env)"."""
    from batchpredict.local.home.connection import MISLEADING, export_lines, require_server

    server = require_server(home.expanduser().resolve())
    if output == "json":
        click.echo(json.dumps({"set": dict(server.environment), "unset": MISLEADING}, indent=2))
        return
    click.echo("\n".join(export_lines(server, shell)))


@command.command("down")
@home_option
def down(home: Path) -> None:
    """Stop the server of a home folder and wait until it has ended."""
    from batchpredict.local.home.connection import require_server
    from batchpredict.local.home.folder import user_of

    home = home.expanduser().resolve()
    server = require_server(home)
    os.kill(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while user_of(home) == server.pid:
        if time.monotonic() > deadline:
            raise EnvironmentFault(
                "E309", f"process {server.pid} did not end in {STOP_SECONDS:.0f} s; see its log"
            )
        time.sleep(INTERVAL)
    click.echo(f"stopped process {server.pid}")


@command.command("reset")
@home_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(home: Path, yes: bool) -> None:
    """Delete all buckets, models, endpoints, jobs and runs of a home folder."""
    from batchpredict.local.home.contents import contents_of
    from batchpredict.local.home.resetting import check_home, reset_home

    home = check_home(home)
    found = contents_of(home)
    counts = ", ".join(f"{name} {count}" for name, count in found.counts.items() if count)
    what = f"{home} ({counts or 'empty'}; {found.size / 1e6:.1f} MB)"
    if not yes and not _confirmed(f"Delete the state in {what}?"):
        click.echo("nothing was deleted")
        return
    deleted, left = reset_home(home)
    click.echo(f"deleted from {what}: {', '.join(deleted)}")
    if left:
        click.echo(f"not known here and left: {', '.join(map(repr, left))}")


def _confirmed(question: str) -> bool:
    try:
        return click.confirm(question)
    except click.Abort as error:  # nobody is there to answer
        message = "nothing was deleted: reset asks first; add --yes"
        raise UsageError("E308", message) from error

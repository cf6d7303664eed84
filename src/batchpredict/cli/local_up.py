"""Start the services for clients of other processes, in the foreground or the background."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from batchpredict.errors import EnvironmentFault

if TYPE_CHECKING:
    from batchpredict.local.home.connection import Connection
    from batchpredict.local.settings import LocalSettings

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
START_SECONDS = 180.0
INTERVAL = 0.1
COMMAND = (sys.executable, "-P", "-c", "from batchpredict.cli import main; main()")


def serve(home: Path, settings: "LocalSettings") -> None:
    """Run the services until a signal comes; they are stopped in either case."""
    _stop_on_signals()
    from batchpredict.local.home.connection import published
    from batchpredict.local.session import local_vertex

    with local_vertex(home, settings) as vertex:
        notes = [*vertex.recovered, *vertex.sandbox.notes]
        _show_notes(notes)
        with (
            contextlib.suppress(KeyboardInterrupt),
            published(vertex.home, vertex.environment) as connection,
        ):
            _show(home, vertex.start_seconds, connection)
            vertex.sandbox.wait_ready()  # its packages load meanwhile; a step waits for them
            _show_notes(note for note in vertex.sandbox.notes if note not in notes)
            while True:
                signal.pause()
    click.echo("stopped", err=True)


def _show_notes(notes: Iterable[str]) -> None:
    for note in notes:
        click.echo(f"note: {note}", err=True)


def _stop_on_signals() -> None:
    """Let the first signal end the command in good order, and ignore the next ones."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, stop)


def _show(home: Path, seconds: float, connection: "Connection") -> None:
    from batchpredict.local.home.connection import export_lines

    option = "" if str(home) == ".batchpredict" else f" --home {shlex.quote(str(home))}"
    click.echo(f"The services are up after {seconds:.1f} s; Ctrl-C stops them.")
    click.echo(f"home:  {home.expanduser().resolve()}")
    click.echo(f"proxy: http://127.0.0.1:{connection.proxy_port} (every Google client)")
    click.echo(f"plain: http://127.0.0.1:{connection.plain_port} (storage, metadata, faults)")
    click.echo(f'To lead a shell here: eval "$(batchpredict local env{option})", or')
    for line in export_lines(connection, "bash"):
        click.echo(line)


def start_in_background(home: Path, arguments: Sequence[str]) -> None:
    """Start the command with these arguments as a process of its own, and wait until it is up.

    Raises:
        EnvironmentFault: It did not come up; the message is its own, or names its log (E309).
    """
    from batchpredict.local.home.connection import find_server
    from batchpredict.local.home.folder import prepare_home

    home = prepare_home(home)
    path = home / "logs" / "up.log"
    with path.open("a") as log:
        began = log.tell()
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while (server := find_server(home)) is None or server.pid != process.pid:
        if process.poll() is not None:
            raise _fault(path, began, process.returncode)
        if time.monotonic() > deadline:
            os.kill(process.pid, signal.SIGTERM)
            raise EnvironmentFault(
                "E309", f"the server was not up in {START_SECONDS:.0f} s; see {path}"
            )
        time.sleep(INTERVAL)
    option = f"--home {shlex.quote(str(home))}"
    click.echo(f"process {process.pid} serves {home}; its log is {path}")
    click.echo(f'lead a shell to it: eval "$(batchpredict local env {option})"')
    click.echo(f"stop it: batchpredict local down {option}")


def _fault(log: Path, began: int, code: int) -> EnvironmentFault:
    """Return why the server ended: in its own words when it has some."""
    with log.open(errors="replace") as file:
        file.seek(began)
        lines = file.read().splitlines() or ["it wrote nothing"]
    coded = re.fullmatch(r"Error: (E\d{3}) (.*)", lines[-1])
    if coded:
        return EnvironmentFault(*coded.groups())
    return EnvironmentFault(
        "E309", f"the server ended with code {code}: {lines[-1]}; its log is {log}"
    )

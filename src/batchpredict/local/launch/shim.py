"""What runs when a step calls ``python3`` or ``pip``: hands the command to the warm parent.

The files on PATH are written when a sandbox starts, because only then the path of the
interpreter is known.
"""

import os
import signal
import socket
import sys
from pathlib import Path

from batchpredict.local.launch import wire
from batchpredict.local.launch.plan import SHIMS, Settings, plan

_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_LONGEST_SHEBANG = 120
# The exec line is a string to Python and a command to sh, which has no limit and takes spaces.
_TEMPLATE = """{first}
import sys
sys.path.append({package!r})
from batchpredict.local.launch import shim
from batchpredict.local.launch.plan import Settings
shim.main({name!r}, {socket!r}, Settings({python!r}, {bin!r}, {warm!r}, {python_env!r}))
"""


def _first_line(python: str) -> str:
    if len(python) <= _LONGEST_SHEBANG and not any(c.isspace() for c in python):
        return f"#!{python} -IS"
    quoted = python.replace("'", "'\"'\"'")
    return f"#!/bin/sh\n'''exec' '{quoted}' -IS \"$0\" \"$@\"\n'''"


def write(settings: Settings, socket_path: str) -> None:
    """Writes the shims of a sandbox to its folder."""
    package = os.path.dirname(sys.modules["batchpredict"].__file__ or "")
    for name in SHIMS:
        text = _TEMPLATE.format(
            first=_first_line(settings.python),
            package=os.path.dirname(package),
            name=name,
            socket=socket_path,
            python=settings.python,
            bin=settings.bin,
            warm=settings.warm,
            python_env=settings.python_env,
        )
        path = Path(settings.bin, name)
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        path.chmod(0o700)


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "/"


def _open_descriptors() -> list[int]:
    """Returns stdin, stdout and stderr; one that is closed is replaced by /dev/null."""
    return [fd if _is_open(fd) else os.open(os.devnull, os.O_RDWR) for fd in range(3)]


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _wait(connection: socket.socket) -> int:
    """Passes signals on until the command ends; returns its exit code."""
    for number in _FORWARDED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda received, _: wire.send_signal(connection, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    while message := wire.receive(connection):
        if message[0] == wire.EXIT:
            return message[1]
    return -signal.SIGKILL


def _end(code: int) -> None:
    """Ends as the command ended: by its exit code, or by its signal."""
    if code < 0:
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code & 0xFF)


def main(name: str, socket_path: str, settings: Settings) -> None:
    """Runs the command of a shim.

    Args:
        name: The name of the shim, without its folder.
        socket_path: Where the server listens.
        settings: Those of the sandbox.
    """
    argv = [name, *sys.argv[1:]]
    planned = plan(argv, os.environ, settings)
    if isinstance(planned, list):
        os.execv(planned[0], planned)
    signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
    standard = _open_descriptors()
    try:
        connection = wire.connect(socket_path)
        wire.send_request(connection, wire.BOUND, argv, os.environ, _working_directory(), standard)
    except OSError as error:
        print(f"{name}: the sandbox is closed: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(126)
    _end(_wait(connection))

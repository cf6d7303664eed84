"""What runs when a step calls ``python3`` or ``pip``: hands the command to the warm parent.

Every command of a step waits for these imports two or three times: keep them few.
"""

import os
import signal
import socket
import sys

from batchpredict.local.launch import wire
from batchpredict.local.launch.plan import Settings, plan

_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


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

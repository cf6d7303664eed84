"""The first moments of a process forked from the server: it becomes the command."""

import os
import signal
import socket
import sys
from collections.abc import Collection
from typing import NamedTuple, NoReturn

from . import interpreter, linux, wire
from .plan import Settings, plan

_BY_INTERPRETER = ("SIGPIPE", "SIGXFSZ")  # Python ignores them, other programs expect them


class Task(NamedTuple):
    """A command that a forked process has to become.

    Attributes:
        connection: To the client.
        descriptors: Those of the client's message.
        parent: The pid of the server.
    """

    connection: socket.socket
    descriptors: list[int]
    parent: int


def become(task: Task, settings: Settings, keep: Collection[int]) -> NoReturn:
    """Runs the command of a task in this process and ends it.

    Args:
        task: The command.
        settings: Those of the sandbox.
        keep: Descriptors that preloaded modules hold; a Python command needs them.
    """
    os.setsid()
    linux.drop_capabilities()
    linux.die_with_parent(task.parent, signal.SIGKILL)
    _reset_signals()
    wire.send(task.connection, wire.PID, os.getpid())
    task.connection.close()
    request = wire.Request(task.descriptors[-1])
    for number, descriptor in enumerate(task.descriptors[:-1]):
        os.dup2(descriptor, number)
    _close_all_but(keep)
    _enter(request)
    planned = plan(request.argv, request.env, settings)
    if isinstance(planned, list):
        _exec(planned, request.env)
    interpreter.run(planned)


def _reset_signals() -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if callable(signal.getsignal(number)) or number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def open_descriptors() -> set[int]:
    """Lists the descriptors of this process above stderr."""
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    return {fd for fd in map(int, os.listdir(folder)) if fd > 2 and _is_open(fd)}


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:  # it was the one that listed the folder
        return False
    return True


def _close_all_but(keep: Collection[int]) -> None:
    for descriptor in open_descriptors().difference(keep):
        os.close(descriptor)


def _enter(request: wire.Request) -> None:
    os.umask(request.umask)
    os.environ.clear()
    os.environ.update(request.env)
    try:
        os.chdir(request.cwd)
    except OSError as error:
        _fail(126, f"cannot work in {request.cwd}: {error.strerror}")


def _fail(code: int, message: str) -> NoReturn:
    os.write(2, f"{message}\n".encode(errors="surrogateescape"))
    os._exit(code)


def _exec(argv: list[str], env: dict[str, str]) -> NoReturn:
    for name in _BY_INTERPRETER:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    for descriptor in open_descriptors():
        os.set_inheritable(descriptor, False)
    try:
        os.execvpe(argv[0], argv, env)
    except FileNotFoundError:
        _fail(127, f"{argv[0]}: command not found")
    except (OSError, ValueError) as error:
        _fail(126, f"{argv[0]}: {getattr(error, 'strerror', None) or error}")
    sys.exit(126)

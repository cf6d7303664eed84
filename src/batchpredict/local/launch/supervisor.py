"""The process that holds a sandbox; ``Sandbox.start`` runs it, nobody else.

When isolated it makes the namespaces and waits, and its child, the pid 1 of the pid namespace,
serves. Otherwise it serves itself.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, NoReturn

from . import child, linux
from .plan import Settings
from .server import Server


class _Config:
    """What the owner passes on the command line."""

    def __init__(self, text: str) -> None:
        fields: dict[str, Any] = json.loads(text)
        self.owner: int = fields["owner"]
        self.control: int = fields["control"]
        self.socket: str = fields["socket"]
        self.store: str = fields["store"]
        self.root: str = fields["root"]
        self.bin: str = fields["bin"]
        self.ports: list[int] = fields["ports"]
        self.preload: list[str] = fields["preload"]
        self.warm: bool = fields["warm"]
        self.isolate: bool = fields["isolate"]


def _send(control: socket.socket, descriptors: Sequence[int] = (), **message: object) -> None:
    data = json.dumps(message).encode() + b"\n"
    if descriptors:
        socket.send_fds(control, [data], descriptors)
    else:
        control.sendall(data)


def _listen(path: str) -> socket.socket:
    """Opens the socket for commands; only this user may connect."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    listener.bind(path)
    os.umask(old)
    listener.listen(1024)
    return listener


def _become_first() -> None:
    """Forks pid 1 of the new pid namespace and returns in it; the other ends here, after it."""
    alive, held = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    unneeded = child.open_descriptors() - {held}  # once pid 1 changed /proc we are not in it
    pid = os.fork()
    if pid:
        _wait_for(pid, unneeded)
    os.close(held)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    # From inside the parent's pid is 0, dead or alive; the pipe tells.
    linux.die_with_parent(0, signal.SIGKILL)
    if select.select([alive], [], [], 0)[0]:
        os._exit(1)
    os.close(alive)


def _wait_for(pid: int, unneeded: set[int]) -> NoReturn:
    """Waits for pid 1, which takes all others with it, and ends as it ended."""

    def end_it(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself a moment ago
            os.kill(pid, signal.SIGKILL)

    signal.signal(signal.SIGTERM, end_it)
    for descriptor in unneeded:
        os.close(descriptor)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    _, status = os.waitpid(pid, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _isolate(config: _Config) -> tuple[list[socket.socket], list[str]]:
    """Builds the inside of the sandbox; returns its listeners and the notes."""
    notes = linux.change_root(config.store, config.root)
    linux.raise_loopback()
    listeners = []
    for port in config.ports:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
        listeners.append(listener)
    return listeners, notes


def _open_sandbox(config: _Config, control: socket.socket) -> bool:
    """Makes the namespaces if asked to, and tells the owner how that went."""
    listeners: list[socket.socket] = []
    notes: list[str] = []
    try:
        if config.isolate:
            linux.enter_namespaces()
            linux.die_with_parent(config.owner, signal.SIGKILL)
            _become_first()
            listeners, notes = _isolate(config)
    except OSError as error:
        _send(control, error=f"{error.strerror}")
        return False
    _send(control, [one.fileno() for one in listeners], listeners=len(listeners), notes=notes)
    for listener in listeners:
        listener.close()
    return True


def _preload(names: Sequence[str]) -> list[str]:
    """Imports modules; returns one sentence for each that could not be."""
    notes = []
    gc.disable()
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            notes.append(f"{name} is not preloaded: {error.name} is not installed.")
        except Exception as error:
            notes.append(f"{name} is not preloaded: {type(error).__name__}: {error}.")
    gc.collect()
    gc.freeze()
    if threading.active_count() > 1:
        names = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
        notes.append(f"preloaded modules left threads, which no command has: {', '.join(names)}.")
    return notes


def _serve(config: _Config, control: socket.socket, listener: socket.socket) -> None:
    """Serves; in a forked process it runs the command instead of returning.

    Until the modules are loaded, which a process of its own does, commands start cold: nobody
    waits for what he may not need.
    """
    loader = _fork_loader(config, listener) if config.warm else None
    server = Server(listener, control, _settings(config, warm=False), contained=config.isolate)
    if loader is None:
        _send(control, ready=0.0, notes=[])
    else:
        server.await_successor(loader)
    server.watch_signals()
    if not config.isolate:
        linux.adopt_orphans()
        linux.die_with_parent(config.owner, signal.SIGTERM)  # there is now more to do than die
    task = server.serve()
    if task is not None:
        child.become(task, _settings(config, warm=False), set())
    if not config.isolate:
        server.kill_all()


def _settings(config: _Config, *, warm: bool) -> Settings:
    return Settings(sys.executable, config.bin, warm, os.environ)


def _fork_loader(config: _Config, listener: socket.socket) -> socket.socket:
    """Forks the process that loads the modules and then serves; returns the end to it."""
    begin = time.monotonic()
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    if os.fork():
        theirs.close()
        return ours
    linux.die_with_parent(parent, signal.SIGKILL)
    ours.close()
    _load_and_serve(config, listener, theirs, begin)


def _load_and_serve(
    config: _Config, listener: socket.socket, first: socket.socket, begin: float
) -> NoReturn:
    before = child.open_descriptors()
    notes = _preload(config.preload)
    keep = child.open_descriptors() - before
    settings = _settings(config, warm=True)
    server = Server(listener, first, settings, contained=config.isolate)
    server.watch_signals()
    sys.stdout.flush()
    sys.stderr.flush()
    linux.flush_libc()
    _send(first, ready=time.monotonic() - begin, notes=notes)
    task = server.serve()
    if task is not None:
        child.become(task, settings, keep)
    os._exit(0)


def main() -> None:
    """Holds a sandbox until its owner ends or closes it."""
    config = _Config(sys.argv[1])
    linux.die_with_parent(config.owner, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=config.control)
    control.set_inheritable(False)
    listener = _listen(config.socket)
    if _open_sandbox(config, control):
        _serve(config, control, listener)
    os._exit(0)


if __name__ == "__main__":
    main()

"""The loop of the warm parent: takes requests, forks, reaps, reports exit codes.

It has one thread, because a fork of a process with threads copies locks that nobody opens.
"""

import contextlib
import os
import select
import signal
import socket
import time

from . import linux, pipcheck, spawning, wire
from .child import Task
from .plan import PIP_CHECK, Settings, plan

_PATIENCE_S = 5.0


class _Client:
    """One connection, and its command once that was forked."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.pid = 0
        self.bound = False


class Server:
    """Serves one sandbox.

    Args:
        listener: Where commands are asked for.
        control: The end of this is the end of the owner.
        settings: Those of the sandbox.
        contained: Whether a pid namespace ends every command together with this process.
    """

    def __init__(
        self,
        listener: socket.socket,
        control: socket.socket,
        settings: Settings,
        contained: bool,
    ) -> None:
        self._settings = settings
        self._contained = contained
        self._listener = listener
        self._control = control
        self._clients: dict[int, _Client] = {}
        self._running: dict[int, _Client] = {}
        self._groups: set[int] = set()
        self._stopping = False
        self._successor: socket.socket | None = None
        self._pid = os.getpid()
        self._signals, self._wakeup = socket.socketpair()
        self._poll = select.poll()
        for one in (self._listener, self._control, self._signals):
            one.setblocking(False)
            self._poll.register(one, select.POLLIN)

    def serve(self) -> Task | None:
        """Serves until the owner goes away.

        Returns:
            In the server itself None, at the end; in each forked process its task.
        """
        while not self._stopping:
            for descriptor, _ in self._poll.poll():
                task = self._handle(descriptor)
                if task is not None:
                    return task
        return None

    def await_successor(self, successor: socket.socket) -> None:
        """Has another process serve on the same listener as soon as it says so.

        Args:
            successor: Where it says so, in words for the owner; when this ends, so does the
                serving.
        """
        self._successor = successor
        self._poll.register(successor, select.POLLIN)

    def _hand_over(self) -> None:
        assert self._successor is not None
        message = self._successor.recv(1 << 16)
        if message:
            self._poll.unregister(self._listener)
            try:
                self._control.sendall(message)  # only now: the owner may count on the other
            except OSError:  # the owner has just gone
                self._stopping = True
        else:
            self._stopping = True

    def watch_signals(self) -> None:
        """Lets the loop see the end of children, and SIGTERM, which ends it."""
        self._wakeup.setblocking(False)
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)

    def _handle(self, descriptor: int) -> Task | None:
        if descriptor == self._listener.fileno():
            self._accept()
        elif descriptor == self._control.fileno():
            self._stopping = True
        elif self._successor is not None and descriptor == self._successor.fileno():
            self._hand_over()
        elif descriptor == self._signals.fileno():
            self._stopping |= signal.SIGTERM in self._signals.recv(4096)
            self._reap()
        elif client := self._clients.get(descriptor):
            if not client.pid:
                return self._begin(client)
            self._signal(client)
        return None

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            self._clients[connection.fileno()] = _Client(connection)
            self._poll.register(connection, select.POLLIN)

    def _begin(self, client: _Client) -> Task | None:
        try:
            kind, descriptors = wire.receive_request(client.connection)
        except OSError:
            kind, descriptors = b"", []
        client.bound = kind == wire.BOUND
        if kind == wire.SOCKET:
            self._lend_socket(client)
        elif len(descriptors) != wire.DESCRIPTORS:
            self._drop(client)
        elif self._answer(client, descriptors):
            pass
        elif self._fork(client, descriptors[2]) == 0:
            self._leave(client)
            return Task(client.connection, descriptors, self._pid)
        for descriptor in descriptors:
            os.close(descriptor)
        return None

    def _lend_socket(self, client: _Client) -> None:
        with contextlib.suppress(OSError):
            wire.send_socket(client.connection)
        self._drop(client)

    def _answer(self, client: _Client, descriptors: list[int]) -> bool:
        """Does what needs no copy of this large process: the shell and the check of packages.

        Every step starts with one of the first and two of the second.
        """
        try:
            request = wire.Request(descriptors[-1])
            planned = plan(request.argv, request.env, self._settings)
            if isinstance(planned, list):
                return self._spawn(client, planned, request, descriptors)
            if planned.target == PIP_CHECK:
                return self._check(client, planned.args, descriptors[2])
        except Exception:  # whatever is odd about it shows in a process of its own
            return False
        return False

    def _check(self, client: _Client, args: list[str], stderr: int) -> bool:
        missing = pipcheck.check_plain(args)
        if missing:
            os.write(stderr, f"{pipcheck.refusal(missing)}\n".encode())
        if missing is not None:
            self._end(client, 1 if missing else 0)
        return missing is not None

    def _spawn(
        self, client: _Client, argv: list[str], request: wire.Request, descriptors: list[int]
    ) -> bool:
        if not self._contained:
            return False
        client.pid = spawning.spawn(argv, request, descriptors[:-1])
        self._running[client.pid] = client
        self._groups.add(client.pid)
        wire.send_pid_of(client.connection, client.pid)
        return True

    def _fork(self, client: _Client, stderr: int) -> int:
        """Forks with all signals blocked: the handlers of the server are not for a command."""
        old = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            client.pid = os.fork()
        except OSError as error:
            os.write(stderr, f"cannot start a process: {error.strerror}\n".encode())
            self._end(client, 126)
            return -1
        finally:
            if client.pid or client.connection.fileno() < 0:
                signal.pthread_sigmask(signal.SIG_SETMASK, old)
        if client.pid:
            self._running[client.pid] = client
            self._groups.add(client.pid)
        return client.pid

    def _leave(self, client: _Client) -> None:
        """Gives up, in a forked process, all that belongs to the server."""
        signal.set_wakeup_fd(-1)
        for one in (self._listener, self._control, self._signals, self._wakeup):
            one.close()
        for other in self._clients.values():
            if other is not client:
                other.connection.close()

    def _signal(self, client: _Client) -> None:
        try:
            numbers = client.connection.recv(64)
        except OSError:
            numbers = b""
        for number in numbers:
            self._kill(client.pid, number)
        if not numbers:
            self._forget(client)
            if client.bound:
                self._kill(client.pid, signal.SIGKILL)

    def _kill(self, pid: int, number: int) -> None:
        if pid not in self._running:
            return
        try:
            os.killpg(pid, number)
        except ProcessLookupError:  # it has not made its own group yet
            os.kill(pid, number)
        except OSError:
            return

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if client := self._running.pop(pid, None):
                self._end(client, os.waitstatus_to_exitcode(status))
            self._groups = {group for group in self._groups if self._is_alive(group)}

    def _is_alive(self, group: int) -> bool:
        """Tells whether a group has members; the number of one that has none may be reused."""
        if group in self._running:
            return True
        try:
            os.killpg(group, 0)
        except OSError:
            return False
        return True

    def _end(self, client: _Client, code: int) -> None:
        wire.send(client.connection, wire.EXIT, code)
        self._drop(client)

    def _drop(self, client: _Client) -> None:
        self._forget(client)
        client.connection.close()

    def _forget(self, client: _Client) -> None:
        """Stops listening to a client; its command may go on."""
        descriptor = client.connection.fileno()
        if self._clients.pop(descriptor, None):
            self._poll.unregister(descriptor)

    def kill_all(self) -> None:
        """Kills every command, and on Linux every descendant of one."""
        deadline = time.monotonic() + _PATIENCE_S
        for group in self._groups:
            with contextlib.suppress(OSError):
                os.killpg(group, signal.SIGKILL)
        for pid in self._running:
            self._kill(pid, signal.SIGKILL)
        while time.monotonic() < deadline:
            # The children of a killed process become ours: once more, until there are none.
            for pid in linux.children_of(os.getpid()):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    time.sleep(0.005)
            except ChildProcessError:
                return

"""A command that runs in a sandbox, as its owner sees it."""

import select
import signal
import socket
import threading
import time

from . import wire


class Process:
    """A command in a sandbox; its methods may be called from any thread.

    Args:
        connection: The connection that asked for the command.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reading = threading.Lock()
        self._pid = 0
        self._code: int | None = None

    @property
    def pid(self) -> int:
        """The pid, as this process sees it; waits until the command was started."""
        with self._reading:
            while not self._pid and self._code is None:
                self._read()
        return self._pid

    def poll(self) -> int | None:
        """Returns the exit code, negative for a signal, or None while the command runs."""
        try:
            return self.wait(0)
        except TimeoutError:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the end of the command.

        Args:
            timeout: How many seconds to wait; for ever without it.

        Returns:
            The exit code, negative for a signal, as subprocess has it. A command that ended
            with its sandbox counts as killed.

        Raises:
            TimeoutError: If the command still runs.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        if not self._reading.acquire(timeout=-1 if timeout is None else max(timeout, 0)):
            return self._code_or_timeout(timeout)
        try:
            while self._code is None and self._is_readable(deadline):
                self._read()
            return self._code_or_timeout(timeout)
        finally:
            self._reading.release()

    def terminate(self) -> None:
        """Sends SIGTERM to the process group of the command."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Sends SIGKILL to the process group of the command."""
        self._send(signal.SIGKILL)

    def stop(self, grace: float = 5.0) -> int:
        """Ends the command: asks it first, and kills it after ``grace`` seconds.

        Returns:
            The exit code, as :meth:`wait` has it.
        """
        self.terminate()
        try:
            return self.wait(grace)
        except TimeoutError:
            self.kill()
            return self.wait()

    def _send(self, number: int) -> None:
        if self._code is None:
            wire.send_signal(self._connection, number)

    def _code_or_timeout(self, timeout: float | None) -> int:
        if self._code is None:
            raise TimeoutError(f"the command still runs after {timeout} s")
        return self._code

    def _is_readable(self, deadline: float | None) -> bool:
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        left = None if deadline is None else max(deadline - time.monotonic(), 0) * 1000
        return bool(poll.poll(left))

    def _read(self) -> None:
        """Takes in one message of the server, which may have to come first."""
        message = wire.receive(self._connection)
        if message and message[0] == wire.PID:
            self._pid = message[1]
            return
        self._code = message[1] if message else -signal.SIGKILL
        self._connection.close()

"""HTTP over a Unix socket, with connections that are used again."""

import http.client
import socket
import weakref
from collections import deque
from pathlib import Path

HEADERS = {"Content-Type": "application/json"}


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Connections:
    """The connections to one server; safe for threads.

    Args:
        path: Its socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: deque[_UnixConnection] = deque()
        weakref.finalize(self, _close, self._idle)

    def request(self, verb: str, route: str, body: bytes, timeout: float) -> tuple[int, bytes]:
        """Send one request and return the status and the body of its reply.

        Raises:
            TimeoutError: The reply did not come in time.
            OSError: The server is not there, or ended.
            HTTPException: What it said is not HTTP.
        """
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._exchange(_UnixConnection(self._path, timeout), verb, route, body)
        connection.sock.settimeout(timeout)
        try:
            return self._exchange(connection, verb, route, body)
        except ConnectionError:  # servers close what was idle for some seconds
            return self._exchange(_UnixConnection(self._path, timeout), verb, route, body)

    def _exchange(
        self, connection: _UnixConnection, verb: str, route: str, body: bytes
    ) -> tuple[int, bytes]:
        try:
            connection.request(verb, route, body, HEADERS)
            reply = connection.getresponse()
            answer = reply.status, reply.read()
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:  # the server did not ask to close it
            self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Close what is idle."""
        _close(self._idle)


def _close(idle: deque[_UnixConnection]) -> None:
    while idle:
        idle.pop().close()

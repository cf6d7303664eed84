"""HTTP to a model server, with connections that are used again."""

import http.client
import socket
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path

HEADERS = {"Content-Type": "application/json"}
Open = Callable[[], socket.socket]


def unix_socket(path: Path) -> Open:
    """Return what connects to a Unix socket."""

    def connect() -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        return _connected(made, str(path))

    return connect


def tcp_port(open_socket: Open, port: int) -> Open:
    """Return what connects to a port of 127.0.0.1.

    Args:
        open_socket: Makes a socket in the network that is meant.
        port: The port.
    """

    def connect() -> socket.socket:
        made = open_socket()
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _connected(made, ("127.0.0.1", port))

    return connect


def _connected(made: socket.socket, address: str | tuple[str, int]) -> socket.socket:
    try:
        made.connect(address)
    except BaseException:
        made.close()
        raise
    return made


class _Connection(http.client.HTTPConnection):
    def __init__(self, open_socket: Open, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._open = open_socket

    def connect(self) -> None:
        self.sock = self._open()
        self.sock.settimeout(self.timeout)


class Connections:
    """The connections to one server; safe for threads.

    Args:
        open_socket: Connects to it.
    """

    def __init__(self, open_socket: Open) -> None:
        self._open = open_socket
        self._idle: deque[_Connection] = deque()
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
            return self._exchange(_Connection(self._open, timeout), verb, route, body)
        connection.sock.settimeout(timeout)
        try:
            return self._exchange(connection, verb, route, body)
        except ConnectionError:  # servers close what was idle for some seconds
            return self._exchange(_Connection(self._open, timeout), verb, route, body)

    def _exchange(
        self, connection: _Connection, verb: str, route: str, body: bytes
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


def _close(idle: deque[_Connection]) -> None:
    while idle:
        idle.pop().close()

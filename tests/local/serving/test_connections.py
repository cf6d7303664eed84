"""HTTP over a Unix socket: connections that are used again, and servers that end."""

import http.client
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from batchpredict.local.serving.connections import Connections, unix_socket


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    connections = 0
    lasts = True  # whether a connection lasts for more than one request
    announces = True  # whether the end of one is said in the reply
    delay: threading.Event | None = None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.delay:
            self.server.delay.wait(30)
        self.send_response(200 if body != b"bad" else 500)
        self.send_header("Content-Length", str(len(body)))
        if not self.server.lasts:
            self.close_connection = True
            if self.server.announces:
                self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a socket's path is short
        yield Path(folder) / "s"


@pytest.fixture
def server(path: Path) -> Iterator[_Server]:
    with _Server(str(path), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


def ask(connections: Connections, body: bytes = b"x", timeout: float = 30) -> tuple[int, bytes]:
    return connections.request("POST", "/", body, timeout)


def test_a_connection_is_used_again(server: _Server, path: Path) -> None:
    connections = Connections(unix_socket(path))
    bodies = [b"a", b"", b"bad", b"x" * 1_000_000]
    found = [ask(connections, body) for body in bodies]
    assert found == [(200, b"a"), (200, b""), (500, b"bad"), (200, bodies[-1])]
    assert server.connections == 1
    connections.close()


@pytest.mark.parametrize("announces", [True, False])
def test_a_connection_that_the_server_closed_is_made_anew(
    server: _Server, path: Path, announces: bool
) -> None:
    server.lasts, server.announces = False, announces
    connections = Connections(unix_socket(path))
    assert [ask(connections) for _ in range(3)] == [(200, b"x")] * 3
    assert server.connections == 3


def test_each_thread_has_a_connection_while_it_asks(server: _Server, path: Path) -> None:
    connections = Connections(unix_socket(path))
    bodies = [str(number).encode() for number in range(200)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda body: ask(connections, body), bodies))
    assert found == [(200, body) for body in bodies]
    assert 1 <= server.connections <= 4
    connections.close()


def test_a_reply_that_is_late_is_not_taken_for_the_next(server: _Server, path: Path) -> None:
    connections = Connections(unix_socket(path))
    ask(connections)
    server.delay = threading.Event()
    with pytest.raises(TimeoutError):
        ask(connections, b"late", timeout=0.05)
    server.delay.set()
    assert ask(connections, b"next") == (200, b"next")
    connections.close()


def test_a_server_that_is_not_there(path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        ask(Connections(unix_socket(path)))


def test_what_is_not_http(path: Path) -> None:
    class Nonsense(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(b"nonsense\r\n\r\n")

    with socketserver.ThreadingUnixStreamServer(str(path), Nonsense) as other:
        threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True).start()
        with pytest.raises(http.client.HTTPException):
            ask(Connections(unix_socket(path)))
        other.shutdown()

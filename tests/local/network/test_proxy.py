"""The CONNECT proxy: whom it lets through, and to which server."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from batchpredict.local.network.proxy import ConnectProxy
from batchpredict.local.network.sockets import (
    listen_on_loopback,
    serve_connections,
    stop_listening,
)

TIMEOUT = 20.0
HOST = "us-central1-aiplatform.googleapis.com"


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def proxy(lines: list[str]) -> Iterator[Callable[[], socket.socket]]:
    """Connects to a proxy before two servers that answer their name to any greeting."""
    with ExitStack() as stack:

        def listen() -> socket.socket:
            listener = listen_on_loopback()
            stack.callback(stop_listening, listener)
            return listener

        def backend(name: bytes) -> int:
            def serve(client: socket.socket) -> None:
                greeting = client.recv(65536)
                client.sendall(name + b" %d" % len(greeting))

            listener = listen()
            serve_connections(listener, serve)
            return int(listener.getsockname()[1])

        def grpc(client: socket.socket, seen: bytes) -> None:
            size = len(seen) + (0 if seen else len(client.recv(65536)))
            client.sendall(b"grpc %d" % size)

        front = listen()
        ConnectProxy(backend(b"http"), grpc, lines.append).listen(front)

        def connect() -> socket.socket:
            client = socket.create_connection(front.getsockname(), timeout=TIMEOUT)
            return stack.enter_context(client)

        yield connect


def greeting(protocols: list[str]) -> bytes:
    context = ssl.create_default_context()
    if protocols:
        context.set_alpn_protocols(protocols)
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=HOST)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


def read_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


def connect_head(target: str) -> bytes:
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()


@pytest.mark.parametrize(
    "target",
    [
        "example.com:443",
        "storage.googleapis.com.evil.com:443",
        "evil-storage.googleapis.com:443",
        "evil.com/.aiplatform.googleapis.com:443",
        "xaiplatform.googleapis.com:443",
        "pubsub.googleapis.com:443",
        f"{HOST}:80",
        "storage.googleapis.com:22",
        "storage.googleapis.com",
        "127.0.0.1:443",
        "169.254.169.254:443",
    ],
)
def test_a_host_that_is_not_served_is_denied_and_noted(
    proxy: Callable[[], socket.socket], lines: list[str], target: str
) -> None:
    client = proxy()
    client.sendall(connect_head(target))
    assert read_all(client).startswith(b"HTTP/1.1 403 ")
    assert lines == [f"DENIED {target}"]


@pytest.mark.parametrize(
    "first",
    [
        b"GET http://example.com/ HTTP/1.1",
        b"GET http://storage.googleapis.com/ HTTP/1.1",
        f"POST {HOST}:443 HTTP/1.1".encode(),
        f"CONNECT {HOST}:443".encode(),
        b"nonsense",
    ],
)
def test_anything_but_a_connect_is_denied_and_noted(
    proxy: Callable[[], socket.socket], lines: list[str], first: bytes
) -> None:
    client = proxy()
    client.sendall(first + b"\r\n\r\n")
    assert read_all(client).startswith(b"HTTP/1.1 403 ")
    assert [line.split()[0] for line in lines] == ["DENIED"]


@pytest.mark.parametrize(
    ("protocols", "server"),
    [
        (["h2"], b"grpc"),
        (["grpc-exp", "h2"], b"grpc"),
        (["h2", "http/1.1"], b"http"),
        (["http/1.1"], b"http"),
        ([], b"http"),
    ],
)
def test_the_protocols_of_the_greeting_choose_the_server(
    proxy: Callable[[], socket.socket], lines: list[str], protocols: list[str], server: bytes
) -> None:
    client, hello = proxy(), greeting(protocols)
    client.sendall(connect_head(f"{HOST}:443"))
    assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    client.sendall(hello)
    assert read_all(client) == server + b" %d" % len(hello)
    assert lines == [f"CONNECT {HOST}:443"]


def test_a_greeting_in_two_pieces_is_understood(proxy: Callable[[], socket.socket]) -> None:
    client, hello = proxy(), greeting(["h2"])
    client.sendall(connect_head(f"{HOST}:443") + hello[:40])  # the first with the head
    assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    client.sendall(hello[40:])
    assert read_all(client) == b"grpc %d" % len(hello)


def test_what_is_no_tls_is_left_to_the_http_server(proxy: Callable[[], socket.socket]) -> None:
    client = proxy()
    client.sendall(connect_head("storage.googleapis.com:443") + b"GET / HTTP/1.1\r\n")
    assert read_all(client).endswith(b"http 16")


def test_a_client_that_leaves_early_does_not_end_the_proxy(
    proxy: Callable[[], socket.socket],
) -> None:
    for rude in (b"", b"CONN", connect_head(f"{HOST}:443")):
        client = proxy()
        client.sendall(rude)
        client.close()
    client, hello = proxy(), greeting(["h2"])
    client.sendall(connect_head(f"{HOST}:443") + hello)
    assert read_all(client).endswith(b"grpc %d" % len(hello))

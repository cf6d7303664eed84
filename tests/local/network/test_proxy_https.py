"""Connections of HTTPS are served where the proxy is, without copying their bytes."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from local.network.test_proxy import HOST, TIMEOUT, connect_head, greeting, read_all

from batchpredict.local.network.proxy import ConnectProxy
from batchpredict.local.network.sockets import (
    listen_on_loopback,
    serve_connections,
    stop_listening,
)

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@pytest.fixture
def connect() -> Iterator[Callable[[], socket.socket]]:
    """Connects to a proxy whose servers answer who they are, and how much they were greeted."""
    with ExitStack() as stack:

        def answering(name: str) -> Callable[[socket.socket], None]:
            def serve(client: socket.socket) -> None:
                client.sendall(f"{name} {len(client.recv(65536))}".encode())

            return serve

        def listen(name: str) -> int:
            listener = listen_on_loopback()
            stack.callback(stop_listening, listener)
            serve_connections(listener, answering(name))
            return int(listener.getsockname()[1])

        front = listen_on_loopback()
        stack.callback(stop_listening, front)
        grpc = answering("grpc")
        proxy = ConnectProxy(
            listen("spliced"), lambda it, _: grpc(it), lambda _: None, answering("here")
        )
        proxy.listen(front)

        def open_connection() -> socket.socket:
            client = socket.create_connection(front.getsockname(), timeout=TIMEOUT)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return stack.enter_context(client)

        yield open_connection


def established(client: socket.socket, surplus: bytes = b"") -> None:
    client.sendall(connect_head(f"{HOST}:443") + surplus)
    assert client.recv(len(ESTABLISHED)) == ESTABLISHED


@pytest.mark.parametrize("protocols", [[], ["http/1.1"], ["h2", "http/1.1"]])
def test_https_is_served_here_from_its_greeting_on(
    connect: Callable[[], socket.socket], protocols: list[str]
) -> None:
    client, hello = connect(), greeting(protocols)
    established(client)
    client.sendall(hello)
    assert read_all(client) == b"here %d" % len(hello)


def test_grpc_is_handed_over(connect: Callable[[], socket.socket]) -> None:
    client, hello = connect(), greeting(["h2"])
    established(client)
    client.sendall(hello)
    assert read_all(client) == b"grpc %d" % len(hello)


def test_a_greeting_in_pieces_is_seen_whole(connect: Callable[[], socket.socket]) -> None:
    for protocols, name in ((["h2"], b"grpc"), (["http/1.1"], b"here")):
        client, hello = connect(), greeting(protocols)
        established(client)
        for piece in (hello[:3], hello[3:40], hello[40:]):
            client.sendall(piece)
            time.sleep(0.01)  # so that they do not arrive as one
        assert read_all(client) == name + b" %d" % len(hello)


def test_what_came_with_the_request_cannot_be_unread_and_is_spliced(
    connect: Callable[[], socket.socket],
) -> None:
    client, hello = connect(), greeting(["http/1.1"])
    established(client, hello[:50])
    client.sendall(hello[50:])
    assert read_all(client) == b"spliced %d" % len(hello)


def test_what_is_no_tls_is_spliced(connect: Callable[[], socket.socket]) -> None:
    client = connect()
    established(client)
    client.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert read_all(client) == b"spliced 18"

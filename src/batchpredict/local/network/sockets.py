"""Accept connections in threads, and copy bytes between two sockets."""

import contextlib
import socket
import threading
from collections.abc import Callable


def listen_on_loopback(port: int = 0) -> socket.socket:
    """Return a socket that listens on 127.0.0.1 (port 0: a free one)."""
    return socket.create_server(("127.0.0.1", port), backlog=128)


def serve_connections(
    listener: socket.socket, serve: Callable[[socket.socket], None]
) -> threading.Thread:
    """Call ``serve`` in a thread for each connection of ``listener`` until that is closed."""

    def one(client: socket.socket) -> None:
        # A client that goes away in the middle is its own business: it sees the broken connection.
        with client, contextlib.suppress(OSError):
            serve(client)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if client.family == socket.AF_INET:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=one, args=(client,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True, name=f"accept-{listener.getsockname()}")
    thread.start()
    return thread


def stop_listening(listener: socket.socket) -> None:
    """Close ``listener`` and wake the thread that waits in accept."""
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def splice(left: socket.socket, right: socket.socket) -> None:
    """Copy both ways until both sides have ended."""
    back = threading.Thread(target=_copy, args=(right, left), daemon=True)
    back.start()
    _copy(left, right)
    back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)

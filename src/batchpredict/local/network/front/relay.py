"""Copy bytes between the clients of the proxy and the gRPC server."""

import asyncio
import socket
import struct
from typing import TextIO

_SIZE = struct.Struct("!I")


def send_client(control: socket.socket, client: socket.socket, seen: bytes) -> None:
    """Hand a connection to the relay, with what was ``seen`` of it already."""
    socket.send_fds(control, [_SIZE.pack(len(seen)), seen], [client.fileno()])


def receive_client(control: socket.socket) -> tuple[socket.socket, bytes] | None:
    """Return the next connection and what was seen of it; None when there are no more."""
    head, descriptors, _, _ = socket.recv_fds(control, _SIZE.size, 1)
    if not descriptors:
        return None
    client = socket.socket(fileno=descriptors[0])
    return client, control.recv(_SIZE.unpack(head)[0], socket.MSG_WAITALL)


class _End(asyncio.Protocol):
    """One side of a connection; what comes in leaves by its peer."""

    peer: "_End"
    transport: asyncio.Transport

    def __init__(self) -> None:
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.peer.transport.write(data)

    def eof_received(self) -> bool:
        self._ended = True
        self.peer.transport.write_eof()
        return not self.peer._ended  # the other way may go on

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.peer.transport.close()

    def pause_writing(self) -> None:
        self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        self.peer.transport.resume_reading()


async def join(client: socket.socket, seen: bytes, port: int) -> None:
    """Connect a client to the server on ``port`` of this machine, and copy from now on."""
    loop = asyncio.get_running_loop()
    inner, outer = _End(), _End()
    inner.peer, outer.peer = outer, inner
    try:
        await loop.create_connection(lambda: inner, "127.0.0.1", port)
    except OSError:
        client.close()
        return
    inner.transport.pause_reading()  # until there is somebody to send it to
    inner.transport.write(seen)
    await loop.connect_accepted_socket(lambda: outer, client)
    inner.transport.resume_reading()


async def relay(control: socket.socket, server: TextIO, port: int) -> None:
    """Join every client that comes over ``control``, until that or the server ends."""
    loop = asyncio.get_running_loop()
    ended, joining = asyncio.Event(), set()

    def take() -> None:
        came = receive_client(control)
        if came is None:
            ended.set()
            return
        task = loop.create_task(join(*came, port))
        joining.add(task)
        task.add_done_callback(joining.discard)

    loop.add_reader(control, take)
    loop.add_reader(server, ended.set)  # it says nothing more, so it has ended
    await ended.wait()


def run_relay(control: socket.socket, server: TextIO) -> None:
    """Read the server's port, then relay; without a port there is no server."""
    if port := server.readline():
        asyncio.run(relay(control, server, int(port)))

"""A call on its way from the gRPC server to the services, and its reply: a head and bytes."""

import json
import socket
import struct
from collections.abc import Mapping
from typing import Any

_SIZES = struct.Struct("!II")


def send_frame(wire: socket.socket, head: Mapping[str, Any], body: bytes) -> None:
    """Send a head, as JSON, and a body in one piece."""
    text = json.dumps(head).encode()
    wire.sendall(_SIZES.pack(len(text), len(body)) + text + body)


def read_frame(wire: socket.socket) -> tuple[dict[str, Any], bytes]:
    """Return the next head and body.

    Raises:
        ConnectionError: The other side has gone.
    """
    head, body = _SIZES.unpack(_exactly(wire, _SIZES.size))
    data = _exactly(wire, head + body)
    return json.loads(data[:head]), data[head:]


def _exactly(wire: socket.socket, size: int) -> bytes:
    data = wire.recv(size)
    if len(data) == size:
        return data
    whole = bytearray(data)
    while data and len(whole) < size:
        data = wire.recv(size - len(whole))
        whole += data
    if len(whole) < size:
        raise ConnectionError("the other side has gone")
    return bytes(whole)

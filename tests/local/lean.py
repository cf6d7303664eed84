"""Clients that cost little: requests as bytes, over connections that are kept.

They measure what the services do; Google's own clients would measure themselves.
"""

import json
import re
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc

from batchpredict.local import LOCATION
from batchpredict.local.network.rpcs import Rpc, load_rpcs, protobuf
from batchpredict.local.runs import PARENT

VERTEX = f"{LOCATION}-aiplatform.googleapis.com"
STORAGE = "storage.googleapis.com"
OBJECT = bytes(range(256)) * 16
LISTED = 20
TIMEOUT = 60.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """What the clients talk to: where it is, and what was made there for them.

    Attributes:
        port: Of the proxy; of the server itself when ``direct``.
        grpc_port: Of the gRPC server when ``direct``.
        authority: Path of the certificate to trust.
    """

    port: int
    authority: str
    bucket: str
    model: str
    endpoint: str
    job: str
    direct: bool = False
    grpc_port: int = 0


@dataclass(frozen=True)
class Call:
    """One request: bytes of HTTP for a host, or of a message for a gRPC path."""

    name: str
    host: str
    data: bytes
    path: str = ""


@dataclass
class Record:
    """What one client saw: seconds of each call by name, sizes of the replies, and errors."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def http_bytes(verb: str, host: str, path: str, body: bytes = b"", kind: str = "") -> bytes:
    """Return a request as it goes over the wire."""
    head = [f"{verb} {path} HTTP/1.1", f"Host: {host}", "Authorization: Bearer local"]
    head += [f"Content-Type: {kind}"] * bool(kind) + [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


def upload_call(place: Place, name: str) -> Call:
    """Return an upload with metadata, as Google's client sends it."""
    metadata = json.dumps({"name": name, "contentType": "application/x-load"}).encode()
    parts = b"--sep\r\nContent-Type: application/json\r\n\r\n%b\r\n--sep\r\n" % metadata
    body = parts + b"Content-Type: application/x-load\r\n\r\n" + OBJECT + b"\r\n--sep--"
    path = f"/upload/storage/v1/b/{place.bucket}/o?uploadType=multipart"
    kind = "multipart/related; boundary=sep"
    return Call("upload 4 KiB", STORAGE, http_bytes("POST", STORAGE, path, body, kind))


def rest_calls(place: Place, client: int) -> list[list[Call]]:
    """Return rounds of calls over HTTP; each writes another object of the client's own.

    The object is deleted again: what lies there does not grow, and nothing is overwritten.
    """
    files = f"/storage/v1/b/{place.bucket}/o"
    instances = json.dumps({"instances": [[1.5]]}).encode()
    same = [
        Call("download 4 KiB", STORAGE, http_bytes("GET", STORAGE, f"{files}/l%2F0?alt=media")),
        Call("list 20 objects", STORAGE, http_bytes("GET", STORAGE, f"{files}?prefix=l%2F")),
        Call("REST GetModel", VERTEX, http_bytes("GET", VERTEX, f"/v1/{place.model}")),
        Call("REST ListModels", VERTEX, http_bytes("GET", VERTEX, f"/v1/{PARENT}/models")),
        Call(
            "REST Predict",
            VERTEX,
            http_bytes(
                "POST", VERTEX, f"/v1/{place.endpoint}:predict", instances, "application/json"
            ),
        ),
        Call("REST GetBatchPredictionJob", VERTEX, http_bytes("GET", VERTEX, f"/v1/{place.job}")),
    ]
    names = [f"w/{client}-{turn}" for turn in range(10)]
    gone = [http_bytes("DELETE", STORAGE, f"{files}/{name.replace('/', '%2F')}") for name in names]
    return [
        [upload_call(place, name), *same, Call("delete", STORAGE, delete)]
        for name, delete in zip(names, gone, strict=True)
    ]


def grpc_calls(place: Place) -> list[Call]:
    """Return the calls over gRPC of a round."""
    rpcs = {rpc.method: rpc for rpc in load_rpcs().values()}

    def call(rpc: Rpc, **fields: Any) -> Call:
        message = protobuf(rpc.request_type(**fields)) if fields else predict_message(place, rpc)
        return Call(f"gRPC {rpc.method}", VERTEX, message.SerializeToString(), rpc.path)

    return [
        call(rpcs["GetModel"], name=place.model),
        call(rpcs["ListModels"], parent=PARENT),
        call(rpcs["Predict"]),
        call(rpcs["GetBatchPredictionJob"], name=place.job),
    ]


def predict_message(place: Place, rpc: Rpc) -> Any:
    """Return a request to predict one instance."""
    message = protobuf(rpc.request_type(endpoint=place.endpoint))
    message.instances.add().list_value.values.add().number_value = 1.5
    return message


class Wires:
    """The connections of one client: one to each host over HTTP, and one channel of gRPC."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._sockets: dict[str, ssl.SSLSocket] = {}
        self._channel = open_channel(place)

    def send(self, call: Call, size: int = 0) -> int:
        """Send a call; return the size of the reply, which ``size`` asks a bare server for.

        Raises:
            RuntimeError: It was refused.
        """
        if call.path:
            method = self._channel.unary_unary(call.path)
            metadata = [("x-size", str(size))] if size else None
            return len(method(call.data, timeout=TIMEOUT, metadata=metadata))
        if call.host not in self._sockets:
            self._sockets[call.host] = open_socket(self._place, call.host)
        asked = b"\r\nX-Size: %d\r\n" % size if size else b"\r\n"
        status, body = exchange(self._sockets[call.host], call.data.replace(b"\r\n", asked, 1))
        if status not in (200, 204):
            raise RuntimeError(f"{call.name}: {status} {body[:300]!r}")
        return len(body)

    def close(self) -> None:
        """End the connections."""
        for opened in self._sockets.values():
            opened.close()
        self._channel.close()


def open_socket(place: Place, host: str) -> ssl.SSLSocket:
    """Connect to a host, through the proxy unless the place is direct."""
    plain = socket.create_connection(("127.0.0.1", place.port), TIMEOUT)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not place.direct:
        plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        if b" 200 " not in plain.recv(4096):
            raise ConnectionError("the proxy refused")
    context = ssl.create_default_context(cafile=place.authority)
    return context.wrap_socket(plain, server_hostname=host)


def open_channel(place: Place) -> grpc.Channel:
    """Open a channel that shares nothing with others."""
    with open(place.authority, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    options: list[tuple[str, Any]] = [("grpc.use_local_subchannel_pool", 1)]
    if place.direct:
        options += [("grpc.ssl_target_name_override", VERTEX), ("grpc.enable_http_proxy", 0)]
        return grpc.secure_channel(f"127.0.0.1:{place.grpc_port}", credentials, options)
    options.append(("grpc.http_proxy", f"http://127.0.0.1:{place.port}"))
    return grpc.secure_channel(f"{VERTEX}:443", credentials, options)


def exchange(wire: socket.socket, request: bytes) -> tuple[int, bytes]:
    """Send a request and read the whole reply."""
    wire.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        data += received(wire)
    head, _, body = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    pieces, missing = [body], int(length[1]) - len(body) if length else 0
    while missing > 0:
        pieces.append(received(wire))
        missing -= len(pieces[-1])
    return int(head[9:12]), b"".join(pieces)


def received(wire: socket.socket) -> bytes:
    data = wire.recv(65536)
    if not data:
        raise ConnectionError("the connection was ended")
    return data


def run_client(
    place: Place,
    client: int,
    end: float,
    turns: int = 0,
    sizes: dict[str, int] | None = None,
) -> Record:
    """Send calls round after round, until a time of ``time.monotonic`` or for so many turns.

    Every round holds the same calls, so that whoever answers is asked for the same mix.
    """
    rounds, further = rest_calls(place, client), grpc_calls(place)
    record, wires, sent = Record(), Wires(place), 0
    while (sent < turns) if turns else (time.monotonic() < end):
        for call in rounds[sent % len(rounds)] + further:
            size = (sizes or {}).get(call.name, 0)
            start = time.monotonic()
            try:
                record.sizes[call.name] = wires.send(call, size)
            except (RuntimeError, OSError, grpc.RpcError) as error:
                record.errors.append(f"{call.name}: {type(error).__name__}: {error}"[:500])
                wires.close()
                wires = Wires(place)
            record.seconds.setdefault(call.name, []).append(time.monotonic() - start)
        sent += 1
    wires.close()
    return record


def merged(records: Sequence[Record]) -> Record:
    """Return what several clients saw as one record."""
    whole = Record()
    for record in records:
        for name, seconds in record.seconds.items():
            whole.seconds.setdefault(name, []).extend(seconds)
        whole.sizes |= record.sizes
        whole.errors += record.errors
    return whole


def make_objects(store: Any, bucket: str) -> None:
    """Write what the clients download and list."""
    store.create_bucket(bucket)
    for number in range(LISTED):
        path = store.path(f"gs://{bucket}/l/{number}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(OBJECT)

"""The CONNECT proxy through which clients reach Google's hosts, which stand on this machine.

One port serves both worlds: a TLS greeting that offers only HTTP/2 goes to the gRPC server, every
other one to the HTTP server. A host that is not Google's is refused, so nothing is forwarded.
"""

import re
import socket
import threading
from collections.abc import Callable

from batchpredict.local.network.sockets import serve_connections, splice

GOOGLE_HOST = re.compile(
    r"([a-z0-9-]+-)?aiplatform\.googleapis\.com"
    r"|(bigquery|storage|www|oauth2|iamcredentials|cloudresourcemanager|iam)\.googleapis\.com"
    r"|(artifactregistry|secretmanager|logging)\.googleapis\.com|[a-z0-9-]+-kfp\.pkg\.dev"
)
ALPN_HTTP2 = b"\x02h2"
ALPN_HTTP1 = b"\x08http/1.1"
TLS_HANDSHAKE = 0x16
MAX_HEAD = 65536


class ConnectProxy:
    """Brings each allowed CONNECT to the TLS server that speaks its protocol.

    Args:
        http_port: Of the HTTP server.
        grpc: Takes a connection of gRPC, and what was read of it already.
        log: Takes one line for each connection.
        https: Serves one connection of HTTPS in this process, which is faster than to splice it;
            where the whole greeting cannot be seen before it is read, it is spliced all the same.
    """

    def __init__(
        self,
        http_port: int,
        grpc: Callable[[socket.socket, bytes], None],
        log: Callable[[str], None],
        https: Callable[[socket.socket], None] | None = None,
    ) -> None:
        self._http_port = http_port
        self._grpc = grpc
        self._log = log
        self._https = https

    def listen(self, listener: socket.socket) -> threading.Thread:
        """Serve every connection of ``listener`` until it is closed."""
        return serve_connections(listener, self._serve)

    def _serve(self, client: socket.socket) -> None:
        target, surplus = _read_connect(client)
        host, _, port = target.rpartition(":")
        if port != "443" or not GOOGLE_HOST.fullmatch(host):
            self._log(f"DENIED {target}")
            client.sendall(
                b"HTTP/1.1 403 Forbidden by batchpredict: nothing leaves this machine\r\n"
                b"Content-Length: 0\r\nConnection: close\r\n\r\n"
            )
            return
        self._log(f"CONNECT {target}")
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        seen = b"" if surplus else _see_greeting(client)
        if self._https and seen and not _wants_grpc(seen):
            self._https(client)
            return
        greeting = b"" if seen else _read_greeting(client, surplus)
        if _wants_grpc(seen or greeting):
            self._grpc(client, greeting)
            return
        with socket.create_connection(("127.0.0.1", self._http_port)) as server:
            server.sendall(greeting)
            splice(client, server)


def _read_connect(client: socket.socket) -> tuple[str, bytes]:
    """Return the target of a CONNECT request and what came after its head."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = client.recv(MAX_HEAD)
        if not piece or len(head) > MAX_HEAD:
            raise ConnectionError("no complete request head")
        head += piece
    first, _, _ = head.partition(b"\r\n")
    words = first.decode("latin-1").split(" ")
    target = words[1] if len(words) == 3 and words[0] == "CONNECT" else f"{first!r}:0"
    return target, head.partition(b"\r\n\r\n")[2]


def _wants_grpc(greeting: bytes) -> bool:
    return ALPN_HTTP2 in greeting and ALPN_HTTP1 not in greeting


def _see_greeting(client: socket.socket) -> bytes:
    """Return the whole first TLS record, and leave it to be read; empty if that cannot be."""
    flags = socket.MSG_PEEK | socket.MSG_WAITALL
    head = client.recv(5, flags)
    if len(head) < 5 or head[0] != TLS_HANDSHAKE:
        return b""
    size = 5 + int.from_bytes(head[3:5])
    seen = client.recv(size, flags)
    return seen if len(seen) == size else b""


def _read_greeting(client: socket.socket, greeting: bytes) -> bytes:
    """Return the whole first TLS record: the protocols may stand in its second half."""
    while len(greeting) < 5 or len(greeting) < 5 + int.from_bytes(greeting[3:5]):
        if greeting and greeting[0] != TLS_HANDSHAKE:
            return greeting  # the TLS server knows what to answer
        piece = client.recv(MAX_HEAD)
        if not piece:
            raise ConnectionError("no complete TLS greeting")
        greeting += piece
    return greeting

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
    r"|(storage|www|oauth2|iamcredentials|cloudresourcemanager|iam)\.googleapis\.com"
)
ALPN_HTTP2 = b"\x02h2"
ALPN_HTTP1 = b"\x08http/1.1"
TLS_HANDSHAKE = 0x16
MAX_HEAD = 65536


class ConnectProxy:
    """Splices each allowed CONNECT to the TLS server that speaks its protocol."""

    def __init__(self, http_port: int, grpc_port: int, log: Callable[[str], None]) -> None:
        self._http_port = http_port
        self._grpc_port = grpc_port
        self._log = log

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
        greeting = _read_greeting(client, surplus)
        wants_grpc = ALPN_HTTP2 in greeting and ALPN_HTTP1 not in greeting
        backend = ("127.0.0.1", self._grpc_port if wants_grpc else self._http_port)
        with socket.create_connection(backend) as server:
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

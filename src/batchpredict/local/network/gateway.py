"""The HTTP server in front of the services: reads a request, hands it on, sends the reply."""

import logging
import socket
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from batchpredict.local.network.certificates import DOMAINS, Certificates
from batchpredict.local.network.http import (
    REAL_TOKEN,
    ConnectionBrokenError,
    HttpRequest,
    HttpResponse,
    carries_real_token,
    json_response,
)
from batchpredict.local.network.sockets import serve_connections

log = logging.getLogger("batchpredict.local")

LOOPBACK = ("127.0.0.1", "localhost", "metadata.google.internal")
Service = Callable[[HttpRequest], HttpResponse]


class Gateway:
    """Serves one function from request to reply, plainly and over TLS.

    A request that carries what looks like a real Google token is refused: the caller believes to
    be talking to Google Cloud, and must hear that it is not.
    """

    def __init__(self, service: Service, log_line: Callable[[str], None]) -> None:
        self._service = service
        self._log_line = log_line

    def listen(self, listener: socket.socket) -> threading.Thread:
        """Serve plain HTTP on ``listener``."""
        return serve_connections(listener, self._serve)

    def listen_tls(self, listener: socket.socket, certificates: Certificates) -> threading.Thread:
        """Serve HTTPS on ``listener``."""
        return serve_connections(listener, self.over_tls(certificates))

    def over_tls(self, certificates: Certificates) -> Callable[[socket.socket], None]:
        """Return what serves HTTPS on one connection, from the client's greeting on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.chain, certificates.key)
        context.set_alpn_protocols(["http/1.1"])

        def serve(client: socket.socket) -> None:
            with context.wrap_socket(client, server_side=True) as secure:
                self._serve(secure)

        return serve

    def _serve(self, client: socket.socket) -> None:
        _Connection(client, client.getpeername(), self)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Return the reply to one request, whatever happens.

        Raises:
            ConnectionBrokenError: There is to be none.
        """
        host = request.base_url.rpartition("://")[2].partition(":")[0]
        self._log_line(f"{request.method} {host}{request.path}")
        if host not in LOOPBACK and not host.endswith(tuple(f".{name}" for name in DOMAINS)):
            return _error(403, f"host {host!r} is not served here")
        if carries_real_token(request.headers, request.param("access_token")):
            return _error(400, REAL_TOKEN)
        try:
            return self._service(request)
        except ConnectionBrokenError:
            raise
        except Exception as error:
            log.exception("%s %s failed", request.method, request.path)
            return _error(500, f"{type(error).__name__}: {error}")


def _error(status: int, message: str) -> HttpResponse:
    return json_response({"error": {"code": status, "message": message}}, status)


class _Connection(BaseHTTPRequestHandler):
    """Reads requests from one kept-alive connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body leave in one packet: without it each reply waits 40 ms

    def __init__(self, client: socket.socket, address: Any, gateway: Gateway) -> None:
        self._gateway = gateway
        super().__init__(client, address, None)  # type: ignore[arg-type]

    def _handle(self) -> None:
        try:
            request = self._read()
        except ValueError as error:  # where the next request begins is not known
            self.close_connection = True
            self._send(_error(400, f"the request cannot be read: {error}"))
            return
        self._send(self._gateway.answer(request))

    def _read(self) -> HttpRequest:
        parts = urlsplit(self.path)
        host = self.headers.get("Host", "127.0.0.1")
        return HttpRequest(
            method=self.command,
            path=parts.path,
            query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self._body(),
            base_url=f"{'https' if isinstance(self.connection, ssl.SSLSocket) else 'http'}://{host}",
        )

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.flush()
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self._exactly(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            pieces.append(self._exactly(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(pieces)

    def _exactly(self, size: int) -> bytes:
        """Read ``size`` bytes: half a body must not be taken for a whole one."""
        if size < 0:
            raise ValueError(f"length {size}")
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionError("the client went away in the middle of its request")
        return data

    def _send(self, response: HttpResponse) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body[: response.cut])
        self.wfile.flush()
        if response.cut is not None:
            raise ConnectionBrokenError("the rest of the reply is withheld")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on stderr: the gateway logs the requests."""

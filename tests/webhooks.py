"""A webhook on this machine, for tests: keeps what it gets, and answers as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook:
    """A running webhook.

    Attributes:
        url: Its address, with a part that must stay secret.
        bodies: The bodies of the posts, as they came.
        answers: (status, headers) of the next replies; then 200.
    """

    SECRET = "T0123456/B0123456/very-secret"

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/services/{self.SECRET}"
        self.bodies: list[bytes] = []
        self.answers: list[tuple[int, dict[str, str]]] = []

    @property
    def notes(self) -> list[dict[str, Any]]:
        """The bodies read as JSON."""
        return [json.loads(body) for body in self.bodies]


@contextmanager
def running_webhook() -> Iterator[Webhook]:
    """Serve a webhook until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = webhook.answers.pop(0) if webhook.answers else (200, {})
            webhook.bodies.append(body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            text = b"" if status == 200 else f"no_service {self.path}".encode()
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    webhook = Webhook(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield webhook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

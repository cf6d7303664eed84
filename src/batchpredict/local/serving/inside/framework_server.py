"""Serves a model over HTTP on a Unix socket; the prebuilt TensorFlow and PyTorch containers.

usage: framework_server.py LOADER MODEL SOCKET HEALTH_ROUTE PREDICT_ROUTE

LOADER is a Python file whose ``load(folder)`` returns what answers a request: a function from the
JSON of the request to the JSON of the reply, which raises ValueError for a request that is wrong.
"""

import json
import os
import runpy
import socketserver
import sys
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

Predict = Callable[[dict[str, Any]], dict[str, Any]]


class ModelServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers each connection in a thread.

    Args:
        path: The socket; it appears when the model can be asked.
        health: The path of health checks.
        predict_route: The path of predictions.
        predict: What answers.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: str, health: str, predict_route: str, predict: Predict) -> None:
        self.health = health
        self.predict_route = predict_route
        self.predict = predict
        super().__init__(path, _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    def do_GET(self) -> None:
        if self.path == self.server.health:
            self._reply(200, {"status": "healthy"})
        else:
            self._reply(404, {"error": f"there is no {self.path}"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != self.server.predict_route:
            self._reply(404, {"error": f"there is no {self.path}"})
            return
        self._reply(*answer(self.server.predict, body))

    def _reply(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep the log for errors."""


def answer(predict: Predict, body: bytes) -> tuple[int, dict[str, Any]]:
    """Return the status and the reply to the body of a prediction request."""
    try:
        request = json.loads(body)
        if not isinstance(request, dict) or not isinstance(request.get("instances"), list):
            raise ValueError("the request must be an object with a list of instances")
        return 200, predict(request)
    except ValueError as error:
        return 400, {"error": str(error)}
    except Exception as error:
        traceback.print_exc()
        return 500, {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Load the model, and serve it until the process is killed."""
    loader, model, path, health, predict_route = sys.argv[1:6]
    here = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != here]
    predict = runpy.run_path(loader)["load"](model)
    with ModelServer(path, health, predict_route, predict) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()

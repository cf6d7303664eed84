"""Model servers of the running session, with the processes that they start."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from batchpredict.local.launch.process import Process
from batchpredict.local.network.environment import scrubbed
from batchpredict.local.serving.environments import Environments
from batchpredict.local.serving.images import Image, Images
from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.serving.starting import Starter
from batchpredict.local.serving.variables import Deployment
from batchpredict.local.session import LocalVertex

SERVER = """
import json, os, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        fit = self.path == os.environ["AIP_HEALTH_ROUTE"] and "UNFIT" not in os.environ
        self.reply(200 if fit else 503, {})

    def do_POST(self):
        instances = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
        if instances == ["end"]:
            os._exit(3)
        facts = {"env": dict(os.environ), "argv": sys.argv[1:], "cwd": os.getcwd(),
                 "path": self.path, "python": sys.executable, "pid": os.getpid()}
        self.reply(200, {"predictions": [facts for _ in instances]})

    def reply(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("0.0.0.0", int(os.environ["AIP_HTTP_PORT"])), Handler).serve_forever()
"""


class Counting:
    """The session's sandbox, with the processes that it started."""

    def __init__(self, vertex: LocalVertex) -> None:
        self._sandbox = vertex.sandbox
        self.started: list[Process] = []
        self.open_socket = vertex.sandbox.open_socket

    def spawn(self, *arguments: Any, **options: Any) -> Process:
        self.started.append(self._sandbox.spawn(*arguments, **options))
        return self.started[-1]


@pytest.fixture
def sandbox(vertex: LocalVertex) -> Counting:
    return Counting(vertex)


@pytest.fixture
def serve(vertex: LocalVertex, sandbox: Counting, tmp_path: Path) -> Callable[..., ModelServers]:
    """Model servers with these images, of which so many stay running."""

    def serve(*images: Image, most: int = 8, environments: Path = tmp_path) -> ModelServers:
        environment = {**scrubbed(), **vertex.environment}
        session = Path(vertex.environment["SSL_CERT_FILE"]).parent
        sockets = Path(tempfile.mkdtemp(dir=session))
        counting: Any = sandbox
        starter = Starter(
            counting,
            vertex.store,
            environment,
            Images(images),
            Environments(counting, environments, tmp_path / "logs"),
            sockets=sockets,
            work=tmp_path / "logs",
        )
        return ModelServers(starter, most)

    return serve


@pytest.fixture
def container_model() -> Callable[..., Any]:
    """A model of a custom container."""

    def make(uri: str = "gcr.io/mine/server:1", number: int = 1, **spec: Any) -> Any:
        return types.Model(
            name=f"projects/p/locations/l/models/{number}",
            version_id="1",
            container_spec={"image_uri": uri, **spec},
        )

    return make


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A folder with a server of one's own, which answers with what it sees."""
    folder = tmp_path / "service"
    folder.mkdir()
    (folder / "own_server.py").write_text(SERVER)
    return folder


@pytest.fixture
def image(directory: Path) -> Image:
    return Image("gcr.io/mine/*", ("python3", "-m", "own_server"), directory)


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Ask such a server what it sees."""

    def ask(servers: ModelServers, model: Any, place: Deployment | None = None) -> Any:
        status, content = servers.post(model, b'{"instances": [1]}', deployment=place)
        assert status == 200, content
        return json.loads(content)["predictions"][0]

    return ask

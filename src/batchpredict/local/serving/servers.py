"""The running model servers, one process for each model version, reached by Unix sockets."""

import contextlib
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.rpc import code_pb2

from batchpredict.local.launch.process import Process
from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.logs import last_exception
from batchpredict.local.serving.connections import Connections
from batchpredict.local.serving.recipes import Recipe, recipe_for
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.runtime.model_files import written_with

START_TIMEOUT = 120.0
POLL_INTERVAL = 0.02
LAST_WORDS = 1.0


class _Server:
    """One model server: started by the first caller, waited for by the others."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lock = threading.Lock()
        self.process: Process | None = None
        self.recipe: Recipe | None = None
        self.connections = Connections(Path())


class ModelServers:
    """Starts servers in the sandbox as they are needed.

    Args:
        sandbox: Where the servers run.
        store: Where the models' files are, to say what wrote a file that does not load.
        environment: Variables that lead Google's clients to the local services.
        sockets: A folder with a short path for the sockets.
        work: Folder for the servers' files and logs.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        store: ObjectStore,
        environment: Mapping[str, str],
        *,
        sockets: Path,
        work: Path,
    ) -> None:
        self._sandbox = sandbox
        self._store = store
        self._environment = environment
        self._sockets = sockets
        self._work = work
        self._servers: dict[str, _Server] = {}
        self._lock = threading.Lock()

    def post(self, model: Any, body: bytes, timeout: float = 600.0) -> tuple[int, bytes]:
        """Send a prediction request to the model's server; return its status and body.

        Raises:
            ServiceError: As :meth:`ensure`.
            OSError: The server ended while it was asked, or did not answer in time; when it is
                asked again it has been started anew.
        """
        server = self.ensure(model)
        assert server.recipe is not None
        assert server.process is not None
        process = server.process
        try:
            return server.connections.request("POST", server.recipe.predict_route, body, timeout)
        except (ConnectionError, FileNotFoundError):
            with contextlib.suppress(TimeoutError):  # its end is told after that of its socket
                process.wait(LAST_WORDS)
            raise

    def ensure(self, model: Any) -> _Server:
        """Return the model's server, started if need be.

        Raises:
            ServiceError: The image has no local form, or the server could not load the model.
        """
        # The etag tells a model from another of its name that was uploaded after a deletion.
        key = f"{model.name}@{model.version_id} {model.etag}"
        with self._lock:
            server = self._servers.get(key) or _Server(len(self._servers))
            self._servers[key] = server
        with server.lock:
            if server.process is None or server.process.poll() is not None:
                self._start(server, model)
        return server

    def _start(self, server: _Server, model: Any) -> None:
        name = f"model-{server.number}"
        folder = self._work / name
        folder.mkdir(parents=True, exist_ok=True)
        socket = self._sockets / f"{name}.sock"
        socket.unlink(missing_ok=True)
        server.connections = Connections(socket)
        server.recipe = recipe_for(model, str(socket))
        log = self._work / f"{name}.log"
        log.unlink(missing_ok=True)
        environment = {**self._environment, **server.recipe.environment}
        process = self._sandbox.spawn(server.recipe.command, env=environment, cwd=folder, log=log)
        self._wait_healthy(server, process, model, log)
        server.process = process

    def _wait_healthy(self, server: _Server, process: Process, model: Any, log: Path) -> None:
        assert server.recipe is not None
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                route = server.recipe.health_route
                if server.connections.request("GET", route, b"", 5.0)[0] == 200:
                    return
            except OSError:
                pass  # not listening yet
            if process.poll() is not None:
                raise self._load_failure(server.recipe, model, log)
            if time.monotonic() > deadline:
                process.kill()
                message = f"E334 the model server was not healthy after {START_TIMEOUT:.0f} s"
                raise ServiceError(code_pb2.DEADLINE_EXCEEDED, f"{message}; log: {log}")
            time.sleep(POLL_INTERVAL)

    def _load_failure(self, recipe: Recipe, model: Any, log: Path) -> ServiceError:
        cause = last_exception(log.read_text(errors="replace"))
        written = self._written_with(model)
        by = f", which {written} wrote," if written else ""
        message = (
            f"E333 the server of {model.container_spec.image_uri} could not load the model at "
            f"{model.artifact_uri}{by} with {recipe.installed}: {cause} (log: {log})"
        )
        return ServiceError(code_pb2.FAILED_PRECONDITION, message)

    def _written_with(self, model: Any) -> str:
        try:
            return written_with(str(self._store.path(model.artifact_uri)))
        except (OSError, ValueError):
            return ""

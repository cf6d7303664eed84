"""Starts the server of a model and waits until it is healthy."""

import contextlib
import http.client
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.rpc import code_pb2

from batchpredict.local.launch.process import Process
from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.logs import last_exception
from batchpredict.local.serving.connections import Connections, tcp_port, unix_socket
from batchpredict.local.serving.containers import container_recipe
from batchpredict.local.serving.environments import Environments
from batchpredict.local.serving.images import Image, Images
from batchpredict.local.serving.ports import Ports
from batchpredict.local.serving.prebuilt import Prebuilt
from batchpredict.local.serving.recipes import PAGE, Recipe, refusal
from batchpredict.local.serving.variables import Deployment, wanted_port
from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.runtime.model_files import written_with

POLL_INTERVAL = 0.02
STOP_SECONDS = 2.0
HEALTH_SECONDS = 10.0  # a later answer counts as unhealthy, as on Vertex AI


@dataclass(frozen=True)
class Running:
    """A server that was healthy.

    Attributes:
        process: Its process.
        recipe: How it was started.
        connections: The way to it.
        log: What it writes.
        folder: Its private folder, to which it may have copied the model.
    """

    process: Process
    recipe: Recipe
    connections: Connections
    log: Path
    folder: Path

    def is_alive(self) -> bool:
        """Tell whether the process still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End the process with all it started, and remove its folder."""
        self.process.kill()
        self.connections.close()
        with contextlib.suppress(TimeoutError):
            self.process.wait(STOP_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)


class Starter:
    """Knows how each model is served.

    Args:
        sandbox: Where the servers run.
        store: Where the models' files are.
        environment: Variables that lead Google's clients to the local services.
        images: What stands for custom containers.
        environments: The interpreters with other packages.
        sockets: A folder with a short path for the sockets.
        work: Folder for the servers' files and logs.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        store: ObjectStore,
        environment: Mapping[str, str],
        images: Images,
        environments: Environments,
        *,
        sockets: Path,
        work: Path,
    ) -> None:
        self._sandbox = sandbox
        self._store = store
        self._environment = environment
        self._images = images
        self._environments = environments
        self._ports = Ports(sandbox)
        self._sockets = sockets
        self._work = work
        self._number = 0
        self._lock = threading.Lock()

    def is_container(self, uri: str) -> bool:
        """Tell whether an image is run by a command of the user's, as a custom container."""
        image = self._images.find(uri)
        return image is not None and (bool(image.command) or Prebuilt.of(uri) is None)

    def start(self, model: Any, deployment: Deployment) -> Running:
        """Start the server of a model and wait until it is healthy.

        Raises:
            ServiceError: It cannot be served here, or it does not become healthy.
        """
        with self._lock:
            name = f"model-{self._number}"
            self._number += 1
        folder = self._work / name
        shutil.rmtree(folder, ignore_errors=True)  # an earlier session left the files of its model
        folder.mkdir(parents=True)
        log = self._work / f"{name}.log"
        log.unlink(missing_ok=True)
        port = self._port(model)
        try:
            recipe, connections = self._prepare(model, deployment, name, port)
            process = self._sandbox.spawn(
                recipe.command,
                env={**self._environment, **recipe.environment},
                cwd=recipe.directory or folder,
                log=log,
            )
        except BaseException:
            self._ports.release(port)
            raise
        if port:
            self._ports.give(port, process)
        running = Running(process, recipe, connections, log, folder)
        self._wait_healthy(running, model, port)
        return running

    def _port(self, model: Any) -> int:
        """Return the port that a custom container is to listen on, or 0."""
        if not self.is_container(model.container_spec.image_uri):
            return 0
        return self._ports.choose(wanted_port(model))

    def _prepare(
        self, model: Any, deployment: Deployment, name: str, port: int
    ) -> tuple[Recipe, Connections]:
        """Return the command and the way to it."""
        uri = model.container_spec.image_uri
        image = self._images.find(uri)
        if image is not None and port:
            python = self._interpreter(image, ())
            recipe = container_recipe(model, image, deployment, port, python)
            return recipe, Connections(tcp_port(self._sandbox.open_socket, port))
        prebuilt = Prebuilt.of(uri)
        if prebuilt is None:
            raise ServiceError(
                code_pb2.UNIMPLEMENTED,
                f"E331 there is no local server for the image {uri}; name the command that stands "
                f"for it in images.toml ({PAGE}), or use a prebuilt container",
            )
        socket = self._sockets / f"{name}.sock"
        socket.unlink(missing_ok=True)
        recipe = self._prebuilt_recipe(prebuilt, model, image, socket)
        return recipe, Connections(unix_socket(socket))

    def _prebuilt_recipe(
        self, prebuilt: Prebuilt, model: Any, image: Image | None, socket: Path
    ) -> Recipe:
        python = self._interpreter(image, prebuilt.added()) if image else None
        installed = self._environments.versions(python, prebuilt.needed())
        place = f"the environment of {python}" if python else "this environment"
        served_by = prebuilt.check(installed, place)
        try:
            artifacts = self._store.path(model.artifact_uri)
        except StorageError as error:
            raise refusal(
                f"E333 the image {prebuilt.uri} needs the model's files: artifact_uri: "
                f"{error.message}"
            ) from error
        return prebuilt.recipe(model, served_by, artifacts, str(socket), python)

    def _interpreter(self, image: Image, added: tuple[str, ...]) -> Path | None:
        if image.packages:
            return self._environments.made_of((*image.packages, *added))
        return image.python

    def _wait_healthy(self, running: Running, model: Any, port: int) -> None:
        recipe = running.recipe
        deadline = time.monotonic() + recipe.start_seconds
        while True:
            seen = _health(running)
            if not seen:
                return
            if not running.is_alive():
                running.stop()
                raise self._load_failure(running, model)
            if time.monotonic() > deadline:
                running.stop()
                where = f" on port {port}, which AIP_HTTP_PORT names" if port else ""
                raise ServiceError(
                    code_pb2.DEADLINE_EXCEEDED,
                    f"E334 the model server was not healthy after {recipe.start_seconds:.0f} s: "
                    f"GET {recipe.health_route}{where}: {seen} (log: {running.log})",
                )
            time.sleep(POLL_INTERVAL)

    def _load_failure(self, running: Running, model: Any) -> ServiceError:
        cause = last_exception(running.log.read_text(errors="replace"))
        written = self._written_with(model)
        by = f", which {written} wrote," if written else ""
        place = f" at {model.artifact_uri}{by}" if model.artifact_uri else ""
        return refusal(
            f"E333 the server of {model.container_spec.image_uri} could not load the model{place} "
            f"with {running.recipe.served_by}: {cause} (log: {running.log})"
        )

    def _written_with(self, model: Any) -> str:
        try:
            return written_with(str(self._store.path(model.artifact_uri)))
        except (OSError, ValueError, StorageError):
            return ""


def _health(running: Running) -> str:
    """Return what is wrong, or nothing."""
    try:
        route = running.recipe.health_route
        status, _ = running.connections.request("GET", route, b"", HEALTH_SECONDS)
    except TimeoutError:
        return f"no answer within {HEALTH_SECONDS:.0f} s"
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {error or type(error).__name__}"
    return "" if status == 200 else f"status {status}"

"""The running model servers: started when they are needed, stopped when they are not."""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.serving.environments import Environments
from batchpredict.local.serving.images import load_images
from batchpredict.local.serving.starting import Running, Starter
from batchpredict.local.serving.variables import Deployment
from batchpredict.local.settings import LocalSettings
from batchpredict.local.storage.objects import ObjectStore

LAST_WORDS = 1.0
REQUEST_SECONDS = 600.0


class _Key(NamedTuple):
    """What has a server of its own.

    The etag tells a model from another of its name that was uploaded after a deletion. A custom
    container is told where it is deployed, so each deployment has one; others are shared.
    """

    model: str
    version: str
    etag: str
    deployment: Deployment | None


class _Server:
    """One model server: started by the first caller, waited for by the others."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: Running | None = None
        self.users = 0
        self.retired = False


class ModelServers:
    """Starts a server for each model that is asked for.

    Args:
        starter: Starts them.
        most: How many may run; who was not asked for longest is stopped to make room. Those that
            are at work stay, so that there may be more for a while.
    """

    def __init__(self, starter: Starter, most: int) -> None:
        self._starter = starter
        self._most = most
        self._servers: OrderedDict[_Key, _Server] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def of_session(
        cls,
        home: Path,
        work: Path,
        environment: Mapping[str, str],
        store: ObjectStore,
        sandbox: Sandbox,
        settings: LocalSettings,
    ) -> "ModelServers":
        """Return the servers of one session.

        Args:
            home: Folder of the state.
            work: A folder whose path is short enough for sockets.
            environment: Variables of every server.
            store: Where the models' files are.
            sandbox: Where the servers run.
            settings: How the services run.

        Raises:
            UsageError: ``images.toml`` cannot be used.
        """
        logs = home / "logs" / "servers"
        environments = Environments(sandbox, home / "environments", logs)
        images = load_images(settings.images)
        starter = Starter(
            sandbox, store, environment, images, environments, sockets=work, work=logs
        )
        return cls(starter, settings.model_servers)

    def post(
        self,
        model: Any,
        body: bytes,
        timeout: float = REQUEST_SECONDS,
        deployment: Deployment | None = None,
    ) -> tuple[int, bytes]:
        """Send a prediction request to the model's server; return its status and body.

        Args:
            model: The model.
            body: The request.
            timeout: How many seconds the answer may take.
            deployment: Where the model is deployed; None for batch prediction.

        Raises:
            ServiceError: As :meth:`ensure`.
            OSError: The server ended while it was asked, or did not answer in time; when it is
                asked again it has been started anew.
        """
        with self._use(model, deployment) as server:
            running = self._running(server, model, deployment)
            route = running.recipe.predict_route
            try:
                return running.connections.request("POST", route, body, timeout)
            except (ConnectionError, FileNotFoundError):
                with contextlib.suppress(TimeoutError):  # its end is told after that of its socket
                    running.process.wait(LAST_WORDS)
                raise

    def ensure(self, model: Any, deployment: Deployment | None = None) -> Running:
        """Return the model's server, started if need be.

        Raises:
            ServiceError: The image has no local form, or the server could not load the model.
        """
        with self._use(model, deployment) as server:
            return self._running(server, model, deployment)

    def stop(self, model: str, version: str = "", deployment: Deployment | None = None) -> None:
        """Stop the servers of a model when their last request has ended.

        Args:
            model: Its name.
            version: Its version; all of them without it.
            deployment: The deployment that ended; without it all of the model's.
        """
        with self._lock:
            for key in list(self._servers):
                meant = key.model == model and version in ("", key.version)
                if meant and (deployment is None or key.deployment in (None, deployment)):
                    self._retire(key)

    @contextlib.contextmanager
    def _use(self, model: Any, deployment: Deployment | None) -> Iterator[_Server]:
        key = self._key(model, deployment)
        with self._lock:
            server = self._servers.setdefault(key, _Server())
            self._servers.move_to_end(key)
            server.users += 1
        try:
            yield server
        finally:
            with self._lock:
                server.users -= 1
                if server.retired and not server.users and server.running:
                    server.running.stop()
                if server.running is None and not server.users:
                    self._forget(key, server)

    def _forget(self, key: _Key, server: _Server) -> None:
        if self._servers.get(key) is server:
            del self._servers[key]

    def _key(self, model: Any, deployment: Deployment | None) -> _Key:
        own = self._starter.is_container(model.container_spec.image_uri)
        place = (deployment or Deployment.of_jobs(model)) if own else None
        return _Key(model.name, model.version_id, model.etag, place)

    def _running(self, server: _Server, model: Any, deployment: Deployment | None) -> Running:
        with server.lock:
            if server.running is None or not server.running.is_alive():
                if server.running:
                    server.running.stop()
                self._make_room()
                place = deployment or Deployment.of_jobs(model)
                server.running = self._starter.start(model, place)
            return server.running

    def _make_room(self) -> None:
        with self._lock:
            servers = self._servers.items()
            alive = [key for key, it in servers if it.running and it.running.is_alive()]
            idle = [key for key in alive if not self._servers[key].users]
            for key in idle[: max(len(alive) + 1 - self._most, 0)]:
                self._retire(key)

    def _retire(self, key: _Key) -> None:
        """Give a server up; the caller holds the lock."""
        server = self._servers.pop(key)
        server.retired = True
        if not server.users and server.running:
            server.running.stop()

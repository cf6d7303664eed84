"""Vertex AI on this machine for as long as a ``with`` block lasts."""

import contextlib
import fcntl
import logging
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from batchpredict.errors import EnvironmentFault
from batchpredict.local import PROJECT
from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.network.certificates import issue_certificates
from batchpredict.local.network.environment import client_environment, scrubbed
from batchpredict.local.network.sockets import listen_on_loopback, stop_listening
from batchpredict.local.settings import LocalSettings

WORK_PREFIX = "batchpredict-"
LONGEST_FOLDER = 60  # a socket's whole path may have 107 bytes
PRELOAD = (
    "google.cloud.aiplatform",
    "google.cloud.storage",
    "google_cloud_pipeline_components.container.v1.batch_prediction_job.remote_runner",
    "google_cloud_pipeline_components.container.v1.endpoint.deploy_model.remote_runner",
    "google_cloud_pipeline_components.container.v1.model.upload_model.remote_runner",
    "kfp.dsl.executor",
    "duckdb",
    "joblib",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.impute",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "jinja2",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
    "fastapi",
    "uvicorn",
    "google.cloud.aiplatform.prediction.model_server",
    "google.cloud.aiplatform.prediction.handler",
    "google.cloud.aiplatform.prediction.sklearn.predictor",
)
"""What the steps and servers import; never a module that a step runs with ``-m`` itself."""


@dataclass
class LocalVertex:
    """The running services.

    Attributes:
        home: Folder of the state; ``home/storage`` holds the buckets as plain folders.
        environment: Variables that lead any Google client on this machine to the services.
        services: The Vertex AI services, for calls inside this process.
        store: The Cloud Storage objects.
        sandbox: Where steps and model servers run; its ``notes`` say what is not available here.
        start_seconds: How long it took until the services answered.
    """

    home: Path
    environment: dict[str, str]
    services: Any
    store: Any
    sandbox: Sandbox
    start_seconds: float


@contextlib.contextmanager
def local_vertex(
    home: Path,
    settings: LocalSettings = LocalSettings(),  # noqa: B008 - it is frozen
) -> Iterator[LocalVertex]:
    """Start the services over ``home``, and stop everything when the block ends.

    Must be entered in a thread that lives until the end, normally the main thread: the processes
    die with it.

    Args:
        home: Folder of the state; made when it is not there.
        settings: How the services run.

    Raises:
        EnvironmentFault: ``home`` cannot be written or is in use.
    """
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        home = _prepare_home(home)
        stack.enter_context(_lock(home))
        work = _work_folder(home)
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        yield _start(home, work, settings, stack, started)


def _prepare_home(home: Path) -> Path:
    home = home.expanduser().resolve()
    try:
        for name in ("storage", "runs", "vertex", "logs"):
            (home / name).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(b"x" * 4096)
    except OSError as error:
        raise EnvironmentFault(
            "E301",
            f"cannot write to the home folder {home}: {error.strerror}; choose another "
            "with --home",
        ) from error
    return home


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[None]:
    """Hold the home folder for this process; the system lets go of it when the process ends."""
    with (home / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise EnvironmentFault(
                "E302",
                f"the home folder {home} is in use by process {file.read().strip()}; wait for it "
                "or choose another with --home",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _work_folder(home: Path) -> Path:
    """Make a folder with a path short enough for sockets; drop the one of a killed session."""
    note = home / "work-folder"
    if note.is_file():
        old = Path(note.read_text())
        if old.parent == Path(_temporary_folder()) and old.name.startswith(WORK_PREFIX):
            shutil.rmtree(old, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=WORK_PREFIX, dir=_temporary_folder()))
    note.write_text(str(work))
    return work


def _temporary_folder() -> str:
    """Return the system's folder, or /tmp when paths in it are too long for Unix sockets."""
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) <= LONGEST_FOLDER else "/tmp"


class _RequestLog:
    """One line for each request and each connection, for people and for tests."""

    def __init__(self, path: Path) -> None:
        self._file: IO[str] = path.open("w", buffering=1)
        self._lock = threading.Lock()

    def write(self, line: str) -> None:
        with self._lock, contextlib.suppress(ValueError, OSError):  # closed, or the disk is full
            self._file.write(f"{time.strftime('%H:%M:%S')} {line}\n")

    def close(self) -> None:
        with self._lock:
            self._file.close()


def _start(
    home: Path,
    work: Path,
    settings: LocalSettings,
    stack: contextlib.ExitStack,
    started: float,
) -> LocalVertex:
    """Listen, start the sandbox, and while that loads its packages bring up the services."""
    plain, proxy = _listener(stack), _listener(stack, settings.port)
    ports = (proxy.getsockname()[1], plain.getsockname()[1])
    certificates = issue_certificates(work)
    empty = work / "gcloud"
    empty.mkdir()
    redirect = client_environment(
        proxy_port=ports[0],
        metadata_port=ports[1],
        authority=certificates.authority,
        empty_folder=empty,
        project=PROJECT,
    )
    environment = {**scrubbed(), **redirect}
    sandbox = Sandbox.start(
        store=home / "storage",
        work=work,
        env=environment,
        ports=ports,
        preload=PRELOAD,
        warm=settings.warm,
        isolate=settings.isolate,
    )
    stack.callback(sandbox.close)
    requests = _RequestLog(home / "logs" / "requests.log")
    stack.callback(requests.close)

    # Imported only now: this takes a second, in which the sandbox loads its packages.
    from batchpredict.local.assembly import serve

    services, store = serve(
        home,
        work,
        environment,
        certificates,
        sandbox,
        settings,
        requests.write,
        (proxy, plain),
        stack,
    )
    seconds = time.monotonic() - started
    return LocalVertex(home, redirect, services, store, sandbox, seconds)


def _listener(stack: contextlib.ExitStack, port: int = 0) -> socket.socket:
    listener = listen_on_loopback(port)
    stack.callback(stop_listening, listener)
    return listener


logging.getLogger("batchpredict.local").addHandler(logging.NullHandler())

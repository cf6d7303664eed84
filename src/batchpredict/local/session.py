"""Vertex AI on this machine for as long as a ``with`` block lasts."""

import contextlib
import gc
import logging
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from batchpredict.errors import EnvironmentFault
from batchpredict.local import PROJECT
from batchpredict.local.clock import SessionClock
from batchpredict.local.faults.registry import Faults
from batchpredict.local.home.folder import WORK_NOTE, WORK_PREFIX, lock_home, prepare_home
from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.network.certificates import issue_certificates
from batchpredict.local.network.environment import client_environment, scrubbed
from batchpredict.local.network.sockets import listen_on_loopback, stop_listening
from batchpredict.local.parts import import_parts_of
from batchpredict.local.recovery import recovery_notes
from batchpredict.local.settings import LocalSettings

LONGEST_FOLDER = 60  # a socket's whole path may have 107 bytes
PRELOAD = (
    "kfp.dsl.executor",
    "duckdb",
    "google.cloud.aiplatform",
    "google.cloud.storage",
    "google_cloud_pipeline_components.container.v1.batch_prediction_job.remote_runner",
    "google_cloud_pipeline_components.container.v1.endpoint.deploy_model.remote_runner",
    "google_cloud_pipeline_components.container.v1.model.upload_model.remote_runner",
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
"""What the steps and servers import; never a module that a step runs with ``-m`` itself.

First what every step needs: a step may start before the rest is loaded.
"""


@dataclass
class LocalVertex:
    """The running services.

    Attributes:
        home: Folder of the state; ``home/storage`` holds the buckets as plain folders.
        environment: Variables that lead any Google client on this machine to the services.
        services: The Vertex AI services, for calls inside this process.
        store: The Cloud Storage objects.
        sandbox: Where steps and model servers run; its ``notes`` say what is not available here.
        faults: What tests plan for the calls of clients.
        start_seconds: How long it took until the services answered.
    """

    home: Path
    environment: dict[str, str]
    services: Any
    store: Any
    sandbox: Sandbox
    faults: Faults
    start_seconds: float

    @property
    def recovered(self) -> list[str]:
        """One sentence for each thing that a killed session left, and that was put in order."""
        resources = self.services.resources
        ended = {**resources.ended, "bigquery": self.services.bigquery.interrupted}
        return recovery_notes(ended, resources.halves, self.store.staging.abandoned)

    @property
    def clock(self) -> SessionClock:
        """The time that schedules go by; a test can advance it."""
        return self.services.clock  # type: ignore[no-any-return]


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
        home = prepare_home(home)
        stack.enter_context(lock_home(home))
        work = _work_folder(home)
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        yield _start(home, work, settings, stack, started)


def _work_folder(home: Path) -> Path:
    """Make a folder with a path short enough for sockets; drop the one of a killed session."""
    note = home / WORK_NOTE
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
        path.write_bytes(b"")
        # Each line is one call of the system, so that no request waits for another's.
        self._file = path.open("ab", buffering=0)

    def write(self, line: str) -> None:
        text = f"{time.strftime('%H:%M:%S')} {line}\n"
        with contextlib.suppress(ValueError, OSError):  # closed, or the disk is full
            self._file.write(text.encode(errors="replace"))

    def close(self) -> None:
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
    loading = _load_services()
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

    loading()
    from batchpredict.local.assembly import serve

    faults = Faults()
    services, store = serve(
        home,
        work,
        environment,
        certificates,
        sandbox,
        settings,
        faults,
        requests.write,
        (proxy, plain),
        stack,
    )
    stack.callback(faults.clear)  # calls that are held go on
    seconds = time.monotonic() - started
    return LocalVertex(home, redirect, services, store, sandbox, faults, seconds)


def _load_services() -> Callable[[], None]:
    """Import the services, which takes a second, while the sandbox starts.

    Returns:
        What waits for it. Until then nothing is collected: nothing that is imported is garbage.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    import_parts_of("kfp", "google.cloud.aiplatform_v1")
    loading = threading.Thread(
        target=import_module, args=("batchpredict.local.assembly",), daemon=True
    )
    loading.start()

    def wait() -> None:
        loading.join()
        if was_enabled:
            gc.enable()

    return wait


def _listener(stack: contextlib.ExitStack, port: int = 0) -> socket.socket:
    try:
        listener = listen_on_loopback(port)
    except OSError as error:
        raise EnvironmentFault(
            "E306", f"port {port} cannot be used: {error.strerror}; give another, or none"
        ) from error
    stack.callback(stop_listening, listener)
    return listener


logging.getLogger("batchpredict.local").addHandler(logging.NullHandler())

"""Run the replicas of a custom job side by side, each a process in the sandbox."""

import os
import queue
import shlex
import shutil
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from google.rpc import code_pb2

from batchpredict.local.launch.process import Process
from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.logs import last_exception
from batchpredict.local.serving.environments import Environments
from batchpredict.local.serving.recipes import with_python
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.training.packages import requirements_of, unpack_packages
from batchpredict.local.vertex.training.workers import Replica

CANCELLED = ("", 0)
LAST_LINES = 10
WAIT_STEP = 0.5


@dataclass(frozen=True)
class Places:
    """Where the replicas of jobs run.

    Attributes:
        environment: Variables of every replica.
        work: Folder for temporary files.
        logs: Folder that gets one sub-folder for each job.
        environments: Interpreters of images that have their own packages.
    """

    sandbox: Sandbox
    store: ObjectStore
    environments: Environments
    environment: Mapping[str, str]
    work: Path
    logs: Path


def cancellation() -> ServiceError:
    """The job was cancelled."""
    return ServiceError(code_pb2.CANCELLED, "The job was cancelled.")


class Execution:
    """The replicas of one job.

    Args:
        places: Where they run.
        name: What their folders are called.
    """

    def __init__(self, places: Places, name: str) -> None:
        self._places = places
        self._work = places.work / name
        self.logs = places.logs / name
        self._ended: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Stop all replicas, or start none."""
        self._cancelled.set()
        self._ended.put(CANCELLED)

    def wait_for(self, slots: threading.Semaphore) -> None:
        """Wait for a slot, which the caller has to give back.

        Raises:
            ServiceError: The job was cancelled while it waited.
        """
        while not slots.acquire(timeout=WAIT_STEP):
            if self._cancelled.is_set():
                raise cancellation()

    def run(self, replicas: Sequence[Replica], timeout: float) -> None:
        """Run until the first replica has ended well, or one has failed; then stop the others.

        Raises:
            ServiceError: One failed, the time is up, or the job was cancelled.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self._work, ignore_errors=True)
            for replica in replicas:
                process = self._start(replica)
                stack.callback(process.stop)
                threading.Thread(
                    target=self._tell, args=(replica.name, process), daemon=True
                ).start()
            self._wait(replicas[0].name, timeout)

    def _tell(self, name: str, process: Process) -> None:
        self._ended.put((name, process.wait()))

    def _wait(self, primary: str, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            try:
                ended = self._ended.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                message = f"E353 the job did not end within {timeout:g} s, and was stopped"
                raise ServiceError(code_pb2.DEADLINE_EXCEEDED, message) from None
            if ended == CANCELLED:
                raise cancellation()
            name, code = ended
            if code:
                raise self._failure(name, code)
            if name == primary:
                return

    def _failure(self, name: str, code: int) -> ServiceError:
        log = self.logs / f"{name}.log"
        text = log.read_text(errors="replace")
        ended = f"status {code}" if code > 0 else f"signal {-code}"
        tail = "\n".join(text.splitlines()[-LAST_LINES:])
        message = (
            f"E354 the replica {name} exited with {ended}: {last_exception(text)} (log: {log})"
        )
        return ServiceError(code_pb2.INVALID_ARGUMENT, f"{message}\n{tail}".strip())

    def _start(self, replica: Replica) -> Process:
        folder = self._work / replica.name
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        variables = {
            **self._places.environment,
            "TMPDIR": str(folder / "tmp"),
            **replica.variables,
        }
        command, image = replica.command, replica.image
        if replica.packages:
            paths = unpack_packages(replica.packages, self._places.store, folder / "packages")
            searched = [*map(str, paths), variables.get("PYTHONPATH", "")]
            variables["PYTHONPATH"] = os.pathsep.join(filter(None, searched))
            if not (image.python or image.packages):
                command = _after_install(command, requirements_of(paths))
        python = image.python
        if image.packages:
            python = self._places.environments.made_of(image.packages)
        return self._places.sandbox.spawn(
            with_python(python, command, variables),
            env=variables,
            cwd=image.directory or folder,
            log=self.logs / f"{replica.name}.log",
        )


def _after_install(command: tuple[str, ...], requirements: Sequence[str]) -> tuple[str, ...]:
    """Return a command that first lets pip look whether the requirements are there."""
    if not requirements:
        return command
    check = shlex.join(["python3", "-m", "pip", "install", *requirements])
    return ("sh", "-c", f'{check} && exec "$@"', "sh", *command)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody on this machine listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for it in sockets:
            it.bind(("127.0.0.1", 0))
        return [int(it.getsockname()[1]) for it in sockets]

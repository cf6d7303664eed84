"""The place where the commands of steps and the model servers run on this machine."""

import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from batchpredict.errors import EnvironmentFault

from . import linux, shim_files, wire
from .holder import Holder
from .plan import GCS_ROOT, Settings
from .process import Process

_PATH = "/usr/local/bin:/usr/bin:/bin"
_LAST_WORDS_S = 1.0
_LOG_LINES = 15


class Sandbox:
    """Runs commands in private Linux namespaces, forked from a preloaded Python.

    Everything inside ends with the *thread* that called ``start``, because Linux ties the
    death signal of a process to the thread that made it: call it from one that lives as long
    as the sandbox, normally the main thread.

    Attributes:
        isolated: Whether private user, mount, network and pid namespaces are in force.
        warm: Whether Python commands are forked from a preloaded parent.
        notes: One sentence for each thing that is not available here, with the reason.
        listeners: One listening socket in the private network for each port asked for; none
            when not isolated.
    """

    def __init__(self, store: Path, work: Path, warm: bool) -> None:
        self.isolated = False
        self.warm = warm
        self.notes: list[str] = []
        self.listeners: list[socket.socket] = []
        self._store = store.resolve()
        self._work = work.resolve()
        self._bin = self._work / "bin"
        self._root = self._work / "root"
        self._log = self._work / "supervisor.log"
        self._short: Path | None = None
        self._socket = self._choose_socket()
        self._holder: Holder | None = None
        self._processes: set[Process] = set()
        self._lock = threading.Lock()
        self._ready: float | None = None
        self._closed = False

    @classmethod
    def start(
        cls,
        *,
        store: Path,
        work: Path,
        env: Mapping[str, str],
        ports: Sequence[int] = (),
        preload: Sequence[str] = (),
        warm: bool = True,
        isolate: bool = True,
    ) -> "Sandbox":
        """Starts a sandbox; the preloading goes on after the return.

        Args:
            store: The folder commands see as /gcs.
            work: A private folder for the socket, the shims and the log.
            env: The whole environment of the preloaded parent; some libraries read theirs when
                they are imported.
            ports: Where to listen in the private network.
            preload: Modules to import before the first command.
            warm: Whether to fork Python commands.
            isolate: Whether to make namespaces.

        Returns:
            The sandbox, which must be closed.

        Raises:
            EnvironmentFault: If it cannot be started on this machine.
        """
        if not hasattr(os, "fork"):
            raise EnvironmentFault("E323", "commands cannot be run on Windows; use WSL 2")
        store.mkdir(parents=True, exist_ok=True)
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        sandbox = cls(store, work, warm and linux.AVAILABLE)
        if warm and not sandbox.warm:
            sandbox.notes.append(f"Commands start cold: forking is not safe on {sys.platform}.")
        try:
            sandbox._open(env, ports, preload, isolate)
        except BaseException:
            sandbox.close()
            raise
        return sandbox

    def _choose_socket(self) -> Path:
        path = self._work / "launch.sock"
        if wire.fits(str(path)):
            return path
        self._short = Path(tempfile.mkdtemp(prefix="batchpredict-launch-", dir="/tmp"))
        return self._short / "s"

    def _open(
        self, env: Mapping[str, str], ports: Sequence[int], preload: Sequence[str], isolate: bool
    ) -> None:
        self._bin.mkdir(exist_ok=True)
        self._root.mkdir(exist_ok=True)
        shim_files.write(
            Settings(sys.executable, str(self._bin), self.warm, env), str(self._socket)
        )
        reason = self._why_not(isolate)
        if not reason:
            reason = self._launch(env, ports, preload, True)
        if reason:
            self.notes.append(
                f"No private namespaces: {reason}; commands can reach the network, and "
                f"{GCS_ROOT} stands for /gcs."
            )
            if failure := self._launch(env, (), preload, False):
                raise self._fault(f"cannot start: {failure}")

    def _why_not(self, isolate: bool) -> str:
        if not isolate:
            return "isolation was switched off"
        return "" if linux.AVAILABLE else f"{sys.platform} does not have them"

    def _launch(
        self, env: Mapping[str, str], ports: Sequence[int], preload: Sequence[str], isolate: bool
    ) -> str:
        """Runs the supervisor; returns why it could not, or nothing."""
        self._socket.unlink(missing_ok=True)
        config = {
            "socket": str(self._socket),
            "store": str(self._store),
            "root": str(self._root),
            "bin": str(self._bin),
            "ports": list(ports),
            "preload": list(preload),
            "warm": self.warm,
            "isolate": isolate,
        }
        self._holder = Holder(config, env, self._bin, self._log)
        hello = self._holder.read()
        if hello is None:
            raise self._fault("ended before it was ready")
        if "error" in hello:
            self._holder.stop()
            return str(hello["error"])
        self.isolated = isolate
        self.notes += hello["notes"]
        self.listeners = self._holder.take_listeners()
        return ""

    def _fault(self, what: str) -> EnvironmentFault:
        try:
            lines = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        except OSError:
            lines = []
        tail = "".join(f"\n  {line}" for line in lines)
        return EnvironmentFault("E322", f"the parent of the commands {what}{tail}")

    def wait_ready(self) -> float:
        """Waits until the modules are preloaded.

        Returns:
            The seconds that took.

        Raises:
            EnvironmentFault: If the parent of the commands died.
        """
        with self._lock:
            if self._ready is None:
                message = self._holder.read() if self._holder and not self._closed else None
                if message is None:
                    if self._holder:
                        self._holder.stop()
                    raise self._fault("ended before it was ready")
                self.notes += message["notes"]
                self._ready = float(message["ready"])
            return self._ready

    def spawn(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path
    ) -> Process:
        """Starts a command, or queues it until the modules are preloaded.

        Args:
            argv: The command; ``python3``, ``python`` and ``pip`` are those of this program.
            env: Its whole environment; the shims are put first on its PATH.
            cwd: Its working directory.
            log: The file that gets its stdout and stderr.

        Returns:
            The command.

        Raises:
            EnvironmentFault: If the sandbox is closed or its parent process died.
        """
        null = os.open(os.devnull, os.O_RDONLY)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            process = self._ask(argv, self._command_env(env), cwd, [null, output, output])
        finally:
            os.close(null)
            os.close(output)
        with self._lock:
            self._processes = {p for p in self._processes if p.poll() is None} | {process}
        return process

    def open_socket(self) -> socket.socket:
        """Opens a TCP socket in the network of the commands, to bind or to connect there.

        Raises:
            OSError: The sandbox is closed.
        """
        return wire.receive_socket(str(self._socket))

    def _ask(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, descriptors: list[int]
    ) -> Process:
        connection = None
        try:
            connection = wire.connect(str(self._socket))
            wire.send_request(connection, wire.RUN, argv, env, str(cwd), descriptors)
        except OSError as error:
            if connection:
                connection.close()
            raise self._fault(f"does not answer: {error.strerror}") from error
        return Process(connection)

    def _command_env(self, env: Mapping[str, str]) -> dict[str, str]:
        full = dict(env)
        full["PATH"] = f"{self._bin}:{env.get('PATH') or _PATH}"
        if not self.isolated:
            full[GCS_ROOT] = f"{self._store}/"
        return full

    def close(self) -> None:
        """Kills everything inside and removes the socket; may be called again."""
        if self._closed:
            return
        self._closed = True
        if self._holder:
            self._holder.stop()
        for listener in self.listeners:
            listener.close()
        for process in self._processes:
            try:
                process.wait(_LAST_WORDS_S)
            except TimeoutError:
                self.notes.append(f"The command with pid {process.pid} did not end.")
        self._remove_files()

    def _remove_files(self) -> None:
        self._socket.unlink(missing_ok=True)
        shutil.rmtree(self._bin, ignore_errors=True)
        for folder in (self._root, self._short):
            if folder and folder.is_dir():
                folder.rmdir()

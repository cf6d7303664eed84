"""Start the process of the gRPC server when the first client comes, and hand clients over."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from batchpredict.local.network.certificates import Certificates
from batchpredict.local.network.front.frames import read_frame, send_frame
from batchpredict.local.network.front.relay import send_client
from batchpredict.local.network.sockets import serve_connections, stop_listening

Answer = Callable[[str, dict[str, str], bytes], tuple[int, str, bytes]]
_END = 5.0


class GrpcFront:
    """The gRPC server's process, as the services see it.

    Args:
        folder: For the socket of the calls; nobody else may write there.
        log: File for what the process says.
        certificates: What the server shows.
        answer: Carries out one call: path, headers and message give code, message and reply.
    """

    def __init__(
        self, folder: Path, log: Path, certificates: Certificates, answer: Answer
    ) -> None:
        self._calls = str(folder / "calls")
        self._log = log
        self._certificates = certificates
        self._answer = answer
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self._calls)
        self._listener.listen(128)
        serve_connections(self._listener, self._serve)

    def take(self, client: socket.socket, seen: bytes) -> None:
        """Let the gRPC server go on with a client, after what was ``seen`` of it already.

        The caller closes its own end.
        """
        with self._lock:
            if self._control is None or self._process is None or self._process.poll() is not None:
                self._start()
            assert self._control is not None
            send_client(self._control, client, seen)

    def close(self) -> None:
        """End the process; calls that are under way end with it."""
        stop_listening(self._listener)
        with self._lock:
            if self._control:
                self._control.close()
            if self._process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_END)
                self._process.kill()
                self._process.wait()

    def _start(self) -> None:
        if self._control:
            self._control.close()
        self._control, theirs = socket.socketpair()
        certificates = (str(self._certificates.key), str(self._certificates.chain))
        program = "batchpredict.local.network.front.server"
        command = [
            sys.executable,
            "-P",
            "-m",
            program,
            str(theirs.fileno()),
            self._calls,
            *certificates,
        ]
        with theirs, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # Ctrl-C is for the services, which end it
            )

    def _serve(self, wire: socket.socket) -> None:
        while True:
            head, data = read_frame(wire)
            code, message, reply = self._answer(head["path"], head["headers"], data)
            send_frame(wire, {"code": code, "message": message}, reply)

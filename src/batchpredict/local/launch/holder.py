"""The owner's hold on the supervisor process of a sandbox."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MODULE = "batchpredict.local.launch.supervisor"
_PATIENCE_S = 10.0
_MOST_LISTENERS = 250


class Holder:
    """A supervisor process and the socket pair that connects it to its owner.

    Args:
        config: What ``supervisor.Config`` reads.
        env: The whole environment of the process.
        cwd: An empty folder; modules are not looked for in it.
        log: The file that gets what the process prints.
    """

    def __init__(
        self, config: Mapping[str, object], env: Mapping[str, str], cwd: Path, log: Path
    ) -> None:
        self._end, theirs = socket.socketpair()
        self._pending = b""
        self._descriptors: list[int] = []
        fields = {**config, "owner": os.getpid(), "control": theirs.fileno()}
        with theirs, open(log, "ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _MODULE, json.dumps(fields)],
                env=dict(env),
                cwd=cwd,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def read(self) -> dict[str, Any] | None:
        """Waits for a message, a line of JSON; returns None when the supervisor is gone."""
        while b"\n" not in self._pending:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._end, 1 << 16, _MOST_LISTENERS)
            except OSError:
                return None
            for descriptor in descriptors:
                os.set_inheritable(descriptor, False)
            self._descriptors += descriptors
            self._pending += data
            if not data:
                return None
        line, _, self._pending = self._pending.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def take_listeners(self) -> list[socket.socket]:
        """Returns the sockets that came with the messages."""
        taken, self._descriptors = self._descriptors, []
        return [socket.socket(fileno=descriptor) for descriptor in taken]

    def stop(self) -> None:
        """Ends the supervisor with all it holds; returns when all are gone."""
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._end.close()
        for listener in self.take_listeners():
            listener.close()

"""The ports that custom containers listen on, in the network that they share."""

import threading

from batchpredict.local.launch.process import Process
from batchpredict.local.launch.sandbox import Sandbox

ANY = 0


class Ports:
    """Gives each server a port of its own: the one it asks for if that is free, else another.

    Args:
        sandbox: Where the servers run.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._owners: dict[int, Process | None] = {}
        self._lock = threading.Lock()

    def choose(self, wanted: int) -> int:
        """Return a free port and keep it for the caller, who then calls :meth:`give`."""
        with self._lock:
            self._owners = {
                port: owner
                for port, owner in self._owners.items()
                if owner is None or owner.poll() is None
            }
            port = self._free(wanted)
            while port in self._owners:
                port = self._free(ANY)
            self._owners[port] = None
            return port

    def give(self, port: int, owner: Process) -> None:
        """Say whose port it is; it is free again when the process has ended."""
        with self._lock:
            self._owners[port] = owner

    def release(self, port: int) -> None:
        """Say that no server came to listen on a port."""
        with self._lock:
            self._owners.pop(port, None)

    def _free(self, wanted: int) -> int:
        """Return ``wanted`` if nobody listens there, else what the system gives."""
        with self._sandbox.open_socket() as probe:
            try:
                probe.bind(("", wanted))
            except (OSError, OverflowError):
                probe.bind(("127.0.0.1", ANY))
            return int(probe.getsockname()[1])

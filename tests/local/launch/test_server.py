"""The loop of the warm parent, alone."""

import socket
import sys
from pathlib import Path

from batchpredict.local.launch.plan import Settings
from batchpredict.local.launch.server import Server


def test_an_owner_that_goes_while_the_packages_become_ready_ends_the_loop(tmp_path: Path) -> None:
    owner, control = socket.socketpair()
    loader, successor = socket.socketpair()
    with socket.socket(socket.AF_UNIX) as listener, control, loader, successor:
        listener.bind(str(tmp_path / "commands"))
        listener.listen()
        settings = Settings(sys.executable, str(tmp_path), False, {})
        server = Server(listener, control, settings, contained=False)
        server.await_successor(successor)
        owner.close()
        loader.sendall(b'{"ready": 1.0}\n')
        # It returns, and does not raise: what ends the commands comes after it.
        with server._signals, server._wakeup:
            assert server.serve() is None

"""A socket in the network of the commands, by which their servers are reached."""

from collections.abc import Callable
from pathlib import Path

import pytest

from batchpredict.local.launch.sandbox import Sandbox

ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
SERVER = """
import socket, sys
with socket.create_server(("0.0.0.0", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    connection, _ = listener.accept()
    connection.sendall(b"from inside")
"""
PATIENCE_S = 20


@pytest.mark.parametrize("isolate", [True, False])
def test_a_server_in_the_sandbox_is_reached(
    start: Callable[..., Sandbox], tmp_path: Path, isolate: bool
) -> None:
    sandbox = start(isolate=isolate)
    log = tmp_path / "log"
    command = sandbox.spawn(["python3", "-c", SERVER], env=ENV, cwd=tmp_path, log=log)
    while not (text := log.read_text()).endswith("\n"):
        assert command.poll() is None, text
    with sandbox.open_socket() as client:
        client.settimeout(PATIENCE_S)
        client.connect(("127.0.0.1", int(text)))
        assert client.recv(99) == b"from inside"
    assert command.wait(PATIENCE_S) == 0


def test_many_sockets_leave_none_behind(start: Callable[..., Sandbox]) -> None:
    sandbox = start()
    ports = set()
    for _ in range(50):
        with sandbox.open_socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.add(probe.getsockname()[1])
    assert len(ports) > 1


def test_no_socket_comes_from_a_closed_sandbox(start: Callable[..., Sandbox]) -> None:
    sandbox = start()
    sandbox.close()
    with pytest.raises(OSError, match="No such file"):
        sandbox.open_socket()

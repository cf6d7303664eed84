"""The guard bites: a test that reaches for another machine fails, whoever does it and however."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from containment import is_local, lost_packets

FAR = "192.0.2.1"  # kept free for documentation: nobody is there
CONNECT = f"import socket; socket.create_connection(('{FAR}', 443), 1)"
CALLS = {
    "connect": CONNECT,
    "hidden": f"import contextlib\nwith contextlib.suppress(OSError):\n    {CONNECT}",
    "datagram": f"import socket; socket.socket(type=2).sendto(b'x', ('{FAR}', 53))",
    "name": "import socket; socket.getaddrinfo('storage.googleapis.com', 443)",
}


def run_test(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run a test of this body under the guard."""
    (folder / "conftest.py").write_text("from containment import *\n")
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    (folder / "test_it.py").write_text(f"def test_it():\n{lines}")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("call", CALLS)
def test_a_test_that_reaches_out_fails(tmp_path: Path, call: str) -> None:
    done = run_test(tmp_path, CALLS[call])
    assert done.returncode == 1, done.stdout
    assert "reached beyond this machine" in done.stdout
    assert ("storage.googleapis.com" if call == "name" else FAR) in done.stdout


@pytest.mark.parametrize("call", ["connect", "datagram"])
def test_a_process_that_reaches_out_fails_its_test(
    tmp_path: Path, call: str, request: pytest.FixtureRequest
) -> None:
    if not request.config.private_network:  # type: ignore[attr-defined]
        pytest.skip("the kernel gives this user no network of its own")
    code = CALLS[call]
    done = run_test(
        tmp_path,
        f"import subprocess, sys\nsubprocess.call([sys.executable, '-I', '-c', {code!r}])",
    )
    assert done.returncode == 1, done.stdout
    assert "1 packets of the test were for another machine" in done.stdout


def test_a_test_that_stays_passes(tmp_path: Path) -> None:
    stay = (
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname()).close()\n"
        "socket.create_connection(('localhost', server.getsockname()[1])).close()\n"
    )
    done = run_test(tmp_path, stay)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("host", [None, "", "localhost", "127.0.0.1", "127.9.9.9", "::1", b"::1"])
def test_this_machine(host: object) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", [FAR, "10.0.0.1", "8.8.8.8", "2001:db8::1", "example.com"])
def test_another_machine(host: str) -> None:
    assert not is_local(host)


def test_this_very_suite_is_contained(request: pytest.FixtureRequest) -> None:
    if not request.config.private_network:  # type: ignore[attr-defined]
        pytest.skip("the kernel gives this user no network of its own")
    devices = Path("/proc/self/net/dev").read_text().splitlines()
    assert [line.split(":")[0].strip() for line in devices if ":" in line] == ["lo"]
    assert lost_packets() == 0

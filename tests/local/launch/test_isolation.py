"""What a sandbox keeps in and out, and that the host stays as it is."""

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from batchpredict.local.launch import shim_files
from batchpredict.local.launch.sandbox import Sandbox

PATH = "/usr/local/bin:/usr/bin:/bin"
ENV = {"PATH": PATH}
PATIENCE_S = 20

Start = Callable[..., Sandbox]


def run(sandbox: Sandbox, folder: Path, *argv: str) -> tuple[int, str]:
    log = folder / "log"
    log.unlink(missing_ok=True)
    code = sandbox.spawn(argv, env=ENV, cwd=folder, log=log).wait(PATIENCE_S)
    return code, log.read_text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


CALL = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 9); "


def answer_once(sandbox: Sandbox, text: bytes) -> None:
    sandbox.listeners[0].settimeout(PATIENCE_S)
    connection, _ = sandbox.listeners[0].accept()
    with connection:
        connection.sendall(text)


def test_two_sandboxes_listen_on_one_port(start: Start, tmp_path: Path) -> None:
    port = free_port()
    sandboxes = {name: start(name, ports=[port]) for name in ("a", "b")}
    call = CALL + "print(s.recv(9).decode())"
    for name, sandbox in sandboxes.items():
        log = tmp_path / f"{name}.log"
        command = sandbox.spawn(["python3", "-c", call, str(port)], env=ENV, cwd=tmp_path, log=log)
        answer_once(sandbox, name.encode())
        assert command.wait(PATIENCE_S) == 0
        assert log.read_text() == f"{name}\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)


def test_no_route_off_loopback(start: Start, tmp_path: Path) -> None:
    code = "import socket; s = socket.socket(); s.settimeout(5); print(s.connect_ex(%r))"
    assert run(start(), tmp_path, "python3", "-c", code % (("192.0.2.1", 80),)) == (
        0,
        f"{errno.ENETUNREACH}\n",
    )


def test_host_services_are_not_reachable(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code, out = run(start(), tmp_path, "python3", "-c", CALL, str(server.getsockname()[1]))
    assert code == 1
    assert "ConnectionRefusedError" in out


def test_host_root_is_untouched(start: Start, tmp_path: Path) -> None:
    before = sorted(os.listdir("/"))
    sandbox = start()
    inside = run(sandbox, tmp_path, "ls", "-A", "/")[1].split()
    assert sorted({*before, "gcs"}) == sorted(inside)
    assert run(sandbox, tmp_path, "ls", "-A", str(tmp_path / "a" / "work" / "root")) == (0, "")
    assert sorted(os.listdir("/")) == before
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    assert os.listdir(tmp_path / "a" / "work" / "root") == []


def test_only_the_processes_inside_are_seen(start: Start, tmp_path: Path) -> None:
    code = "import os; print([p for p in os.listdir('/proc') if p.isdigit()], os.getuid())"
    out = run(start(), tmp_path, "python3", "-c", code)[1]
    first, loader, command = "123"
    assert out == f"{[first, loader, command]} {os.getuid()}\n"


def test_orphans_are_reaped(start: Start, tmp_path: Path) -> None:
    sandbox = start()
    script = "for i in 1 2 3; do (sleep 0.01 &); done; sleep 0.2; cat /proc/[0-9]*/stat"
    assert " Z " not in run(sandbox, tmp_path, "sh", "-c", script)[1]


def test_pid_is_that_of_the_host(start: Start, tmp_path: Path) -> None:
    command = start().spawn(["sleep", "99"], env=ENV, cwd=tmp_path, log=tmp_path / "log")
    assert Path(f"/proc/{command.pid}/root/gcs").is_dir()
    os.kill(command.pid, signal.SIGUSR1)
    assert command.wait(PATIENCE_S) == -signal.SIGUSR1


def test_a_folder_with_a_long_name(start: Start, tmp_path: Path) -> None:
    sandbox = start(work=tmp_path / ("x" * 120))
    short = sandbox._short
    assert short is not None
    assert short.is_dir()
    assert run(sandbox, tmp_path, "sh", "-c", "python3 -c 'print(1)'") == (0, "1\n")
    sandbox.close()
    assert not short.exists()


def test_socket_is_private(start: Start, tmp_path: Path) -> None:
    start()
    work = tmp_path / "a" / "work"
    assert (work / "launch.sock").stat().st_mode & 0o777 == 0o600
    assert work.stat().st_mode & 0o777 == 0o700


FORBIDDEN = """
import os, sys
from pathlib import Path
from batchpredict.local.launch import linux
from batchpredict.local.launch.sandbox import Sandbox
try:
    linux.enter_namespaces()
except OSError as error:
    sys.exit(f"SKIP {error}")
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
Path("/proc/sys/user/max_user_namespaces").write_text("0")
folder = Path(sys.argv[1])
sandbox = Sandbox.start(store=folder / "s", work=folder / "w", env={}, ports=[8443])
command = sandbox.spawn(["pwd"], env={}, cwd=folder, log=folder / "log")
print(command.wait(20), sandbox.isolated, sandbox.warm, sandbox.listeners, sandbox.notes)
sandbox.close()
"""


def test_where_namespaces_are_off(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORBIDDEN, tmp_path], capture_output=True, text=True, check=False
    )
    if "SKIP" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout.startswith("0 False True [] ['No private namespaces: unshare: "), done
    assert "BATCHPREDICT_GCS_ROOT stands for /gcs" in done.stdout
    assert (tmp_path / "log").read_text() == f"{tmp_path}\n"


@pytest.mark.parametrize("folder", ["with space", "with'quote and space", "x" * 140, "plain"])
def test_shim_for_any_path_of_the_interpreter(tmp_path: Path, folder: str) -> None:
    python = tmp_path / folder / "python"
    python.parent.mkdir()
    python.symlink_to(Path(sys.executable).resolve())
    script = tmp_path / "script"
    script.write_text(f"{shim_files._first_line(str(python))}\nimport sys; print(sys.argv[1:])\n")
    script.chmod(0o700)
    assert subprocess.check_output([script, "a b", "$c"], text=True) == "['a b', '$c']\n"

"""What a sandbox keeps in and out, and that it leaves nothing behind."""

import errno
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batchpredict.errors import EnvironmentFault
from batchpredict.local.launch import shim
from batchpredict.local.launch.process import Process
from batchpredict.local.launch.sandbox import Sandbox

PATH = "/usr/local/bin:/usr/bin:/bin"
ENV = {"PATH": PATH}
PATIENCE_S = 20
DAEMON = """
import os, sys, time
if os.fork():
    os.wait()
    sys.exit()
os.setsid()
if os.fork():
    os._exit(0)
lock = open(sys.argv[1], "w")
lock.write("alive"); lock.flush()
time.sleep(99)
"""

Start = Callable[..., Sandbox]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Sandbox] = []

    def begin(name: str = "a", **options: object) -> Sandbox:
        options = {"env": ENV, "work": tmp_path / name / "work", **options}
        sandbox = Sandbox.start(store=tmp_path / name / "store", **options)
        started.append(sandbox)
        if options.get("isolate", True) and not sandbox.isolated:
            pytest.skip(sandbox.notes[0])
        return sandbox

    yield begin
    for sandbox in started:
        sandbox.close()


def run(sandbox: Sandbox, folder: Path, *argv: str) -> tuple[int, str]:
    log = folder / "log"
    log.unlink(missing_ok=True)
    code = sandbox.spawn(argv, env=ENV, cwd=folder, log=log).wait(PATIENCE_S)
    return code, log.read_text()


class Fifo:
    """A named pipe whose end of file proves that all who wrote to it are dead."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "fifo")
        os.mkfifo(self.path)
        self._reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def wait_for_writer(self) -> None:
        assert select.select([self._reader], [], [], PATIENCE_S)[0]
        assert os.read(self._reader, 100) == b"alive"

    def assert_writer_dies(self) -> None:
        assert select.select([self._reader], [], [], PATIENCE_S)[0], "the daemon lives"
        assert os.read(self._reader, 100) == b""

    def close(self) -> None:
        os.close(self._reader)


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Fifo]:
    pipe = Fifo(tmp_path)
    yield pipe
    pipe.close()


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
    assert sorted(os.listdir("/")) == before
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    assert os.listdir(tmp_path / "a" / "work" / "root") == []


def test_only_the_processes_inside_are_seen(start: Start, tmp_path: Path) -> None:
    code = "import os; print([p for p in os.listdir('/proc') if p.isdigit()], os.getuid())"
    out = run(start(), tmp_path, "python3", "-c", code)[1]
    assert out == f"['1', '2'] {os.getuid()}\n"


def test_orphans_are_reaped(start: Start, tmp_path: Path) -> None:
    sandbox = start()
    script = "for i in 1 2 3; do (sleep 0.01 &); done; sleep 0.2; cat /proc/[0-9]*/stat"
    assert " Z " not in run(sandbox, tmp_path, "sh", "-c", script)[1]


def test_pid_is_that_of_the_host(start: Start, tmp_path: Path) -> None:
    command = start().spawn(["sleep", "99"], env=ENV, cwd=tmp_path, log=tmp_path / "log")
    assert Path(f"/proc/{command.pid}/root/gcs").is_dir()
    os.kill(command.pid, signal.SIGUSR1)
    assert command.wait(PATIENCE_S) == -signal.SIGUSR1


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("isolate", [True, False])
def test_close_kills_a_daemon(
    start: Start, tmp_path: Path, fifo: Fifo, isolate: bool, warm: bool
) -> None:
    sandbox = start(isolate=isolate, warm=warm)
    assert run(sandbox, tmp_path, "python3", "-c", DAEMON, fifo.path) == (0, "")
    fifo.wait_for_writer()
    waiting = sandbox.spawn(["sleep", "99"], env=ENV, cwd=tmp_path, log=tmp_path / "log")
    assert waiting.pid
    sandbox.close()
    fifo.assert_writer_dies()
    assert waiting.wait(0) == -signal.SIGKILL
    sandbox.close()
    assert os.listdir(tmp_path / "a" / "work") == ["supervisor.log"]
    with pytest.raises(EnvironmentFault, match="E322"):
        sandbox.spawn(["true"], env=ENV, cwd=tmp_path, log=tmp_path / "log")
    with pytest.raises(EnvironmentFault, match="E322"):
        sandbox.wait_ready()


OWNER = """
import sys
from pathlib import Path
from batchpredict.local.launch.sandbox import Sandbox
folder, isolate, daemon, fifo = sys.argv[1:]
folder = Path(folder)
sandbox = Sandbox.start(store=folder / "s", work=folder / "w", env={}, isolate=isolate == "yes")
command = sandbox.spawn(["python3", "-c", daemon, fifo], env={}, cwd=folder, log=folder / "log")
command.wait(20)
print(sandbox.isolated, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("isolate", ["yes", "no"])
def test_kill_9_of_the_owner_kills_a_daemon(tmp_path: Path, fifo: Fifo, isolate: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, tmp_path / "own", isolate, DAEMON, fifo.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as owner:
        (tmp_path / "own").mkdir()
        assert owner.stdout
        isolated = owner.stdout.readline()
        fifo.wait_for_writer()
        owner.kill()
    fifo.assert_writer_dies()
    if isolate == "yes" and isolated != b"True\n":
        pytest.skip("no namespaces here")


PRELOADING_OWNER = """
import sys
from pathlib import Path
from batchpredict.local.launch.sandbox import Sandbox
folder, isolate = sys.argv[1:]
folder = Path(folder)
Sandbox.start(
    store=folder / "s", work=folder / "w", env={"PYTHONPATH": str(folder)},
    preload=["busy"], isolate=isolate == "yes",
)
sys.stdin.read()
"""


@pytest.mark.parametrize("isolate", ["yes", "no"])
def test_kill_9_of_the_owner_ends_the_preload(tmp_path: Path, fifo: Fifo, isolate: str) -> None:
    text = f"import time; f = open({fifo.path!r}, 'w'); f.write('alive'); f.flush(); "
    module(tmp_path, "busy", text + "time.sleep(99)")
    with subprocess.Popen(
        [sys.executable, "-c", PRELOADING_OWNER, tmp_path, isolate], stdin=subprocess.PIPE
    ) as owner:
        fifo.wait_for_writer()
        owner.kill()
    fifo.assert_writer_dies()


def module(folder: Path, name: str, text: str) -> dict[str, str]:
    (folder / f"{name}.py").write_text(text)
    return {**ENV, "PYTHONPATH": str(folder)}


def test_commands_wait_for_the_preload(start: Start, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    env = module(tmp_path, "slow", f"open({str(tmp_path / 'gate')!r}).read()")
    sandbox = start(env=env, preload=["slow"])
    code = "import sys; print('slow' in sys.modules)"
    command = sandbox.spawn(["python3", "-c", code], env=env, cwd=tmp_path, log=tmp_path / "log")
    assert command.poll() is None
    (tmp_path / "gate").write_text("go")
    assert sandbox.wait_ready() == sandbox.wait_ready() > 0
    assert command.wait(PATIENCE_S) == 0
    assert (tmp_path / "log").read_text() == "True\n"


def test_close_during_the_preload(start: Start, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    env = module(tmp_path, "slow", f"open({str(tmp_path / 'gate')!r}).read()")
    sandbox = start(env=env, preload=["slow"])
    command = sandbox.spawn(["true"], env=ENV, cwd=tmp_path, log=tmp_path / "log")
    sandbox.close()
    assert command.wait(PATIENCE_S) == -signal.SIGKILL


@pytest.mark.parametrize("isolate", [True, False])
def test_supervisor_that_dies(start: Start, tmp_path: Path, isolate: bool) -> None:
    env = module(tmp_path, "bad", "import os; print('last words', flush=True); os._exit(3)")
    sandbox = start(env=env, preload=["bad"], isolate=isolate)
    with pytest.raises(EnvironmentFault, match=r"E322(.|\n)*last words") as caught:
        sandbox.wait_ready()
    assert caught.value.exit_code == 3
    with pytest.raises(EnvironmentFault, match="E322"):
        sandbox.spawn(["true"], env=ENV, cwd=tmp_path, log=tmp_path / "log")


def test_preload_that_fails_is_noted(start: Start, tmp_path: Path) -> None:
    thread = "import threading; threading.Thread(target=threading.Event().wait, daemon=True"
    env = module(tmp_path, "threads", f"{thread}, name='poller').start()")
    env = module(tmp_path, "wrong", "1 / 0")
    sandbox = start(env=env, preload=["no_such_module", "wrong", "threads", "json"])
    sandbox.wait_ready()
    assert sandbox.notes == [
        "no_such_module is not preloaded: no_such_module is not installed.",
        "wrong is not preloaded: ZeroDivisionError: division by zero.",
        "preloaded modules left threads, which no command has: poller.",
    ]
    assert run(sandbox, tmp_path, "true") == (0, "")


def test_preloaded_module_runs_with_dash_m(start: Start, tmp_path: Path) -> None:
    env = module(tmp_path, "both", "print(__name__)")
    sandbox = start(env=env, preload=["both"])
    log = tmp_path / "log"
    command = sandbox.spawn(["python3", "-m", "both"], env=env, cwd=Path("/"), log=log)
    assert command.wait(PATIENCE_S) == 0
    assert log.read_text() == "__main__\n"


def test_a_folder_with_a_long_name(start: Start, tmp_path: Path) -> None:
    sandbox = start(work=tmp_path / ("x" * 120))
    before = {p for p in Path("/tmp").glob("batchpredict-*")}
    assert run(sandbox, tmp_path, "sh", "-c", "python3 -c 'print(1)'") == (0, "1\n")
    sandbox.close()
    assert len(before - set(Path("/tmp").glob("batchpredict-*"))) >= 1


def test_socket_is_private(start: Start, tmp_path: Path) -> None:
    start()
    work = tmp_path / "a" / "work"
    assert (work / "launch.sock").stat().st_mode & 0o777 == 0o600
    assert work.stat().st_mode & 0o777 == 0o700


def test_two_threads_wait(start: Start, tmp_path: Path) -> None:
    command: Process = start().spawn(["sleep", "99"], env=ENV, cwd=tmp_path, log=tmp_path / "log")
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(command.wait())) for _ in "ab"]
    for thread in threads:
        thread.start()
    assert command.poll() is None
    command.terminate()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert codes == [-signal.SIGTERM] * 2


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
    script.write_text(f"{shim._first_line(str(python))}\nimport sys; print(sys.argv[1:])\n")
    script.chmod(0o700)
    assert subprocess.check_output([script, "a b", "$c"], text=True) == "['a b', '$c']\n"

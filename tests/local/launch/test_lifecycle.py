"""All that runs in a sandbox ends with it, with its owner, and when told to."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batchpredict.errors import EnvironmentFault
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

    def wait_for_writer(self, writers: int = 1) -> None:
        seen = b""
        while len(seen) < writers * len(b"alive"):
            assert select.select([self._reader], [], [], PATIENCE_S)[0]
            seen += os.read(self._reader, 100)

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


GRANDCHILD = "import time; f = open({!r}, 'w'); f.write('alive'); f.flush(); time.sleep(99)"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("isolate", [True, False])
def test_signals_reach_grandchildren(
    start: Start, tmp_path: Path, fifo: Fifo, isolate: bool, warm: bool, number: int
) -> None:
    sandbox = start(isolate=isolate, warm=warm)
    code = GRANDCHILD.format(fifo.path)
    argv = ["sh", "-c", f'python3 -c "{code}" & python3 -c "{code}"; true']
    command = sandbox.spawn(argv, env=ENV, cwd=tmp_path, log=tmp_path / "log")
    fifo.wait_for_writer(2)
    assert command.poll() is None
    with pytest.raises(TimeoutError):
        command.wait(0.01)
    command.terminate() if number == signal.SIGTERM else command.kill()
    assert command.wait(PATIENCE_S) == -number
    fifo.assert_writer_dies()
    command.terminate()  # does nothing any more


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
kept = Sandbox.start(
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


@pytest.mark.parametrize("isolate", [True, False])
def test_commands_start_cold_while_the_modules_load(
    start: Start, tmp_path: Path, isolate: bool
) -> None:
    for name in ("gate", "end"):
        os.mkfifo(tmp_path / name)
    env = module(tmp_path, "slow", f"open({str(tmp_path / 'gate')!r}).read()")
    sandbox = start(env=env, preload=["slow"], isolate=isolate)
    code = "import sys; print('slow' in sys.modules)"
    log = tmp_path / "log"
    cold = sandbox.spawn(["python3", "-c", code], env=env, cwd=tmp_path, log=log)
    assert cold.wait(PATIENCE_S) == 0
    waits = ["sh", "-c", f"cat '{tmp_path}/end'; exit 7"]
    early = sandbox.spawn(waits, env=env, cwd=tmp_path, log=log)
    (tmp_path / "gate").write_text("go")
    assert sandbox.wait_ready() == sandbox.wait_ready() > 0
    warm = sandbox.spawn(["python3", "-c", code], env=env, cwd=tmp_path, log=log)
    assert warm.wait(PATIENCE_S) == 0
    assert early.poll() is None
    (tmp_path / "end").write_text("and so\n")
    assert early.wait(PATIENCE_S) == 7
    assert log.read_text() == "False\nTrue\nand so\n"


def test_preload_sees_only_its_own_environment(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/real/credentials.json")
    seen = tmp_path / "seen"
    text = f"import os; open({str(seen)!r}, 'w').write(' '.join(sorted(os.environ)))"
    env = {**module(tmp_path, "nosy", text), "GCE_METADATA_HOST": "127.0.0.1:1"}
    start(env=env, preload=["nosy"]).wait_ready()
    names = set(seen.read_text().split())
    assert names - {"LC_CTYPE"} == {"PATH", "PYTHONPATH", "GCE_METADATA_HOST"}


def test_close_during_the_preload(start: Start, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    env = module(tmp_path, "slow", f"open({str(tmp_path / 'gate')!r}).read()")
    sandbox = start(env=env, preload=["slow"])
    command = sandbox.spawn(["sleep", "99"], env=ENV, cwd=tmp_path, log=tmp_path / "log")
    begin = time.monotonic()
    sandbox.close()
    assert time.monotonic() - begin < 5
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
    (tmp_path / "pack").mkdir()
    module(tmp_path / "pack", "both", "print(__name__)")
    env = module(tmp_path, "other", "")
    sandbox = start(env=env, preload=["pack.both"])
    log = tmp_path / "log"
    command = sandbox.spawn(["python3", "-m", "pack.both"], env=env, cwd=Path("/"), log=log)
    assert command.wait(PATIENCE_S) == 0
    assert log.read_text() == "__main__\n"


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


def test_random_numbers_differ(start: Start, tmp_path: Path) -> None:
    sandbox = start(preload=["numpy.random"])
    code = "import random, numpy; print(random.random(), numpy.random.rand())"
    numbers = [run(sandbox, tmp_path, "python3", "-c", code)[1].split() for _ in range(2)]
    assert len({*numbers[0], *numbers[1]}) == 4


@pytest.mark.parametrize("warm", [True, False])
def test_shim_passes_a_signal_on(start: Start, tmp_path: Path, fifo: Fifo, warm: bool) -> None:
    code = "import signal, sys; signal.signal(15, lambda *_: sys.exit(7)); "
    argv = ["sh", "-c", f'exec python3 -c "{code + GRANDCHILD.format(fifo.path)}"']
    command = start(warm=warm).spawn(argv, env=ENV, cwd=tmp_path, log=tmp_path / "log")
    fifo.wait_for_writer()
    command.terminate()
    assert command.wait(PATIENCE_S) == 7

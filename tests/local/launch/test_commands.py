"""Commands behave as they would on their own, warm or cold, isolated or not."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from batchpredict.local.launch.process import Process
from batchpredict.local.launch.sandbox import Sandbox

PATH = "/usr/local/bin:/usr/bin:/bin"
PATIENCE_S = 30
REFUSED = re.compile("(unshare|setgroups|[ug]id_map|mount): |does not have them")


class Result(NamedTuple):
    code: int
    out: str


class Runner:
    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self._logs = 0

    def spawn(self, *argv: str, log: Path | None = None, **env: str) -> Process:
        return self.sandbox.spawn(
            argv, env={"PATH": PATH, **env}, cwd=self.folder, log=log or self.new_log()
        )

    def new_log(self) -> Path:
        self._logs += 1
        return self.folder / f"{self._logs}.log"

    def __call__(self, *argv: str, **env: str) -> Result:
        log = self.new_log()
        code = self.spawn(*argv, log=log, **env).wait(PATIENCE_S)
        return Result(code, log.read_text())

    def python(self, code: str, *args: str, **env: str) -> Result:
        return self("python3", "-c", code, *args, **env)


@pytest.fixture(
    scope="module",
    params=[(True, True), (True, False), (False, True), (False, False)],
    ids=["isolated-warm", "isolated-cold", "plain-warm", "plain-cold"],
)
def run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runner]:
    isolate, warm = request.param
    folder = tmp_path_factory.mktemp("run")
    # What the shell of this test has must not reach the commands.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/real/credentials.json")
        sandbox = Sandbox.start(
            store=folder / "store",
            work=folder / "work",
            env={"PATH": PATH, "REDIRECT": "yes"},
            preload=["json", "random"],
            warm=warm,
            isolate=isolate,
        )
        try:
            if isolate and not sandbox.isolated:
                assert REFUSED.search(sandbox.notes[0]), sandbox.notes
                pytest.skip(sandbox.notes[0])
            yield Runner(sandbox, folder)
        finally:
            sandbox.close()


@pytest.mark.parametrize(
    ("code", "expected", "out"),
    [
        ("pass", 0, ""),
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit(-1)", 255, ""),
        ("import sys; sys.exit('why')", 1, "why\n"),
        ("import os; os._exit(9)", 9, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -15, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9, ""),
    ],
)
def test_exit_codes(run: Runner, code: str, expected: int, out: str) -> None:
    assert run.python(code) == (expected, out)


def test_ends_like_a_real_interpreter(run: Runner, tmp_path: Path) -> None:
    """The same program in a real interpreter is the oracle, byte by byte."""
    script = tmp_path / "script.py"
    script.write_text(
        "import atexit, gzip, logging, logging.handlers, sys, threading, types\n"
        "atexit.register(print, 'atexit')\n"
        "handler = logging.handlers.MemoryHandler(99, target=logging.StreamHandler(sys.stdout))\n"
        "logging.getLogger().addHandler(handler)\n"
        "logging.error('in memory until shutdown')\n"
        "main = threading.main_thread()\n"
        "threading.Thread(target=lambda: (main.join(), print('thread'))).start()\n"
        "left_open = open(sys.argv[1], 'w'); left_open.write('text')\n"
        "archive = gzip.open(sys.argv[1] + '.gz', 'wb'); archive.write(b'more')\n"
        "types.left_open = open(sys.argv[1] + '.kept', 'w'); types.left_open.write('kept')\n"
        "class Last:\n    def __del__(self): print('dropped')\n"
        "last = Last()\n"
        "print(sys.argv[2:], __name__, __file__, sys.path[0])\n"
        "print(sys.modules['__main__'].last is last)\n"
        "def fail(): raise ValueError('bad')\n"
        "fail()\n"
    )
    real = subprocess.run(
        [sys.executable, "-u", script, tmp_path / "real", "a b", "é"],
        cwd=run.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    result = run("python3", "-u", str(script), str(tmp_path / "ours"), "a b", "é")
    assert result == (real.returncode, real.stdout.decode())
    assert (tmp_path / "ours").read_text() == (tmp_path / "real").read_text() == "text"
    assert (tmp_path / "ours.kept").read_text() == (tmp_path / "real.kept").read_text() == "kept"
    assert subprocess.check_output(["gzip", "-dc", tmp_path / "ours.gz"]) == b"more"


@pytest.mark.parametrize(
    "argv",
    [
        ["-m", "no_such_module"],
        ["-c", "def f(:"],
        ["no_such_file.py"],
        ["-W", "error", "-c", "import warnings; warnings.warn('x')"],
        ["-m", "json.tool", "--help"],
        ["-mplatform", "--terse"],
        ["-Bc", "import sys; print(sys.dont_write_bytecode, sys.argv, sys.stdin.read())", "-x"],
        ["-I", "-c", "import sys; print(sys.flags.isolated)"],
        ["-c", "import sys; print(sys.path)"],
        ["-c", "raise KeyboardInterrupt"],
    ],
)
def test_answers_as_a_real_interpreter(run: Runner, argv: list[str]) -> None:
    real = subprocess.run(
        [sys.executable, *argv],
        cwd=run.folder,
        env={"PATH": PATH},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert run("python3", *argv) == (real.returncode, real.stdout.decode())


def test_dash_m_puts_the_working_directory_first(run: Runner) -> None:
    (run.folder / "mine.py").write_text("import sys; print(__name__, sys.path[0], sys.argv)")
    result = run("python3", "-m", "mine", "x")
    expected = ["__main__", str(run.folder), str([str(run.folder / "mine.py"), "x"])]
    assert result == (0, " ".join(expected) + "\n")


def test_sees_only_its_own_environment(run: Runner) -> None:
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    seen = json.loads(run.python(code, STEP="1").out)
    assert seen.pop("PATH") == f"{run.folder}/work/bin:{PATH}"
    assert seen.pop("BATCHPREDICT_GCS_ROOT", None) == (
        None if run.sandbox.isolated else f"{run.folder}/store/"
    )
    seen.pop("LC_CTYPE", None)
    assert seen == {"STEP": "1"}
    assert "GOOGLE" not in run("sh", "-c", "env; python3 -c 'import os; print(os.environ)'").out


def test_python_variables_reach_the_interpreter(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.py").write_text("print('found')")
    assert run("python3", "-m", "elsewhere", PYTHONPATH=str(tmp_path)) == (0, "found\n")


def test_shell_uses_the_shims(run: Runner) -> None:
    script = (
        "cd /; command -v python3; command -v pip; umask 027; export SET=here\n"
        'echo in | python3 -c \'import os, sys; print(os.getcwd(), os.environ["SET"], '
        "sys.stdin.read(), oct(os.umask(0)))'\n"
        "x=$(python -c 'print(5)'); python3 -c 'import sys; sys.exit(int(sys.argv[1]))' $x\n"
        "echo code $?; python3 -c 'import os; os.kill(os.getpid(), 15)'; echo code $?\n"
        "exec python3 -c 'import sys; sys.exit(6)'"
    )
    code, out = run("sh", "-c", script)
    lines = [line for line in out.splitlines() if not line.startswith(("+", "Terminated"))]
    bin_dir = f"{run.folder}/work/bin"
    assert code == 6
    assert lines == [
        f"{bin_dir}/python3",
        f"{bin_dir}/pip",
        "/ here in",
        " 0o27",
        "code 5",
        "code 143",
    ]


def test_shim_with_closed_streams(run: Runner) -> None:
    code = "import pathlib, sys; sys.exit(pathlib.Path('/proc/self/fd/0').is_socket())"
    assert run("sh", "-c", f'python3 -c "{code}" <&- >&-; echo $?') == (0, "0\n")


def test_an_argument_of_120_kb(run: Runner) -> None:
    argv = ["python3", "-c", "import sys; print(len(sys.argv[1]))", "x" * 120_000]
    assert run(*argv) == run("sh", "-c", '"$0" "$@"', *argv) == (0, "120000\n")


def test_output_keeps_its_order(run: Runner) -> None:
    code = "import os, sys\nfor i in range(50): print(i); print(-i, file=sys.stderr)"
    log = run.new_log()
    assert run.spawn("python3", "-c", code, log=log, PYTHONUNBUFFERED="1").wait(PATIENCE_S) == 0
    assert run.spawn("sh", "-c", "echo end", log=log).wait(PATIENCE_S) == 0
    pairs = [str(n) for i in range(50) for n in (i, -i)]
    assert log.read_text().split() == [*pairs, "end"]


def test_thirty_at_once(run: Runner) -> None:
    code = "import sys, time; time.sleep(0.1); print(sys.argv[1]); sys.exit(int(sys.argv[1]))"
    logs = [run.new_log() for _ in range(30)]
    commands = [run.spawn("python3", "-c", code, str(i), log=log) for i, log in enumerate(logs)]
    assert [command.wait(PATIENCE_S) for command in commands] == list(range(30))
    assert [log.read_text() for log in logs] == [f"{i}\n" for i in range(30)]
    assert len({command.pid for command in commands}) == 30


def test_no_descriptor_leaks(run: Runner) -> None:
    (run.folder / "fds").write_text("x")
    code = "import os; print(sorted(os.listdir('/proc/self/fd')))"
    expected = "['0', '1', '2', '3']\n"
    assert run.python(code).out == expected
    assert run("sh", "-c", f'python3 -c "{code}"').out == expected
    assert run("ls", "/proc/self/fd").out.split() == ["0", "1", "2", "3"]


def test_signals_are_default(run: Runner) -> None:
    code = (
        "import signal as s; print(s.getsignal(s.SIGTERM) is s.SIG_DFL, "
        "s.getsignal(s.SIGCHLD) is s.SIG_DFL, s.getsignal(s.SIGINT) is s.default_int_handler, "
        "s.getsignal(s.SIGPIPE) is s.SIG_IGN, s.pthread_sigmask(s.SIG_BLOCK, []))"
    )
    assert run.python(code).out == "True True True True set()\n"
    # glibc's posix_spawn ignores 32 and 33, which are its own and no program can use.
    ignored = int(run("grep", "SigIgn", "/proc/self/status").out.split()[1], 16)
    assert ignored & ~(1 << 31 | 1 << 32) == 0


def test_command_not_found(run: Runner) -> None:
    assert run("no-such-command") == (127, "no-such-command: command not found\n")
    assert run("/") == (126, "/: Permission denied\n")


def test_working_directory_that_is_not_there(run: Runner) -> None:
    log = run.new_log()
    gone = run.folder / "gone"
    process = run.sandbox.spawn(["true"], env={}, cwd=gone, log=log)
    assert process.wait(PATIENCE_S) == 126
    assert log.read_text() == f"cannot work in {gone}: No such file or directory\n"


def test_kfp_finds_gs_paths(run: Runner, tmp_path: Path) -> None:
    component = tmp_path / "component.py"
    component.write_text(
        "from kfp import dsl\n"
        "def step(data: dsl.Input[dsl.Artifact]):\n    print('PATH', data.path)\n"
    )
    artifact = {"name": "a", "uri": "gs://bucket/x", "type": {"schemaTitle": "system.Artifact"}}
    executor_input = {
        "inputs": {"artifacts": {"data": {"artifacts": [artifact]}}},
        "outputs": {"outputFile": str(tmp_path / "out.json")},
    }
    code, out = run(
        *("sh", "-c", 'exec python3 -m kfp.dsl.executor_main "$0" "$@"'),
        *("--component_module_path", str(component), "--function_to_execute", "step"),
        *("--executor_input", json.dumps(executor_input)),
    )
    root = "/gcs" if run.sandbox.isolated else f"{run.folder}/store"
    assert code == 0, out
    assert f"PATH {root}/bucket/x\n" in out
    assert "RuntimeWarning" not in out


def test_gcs_is_the_store_both_ways(run: Runner) -> None:
    (run.folder / "store" / "in").write_text("from outside")
    result = run("sh", "-c", "cd ${BATCHPREDICT_GCS_ROOT:-/gcs}; cat in; echo inside > out")
    assert result == (0, "from outside")
    assert (run.folder / "store" / "out").read_text() == "inside\n"


def test_pip_install_checks(run: Runner) -> None:
    assert run("pip", "install", "--quiet", "packaging>=20") == (0, "")
    code, out = run("sh", "-c", "python3 -m pip install packaging==1.0; echo $?")
    assert code == 0
    assert out.startswith("E321 the step needs packaging==1.0, this environment has ")
    assert out.endswith("\n1\n")

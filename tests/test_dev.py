"""The set-up script: what it does once, what it refuses."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from helpers import ROOT


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """dev.py as a module, with an environment of its own."""
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", tmp_path)
    monkeypatch.setattr(module, "BIN", tmp_path)
    return module


def test_an_installation_is_done_once_for_each_lock(dev: ModuleType) -> None:
    done: list[str] = []
    for value in ("a", "a", "b", "b"):
        dev.stamp("run.lock.stamp", value, lambda value=value: done.append(value))
    assert done == ["a", "b"]


def test_an_installation_that_failed_is_tried_again(dev: ModuleType) -> None:
    def fail() -> None:
        raise subprocess.CalledProcessError(1, ["pip"])

    with pytest.raises(subprocess.CalledProcessError):
        dev.stamp("x", "a", fail)
    done: list[str] = []
    dev.stamp("x", "a", lambda: done.append("again"))
    assert done == ["again"]


def test_the_digest_tells_content_and_names_apart(dev: ModuleType, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    digests = {
        dev.digest([one]),
        dev.digest([two]),
        dev.digest([one, two]),
        dev.digest([one], "a", "b"),
        dev.digest([one], "ab"),
    }
    assert len(digests) == 5


def test_verbs(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(dev, "set_up", lambda lock: calls.append((lock,)))

    def execute(*command: str) -> int:
        calls.append(command)
        return 0

    monkeypatch.setattr(dev, "become", execute)
    assert dev.main(["run", "compile", "--check"]) == 0
    assert calls == [("run.lock",), ("batchpredict", "compile", "--check")]
    calls.clear()
    assert dev.main(["run"]) == 0
    assert calls[1][:3] == ("batchpredict", "run", "train_and_batch_predict")
    assert dev.main(["rnu"]) == 2
    assert dev.main([]) == 0
    assert "python3 dev.py run" in capsys.readouterr().out


def test_a_check_that_fails_stops_the_others(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def execute(tool: str, *_: str) -> int:
        calls.append(tool)
        return 1 if tool == "mypy" else 0

    monkeypatch.setattr(dev, "set_up", lambda _: None)
    monkeypatch.setattr(dev, "execute", execute)
    assert dev.main(["test"]) == 1
    assert calls == ["ruff", "ruff", "mypy"]


def test_another_python_is_refused(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    assert dev.main(["run"]) == 3
    assert "Python 3.11, 3.12 or 3.13 is needed" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_the_exit_code_of_a_tool_is_passed_on(dev: ModuleType, tmp_path: Path) -> None:
    for name, line in (("three", "exit 3"), ("killed", "kill -TERM $$")):
        tool = tmp_path / name
        tool.write_text(f"#!/bin/sh\n{line}\n")
        tool.chmod(0o755)
    assert dev.execute("three") == 3
    assert dev.execute("killed") == 128 + signal.SIGTERM


def start(code: str, folder: Path) -> "subprocess.Popen[str]":
    """Run dev.py's function in a process of its own, with the tools of ``folder``."""
    prelude = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        f"import dev, pathlib; dev.BIN = pathlib.Path({str(folder)!r})\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", prelude + code], stdout=subprocess.PIPE, text=True
    )


def tool(folder: Path, line: str) -> None:
    (folder / "tool").write_text(f"#!/bin/sh\n{line}\n")
    (folder / "tool").chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_what_is_run_takes_the_place_of_the_script(tmp_path: Path) -> None:
    """So that Ctrl-C and kill reach it, and nothing is left behind."""
    tool(tmp_path, "echo $$ $1")
    with start("dev.become('tool', 'argument')", tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.read() == f"{process.pid} argument\n"


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_kill_of_the_script_ends_the_check_that_runs(tmp_path: Path) -> None:
    tool(tmp_path, "echo started; exec sleep 1000")
    with start("sys.exit(dev.execute('tool'))", tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
        assert process.stdout.read() == ""  # nobody holds the other end: the tool is gone

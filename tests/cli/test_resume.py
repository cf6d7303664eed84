"""A run that was killed goes on, and one that takes too long is ended, from the command line."""

# mypy: disallow-untyped-decorators=False, disable-error-code="no-untyped-def,valid-type"

import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from helpers import COMMAND, FinishedRun, command, run_command
from kfp import dsl
from kfp.compiler import Compiler

IMAGE = "python:3.11-slim"
PLAIN = ("--cold", "--no-isolation")
DEADLINE = 60


@dsl.component(base_image=IMAGE)
def mark(folder: str, name: str) -> str:
    with open(f"{folder}/{name}", "a") as file:
        file.write("ran\n")
    return name


@dsl.component(base_image=IMAGE)
def wait(folder: str, given: str) -> str:
    import os
    import time

    with open(f"{folder}/wait", "a") as file:
        file.write("ran\n")
    while not os.path.exists(f"{folder}/go"):
        time.sleep(0.02)
    return given


@dsl.pipeline(name="waiting")
def waiting(folder: str) -> None:
    first = mark(folder=folder, name="first")
    second = wait(folder=folder, given=first.output)
    mark(folder=folder, name="last").after(second)


def resumed(home: Path, *arguments: str) -> FinishedRun:
    done = command("run", "--home", str(home), *PLAIN, *arguments)
    return FinishedRun(home, done.returncode, done.stdout, done.stderr)


def count(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("waiting") / "waiting.yaml"
    Compiler().compile(waiting, str(path))
    return path


def kill_in_the_second_step(compiled: Path, home: Path, marks: Path) -> None:
    arguments = ("run", str(compiled), "--home", str(home), "-p", f"folder={marks}", *PLAIN)
    with subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + DEADLINE
        while not (marks / "wait").exists():
            assert time.monotonic() < deadline, "the second step did not start"
            time.sleep(0.02)
        process.kill()


def test_a_killed_run_goes_on_and_repeats_nothing(compiled: Path, tmp_path: Path) -> None:
    home, marks = tmp_path / "home", tmp_path / "marks"
    marks.mkdir()
    kill_in_the_second_step(compiled, home, marks)

    other = resumed(home, "--resume", "-p", "folder=/elsewhere")
    assert other.exit_code == 2
    assert "note: recovered: 1 run of a session that was killed is marked as ended" in other.stderr
    assert f"E361 parameter 'folder' of {other.folder.name} is '{marks}'" in other.stderr

    late = resumed(home, "--resume", "--timeout", "1s")
    assert late.exit_code == 4, late.stderr
    assert "note: recovered" not in late.stderr
    assert "Error: E363 the run was cancelled: it took longer than 1 s" in late.stderr
    assert f"run --resume {late.folder.name} --home {home}" in late.stderr
    assert late.manifest["state"] == "PIPELINE_STATE_CANCELLED"
    assert json.loads(late.job_file.read_text())["error"]["code"] == 4  # DEADLINE_EXCEEDED

    (marks / "go").touch()
    done = resumed(home, str(compiled), "--resume", late.folder.name, "-p", f"folder={marks}")
    assert done.exit_code == 0, done.stderr
    assert done.folder == late.folder
    assert "KEPT           mark" in done.stderr.splitlines()
    assert "PASS=3 FAIL=0 SKIP=0 KEPT=1 " in done.stdout
    assert [count(marks / name) for name in ("first", "wait", "last")] == [1, 3, 1]
    assert [step.get("resumed") for step in done.manifest["steps"]] == [True, None, None]

    over = resumed(home, "--resume")
    assert over.exit_code == 2
    assert f"E360 no run in {home} was interrupted or has failed" in over.stderr


def test_a_second_run_takes_steps_from_the_first(compiled: Path, tmp_path: Path) -> None:
    home, marks = tmp_path / "home", tmp_path / "marks"
    marks.mkdir()
    (marks / "go").touch()
    arguments = ("-p", f"folder={marks}", *PLAIN)
    first = run_command(home, *arguments, pipeline=str(compiled))
    job = first.manifest["job"]
    second = run_command(home, *arguments, pipeline=str(compiled))
    assert "PASS=3 FAIL=0 SKIP=0 " in first.stdout
    assert "CACHED=" not in first.stdout
    assert "PASS=3 FAIL=0 SKIP=0 CACHED=3 " in second.stdout
    assert "CACHED         wait" in second.stderr.splitlines()
    taken = {step["name"]: step["cached_run"] for step in second.manifest["steps"]}
    assert taken == {"mark": job, "wait": job, "mark-2": job}
    assert count(marks / "wait") == 1
    third = run_command(home, *arguments, "--no-cache", pipeline=str(compiled))
    assert "CACHED=" not in third.stdout
    assert count(marks / "wait") == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "E109 Missing argument 'PIPELINE'; see"),
        (("x.yaml", "--timeout", "soon"), "E109 .*'soon' is no time such as 90s, 10m or 1h30m"),
        (("x.yaml", "--timeout", "0"), "E109 .*'0' is no time"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_starts(
    tmp_path: Path, arguments: tuple[str, ...], text: str
) -> None:
    done = command("run", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert re.search(text, done.stderr), done.stderr
    assert os.listdir(tmp_path) == []

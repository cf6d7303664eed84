"""No process is left behind, whatever ends the command, and two commands do not meet."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import COMMAND, ROOT, command

SLEEPER = """
from kfp import compiler, dsl


@dsl.component(base_image="python:3.11-slim")
def sleep_long(mark: dsl.Output[dsl.Artifact]):
    import subprocess, sys

    # A child in a session of its own, as a careless program leaves one behind.
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    with open(mark.path, "w") as file:
        file.write(str(child.pid))
    child.wait()


@dsl.pipeline(name="sleeper")
def sleeper():
    sleep_long()


compiler.Compiler().compile(sleeper, "sleeper.yaml")
"""
DEADLINE = 60


@pytest.fixture(scope="module")
def sleeper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled pipeline whose step sleeps for a long time."""
    folder = tmp_path_factory.mktemp("sleeper")
    (folder / "pipeline.py").write_text(SLEEPER)
    subprocess.run([sys.executable, "-W", "ignore", "pipeline.py"], cwd=folder, check=True)
    return folder / "sleeper.yaml"


def wait_until(condition: object) -> None:
    """Wait for something that must come; the deadline only keeps a failure from hanging."""
    assert callable(condition)
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def processes_of(work: str) -> list[str]:
    """Return the processes whose environment or command names the session's folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if work.encode() in text and int(folder.name) != os.getpid():
            found.append(folder.name)
    return found


@pytest.mark.parametrize("options", [[], ["--cold", "--no-isolation"]], ids=["warm", "plain"])
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_nothing_survives_the_command(
    sleeper: Path, tmp_path: Path, number: int, code: int, options: list[str]
) -> None:
    home = tmp_path / "home"
    process = subprocess.Popen(
        [*COMMAND, "run", str(sleeper), "--home", str(home), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    wait_until(lambda: any((home / "storage").glob("**/sleep-long/mark")))
    work = (home / "work-folder").read_text()
    assert len(processes_of(work)) >= 2
    process.send_signal(number)
    assert process.wait(DEADLINE) == code
    wait_until(lambda: processes_of(work) == [])


def test_a_home_in_use_is_refused_and_free_after_a_kill(sleeper: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = subprocess.Popen(
        [*COMMAND, "run", str(sleeper), "--home", str(home)], stderr=subprocess.DEVNULL
    )
    wait_until(lambda: any((home / "storage").glob("**/sleep-long/mark")))
    second = command("run", str(sleeper), "--home", str(home))
    assert second.returncode == 3
    assert f"E302 the home folder {home} is in use by process {process.pid}" in second.stderr
    old_work = Path((home / "work-folder").read_text())
    process.kill()
    process.wait()
    third = command(
        "run", "train_and_batch_predict", "--home", str(home),
        "-p", f"dataset_uri={ROOT / 'examples/penguins.csv'}", "-p", "target_column=species",
    )  # fmt: skip
    assert third.returncode == 0, third.stderr
    assert not old_work.exists()
    left = next(home.glob("vertex/**/pipelineJobs/sleeper*.json")).read_text()
    assert "the session ended before the job did" in left


def test_two_runs_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    arguments = (
        "-p",
        f"dataset_uri={ROOT / 'examples/penguins.csv'}",
        "-p",
        "target_column=species",
    )
    running = [
        subprocess.Popen(
            [*COMMAND, "run", "train_and_batch_predict", "--home", tmp_path / name, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for process in running:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        assert "PASS=14 FAIL=0 SKIP=1" in out
    for name in ("one", "two"):
        assert len(list((tmp_path / name).glob("vertex/**/models/*@1.json"))) == 1

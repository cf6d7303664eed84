"""What a person sees while a run goes on."""

import io
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
from helpers import COMMAND, ROOT
from rich.console import Console

from batchpredict.cli.progress import _table, follow, visible
from batchpredict.cli.results import printable
from batchpredict.local.runs import Step


def step(name: str, state: str, seconds: float = 0.0) -> Step:
    return Step(name, state, seconds, "", {})


STEPS = [
    step("split", "SUCCEEDED", 1.25),
    step("train", "FAILED", 61.0),
    step("evaluate", "NOT_TRIGGERED"),
    step("deploy", "SKIPPED"),
    Step("kept", "SUCCEEDED", 2.0, "", {}, origin={"resumed": True}),
    step("other", "RUNNING", 3.0),
    step("later", "PENDING"),
]


def test_without_a_terminal_each_step_is_one_line_when_it_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    moments = iter([STEPS[5:], STEPS[:1] + STEPS[5:], STEPS, STEPS])
    left = iter([False, False, False, True])
    follow(lambda: next(moments), lambda _: next(left))
    assert capsys.readouterr().err.splitlines() == [
        "OK      1.2 s  split",
        "FAIL   61.0 s  train",
        "SKIP           evaluate",
        "CACHED         deploy",
        "KEPT           kept",
    ]


def test_the_table_shows_every_state_in_words() -> None:
    """Not by colour alone."""
    console = Console(file=io.StringIO(), width=60, color_system=None)
    console.print(_table(STEPS, 64.0))
    assert isinstance(console.file, io.StringIO)
    words = [line.split() for line in console.file.getvalue().splitlines()]
    assert [line[0] for line in words[:-1]] == [
        *("OK", "FAIL", "SKIP", "CACHED", "KEPT", "RUN", "wait")
    ]
    assert words[-1] == ["64.0", "s"]


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (9, ["split", "train", "evaluate", "deploy", "kept", "other", "later"]),
        (7, ["split", "train", "evaluate", "deploy", "kept", "other", "later"]),
        (4, ["train", "kept", "other", "later"]),
        (2, ["other", "later"]),
        (1, ["other"]),
        (-2, ["other"]),
    ],
)
def test_what_runs_is_seen_however_low_the_terminal_is(rows: int, names: list[str]) -> None:
    assert [step.name for step in visible(STEPS, rows)] == names


def test_the_table_counts_the_steps_that_it_has_no_room_for() -> None:
    console = Console(file=io.StringIO(), width=60, color_system=None)
    console.print(_table(STEPS[5:], 1.0, 4))
    assert isinstance(console.file, io.StringIO)
    assert "and 4 more steps" in console.file.getvalue()


def test_a_hostile_log_line_cannot_drive_the_terminal() -> None:
    assert printable("a\tb\x1b[2J\x07c\u202e") == "a\tb\ufffd[2J\ufffdc\ufffd"


def test_on_a_terminal_the_table_is_live(tmp_path: Path) -> None:
    dataset = tmp_path / "table.csv"
    dataset.write_text("a,b\n1,x\n2,x\n")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [
            *COMMAND, "run", "train_and_batch_predict", "--home", str(tmp_path / "home"),
            "-p", f"dataset_uri={dataset}", "-p", "target_column=b",
        ],
        stderr=theirs, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:
        pass  # the other end is closed: it has ended
    os.close(ours)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"\x1b[" in seen
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())
    assert re.search(r"FAIL +\d+\.\d s +split-dataset", text)
    assert "E204" in text
    assert b"PASS=1 FAIL=1 SKIP=7" in out

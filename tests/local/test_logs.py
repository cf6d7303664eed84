"""Why a process ended, read from its log."""

import subprocess
import sys

import pytest

from batchpredict.local.logs import last_exception


def log_of(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("raise LookupError('gone')", "LookupError: gone"),
        ("raise ValueError('E203 no column')", "E203 no column"),
        (
            "class Stop(Exception): pass\n"
            "try:\n    int('x')\nexcept ValueError as e:\n    raise Stop('real') from e",
            "Stop: real",
        ),
        ("raise RuntimeError('first\\nsecond')", "RuntimeError: first"),
        ("print('ConnectionError: retried')\nraise TimeoutError('late')", "TimeoutError: late"),
        ("import sys; print('E321 the step needs x'); sys.exit(1)", "E321 the step needs x"),
        ("print('some'); print('words')", "words"),
        ("", "no output"),
    ],
)
def test_the_cause_is_found(code: str, cause: str) -> None:
    assert last_exception(log_of(code)) == cause


def test_a_traceback_that_a_logger_indents_is_read() -> None:
    log = "INFO start\n  Traceback (most recent call last):\n    File x\n  KeyError: 1\nINFO end"
    assert last_exception(log) == "KeyError: 1"


def test_a_long_line_is_cut() -> None:
    assert len(last_exception("ValueError: " + "x" * 5000)) == 1000

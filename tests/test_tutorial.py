"""Every line of the tutorial is typed, with the installed wheel, and what comes is compared."""

import os
import re
import subprocess
from pathlib import Path

from helpers import ROOT

TEXT = (ROOT / "docs" / "tutorial.md").read_text()
END = "@@ line "  # no verb writes this
SET_UP = 'set -o pipefail\nexport PS4=""\n'


def commands() -> list[tuple[str, list[str]]]:
    """Return what is typed, and the lines that are said to come."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.startswith("> "):
                typed, shown = found.pop()
                found.append((f"{typed}\n{line[2:]}", shown))
            else:
                found[-1][1].append(line)
    return found


def pattern(shown: list[str]) -> str:
    """Return what the lines stand for: a line ``…`` is any lines, ``…`` in a line any text."""
    parts = [
        r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"\n"
        for line in (re.sub(r" *… *", "…", line) if line != "…" else line for line in shown)
    ]
    return "".join(parts)


def type_all(typed: list[str], folder: Path, path: str) -> list[tuple[str, str]]:
    """Type the lines into one shell; return what came of each, and its exit code."""
    script = "".join(f'{{ {it}\n}} 2>&1; echo "{END}$?"\n' for it in typed)
    clean = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("BATCHPREDICT", "PYTHONPATH"))
    }
    done = subprocess.run(
        ["bash", "-c", SET_UP + script],
        cwd=folder, env={**clean, "PATH": path}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert not done.stderr
    found = re.findall(rf"(.*?)^{END}(\d+)\n", done.stdout, re.DOTALL | re.MULTILINE)
    assert len(found) == len(typed)
    return found


def test_every_line_does_what_the_tutorial_says(installed: Path, tmp_path: Path) -> None:
    """The command is that of the wheel, in an environment that does not hold the checkout."""
    path = f"{installed}{os.pathsep}{os.environ['PATH']}"
    wanted = commands()
    try:
        came = type_all([typed for typed, _ in wanted], tmp_path, path)
    finally:  # the tutorial's own last line, when it did not get that far
        down = [str(installed / "batchpredict"), "local", "down"]
        if (tmp_path / "churn").is_dir():
            subprocess.run(down, cwd=tmp_path / "churn", capture_output=True, check=False)
    for (typed, shown), (text, code) in zip(wanted, came, strict=True):
        said = f"$ {typed}\n{text}"
        assert code == "0", said
        assert re.fullmatch(pattern(shown), text), said


def test_the_comparison_sees_a_difference() -> None:
    """What compares must not let everything pass."""
    assert re.fullmatch(pattern(["a … c", "…", "end"]), "a b c\nx\ny\nend\n")
    assert re.fullmatch(pattern(["…", "end"]), "end\n")
    assert not re.fullmatch(pattern(["a … c", "end"]), "a b d\nend\n")
    assert not re.fullmatch(pattern(["a", "end"]), "a\nb\nend\n")
    assert not re.fullmatch(pattern(["a.c"]), "abc\n")
    assert not re.fullmatch(pattern([]), "said\n")
    assert len(commands()) > 20

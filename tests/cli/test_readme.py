"""The commands of the README work as they are typed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from helpers import COMMAND, ROOT

TEXT = (ROOT / "README.md").read_text()


def commands(*words: str) -> list[str]:
    """Return the lines to type of each block of the console that holds one of the words."""
    blocks = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
    chosen = [block for block in blocks if any(word in block for word in words)]
    return [line.removeprefix("$ ") for block in chosen for line in block.splitlines()]


def tools(folder: Path) -> str:
    """Return a PATH with this environment's tools, as ``.venv/bin/activate`` sets it."""
    folder.mkdir()
    command = " ".join(f"'{part}'" for part in COMMAND)
    for name, line in (("batchpredict", command), ("python", f"'{sys.executable}'")):
        (folder / name).write_text(f'#!/bin/sh\nexec {line} "$@"\n')
        (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_the_results_of_the_first_run_are_scored_and_published(tmp_path: Path) -> None:
    work = tmp_path / "clone"
    shutil.copytree(ROOT / "examples", work / "examples")
    [code] = re.findall(r"```python\n(# Predict, predict again.*?)```", TEXT, re.DOTALL)
    (work / "score_and_publish.py").write_text(code)
    first = "batchpredict run train_and_batch_predict -p dataset_uri=examples/penguins.csv"
    script = ["set -e", f"{first} -p target_column=species"]  # what ``dev.py run`` runs
    script += commands("score_and_publish")
    done = subprocess.run(
        ["sh", "-c", "\n".join(script)],
        cwd=work, env={**os.environ, "PATH": tools(tmp_path / "bin")},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    place = Path(".batchpredict") / "storage" / "bucket1" / "published"
    assert done.stdout.count(f"published: 86 rows in {place}\n") == 2
    assert (work / place / "_manifest.json").is_file()


def test_another_target_and_algorithm(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    activate, line = commands("algorithm=")
    assert activate == ". .venv/bin/activate"
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=tmp_path, env={**os.environ, "PATH": tools(tmp_path / "bin")},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "gate: pass: " in done.stdout

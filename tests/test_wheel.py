"""The built wheel, installed in a clean environment; test_tutorial.py works with it."""

import os
import subprocess
import zipfile
from pathlib import Path

from helpers import ROOT

PLACES = {
    "src/batchpredict": "",
    "components": "components/",
    "pipelines": "pipelines/",
    "compiled": "compiled/",
}
EVERY_HELP = """
import batchpredict
from batchpredict.cli import VERBS
from batchpredict.cli.help_pages import verbs
found = dict(verbs())
assert set(VERBS) <= set(found)
assert all(text.startswith("Usage: batchpredict ") for text in found.values())
print(batchpredict.__file__)
"""


def start(tools: Path, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["PATH"] = f"{tools}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        [str(tools / command[0]), *command[1:]],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_every_file_of_the_sources_is_in_the_wheel(wheel: Path) -> None:
    """Setuptools silently leaves out a file that no pattern names."""
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        f"batchpredict/{prefix}{path.relative_to(ROOT / place).as_posix()}"
        for place, prefix in PLACES.items()
        for path in (ROOT / place).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert not wanted - held
    assert not {name for name in held - wanted if ".dist-info/" not in name}


def test_every_verb_has_help(installed: Path, tmp_path: Path) -> None:
    done = start(installed, "python", "-c", EVERY_HELP, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(installed.parent)
    done = start(installed, "batchpredict", "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "submit" in done.stdout

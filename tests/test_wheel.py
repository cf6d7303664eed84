"""The built wheel, installed in a clean environment, does all that the checkout does."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from helpers import ROOT

SOURCES = ("src", "components", "pipelines", "compiled")
FILES = ("pyproject.toml", "README.md", "LICENSE")
PLACES = {"src/batchpredict": "", "components": "components/", "pipelines": "pipelines/",
          "compiled": "compiled/"}  # fmt: skip
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
EVERY_HELP = """
import batchpredict
from batchpredict.cli import VERBS
from batchpredict.cli.help_pages import verbs
found = dict(verbs())
assert set(VERBS) <= set(found)
assert all(text.startswith("Usage: batchpredict ") for text in found.values())
print(batchpredict.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from a copy of the sources alone."""
    copy, place = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("dist")
    for folder in SOURCES:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(place)],
        cwd=copy, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [path] = place.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the commands of an environment that holds the wheel.

    Its dependencies are those of the lock: nothing is fetched. The checkout is not among them.
    """
    folder = tmp_path_factory.mktemp("clean") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "locked.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    # As dev.py does: pip is that of the Python which made this environment.
    base = getattr(sys, "_base_executable", sys.executable)
    pip = [base, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--no-deps"]
    done = subprocess.run(
        [*pip, "--no-index", "--quiet", str(wheel)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder / "bin"


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


def test_from_nothing_to_a_run(installed: Path, tmp_path: Path) -> None:
    """`init`, `check` and `run`, as typed, far from any checkout."""
    work = tmp_path / "churn"
    made = start(installed, "batchpredict", "init", "churn", "--yes", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    checked = start(installed, "batchpredict", "check", cwd=work)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    listed = start(installed, "batchpredict", "pipelines", "list", cwd=work)
    assert "train_and_score" in listed.stdout
    [line] = re.findall(
        r"^\$ (batchpredict run .*)$", (work / "README.md").read_text(), re.MULTILINE
    )
    done = start(installed, *shlex.split(line), cwd=work)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL=0" in done.stdout
    told = start(installed, "batchpredict", "report", "-o", "page.html", cwd=work)
    assert told.returncode == 0, told.stderr
    assert "succeeded" in (work / "page.html").read_text()

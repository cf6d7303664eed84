"""The commands themselves: help, compile, check."""

import shutil
import subprocess
import sys
from pathlib import Path

from helpers import ROOT, command

HEAVY = ("kfp", "google.auth", "google.protobuf", "grpc", "rich", "yaml", "sklearn")


def test_help_loads_nothing_heavy() -> None:
    """What takes time is import: this holds --help far below its 0.2 s on any machine."""
    code = (
        "import sys\n"
        "from batchpredict.cli import commands\n"
        "commands.main(['--help'], prog_name='batchpredict', standalone_mode=False)\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: batchpredict" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_verb_has_help() -> None:
    for verb in ("run", "compile"):
        done = command(verb, "--help")
        assert done.returncode == 0
        assert f"Usage: batchpredict {verb}" in done.stdout


def test_compile_check_passes_on_this_tree() -> None:
    done = command("compile", "--check", cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "are current" in done.stdout


def test_compile_check_shows_a_difference_and_compile_mends_it(tmp_path: Path) -> None:
    folder = tmp_path / "compiled"
    shutil.copytree(ROOT / "compiled", folder)
    gate = folder / "components" / "gate.yaml"
    original = gate.read_text()
    gate.write_text(original.replace("comp-gate", "comp-gait"))
    (folder / "stray.yaml").write_text("")
    done = command("compile", "--check", "--folder", str(folder))
    assert done.returncode == 1
    assert "-  comp-gait:" in done.stdout
    assert "+  comp-gate:" in done.stdout
    assert "stray.yaml belongs to no pipeline" in done.stdout
    assert "E122 2 compiled files differ" in done.stderr
    assert "written" in command("compile", "gate", "--folder", str(folder)).stdout
    assert gate.read_text() == original


def test_compile_of_an_unknown_name(tmp_path: Path) -> None:
    done = command("compile", "gaet", "--folder", str(tmp_path))
    assert done.returncode == 2
    assert "did you mean 'gate'" in done.stderr

"""``batchpredict init`` as a person types it, and the way on from there."""

import importlib.util
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import COMMAND, command

from batchpredict.cli.compile import command as compile_
from batchpredict.cli.init import command as init
from batchpredict.errors import UsageError
from batchpredict.local.session import LocalVertex
from batchpredict.local.testing import LocalVertexFixture
from batchpredict.projects import creating

OWN = "train_and_score"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the compiling out."""
    monkeypatch.setattr(creating, "_compile", lambda _: None)


def test_from_init_to_a_run(tmp_path: Path, vertex: LocalVertex) -> None:
    """What is made can be checked and compiled at once, and its own test runs it."""
    project = tmp_path / "scores"
    made = command("init", "scores", "--yes", "--project", "p-1", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stderr == "next: cd scores && batchpredict check\n"
    checked = command("check", "--output", "json", cwd=project)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert {row["code"] for row in json.loads(checked.stdout)} == {"W152"}
    compared = command("compile", "--check", cwd=project)
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert compared.stdout == "1 compiled files in compiled are current.\n"
    path = project / "tests" / f"test_{OWN}.py"
    spec = importlib.util.spec_from_file_location("generated_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.test_every_customer_has_a_prediction(LocalVertexFixture(vertex))


def test_a_changed_source_is_compiled_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(init, ["--yes"]).exit_code == 0
    compiled = tmp_path / "compiled" / f"{OWN}.yaml"
    before = compiled.read_text()
    source = tmp_path / "pipelines" / f"{OWN}.py"
    source.write_text(source.read_text().replace("n1-standard-2", "n1-standard-4"))
    (tmp_path / "compiled" / "old.yaml").touch()
    compared = CliRunner().invoke(compile_, ["--check"])
    assert str(compared.exception) == "E122 2 compiled files differ; run `batchpredict compile`"
    assert "+                constant: n1-standard-4" in compared.stdout
    assert "compiled/old.yaml belongs to no pipeline or component" in compared.stdout
    assert compiled.read_text() == before
    monkeypatch.setenv("BATCHPREDICT_ENV", "test")  # what is compiled is the same in each
    written = CliRunner().invoke(compile_, [OWN])
    assert written.stdout.splitlines()[0] == f"written compiled/{OWN}.yaml"
    assert "n1-standard-4" in compiled.read_text()


def test_compile_names_every_source_that_it_cannot_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "batchpredict.json").write_text('{"sources": "own"}')
    (tmp_path / "own").mkdir()
    for name in ("one", "two"):
        (tmp_path / "own" / f"{name}.py").write_text("x = 1\n")
    done = CliRunner().invoke(compile_, [])
    assert str(done.exception).startswith("E415 own/one.py has no pipeline called one; ")
    assert "; own/two.py has no pipeline called two; " in str(done.exception)
    assert not (tmp_path / "compiled").exists()


@pytest.mark.usefixtures("quick")
def test_nothing_is_asked_off_a_terminal(tmp_path: Path) -> None:
    done = CliRunner().invoke(init, [str(tmp_path / "new")], input="other\n")
    assert done.exit_code == 0, done.output
    assert 'project: "my-project"' in (tmp_path / "new" / "batchpredict.yaml").read_text()


@pytest.mark.usefixtures("quick")
def test_on_a_terminal_what_is_not_given_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchpredict.cli.init._is_terminal", lambda: True)
    place = str(tmp_path / "new")
    done = CliRunner().invoke(init, [place, "--project", "p-1"], input="risk\n\nbkt-1\n")
    assert done.exit_code == 0, done.output
    assert done.stderr.startswith("name [customer-scores]: ")
    assert "project" not in done.stderr
    text = (tmp_path / "new" / "batchpredict.yaml").read_text()
    assert 'project: "p-1"' in text
    assert "location: us-central1" in text
    assert "gs://bkt-1/prod/runs" in text
    assert all(line.startswith("written ") for line in done.stdout.splitlines())


def test_a_folder_with_something_in_it_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    done = CliRunner().invoke(init, [str(tmp_path)])
    assert isinstance(done.exception, UsageError)
    assert done.exception.code == "E414"
    assert [it.name for it in tmp_path.iterdir()] == ["mine"]


def test_a_kill_in_the_middle_leaves_no_half_project(tmp_path: Path) -> None:
    with subprocess.Popen([*COMMAND, "init", "new", "--yes"], cwd=tmp_path) as process:
        deadline = time.monotonic() + 60
        while not any(tmp_path.glob(".new-*/batchpredict.yaml")) and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert any(tmp_path.glob(".new-*")), "it was killed too late to say anything"
    assert not (tmp_path / "new").exists()
    again = CliRunner().invoke(init, [str(tmp_path / "new"), "--yes"])
    assert again.exit_code == 0, again.output

"""`components` and `pipelines`: what a compiled file says of itself."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers import command

from batchpredict.cli import commands
from batchpredict.errors import UsageError
from batchpredict.pipeline_files import compiled_folder, pipeline_names

HEAVY = ("kfp", "grpc", "google.auth", "google.protobuf", "google.cloud.aiplatform_v1", "jinja2")


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(commands, arguments, catch_exceptions=False, standalone_mode=False)
    if done.exception:
        raise done.exception
    return done


def test_every_component_is_listed_and_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = json.loads(run("components", "list", "--output", "json").stdout)
    names = [row["name"] for row in rows]
    assert names == sorted(path.stem for path in (compiled_folder() / "components").glob("*.yaml"))
    for row in rows:
        assert row["origin"] == "batchpredict"
        shown = json.loads(run("components", "show", row["name"], "--output", "json").stdout)
        assert shown["description"] == row["description"]
        assert shown["steps"]
    text = run("components", "list").stdout.splitlines()
    assert text[0].split() == ["NAME", "FROM", "DESCRIPTION"]
    assert len(text) == len(names) + 1


def test_show_says_what_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    text = run("pipelines", "show", "train_and_batch_predict").stdout
    assert "  dataset_uri: str (required)\n      Table in Cloud Storage" in text
    assert "  parse_parallelism: int = 1\n" in text
    assert "  upload-model/model-upload\n      gcr.io/ml-pipeline/google-cloud-pipeline" in text
    shown = json.loads(
        run("pipelines", "show", "train_and_batch_predict", "--output", "json").stdout
    )
    needed = [it["name"] for it in shown["inputs"] if it["is_required"]]
    assert needed == ["dataset_uri", "target_column"]
    assert "python:3.11-slim" in shown["images"]
    assert any(package.startswith("duckdb") for package in shown["packages"])


def test_a_name_with_dashes_is_known_and_a_wrong_one_is_guessed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("components", "show", "parse-predictions").stdout.startswith("parse_predictions\n")
    with pytest.raises(UsageError, match=r"E101 .*did you mean 'gate'\?"):
        run("components", "show", "gaet")
    with pytest.raises(UsageError, match=r"E101 .*did you mean 'train_and_batch_predict'\?"):
        run("pipelines", "graph", "train_and_batch_predicts")


def test_those_of_a_project_come_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "mine"
    (own / "components").mkdir(parents=True)
    shutil.copy(
        compiled_folder() / "components" / "gate.yaml", own / "components" / "my_gate.yaml"
    )
    shutil.copy(compiled_folder() / "train_and_batch_predict.yaml", own / "my_job.yaml")
    (tmp_path / "batchpredict.yaml").write_text("compiled: mine\n")
    rows = json.loads(run("pipelines", "list", "--output", "json").stdout)
    assert {row["name"] for row in rows} == {"my_job", *pipeline_names()}
    assert next(row["origin"] for row in rows if row["name"] == "my_job").endswith("my_job.yaml")
    assert "my_gate " in run("components", "list").stdout
    assert run("components", "show", "my_gate").stdout.startswith("my_gate\n")


@pytest.mark.parametrize(("file", "form", "head"), [
    ("graph.svg", None, "<svg "), ("graph.dot", None, "digraph "), ("graph.gv", None, "digraph "),
    ("graph.txt", None, "flowchart TD"), ("graph.svg", "mermaid", "flowchart TD"),
])  # fmt: skip
def test_a_graph_is_written_in_the_form_of_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, form: str | None, head: str
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--format", form] if form else []
    done = run("pipelines", "graph", "train_and_batch_predict", "-o", file, *options)
    assert (tmp_path / file).read_text().startswith(head)
    assert done.stdout == ""
    assert done.stderr == f"written {file}\n"
    shown = run("pipelines", "graph", "train_and_batch_predict", "--format", "svg").stdout
    assert shown.startswith("<svg ")


def test_neither_kfp_nor_a_client_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from batchpredict.cli import commands\n"
        "for words in (['components', 'list'], ['pipelines', 'show', 'train_and_batch_predict'],\n"
        "              ['pipelines', 'graph', 'train_and_batch_predict', '--format', 'svg']):\n"
        "    commands.main(words, standalone_mode=False)\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"


def test_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("root: [")
    done = command("pipelines", "graph", "odd.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: E102 odd.yaml is not YAML")
    assert len(done.stderr.splitlines()) == 1

"""The main job, whole: the checked-in YAML on the local services, and what came out of it."""

import base64
import csv
import hashlib
import json
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import duckdb
import joblib
import numpy as np
import pytest
import yaml
from helpers import ROOT, FinishedRun, run_command
from sklearn.metrics import accuracy_score

COMPILED = ROOT / "compiled" / "train_and_batch_predict.yaml"
PARSE = "condition-branches-1/parse-in-one-step/parse-predictions"
SKIPPED = "condition-branches-1/parse-side-by-side"
STEPS = {
    "importer",
    "split-dataset",
    "train-model",
    "upload-model/check-model",
    "upload-model/model-upload",
    "batch-predict/check-batch-request",
    "batch-predict/model-batch-predict",
    "batch-predict/wait-batch-prediction-job",
    PARSE,
    SKIPPED,
    "evaluate-predictions",
    "gate",
    "gate-passed/deploy-model/find-or-create-endpoint",
    "gate-passed/deploy-model/model-deploy",
    "gate-passed/deploy-model/predict-once",
}


def rows(path: Path) -> list[dict[str, Any]]:
    with duckdb.connect() as database:
        cursor = database.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def instances(run: FinishedRun) -> list[dict[str, Any]]:
    text = run.output("split-dataset", "instances").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_every_step_succeeds(penguins: FinishedRun) -> None:
    assert penguins.exit_code == 0, penguins.stderr
    assert {step["name"] for step in penguins.manifest["steps"]} == STEPS
    others = [step["name"] for step in penguins.manifest["steps"] if step["state"] != "SUCCEEDED"]
    assert others == [SKIPPED]
    assert "PASS=14 FAIL=0 SKIP=1" in penguins.stdout


def test_the_executed_spec_is_the_checked_in_one(penguins: FinishedRun) -> None:
    assert (penguins.folder / "pipeline.yaml").read_bytes() == COMPILED.read_bytes()
    job = json.loads(penguins.job_file.read_text())
    assert job["pipelineSpec"] == json.loads(json.dumps(yaml.safe_load(COMPILED.read_text())))


def test_the_launchers_are_those_of_the_wheel(penguins: FinishedRun) -> None:
    """Compare each installed file of Google's components with the hash in its RECORD."""
    assert penguins.exit_code == 0
    package = distribution("google-cloud-pipeline-components")
    files = [file for file in package.files or [] if file.suffix == ".py" and file.hash]
    assert len(files) > 400
    for file in files:
        assert file.hash is not None
        digest = hashlib.sha256(Path(str(file.locate())).read_bytes()).digest()
        encoded = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        assert encoded == file.hash.value, file


def test_each_row_is_accounted_for(penguins: FinishedRun) -> None:
    predictions = rows(penguins.output(PARSE, "predictions"))
    failures = rows(penguins.output(PARSE, "failures"))
    sent = instances(penguins)
    assert len(predictions) + len(failures) == len(sent) == 86
    assert {row["key"] for row in predictions + failures} == {row["key"] for row in sent}


def test_keys_lead_back_to_the_rows_of_the_table(penguins: FinishedRun) -> None:
    """The key made from the row number finds the row, and its truth, in the CSV file."""
    with (ROOT / "examples" / "penguins.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    for row in rows(penguins.output("split-dataset", "test")):
        original = table[int(row["key"].removeprefix("row-")) - 1]
        assert row["species"] == original["species"]
        assert row["island"] == original["island"]


def test_accuracy_equals_the_direct_one_to_the_last_digit(penguins: FinishedRun) -> None:
    """Predict the held-back rows with the saved model in this process."""
    model = joblib.load(penguins.output("train-model", "model") / "model.joblib")
    test = rows(penguins.output("split-dataset", "test"))
    columns = [name for name in test[0] if name not in ("key", "species")]
    table = np.asarray([[row[name] for name in columns] for row in test], dtype=object)
    direct = accuracy_score([row["species"] for row in test], model.predict(table))
    assert f"accuracy={direct!r}" in penguins.stdout


def test_the_report_stands_alone(penguins: FinishedRun) -> None:
    html = penguins.output("evaluate-predictions", "report").read_text()
    assert "Content-Security-Policy" in html
    assert "<script" not in html.lower()
    assert "<svg" in html


def test_a_second_run_makes_a_second_version_on_the_same_endpoint(penguins: FinishedRun) -> None:
    again = run_command(
        penguins.home,
        "-p",
        f"dataset_uri={ROOT / 'examples/penguins.csv'}",
        "-p",
        "target_column=species",
    )
    assert again.exit_code == 0, again.stderr
    state = penguins.home / "vertex/projects/local-project/locations/us-central1"
    assert len(list((state / "models").glob("*@1.json"))) == 1
    assert len(list((state / "models").glob("*@2.json"))) == 1
    assert len(list((state / "endpoints").glob("*.json"))) == 1


@pytest.mark.parametrize(("algorithm", "least"), [("random_forest", 0.2), ("xgboost", 0.0)])
def test_regression_on_diabetes(
    diabetes_csv: Path, tmp_path: Path, algorithm: str, least: float
) -> None:
    run = run_command(
        tmp_path / "home",
        *("-p", f"dataset_uri={diabetes_csv}", "-p", "target_column=target"),
        *("-p", f"algorithm={algorithm}", "-p", f"gate_threshold={least}"),
    )
    assert run.exit_code == 0, run.stderr
    assert "PASS=14 FAIL=0 SKIP=1" in run.stdout
    sent = instances(run)
    assert len(rows(run.output(PARSE, "predictions"))) == len(sent) > 100


def test_the_manifest_names_the_generation_of_each_file(penguins: FinishedRun) -> None:
    summary = json.loads(penguins.output(PARSE, "summary").read_text())
    [file] = summary["files"]
    shards = [path.read_bytes() for path in (penguins.home / "storage").glob(f"**/{file['name']}")]
    digests = [base64.b64encode(hashlib.md5(shard).digest()).decode() for shard in shards]
    assert (file["bytes"], file["md5"]) in zip(map(len, shards), digests, strict=True)
    assert int(file["generation"]) > 0


def test_parsing_in_several_steps_gives_the_same(penguins: FinishedRun, tmp_path: Path) -> None:
    run = run_command(
        tmp_path / "home",
        *("-p", f"dataset_uri={ROOT / 'examples/penguins.csv'}", "-p", "target_column=species"),
        *("-p", "parse_parallelism=3"),
    )
    assert run.exit_code == 0, run.stderr
    merge = "condition-branches-1/parse-side-by-side/parse-in-parallel/merge-summaries"
    for name in ("predictions", "failures"):
        found = [rows(run.output(merge, name)), rows(penguins.output(PARSE, name))]
        assert sorted(map(repr, found[0])) == sorted(map(repr, found[1]))
    summaries = [run.output(merge, "summary"), penguins.output(PARSE, "summary")]
    assert [json.loads(path.read_text())["counts"]["predicted"] for path in summaries] == [86, 86]


def test_xgboost_on_categories_with_gaps(tmp_path: Path) -> None:
    run = run_command(
        tmp_path / "home",
        *("-p", f"dataset_uri={ROOT / 'examples/penguins.csv'}", "-p", "target_column=species"),
        *("-p", "algorithm=xgboost"),
    )
    assert run.exit_code == 0, run.stderr
    predictions = rows(run.output(PARSE, "predictions"))
    assert {row["label"] for row in predictions} == {"Adelie", "Chinstrap", "Gentoo"}
    assert all(abs(sum(row["scores"]) - 1) < 1e-5 for row in predictions)


def test_a_model_below_the_gate_is_not_deployed(tmp_path: Path) -> None:
    run = run_command(
        tmp_path / "home",
        *("-p", f"dataset_uri={ROOT / 'examples/penguins.csv'}", "-p", "target_column=species"),
        *("-p", "gate_threshold=0.999"),
    )
    assert run.exit_code == 0, run.stderr
    assert "PASS=11 FAIL=0 SKIP=2" in run.stdout
    assert not list((run.home / "vertex").rglob("endpoints/*.json"))


def test_cold_and_without_namespaces_gives_the_same(penguins: FinishedRun, tmp_path: Path) -> None:
    """The fallback of systems without namespaces or fork: same numbers, and it says so."""
    run = run_command(
        tmp_path / "home",
        *("-p", f"dataset_uri={ROOT / 'examples/penguins.csv'}", "-p", "target_column=species"),
        *("--cold", "--no-isolation"),
    )
    assert run.exit_code == 0, run.stderr
    assert "note: No private namespaces" in run.stderr
    assert metrics(run) == metrics(penguins)


def metrics(run: FinishedRun) -> list[str]:
    return sorted(line for line in run.stdout.splitlines() if line.startswith("metrics:"))

"""A batch prediction that lost rows is retried: at the end every row is predicted once."""

# mypy: disallow-untyped-decorators=False, disable-error-code="valid-type,type-arg"

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google_cloud_pipeline_components.types.artifact_types import VertexModel
from kfp import dsl
from rounds import read_table
from sklearn.linear_model import LinearRegression

from batchpredict import placeholders
from batchpredict.components.batch_predict import batch_predict
from batchpredict.components.parse_predictions import parse_predictions
from batchpredict.components.retry_failed_instances import retry_failed_instances
from batchpredict.local.session import LocalVertex

Run = Callable[..., Any]
GRAPH = "retry-failed-instances"
BRANCHES = f"{GRAPH}/condition-branches-1"
ROWS = [{"key": f"k{n % 9}", "a": n, "b": n * n % 7} for n in range(12)]
NUMBERS = np.asarray([[n, n * n % 7] for n in range(12)])


@dsl.component(base_image="python:3.11-slim")
def damage(
    output_directory: dsl.Input[dsl.Artifact], damaged: dsl.Output[dsl.Artifact], faults: dict
) -> None:
    """Copy an output folder; some lines are lost, some become errors, some are cut."""
    import os

    os.makedirs(damaged.path)
    for name in os.listdir(output_directory.path):
        with open(os.path.join(output_directory.path, name)) as file:
            lines = file.read().splitlines()
        with open(os.path.join(damaged.path, name), "w") as file:
            for number, line in enumerate(lines):
                fault = faults.get(str(number)) if ".results-" in name else None
                start = line.partition(', "prediction"')[0]
                changed = {
                    None: line,
                    "lost": "",
                    "error": start + ', "error": {"status": "INTERNAL", "message": "m"}}',
                    "cut": line[:5],
                }
                file.write(changed[fault] + "\n")


@dsl.pipeline(name="retried")
def retried(model_name: str, rows_uri: str, faults: dict, key_field: str, included: list) -> None:
    rows = dsl.importer(artifact_uri=rows_uri, artifact_class=dsl.Dataset)
    model = dsl.importer(
        artifact_uri="https://us-central1-aiplatform.googleapis.com",
        artifact_class=VertexModel,
        metadata={"resourceName": model_name},
    )
    first = batch_predict(
        job_display_name="first",
        model=model.output,
        gcs_source_uris=[rows_uri],
        gcs_destination_output_uri_prefix=f"{placeholders.RUN_ROOT}/first",
        instance_type="array",
        key_field=key_field,
        included_fields=included,
        machine_type="n1-standard-2",
    )
    broken = damage(output_directory=first.outputs["gcs_output_directory"], faults=faults)
    parsed = parse_predictions(
        output_directory=broken.outputs["damaged"],
        instances=rows.output,
        included_fields=included,
        max_failed=0.5,
        max_missing=0.5,
    )
    retry_failed_instances(
        predictions=parsed.outputs["predictions"],
        failures=parsed.outputs["failures"],
        summary=parsed.outputs["summary"],
        instances=rows.output,
        job_display_name="second",
        model=model.output,
        gcs_destination_output_uri_prefix=f"{placeholders.RUN_ROOT}/second",
        instance_type="array",
        key_field=key_field,
        included_fields=included,
    )


@pytest.fixture(scope="module")
def uploaded(upload_sklearn: Callable[..., str]) -> tuple[Any, str]:
    """A model, fitted and its name."""
    fitted = LinearRegression().fit(NUMBERS, NUMBERS @ [2, -1])
    return fitted, upload_sklearn(fitted)


@pytest.fixture(scope="module")
def rows_uri(vertex: LocalVertex) -> str:
    uri = "gs://test-retry/instances.jsonl"
    path = vertex.store.path(uri)
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return uri


def states(job: Any) -> dict[str, str]:
    assert job.state.name == "PIPELINE_STATE_SUCCEEDED", job.error.message
    return {task.task_name: task.state.name for task in job.job_detail.task_details}


def output(vertex: LocalVertex, job: Any, step: str, name: str) -> Path:
    task = next(it for it in job.job_detail.task_details if it.task_name == step)
    return Path(vertex.store.path(task.outputs[name].artifacts[0].uri))


def run(
    run_pipeline: Run, uploaded: tuple[Any, str], rows_uri: str, faults: dict[str, str], key: str
) -> Any:
    return run_pipeline(
        retried,
        model_name=uploaded[1],
        rows_uri=rows_uri,
        faults=faults,
        key_field=key,
        included=["a", "b"],
    )


@pytest.mark.parametrize("key", ["key", ""])
def test_every_row_is_predicted_once(
    vertex: LocalVertex, run_pipeline: Run, uploaded: Any, rows_uri: str, key: str
) -> None:
    faults = {"1": "lost", "3": "error", "4": "cut", "11": "error"}
    job = run(run_pipeline, uploaded, rows_uri, faults, key)
    assert states(job)[f"{BRANCHES}/some-failed/batch-predict/model-batch-predict"] == "SUCCEEDED"
    retry = output(vertex, job, f"{GRAPH}/select-failed-instances", "retry_instances")
    lines = retry.read_text().splitlines()
    assert sorted(json.loads(line)["key"] for line in lines) == ["k1", "k2", "k3", "k4"]
    if not key:  # then the output shows which of two rows with one key it was
        assert lines == [json.dumps(ROWS[n]) for n in (1, 3, 4, 11)]
    predictions = output(vertex, job, GRAPH, "predictions")
    column = "key" if key else "instance"
    found = sorted(read_table(str(predictions), f"{column}, value"))
    values = uploaded[0].predict(NUMBERS)
    shown = [str(row["key"]) if key else json.dumps([row["a"], row["b"]]) for row in ROWS]
    assert [row[0] for row in found] == sorted(shown)
    if not key:
        assert dict(found) == pytest.approx(dict(zip(shown, values, strict=True)))
    assert read_table(str(output(vertex, job, GRAPH, "failures"))) == []
    counts = json.loads(output(vertex, job, GRAPH, "summary").read_text())
    first, second = counts["rounds"]
    assert (first["predicted"], first["failed"], first["missing"]) == (8, 3, 1)
    assert (second["input"], second["predicted"]) == (4, 4)
    assert counts["counts"]["input"] == counts["counts"]["predicted"] == 12


def test_nothing_failed_so_no_job_is_started(
    vertex: LocalVertex, run_pipeline: Run, uploaded: Any, rows_uri: str
) -> None:
    job = run(run_pipeline, uploaded, rows_uri, {}, "key")
    found = states(job)
    assert found[f"{BRANCHES}/some-failed"] == "NOT_TRIGGERED"
    assert not any(name.startswith(f"{BRANCHES}/some-failed/") for name in found)
    for name in ("predictions", "failures", "summary"):
        assert output(vertex, job, GRAPH, name) == output(vertex, job, "parse-predictions", name)

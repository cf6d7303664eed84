"""From the inputs of a step to its outputs."""

import json
import signal
from pathlib import Path

import pytest
from kfp.dsl import Artifact

from batchpredict.runtime.request import stepping
from batchpredict.runtime.request.stepping import (
    fill_artifacts,
    request_values,
    require_request,
    told_outputs,
    write_resources,
)
from batchpredict.runtime.request.submitting import cancel_when_stopped, submission_key

NAME = "projects/p-12345/locations/europe-west4/batchPredictionJobs/7"
MODEL = "projects/p-12345/locations/europe-west4/models/1"


def artifact(uri: str = "", **metadata: object) -> Artifact:
    return Artifact(uri=uri, metadata=metadata)


def test_models_come_as_artifacts_or_by_name() -> None:
    assert request_values({"model": artifact(resourceName=MODEL)})["model"] == MODEL
    assert request_values({"model": None, "model_name": MODEL})["model"] == MODEL
    spec = {"containerSpec": {"imageUri": "img"}, "predictSchemata": {}, "other": 1}
    given = request_values({"unmanaged_container_model": artifact("gs://b/m", **spec)})
    assert given["unmanaged_container_model"] == {
        "artifactUri": "gs://b/m",
        "containerSpec": {"imageUri": "img"},
        "predictSchemata": {},
    }
    assert request_values({})["unmanaged_container_model"] == {}
    bare = artifact(containerSpec={"imageUri": "img"})
    assert (
        "artifactUri"
        not in request_values({"unmanaged_container_model": bare})["unmanaged_container_model"]
    )


def test_parameters_may_be_any_json() -> None:
    given = {"model_parameters": {}, "model_parameters_json": "[0, false]"}
    assert request_values(given)["model_parameters"] == [0, False]
    assert request_values({"model_parameters": {"a": 0}})["model_parameters"] == {"a": 0}


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"model": artifact()}, "E131 the artifact model names no model"),
        (
            {"model": artifact(resourceName=MODEL), "model_name": MODEL},
            "E131 model and model_name",
        ),
        (
            {"model_parameters": {"a": 1}, "model_parameters_json": "1"},
            "E131 model_parameters and",
        ),
        ({"model_parameters_json": "{a"}, "E130 model_parameters_json is no JSON"),
    ],
)
def test_inputs_that_contradict_each_other(inputs: dict, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}"):
        request_values(inputs)


def test_a_request_is_refused_with_everything_that_is_wrong(capsys, monkeypatch) -> None:
    monkeypatch.setattr(stepping, "cloud_findings", lambda *_: ["W141 not looked at"])
    values = {
        "job_display_name": "nightly",
        "model": MODEL,
        "instances_format": "csv",
        "instance_type": "array",
        "gcs_source_uris": ["gs://bkt/a"],
        "predictions_format": "jsonl",
        "gcs_destination_output_uri_prefix": "gs://bkt/out",
    }
    require_request(values, "europe-west4")
    assert capsys.readouterr().out == (
        "W136 instance_type has no effect on csv\nW141 not looked at\n"
    )
    with pytest.raises(ValueError, match=r"^E130 job_display_name .*; E134 model lies in europe"):
        require_request({**values, "job_display_name": '"'}, "us-central1")


def test_resources_are_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "gcp_resources"
    write_resources(str(path), "europe-west4", "v1beta1", NAME)
    uri = f"https://europe-west4-aiplatform.googleapis.com/v1beta1/{NAME}"
    expected = {"resources": [{"resourceType": "BatchPredictionJob", "resourceUri": uri}]}
    assert json.loads(path.read_text()) == expected
    assert list(path.parent.iterdir()) == [path]


def test_artifacts_are_those_of_googles_component() -> None:
    job, folder, table = artifact(), artifact("gs://root/folder"), artifact("gs://root/table")
    info = {"gcsOutputDirectory": "gs://b/prediction-x"}
    fill_artifacts({"name": NAME, "outputInfo": info}, job, folder, table)
    assert job.uri == f"https://europe-west4-aiplatform.googleapis.com/v1/{NAME}"
    assert job.metadata == {"resourceName": NAME, **info}
    assert (folder.uri, table.uri) == ("gs://b/prediction-x", "gs://root/table")
    info = {"bigqueryOutputDataset": "bq://p.d", "bigqueryOutputTable": "t"}
    fill_artifacts({"name": NAME, "outputInfo": info}, job, folder, table)
    assert table.metadata == {"projectId": "p", "datasetId": "d", "tableId": "t"}
    assert table.uri.endswith("/bigquery/v2/projects/p/datasets/d/tables/t")


def test_a_job_that_has_not_ended_fills_nothing() -> None:
    job, folder, table = artifact(), artifact("gs://root/folder"), artifact("gs://root/table")
    fill_artifacts({"name": NAME}, job, folder, table)
    assert (folder.uri, table.uri, table.metadata) == ("gs://root/folder", "gs://root/table", {})


def test_what_is_told_is_printed_too(capsys) -> None:
    told = told_outputs({"name": NAME, "state": "JOB_STATE_PENDING"})
    assert list(told) == [
        *("job_resource_name", "state", "output", "successful_count", "failed_count"),
        *("incomplete_count", "replica_hours", "error_message", "console_link"),
    ]
    assert f"job_resource_name: {NAME}\nstate: JOB_STATE_PENDING" in capsys.readouterr().out


@pytest.mark.parametrize("recorded", [True, False])
def test_a_stopped_step_cancels_its_jobs_and_is_no_success(recorded: bool) -> None:
    cancelled: list[str] = []
    record = {"name": "known", "attempt": 1} if recorded else None
    jobs = {submission_key("step"): [{"name": "listed", "state": "JOB_STATE_RUNNING"}]}
    calls = {
        "read": lambda _: record,
        "list": lambda key: jobs.get(key, []),
        "cancel": cancelled.append,
    }
    before = signal.getsignal(signal.SIGTERM)
    try:
        cancel_when_stopped(calls, "step")
        with pytest.raises(SystemExit) as caught:
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert caught.value.code == 143
    assert sorted(cancelled) == (["known", "listed"] if recorded else ["listed"])

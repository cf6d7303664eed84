"""The component in pipelines on the local services: the job, its outputs, its failures."""

import json
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from google_cloud_pipeline_components.types.artifact_types import VertexModel
from kfp import components, dsl
from sklearn.linear_model import LinearRegression

from batchpredict.components.parse_predictions import parse_predictions
from batchpredict.components.run_batch_prediction_job import run_batch_prediction_job
from batchpredict.components.wait_batch_prediction_job import wait_batch_prediction_job
from batchpredict.local.runs import PARENT
from batchpredict.pipeline_files import compiled_folder

State = types.PipelineState
FOLDER = "gs://run-jobs"


@dsl.pipeline(name="run-job")
def run_job(model_name: str, uris: list, name: str = "nightly 7", max_failed: float = -1.0):
    job = run_batch_prediction_job(
        job_display_name=name,
        model_name=model_name,
        gcs_source_uris=uris,
        gcs_destination_output_uri_prefix=f"{FOLDER}/out",
        machine_type="n1-standard-2",
        model_parameters={"threshold": 0.0, "on": False, "text": ""},
        labels={"team": "a"},
        max_failed=max_failed,
        poll_interval_seconds=1,
        settle_seconds=1,
    )
    job.set_retry(num_retries=1)
    parse_predictions(batchpredictionjob=job.outputs["batchpredictionjob"])


@dsl.pipeline(name="start-and-wait")
def start_and_wait(model_name: str, uris: list):
    job = run_batch_prediction_job(
        job_display_name="started",
        model_name=model_name,
        gcs_source_uris=uris,
        gcs_destination_output_uri_prefix=f"{FOLDER}/out",
        machine_type="n1-standard-2",
        wait=False,
    )
    done = wait_batch_prediction_job(
        gcp_resources=job.outputs["gcp_resources"], poll_interval_seconds=1
    )
    parse_predictions(output_directory=done.outputs["gcs_output_directory"])


@pytest.fixture(scope="session")
def line(upload_sklearn) -> str:
    return upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]))


@pytest.fixture
def instances(vertex) -> str:
    path = vertex.store.path(f"{FOLDER}/in.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[1.0]\n[2.0]\n[3.0]\n")
    return f"{FOLDER}/in.jsonl"


def outputs(vertex, job: Any, step: str) -> dict[str, Any]:
    return dict(vertex.services.pipelines.output_parameters(job.name, step))


def jobs_named(gapic, name: str) -> list[Any]:
    found = gapic("job", "grpc").list_batch_prediction_jobs(
        request={"parent": PARENT, "filter": f'display_name="{name}"'}
    )
    return list(found)


def test_a_job_runs_and_is_told_of(vertex, gapic, run_pipeline, line, instances) -> None:
    job = run_pipeline(run_job, model_name=line, uris=[instances])
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error
    told = outputs(vertex, job, "run-batch-prediction-job")
    (made,) = jobs_named(gapic, "nightly 7")
    assert told["job_resource_name"] == made.name
    assert told["output"] == made.output_info.gcs_output_directory
    assert (told["state"], told["successful_count"]) == ("JOB_STATE_SUCCEEDED", 3)
    assert (told["failed_count"], told["incomplete_count"]) == (0, 0)
    uri = json.loads(told["gcp_resources"])["resources"][0]["resourceUri"]
    assert uri == f"https://us-central1-aiplatform.googleapis.com/v1/{made.name}"
    assert made.labels["team"] == "a"
    assert made.labels["batchpredict-run"] == job.name.rpartition("/")[2]
    assert dict(made.model_parameters) == {"threshold": 0.0, "on": False, "text": ""}
    assert outputs(vertex, job, "parse-predictions")["predicted"] == 3


def test_a_failed_job_is_told_in_the_services_words_and_tried_anew(
    gapic, run_pipeline, line
) -> None:
    job = run_pipeline(
        run_job, model_name=line, uris=[f"{FOLDER}/none.jsonl"], name="no input file"
    )
    assert job.state == State.PIPELINE_STATE_FAILED
    assert "E294 the job ended as JOB_STATE_FAILED: " in job.error.message
    assert "none.jsonl" in job.error.message
    assert len(jobs_named(gapic, "no input file")) == 2  # set_retry(1) made another job


def test_failed_instances_are_gated(vertex, gapic, run_pipeline, line) -> None:
    path = vertex.store.path(f"{FOLDER}/odd.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[1.0]\n" * 64 + '["x"]\n')
    arguments = {"model_name": line, "uris": [f"{FOLDER}/odd.jsonl"]}
    job = run_pipeline(run_job, **arguments, name="gated", max_failed=0.0)
    assert "E295 1 of 65 instances failed, max_failed is 0: " in job.error.message
    assert len(jobs_named(gapic, "gated")) == 1  # it has succeeded: the retry takes it up


def test_a_wrong_request_makes_no_job(gapic, run_pipeline, line) -> None:
    job = run_pipeline(run_job, model_name=line, uris=["/tmp/in.jsonl"], name='say "no"')
    assert "E130 gcs_source_uris [0] is '/tmp/in.jsonl'" in job.error.message
    assert "E130 job_display_name is 'say \"no\"'" in job.error.message
    assert not any("no" in it.display_name.split() for it in jobs_named(gapic, "say*"))


def test_a_job_is_started_and_waited_for(vertex, run_pipeline, line, instances) -> None:
    job = run_pipeline(start_and_wait, model_name=line, uris=[instances])
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error
    started = outputs(vertex, job, "run-batch-prediction-job")
    waited = outputs(vertex, job, "wait-batch-prediction-job")
    assert started["job_resource_name"] == waited["job_resource_name"]
    assert waited["successful_count"] == 3
    assert outputs(vertex, job, "parse-predictions")["predicted"] == 3


def test_the_compiled_components_serve_in_another_pipeline(
    vertex, run_pipeline, line, instances
) -> None:
    folder = compiled_folder() / "components"
    ours = components.load_component_from_file(str(folder / "run_batch_prediction_job.yaml"))
    around = components.load_component_from_file(str(folder / "batch_predict.yaml"))

    @dsl.pipeline(name="loaded")
    def loaded(model_name: str, uris: list):
        model = dsl.importer(
            artifact_uri="https://us-central1-aiplatform.googleapis.com",
            artifact_class=VertexModel,
            metadata={"resourceName": model_name},
        )
        given = {
            "gcs_source_uris": uris,
            "gcs_destination_output_uri_prefix": f"{FOLDER}/loaded",
            "machine_type": "n1-standard-2",
        }
        ours(job_display_name="loaded 1", model=model.output, poll_interval_seconds=1, **given)
        around(job_display_name="loaded 2", model=model.output, **given)

    job = run_pipeline(loaded, model_name=line, uris=[instances])
    assert job.state == State.PIPELINE_STATE_SUCCEEDED, job.error
    for step in ("run-batch-prediction-job", "batch-predict"):
        assert outputs(vertex, job, step)["successful_count"] == 3

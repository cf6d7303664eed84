"""Google's component between two steps of ours, in pipelines on the local services."""

from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from google_cloud_pipeline_components.types.artifact_types import VertexModel
from kfp import dsl
from sklearn.linear_model import LinearRegression

from batchpredict.components.batch_predict import batch_predict
from batchpredict.components.parse_predictions import parse_predictions
from batchpredict.local.runs import PARENT

State = types.PipelineState
FOLDER = "gs://op-jobs"


@dsl.pipeline(name="op")
def op(
    model_name: str,
    uris: list,
    labels: dict,
    model_parameters: dict,
    name: str = "by Google",
    max_failed: float = -1.0,
):
    model = dsl.importer(
        artifact_uri="https://us-central1-aiplatform.googleapis.com",
        artifact_class=VertexModel,
        metadata={"resourceName": model_name},
    )
    job = batch_predict(
        job_display_name=name,
        model=model.output,
        gcs_source_uris=uris,
        gcs_destination_output_uri_prefix=f"{FOLDER}/out",
        machine_type="n1-standard-2",
        labels=labels,
        model_parameters=model_parameters,
        max_failed=max_failed,
    )
    parse_predictions(batchpredictionjob=job.outputs["batchpredictionjob"])


@pytest.fixture(scope="session")
def line(upload_sklearn) -> str:
    return upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]))


@pytest.fixture
def instances(vertex) -> str:
    path = vertex.store.path(f"{FOLDER}/in.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[1.0]\n" * 64 + '["x"]\n')
    return f"{FOLDER}/in.jsonl"


def jobs_named(gapic, name: str) -> list[Any]:
    request = {"parent": PARENT, "filter": f'display_name="{name}"'}
    return list(gapic("job", "grpc").list_batch_prediction_jobs(request=request))


def run(run_pipeline, model: str, uri: str, **arguments: Any) -> Any:
    given = {"labels": {}, "model_parameters": {}, **arguments}
    return run_pipeline(op, model_name=model, uris=[uri], **given)


def test_the_job_is_told_of(vertex, gapic, run_pipeline, line, instances) -> None:
    job = run(run_pipeline, line, instances, labels={"team": "a"})
    told = vertex.services.pipelines.output_parameters(job.name, "batch-predict")
    (made,) = jobs_named(gapic, "by Google")
    assert (told["job_resource_name"], told["state"]) == (made.name, "JOB_STATE_SUCCEEDED")
    assert (told["successful_count"], told["failed_count"]) == (64, 1)
    assert told["output"] == made.output_info.gcs_output_directory
    assert made.labels["team"] == "a"
    assert len(made.labels["batchpredict-step"]) == 35
    assert made.labels["batchpredict-run"] == job.name.rpartition("/")[2]


def test_a_wrong_request_is_not_sent(gapic, run_pipeline, line, instances) -> None:
    job = run(run_pipeline, line, instances, name='a "b"', labels={"A": "b"})
    assert "E130 job_display_name is 'a \"b\"'; holds '\"' at position 2;" in job.error.message
    assert "E130 labels has the key 'A'" in job.error.message
    assert not any('"' in it.display_name for it in jobs_named(gapic, "a*"))


def test_what_googles_component_would_drop_is_refused(run_pipeline, line, instances) -> None:
    given = {"confidenceThreshold": 0.0}
    job = run(run_pipeline, line, instances, model_parameters=given)
    assert "E137 model_parameters.confidenceThreshold=" in job.error.message


def test_a_failed_job_is_told_in_the_services_words(run_pipeline, line) -> None:
    job = run(run_pipeline, line, f"{FOLDER}/none.jsonl", name="no input")
    assert job.state == State.PIPELINE_STATE_FAILED
    assert "E294 the job ended as JOB_STATE_FAILED: " in job.error.message
    assert "none.jsonl" in job.error.message.partition("E294")[2]


def test_failed_instances_are_gated(run_pipeline, line, instances) -> None:
    job = run(run_pipeline, line, instances, max_failed=0.01)
    assert "E295 1 of 65 instances failed, max_failed is 0.01: " in job.error.message

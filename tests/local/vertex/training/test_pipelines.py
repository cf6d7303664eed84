"""Training pipelines: a custom job, and the upload of the model that it wrote."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from local.vertex.training.support import pool, python

from batchpredict.images import SKLEARN_SERVING
from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.operations import Operations
from batchpredict.local.vertex.services import KINDS
from batchpredict.local.vertex.state import Resources
from batchpredict.local.vertex.training.pipelines import CUSTOM_TASK, TrainingPipelines

State = types.PipelineState
TRAIN = (
    "import os, pathlib, joblib\n"
    "from sklearn.linear_model import LinearRegression\n"
    "folder = pathlib.Path(os.environ['AIP_MODEL_DIR'].replace('gs://', '/gcs/'))\n"
    "folder.mkdir(parents=True)\n"
    "joblib.dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), folder / 'model.joblib')\n"
)
MODEL = {"display_name": "trained", "container_spec": {"image_uri": SKLEARN_SERVING}}


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, gapic: Callable[[str, str], Any]) -> Any:
    return gapic("pipeline", request.param)


@pytest.fixture
def training(vertex: LocalVertex) -> TrainingPipelines:
    [found] = vertex.services._further["PipelineService"][:1]
    assert isinstance(found, TrainingPipelines)
    return found


def pipeline(inputs: Any, **fields: Any) -> Any:
    content = {
        "display_name": "training",
        "training_task_definition": CUSTOM_TASK,
        "training_task_inputs": inputs,
        **fields,
    }
    kind = types.TrainingPipeline
    return kind.wrap(json_format.ParseDict(content, kind.pb(kind())))


def inputs_of(worker: Any, root: str = "gs://training/run") -> dict[str, Any]:
    """Return the inputs as Google's SDK writes them: with nulls and in snake case."""
    return {
        "worker_pool_specs": [worker],
        "base_output_directory": {"output_uri_prefix": root},
        "scheduling": {"timeout": None, "disable_retries": False},
    }


def end(client: Any, training: TrainingPipelines, name: str) -> Any:
    finished = training._finished.get(name)
    assert finished is None or finished.wait(60.0)
    return client.get_training_pipeline(name=name)


def test_the_model_that_was_trained_is_uploaded_and_predicts(
    client: Any, training: TrainingPipelines, gapic: Callable[[str, str], Any]
) -> None:
    root = f"gs://training/{type(client.transport).__name__.lower()}"
    wanted = pipeline(inputs_of(python(TRAIN), root), model_to_upload=MODEL, labels={"a": "b"})
    made = client.create_training_pipeline(parent=PARENT, training_pipeline=wanted)
    done = end(client, training, made.name)
    assert done.state == State.PIPELINE_STATE_SUCCEEDED, done.error.message
    backing = gapic("job", "grpc").get_custom_job(
        name=done.training_task_metadata["backingCustomJob"]
    )
    assert backing.state == types.JobState.JOB_STATE_SUCCEEDED
    assert backing.labels == {"a": "b"}
    model = gapic("model", "grpc").get_model(name=done.model_to_upload.name)
    assert (model.display_name, model.version_id) == ("trained", "1")
    assert model.artifact_uri == f"{root}/model"
    assert model.training_pipeline == made.name
    wanted_ones = 'training_task_definition:"*/custom_task_*" AND state=PIPELINE_STATE_SUCCEEDED'
    request = {"parent": PARENT, "filter": wanted_ones}
    assert made.name in [it.name for it in client.list_training_pipelines(request)]
    client.delete_training_pipeline(name=made.name).result()
    with pytest.raises(exceptions.NotFound):
        client.get_training_pipeline(name=made.name)


def test_a_model_can_be_a_further_version(
    client: Any, training: TrainingPipelines, upload_sklearn: Callable[..., str]
) -> None:
    first = upload_sklearn("no model, but a file")
    root = f"gs://training/further-{type(client.transport).__name__.lower()}"
    wanted = pipeline(inputs_of(python(TRAIN), root), model_to_upload=MODEL, parent_model=first)
    made = client.create_training_pipeline(parent=PARENT, training_pipeline=wanted)
    done = end(client, training, made.name)
    assert (done.model_to_upload.name, done.model_to_upload.version_id) == (first, "2")


@pytest.mark.parametrize(
    ("worker", "words"),
    [
        (python("raise ValueError('no data')"), "E354 .*ValueError: no data"),
        (pool("true"), "E356 .*wrote nothing to gs://training/run/model"),
    ],
)
def test_a_pipeline_whose_job_gives_no_model_has_failed(
    client: Any, training: TrainingPipelines, worker: Any, words: str
) -> None:
    wanted = pipeline(inputs_of(worker), model_to_upload=MODEL)
    made = client.create_training_pipeline(parent=PARENT, training_pipeline=wanted)
    done = end(client, training, made.name)
    assert done.state == State.PIPELINE_STATE_FAILED
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(done.error.message)


def test_a_cancelled_pipeline_stops_its_job(
    client: Any, training: TrainingPipelines, gapic: Callable[[str, str], Any]
) -> None:
    wanted = pipeline(inputs_of(pool("sleep", "600")))
    made = client.create_training_pipeline(parent=PARENT, training_pipeline=wanted)
    with pytest.raises(exceptions.BadRequest, match="cancel it first"):
        client.delete_training_pipeline(name=made.name)
    client.cancel_training_pipeline(name=made.name)
    done = end(client, training, made.name)
    assert done.state == State.PIPELINE_STATE_CANCELLED
    name = done.training_task_metadata["backingCustomJob"]
    job = gapic("job", "grpc").get_custom_job(name=name)
    assert job.state == types.JobState.JOB_STATE_CANCELLED
    with pytest.raises(exceptions.BadRequest, match="cannot be cancelled"):
        client.cancel_training_pipeline(name=made.name)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (pipeline({}), "first worker pool"),
        (pipeline({"no_such": 1}), "training_task_inputs: .*no_such"),
        (pipeline({"workerPoolSpecs": [pool("a")]}, display_name=""), "display_name"),
        (
            pipeline({"workerPoolSpecs": [pool("a")]}, model_to_upload=MODEL),
            "needs base_output_directory",
        ),
        (
            pipeline(inputs_of(pool("a")), model_to_upload={"display_name": "m"}),
            r"container_spec\.image_uri",
        ),
    ],
)
def test_a_wrong_pipeline_is_refused(client: Any, wanted: Any, words: str) -> None:
    with pytest.raises(exceptions.BadRequest, match=words):
        client.create_training_pipeline(parent=PARENT, training_pipeline=wanted)


def test_what_is_not_emulated_is_refused_by_name(gapic: Callable[[str, str], Any]) -> None:
    client = gapic("pipeline", "grpc")
    folder = CUSTOM_TASK.rpartition("/")[0]
    tables = pipeline({}, training_task_definition=f"{folder}/automl_tables_1.0.0.yaml")
    tensorboard = pipeline({**inputs_of(pool("true")), "tensorboard": "t"})
    dataset = pipeline(inputs_of(pool("true")), input_data_config={"dataset_id": "1"})
    for wanted, words in (
        (tables, "E355 .*automl_tables"),
        (tensorboard, r"job_spec\.tensorboard"),
        (dataset, "input_data_config"),
    ):
        with pytest.raises(exceptions.MethodNotImplemented, match=words):
            client.create_training_pipeline(parent=PARENT, training_pipeline=wanted)


def test_pipelines_of_a_killed_session_have_ended(
    training: TrainingPipelines, tmp_path: Path
) -> None:
    resources = Resources(tmp_path, KINDS)
    name = f"{PARENT}/trainingPipelines/1"
    resources.put(name, types.TrainingPipeline(name=name, state=State.PIPELINE_STATE_RUNNING))
    again = Resources(tmp_path, KINDS)
    TrainingPipelines(again, Operations(), training._jobs, training._models, training._store)
    found = again.get(name)
    assert found.state == State.PIPELINE_STATE_FAILED
    assert "the session ended" in found.error.message

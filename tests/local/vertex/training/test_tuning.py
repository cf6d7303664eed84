"""Hyperparameter tuning jobs run their trials as custom jobs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from local.vertex.training.support import pool, python

from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.operations import Operations
from batchpredict.local.vertex.services import KINDS
from batchpredict.local.vertex.state import Resources
from batchpredict.local.vertex.training.tuning import TuningJobs

State = types.JobState
Trial = types.Trial.State
REPORT = (
    "import json, os, sys\n"
    "given = dict(it[2:].split('=') for it in sys.argv[1:])\n"
    "line = {'trial': os.environ['CLOUD_ML_TRIAL_ID'], 'score': str(float(given['x']) ** 2)}\n"
    "if given['x'] == '3':\n"
    "    sys.exit('three is out')\n"
    "if given['x'] != '4':\n"
    "    with open(os.environ['CLOUD_ML_HP_METRIC_FILE'], 'a') as file:\n"
    "        file.write(json.dumps(line) + chr(10))\n"
    "print(os.environ.get('AIP_MODEL_DIR'))\n"
)


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, gapic: Callable[[str, str], Any]) -> Any:
    return gapic("job", request.param)


@pytest.fixture
def tuning(vertex: LocalVertex) -> TuningJobs:
    [found] = [it for it in vertex.services._further["JobService"] if isinstance(it, TuningJobs)]
    return found


def job(worker: Any, xs: range, **fields: Any) -> dict[str, Any]:
    parameter = {
        "parameter_id": "x",
        "integer_value_spec": {"min_value": xs[0], "max_value": xs[-1]},
    }
    return {
        "display_name": "tuning",
        "study_spec": {
            "metrics": [{"metric_id": "score", "goal": "MAXIMIZE"}],
            "parameters": [parameter],
            "algorithm": "GRID_SEARCH",
        },
        "max_trial_count": 9,
        "parallel_trial_count": 2,
        "trial_job_spec": {
            "worker_pool_specs": [worker],
            "base_output_directory": {"output_uri_prefix": "gs://tuning/out"},
        },
        **fields,
    }


def run(client: Any, tuning: TuningJobs, wanted: Any) -> Any:
    made = client.create_hyperparameter_tuning_job(parent=PARENT, hyperparameter_tuning_job=wanted)
    if left := tuning._runs.get(made.name):
        assert left.finished.wait(60)
    return client.get_hyperparameter_tuning_job(name=made.name)


def test_every_trial_is_measured(vertex: LocalVertex, client: Any, tuning: TuningJobs) -> None:
    done = run(client, tuning, job(python(REPORT), range(1, 5)))
    assert done.state == State.JOB_STATE_SUCCEEDED, done.error.message
    states = {it.parameters[0].value: it.state for it in done.trials}
    failed = Trial.INFEASIBLE
    assert states == {1.0: Trial.SUCCEEDED, 2.0: Trial.SUCCEEDED, 3.0: failed, 4.0: failed}
    scores = [it.final_measurement.metrics[0].value for it in done.trials[:2]]
    assert scores == [1.0, 4.0]
    assert "three is out" in done.trials[2].infeasible_reason
    assert "did not report the metric 'score'" in done.trials[3].infeasible_reason
    backing = vertex.services.resources.get(done.trials[1].custom_job)
    folder = vertex.home / "logs" / "custom-jobs" / backing.name.rpartition("/")[2]
    assert (folder / "workerpool0-0.log").read_text() == "gs://tuning/out/2/model/\n"
    listed = client.list_hyperparameter_tuning_jobs(parent=PARENT)
    assert done.name in [it.name for it in listed]
    client.delete_hyperparameter_tuning_job(name=done.name).result()
    with pytest.raises(exceptions.NotFound):
        client.get_hyperparameter_tuning_job(name=done.name)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_failed_trial_count": 1}, r"E357 \d of \d trials failed.*three is out"),
        ({}, "E357 2 of 2 trials failed"),
    ],
)
def test_too_many_failures_end_the_job(
    client: Any, tuning: TuningJobs, fields: dict[str, Any], words: str
) -> None:
    wanted = job(python(REPORT), range(3, 5), parallel_trial_count=1, **fields)
    done = run(client, tuning, wanted)
    assert done.state == State.JOB_STATE_FAILED
    assert len(done.trials) == (1 if fields else 2)
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(done.error.message)


def test_a_cancelled_job_stops_its_trials(
    vertex: LocalVertex, client: Any, tuning: TuningJobs
) -> None:
    wanted = job(pool("sh", "-c", "sleep 600"), range(1, 4))
    made = client.create_hyperparameter_tuning_job(parent=PARENT, hyperparameter_tuning_job=wanted)
    left = tuning._runs[made.name]
    with pytest.raises(exceptions.BadRequest, match="cancel it first"):
        client.delete_hyperparameter_tuning_job(name=made.name)
    client.cancel_hyperparameter_tuning_job(name=made.name)
    assert left.finished.wait(60)
    done = client.get_hyperparameter_tuning_job(name=made.name)
    assert (done.state, done.error.code) == (State.JOB_STATE_CANCELLED, 1)
    assert len(done.trials) <= 2
    backing = [vertex.services.resources.get(it.custom_job).state for it in done.trials]
    assert set(backing) <= {State.JOB_STATE_CANCELLED}
    with pytest.raises(exceptions.BadRequest, match="cannot be cancelled"):
        client.cancel_hyperparameter_tuning_job(name=made.name)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (job(pool("true"), range(1, 3), max_trial_count=0), "at least 1"),
        (job(pool("true"), range(1, 3), display_name=""), "display_name"),
        (job({}, range(1, 3)), "first worker pool"),
        ({**job(pool("true"), range(1, 3)), "study_spec": {}}, "one metric"),
    ],
)
def test_a_wrong_job_is_refused(client: Any, wanted: Any, words: str) -> None:
    with pytest.raises(exceptions.BadRequest, match=words):
        client.create_hyperparameter_tuning_job(parent=PARENT, hyperparameter_tuning_job=wanted)


def test_jobs_of_a_killed_session_have_ended(tuning: TuningJobs, tmp_path: Path) -> None:
    resources = Resources(tmp_path, KINDS)
    name = f"{PARENT}/hyperparameterTuningJobs/1"
    left = types.HyperparameterTuningJob(name=name, state=State.JOB_STATE_RUNNING)
    resources.put(name, left)
    again = Resources(tmp_path, KINDS)
    TuningJobs(again, Operations(), tuning._jobs, tmp_path)
    assert again.get(name).state == State.JOB_STATE_FAILED

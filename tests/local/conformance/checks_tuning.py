"""One check for each method of hyperparameter tuning jobs."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from local.conformance.asking import World
from local.vertex.training.support import pool, python

from batchpredict.local.runs import PARENT

ENDS = ("SUCCEEDED", "FAILED", "CANCELLED")
REPORT = (
    "import json, os, sys\n"
    "given = dict(it[2:].split('=') for it in sys.argv[1:])\n"
    "line = {'trial': os.environ['CLOUD_ML_TRIAL_ID'], 'score': given['x']}\n"
    "with open(os.environ['CLOUD_ML_HP_METRIC_FILE'], 'a') as file:\n"
    "    file.write(json.dumps(line) + chr(10))\n"
)


def start(world: World, worker: Any) -> str:
    """Start a job of two trials."""
    values = {"min_value": 1, "max_value": 2}
    wanted = {
        "display_name": f"h-{world.tag}",
        "study_spec": {
            "metrics": [{"metric_id": "score", "goal": "MAXIMIZE"}],
            "parameters": [{"parameter_id": "x", "integer_value_spec": values}],
            "algorithm": "GRID_SEARCH",
        },
        "max_trial_count": 2,
        "parallel_trial_count": 2,
        "trial_job_spec": {"worker_pool_specs": [worker]},
    }
    made = world.ask(
        "CreateHyperparameterTuningJob", parent=PARENT, hyperparameter_tuning_job=wanted
    )
    return str(made.name)


def tuning_runs(world: World) -> None:
    name = start(world, python(REPORT))
    done = world.until("GetHyperparameterTuningJob", name, *ENDS)
    assert done.state.name == "JOB_STATE_SUCCEEDED", done.error.message
    scores = [it.final_measurement.metrics[0].value for it in done.trials]
    assert sorted(scores) == [1.0, 2.0]


def list_tuning_jobs(world: World) -> None:
    made = start(world, pool("true"))
    same = f'display_name="h-{world.tag}"'
    assert world.names("ListHyperparameterTuningJobs", filter=same) == [made]


def cancel_tuning_job(world: World) -> None:
    name = start(world, python("import time; time.sleep(600)"))
    world.ask("CancelHyperparameterTuningJob", name=name)
    world.until("GetHyperparameterTuningJob", name, "CANCELLED")


def delete_tuning_job(world: World) -> None:
    name = start(world, python(REPORT))
    world.until("GetHyperparameterTuningJob", name, *ENDS)
    world.ask("DeleteHyperparameterTuningJob", name=name)
    with pytest.raises(exceptions.NotFound):
        world.ask("GetHyperparameterTuningJob", name=name)


CHECKS: dict[str, Callable[[World], None]] = {
    "CreateHyperparameterTuningJob": tuning_runs,
    "GetHyperparameterTuningJob": tuning_runs,
    "ListHyperparameterTuningJobs": list_tuning_jobs,
    "CancelHyperparameterTuningJob": cancel_tuning_job,
    "DeleteHyperparameterTuningJob": delete_tuning_job,
}

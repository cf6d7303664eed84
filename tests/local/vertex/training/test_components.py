"""Google's components for custom jobs run unmodified in pipelines."""

from collections.abc import Callable
from typing import Any

from google_cloud_pipeline_components.v1.custom_job import (
    CustomTrainingJobOp,
    create_custom_training_job_from_component,
)
from google_cloud_pipeline_components.v1.hyperparameter_tuning_job import (
    HyperparameterTuningJobRunOp,
)
from kfp import dsl
from local.vertex.training.support import pool

from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex


@dsl.component(base_image="python:3.11-slim")
def double(number: int, text: dsl.Output[dsl.Dataset], fails: bool = False) -> int:  # type: ignore[valid-type, type-arg]
    """Write and return twice the number."""
    if fails:
        raise ValueError("told to fail")
    with open(text.path, "w") as file:
        file.write(str(2 * number))
    return 2 * number


doubled = create_custom_training_job_from_component(double, replica_count=1)


@dsl.component(base_image="python:3.11-slim")
def read(text: dsl.Input[dsl.Dataset], number: int) -> str:  # type: ignore[type-arg]
    with open(text.path) as file:
        return f"{file.read()} {number}"


@dsl.pipeline(name="custom-jobs")
def custom_jobs(project: str, location: str) -> None:
    container = CustomTrainingJobOp(
        project=project,
        location=location,
        display_name="container",
        worker_pool_specs=[pool("sh", "-c", "echo from a container")],
    )
    number = doubled(project=project, location=location, number=21).after(container)
    read(text=number.outputs["text"], number=number.outputs["Output"])


REPORT = "import json, os; open(os.environ['CLOUD_ML_HP_METRIC_FILE'], 'w').write('{\"m\": 0.5}')"


@dsl.pipeline(name="tuned")
def tuned(project: str, location: str) -> None:
    HyperparameterTuningJobRunOp(
        project=project,
        location=location,
        display_name="tuned",
        study_spec_metrics=[{"metric_id": "m", "goal": "MAXIMIZE"}],
        study_spec_parameters=[
            {
                "parameter_id": "x",
                "double_value_spec": {"min_value": 0.1, "max_value": 1.0},
                "scale_type": "UNIT_LINEAR_SCALE",
                "conditional_parameter_specs": [],
            }
        ],
        max_trial_count=2,
        parallel_trial_count=1,
        base_output_directory="gs://tuned/out",
        worker_pool_specs=[pool("python3", "-c", REPORT)],
    )


@dsl.pipeline(name="failing-job")
def failing_job(project: str, location: str) -> None:
    doubled(project=project, location=location, number=1, fails=True)


PLACE = dict(zip(("project", "location"), PARENT.split("/")[1::2], strict=True))


def test_custom_jobs_run_as_steps_of_a_pipeline(
    vertex: LocalVertex, run_pipeline: Callable[..., Any]
) -> None:
    done = run_pipeline(custom_jobs, **PLACE)
    assert done.state.name == "PIPELINE_STATE_SUCCEEDED", done.error.message
    outputs = vertex.services.pipelines.output_parameters
    assert outputs(done.name, "read") == {"Output": "42 42"}
    jobs = vertex.services.resources.list(PARENT, "customJobs")
    assert {"container", "double"} <= {job.display_name for job in jobs}


def test_a_tuning_job_runs_as_a_step(
    vertex: LocalVertex, run_pipeline: Callable[..., Any]
) -> None:
    done = run_pipeline(tuned, **PLACE)
    assert done.state.name == "PIPELINE_STATE_SUCCEEDED", done.error.message
    jobs = vertex.services.resources.list(PARENT, "hyperparameterTuningJobs")
    [job] = [it for it in jobs if it.display_name == "tuned"]
    assert [it.final_measurement.metrics[0].value for it in job.trials] == [0.5, 0.5]


def test_a_failing_job_says_why(run_pipeline: Callable[..., Any]) -> None:
    done = run_pipeline(failing_job, **PLACE)
    assert done.state.name == "PIPELINE_STATE_FAILED"
    assert "ValueError: told to fail" in done.error.message
    assert "\n" not in done.error.message

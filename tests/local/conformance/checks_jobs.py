"""One check for each method of the services of jobs, pipelines and schedules."""

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from local.conformance.asking import World
from local.vertex.schedules.support import pipeline, schedule
from local.vertex.training.support import job as custom_job
from local.vertex.training.support import pool

from batchpredict.local.runs import PARENT
from batchpredict.local.vertex.training.pipelines import CUSTOM_TASK

ENDS = ("SUCCEEDED", "FAILED", "CANCELLED")
SLEEP = ("sleep", "600")


def batch_job(world: World, rows: int = 3) -> str:
    folder = f"gs://conformance-jobs/{world.tag}"
    path = world.vertex.store.path(f"{folder}/in.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[1.5]\n" * rows)
    source = {"instances_format": "jsonl", "gcs_source": {"uris": [f"{folder}/in.jsonl"]}}
    target = {"predictions_format": "jsonl"}
    target["gcs_destination"] = {"output_uri_prefix": f"{folder}/out"}  # type: ignore[assignment]
    wanted = {
        "display_name": f"b-{world.tag}",
        "model": world.model,
        "input_config": source,
        "output_config": target,
    }
    made = world.ask("CreateBatchPredictionJob", parent=PARENT, batch_prediction_job=wanted)
    return str(made.name)


def batch_prediction(world: World) -> None:
    name = batch_job(world)
    done = world.until("GetBatchPredictionJob", name, *ENDS)
    assert done.state == types.JobState.JOB_STATE_SUCCEEDED
    assert done.completion_stats.successful_count == 3
    folder = world.vertex.store.path(done.output_info.gcs_output_directory)
    lines = (folder / "prediction.results-00000-of-00001").read_text().splitlines()
    assert [json.loads(line)["instance"] for line in lines] == [[1.5]] * 3
    assert [json.loads(line)["prediction"] for line in lines] == pytest.approx([3.0] * 3)


def list_batch_prediction_jobs(world: World) -> None:
    made = {batch_job(world) for _ in range(2)}
    same = f'display_name="b-{world.tag}"'
    assert set(world.names("ListBatchPredictionJobs", filter=same, page_size=1)) == made


def cancel_batch_prediction_job(world: World) -> None:
    name = batch_job(world, rows=200_000)
    world.ask("CancelBatchPredictionJob", name=name)
    world.until("GetBatchPredictionJob", name, "CANCELLED")


def delete_batch_prediction_job(world: World) -> None:
    name = batch_job(world)
    world.until("GetBatchPredictionJob", name, *ENDS)
    world.ask("DeleteBatchPredictionJob", name=name)
    with pytest.raises(exceptions.NotFound):
        world.ask("GetBatchPredictionJob", name=name)


def start_custom_job(world: World, *command: str) -> str:
    wanted = {**custom_job(pool(*command)), "display_name": f"c-{world.tag}"}
    return str(world.ask("CreateCustomJob", parent=PARENT, custom_job=wanted).name)


def custom_job_runs(world: World) -> None:
    name = start_custom_job(world, "true")
    assert world.until("GetCustomJob", name, *ENDS).state.name == "JOB_STATE_SUCCEEDED"


def list_custom_jobs(world: World) -> None:
    made = {start_custom_job(world, "true") for _ in range(2)}
    assert set(world.names("ListCustomJobs", filter=f'display_name="c-{world.tag}"')) == made


def cancel_custom_job(world: World) -> None:
    name = start_custom_job(world, *SLEEP)
    world.ask("CancelCustomJob", name=name)
    world.until("GetCustomJob", name, "CANCELLED")


def delete_custom_job(world: World) -> None:
    name = start_custom_job(world, "true")
    world.until("GetCustomJob", name, *ENDS)
    world.ask("DeleteCustomJob", name=name)
    with pytest.raises(exceptions.NotFound):
        world.ask("GetCustomJob", name=name)


def start_pipeline(world: World, *command: str) -> str:
    wanted = {
        "display_name": f"p-{world.tag}",
        "pipeline_spec": pipeline(*command),
        "runtime_config": {"gcs_output_directory": f"gs://conformance-runs/{world.tag}"},
    }
    return str(world.ask("CreatePipelineJob", parent=PARENT, pipeline_job=wanted).name)


def pipeline_job_runs(world: World) -> None:
    done = world.until("GetPipelineJob", start_pipeline(world, "true"), *ENDS)
    assert done.state.name == "PIPELINE_STATE_SUCCEEDED"
    assert "a" in [task.task_name for task in done.job_detail.task_details]


def list_pipeline_jobs(world: World) -> None:
    made = {start_pipeline(world, "true") for _ in range(2)}
    assert set(world.names("ListPipelineJobs", filter=f'display_name="p-{world.tag}"')) == made
    for name in made:
        world.until("GetPipelineJob", name, *ENDS)


def cancel_pipeline_job(world: World) -> None:
    name = start_pipeline(world, *SLEEP)
    world.ask("CancelPipelineJob", name=name)
    world.until("GetPipelineJob", name, "CANCELLED")


def delete_pipeline_job(world: World) -> None:
    name = start_pipeline(world, "true")
    world.until("GetPipelineJob", name, *ENDS)
    world.ask("DeletePipelineJob", name=name)
    with pytest.raises(exceptions.NotFound):
        world.ask("GetPipelineJob", name=name)


def start_training(world: World, *command: str) -> str:
    content = {
        "display_name": f"t-{world.tag}",
        "training_task_definition": CUSTOM_TASK,
        "training_task_inputs": {"worker_pool_specs": [pool(*command)]},
    }
    kind = types.TrainingPipeline
    wanted = kind.wrap(json_format.ParseDict(content, kind.pb(kind())))
    return str(world.ask("CreateTrainingPipeline", parent=PARENT, training_pipeline=wanted).name)


def training_pipeline_runs(world: World) -> None:
    done = world.until("GetTrainingPipeline", start_training(world, "true"), *ENDS)
    assert done.state.name == "PIPELINE_STATE_SUCCEEDED"


def list_training_pipelines(world: World) -> None:
    made = start_training(world, "true")
    same = f'display_name="t-{world.tag}"'
    assert world.names("ListTrainingPipelines", filter=same) == [made]


def cancel_training_pipeline(world: World) -> None:
    name = start_training(world, *SLEEP)
    world.ask("CancelTrainingPipeline", name=name)
    world.until("GetTrainingPipeline", name, "CANCELLED")


def delete_training_pipeline(world: World) -> None:
    name = start_training(world, "true")
    world.until("GetTrainingPipeline", name, *ENDS)
    world.ask("DeleteTrainingPipeline", name=name)
    with pytest.raises(exceptions.NotFound):
        world.ask("GetTrainingPipeline", name=name)


def plan(world: World) -> str:
    start = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=400)
    wanted = schedule(display_name=f"s-{world.tag}", start_time=start)
    return str(world.ask("CreateSchedule", parent=PARENT, schedule=wanted).name)


def on_schedule(check: Callable[[World, str], None]) -> Callable[[World], None]:
    """Run a check with a schedule that is gone afterwards."""

    def run(world: World) -> None:
        name = plan(world)
        try:
            check(world, name)
        finally:
            world.ask("DeleteSchedule", name=name)

    return run


def get_schedule(world: World, name: str) -> None:
    found = world.ask("GetSchedule", name=name)
    assert (found.name, found.cron, found.state.name) == (name, "0 * * * *", "ACTIVE")
    assert found.next_run_time >= found.start_time


def list_schedules(world: World, name: str) -> None:
    assert world.names("ListSchedules", filter=f'display_name="s-{world.tag}"') == [name]


def update_schedule(world: World, name: str) -> None:
    changed = {"name": name, "cron": "30 * * * *"}
    found = world.ask("UpdateSchedule", schedule=changed, update_mask={"paths": ["cron"]})
    assert found.cron == "30 * * * *"


def pause_and_resume(world: World, name: str) -> None:
    world.ask("PauseSchedule", name=name)
    assert world.ask("GetSchedule", name=name).state.name == "PAUSED"
    world.ask("ResumeSchedule", name=name)
    assert world.ask("GetSchedule", name=name).state.name == "ACTIVE"


def delete_schedule(world: World) -> None:
    name = plan(world)
    world.ask("DeleteSchedule", name=name)
    with pytest.raises(exceptions.NotFound):
        world.ask("GetSchedule", name=name)


CHECKS: dict[str, Callable[[World], Any]] = {
    "CreateBatchPredictionJob": batch_prediction,
    "GetBatchPredictionJob": batch_prediction,
    "ListBatchPredictionJobs": list_batch_prediction_jobs,
    "CancelBatchPredictionJob": cancel_batch_prediction_job,
    "DeleteBatchPredictionJob": delete_batch_prediction_job,
    "CreateCustomJob": custom_job_runs,
    "GetCustomJob": custom_job_runs,
    "ListCustomJobs": list_custom_jobs,
    "CancelCustomJob": cancel_custom_job,
    "DeleteCustomJob": delete_custom_job,
    "CreatePipelineJob": pipeline_job_runs,
    "GetPipelineJob": pipeline_job_runs,
    "ListPipelineJobs": list_pipeline_jobs,
    "CancelPipelineJob": cancel_pipeline_job,
    "DeletePipelineJob": delete_pipeline_job,
    "CreateTrainingPipeline": training_pipeline_runs,
    "GetTrainingPipeline": training_pipeline_runs,
    "ListTrainingPipelines": list_training_pipelines,
    "CancelTrainingPipeline": cancel_training_pipeline,
    "DeleteTrainingPipeline": delete_training_pipeline,
    "CreateSchedule": on_schedule(get_schedule),
    "GetSchedule": on_schedule(get_schedule),
    "ListSchedules": on_schedule(list_schedules),
    "UpdateSchedule": on_schedule(update_schedule),
    "PauseSchedule": on_schedule(pause_and_resume),
    "ResumeSchedule": on_schedule(pause_and_resume),
    "DeleteSchedule": delete_schedule,
}

"""Schedules for tests, whose time is that of the session's clock."""

import datetime
from typing import Any

from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex

DAY = datetime.timedelta(days=1)
HOUR = datetime.timedelta(hours=1)


def pipeline(*command: str) -> dict[str, Any]:
    """Return a compiled pipeline of one step."""
    step = {"image": "python:3.11-slim", "command": list(command)}
    task = {"componentRef": {"name": "comp-a"}, "taskInfo": {"name": "a"}}
    return {
        "pipelineInfo": {"name": "nothing"},
        "schemaVersion": "2.1.0",
        "components": {"comp-a": {"executorLabel": "exec-a"}},
        "deploymentSpec": {"executors": {"exec-a": {"container": step}}},
        "root": {"dag": {"tasks": {"a": task}}},
    }


def schedule(*command: str, **fields: Any) -> dict[str, Any]:
    """Return a schedule that fires each hour."""
    job = {
        "pipeline_spec": pipeline(*(command or ("true",))),
        "runtime_config": {"gcs_output_directory": "gs://scheduled/root"},
    }
    request = {"parent": PARENT, "pipeline_job": job}
    return {
        "display_name": "hourly",
        "cron": "0 * * * *",
        "max_concurrent_run_count": 1,
        "create_pipeline_job_request": request,
        **fields,
    }


def jobs_of(vertex: LocalVertex, name: str) -> list[Any]:
    """Return the pipeline jobs that a schedule has started, oldest first."""
    jobs = vertex.services.pipelines._resources.list(PARENT, "pipelineJobs")
    return sorted((job for job in jobs if job.schedule_name == name), key=lambda job: job.name)


def states_of(vertex: LocalVertex, name: str) -> list[str]:
    """Return how the runs of a schedule ended; waits for them."""
    names = [job.name for job in jobs_of(vertex, name)]
    for job in names:
        assert vertex.services.pipelines.wait(job, 60.0)
    found = [vertex.services.pipelines.snapshot(job).state.name for job in names]
    return [state.removeprefix("PIPELINE_STATE_") for state in found]


def get(client: Any, it: Any) -> Any:
    """Return a schedule as it is now."""
    return client.get_schedule(name=it.name)

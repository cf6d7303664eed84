"""The executions that the details of tasks hold, as Vertex ML Metadata would keep them."""

import datetime
import hashlib
from typing import Any

from google.cloud.aiplatform_v1 import types

TaskState = types.PipelineTaskDetail.State
State = types.Execution.State
ENDED = {
    TaskState.SUCCEEDED: State.COMPLETE,
    TaskState.FAILED: State.FAILED,
    TaskState.CANCELLED: State.CANCELLED,
    TaskState.SKIPPED: State.CACHED,
}
KINDS = {
    "container": "system.ContainerExecution",
    "importer": "system.ImporterExecution",
    "dag": "system.DagExecution",
}


def now() -> datetime.datetime:
    """Return the time in UTC."""
    return datetime.datetime.now(datetime.UTC)


def new_execution(job: str, detail: Any, kind: str) -> Any:
    """Return the execution of a task that starts.

    Args:
        job: Resource name of the run.
        detail: The task's ``PipelineTaskDetail``.
        kind: What carries it out: ``container``, ``importer`` or ``dag``.
    """
    parent, _, job_id = job.partition("/pipelineJobs/")
    return types.Execution(
        name=f"{parent}/metadataStores/default/executions/{job_id}-{detail.task_id}",
        display_name=detail.task_name,
        state=State.RUNNING,
        schema_title=KINDS.get(kind, ""),
        schema_version="0.0.1",
        create_time=detail.start_time,
        update_time=detail.start_time,
    )


def custom_job_name(job: str, number: int) -> str:
    """Return the name of the custom job that runs a step, which its log goes by.

    Vertex AI runs each step as one. Here none is made, and only the name tells steps apart.

    Args:
        job: Resource name of the run.
        number: Number of the task.
    """
    parent = job.partition("/pipelineJobs/")[0]
    digest = hashlib.sha256(f"{job} {number}".encode()).digest()
    return f"{parent}/customJobs/{int.from_bytes(digest[:8]) % 10**18}"


def moved_execution(detail: Any) -> Any:
    """Return the execution of a task in the state that the task is in now."""
    state = ENDED.get(detail.state, State.RUNNING)
    return types.Execution(detail.execution, state=state, update_time=now())


def artifact_name(job: str, uri: str | None, title: str) -> str:
    """Return the resource name of an artifact, which is the same in every run that meets it.

    Args:
        job: Resource name of a run; what has no URI belongs to that run alone.
        uri: The artifact's URI.
        title: Its type.
    """
    parent = job.partition("/pipelineJobs/")[0]
    digest = hashlib.sha256(f"{title} {uri or job}".encode()).digest()
    identifier = int.from_bytes(digest[:8]) % 10**18
    return f"{parent}/metadataStores/default/artifacts/{identifier}"

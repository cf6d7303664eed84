"""What has become of each task of a run, as ``PipelineTaskDetail`` messages."""

import datetime
import threading
from collections.abc import Mapping
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from google.rpc import code_pb2, status_pb2
from kfp import dsl

from batchpredict.local.pipelines.executions import (
    artifact_name,
    custom_job_name,
    moved_execution,
    new_execution,
    now,
)
from batchpredict.local.pipelines.journal import Finished

State = types.PipelineTaskDetail.State


class TaskStates:
    """The tasks of one run in the order in which they were met; safe to use from many threads.

    Args:
        job: Resource name of the run, which the names of the executions are made of.
    """

    def __init__(self, job: str = "") -> None:
        self._job = job
        self._details: dict[int, Any] = {}
        self._parameters: dict[str, dict[str, Any]] = {}
        self._arguments: dict[str, dict[str, Any]] = {}
        self._sources: dict[int, dict[str, str]] = {}
        self._kept: dict[int, Finished] = {}
        self._anew: set[int] = set()
        self._lock = threading.Lock()

    def add(self, name: str, parent: int = 0) -> int:
        """Note a task that waits; return its number."""
        with self._lock:
            number = len(self._details) + 1
            self._details[number] = types.PipelineTaskDetail(
                task_id=number,
                parent_task_id=parent,
                task_name=name,
                task_unique_name=name.replace("/", "."),
                create_time=now(),
            )
        self._move(number, State.PENDING)
        return number

    def start(self, number: int, kind: str = "") -> None:
        """The task runs.

        Args:
            number: Number of the task.
            kind: What carries it out: ``container``, ``importer`` or ``dag``.
        """
        self._move(number, State.RUNNING, start_time=now())
        with self._lock:
            detail = self._details[number]
            detail.execution = new_execution(self._job, detail, kind)
            if kind == "container":
                name = custom_job_name(self._job, number)
                detail.executor_detail.container_detail.main_job = name

    def wait(self, number: int, message: str) -> None:
        """An attempt ended badly; the task waits for the next one."""
        self._move(number, State.PENDING, _status(code_pb2.FAILED_PRECONDITION, message))

    def start_again(self, number: int) -> None:
        """The next attempt runs."""
        self._move(number, State.RUNNING)

    def take_from_cache(self, number: int, run: str, task: str) -> None:
        """The task will not run: its outputs are those of a task of an earlier run."""
        source = {"cached_run": run, "cached_task": task}
        with self._lock:
            self._sources[number] = source
            self._details[number].execution.metadata = source
            self._details[number].executor_detail = None

    def keep(self, number: int, finished: Finished) -> None:
        """The task will not run: it ended well before the run was resumed."""
        with self._lock:
            self._kept[number] = finished
            if finished.source:
                self._sources[number] = dict(finished.source)
            self._details[number].execution.metadata = {**finished.source, "resumed": True}
            self._details[number].executor_detail = None

    def run_anew(self, number: int) -> None:
        """The task, and so what it is inside of, is not taken from the journal."""
        with self._lock:
            while number:
                self._anew.add(number)
                number = self._details[number].parent_task_id

    def is_anew(self, number: int) -> bool:
        """Whether something of the task was not taken from the journal."""
        with self._lock:
            return number in self._anew

    def source(self, number: int) -> dict[str, str]:
        """Return the run and the task that a task was taken from, if from the cache."""
        with self._lock:
            return dict(self._sources.get(number, {}))

    def times(self, number: int) -> tuple[str, str]:
        """Return when a task started, and the time now, as ISO 8601 has them."""
        with self._lock:
            return self._details[number].start_time.isoformat(), now().isoformat()

    def take(self, number: int, arguments: Mapping[str, Any]) -> None:
        """Keep what the task is given, defaults included."""
        with self._lock:
            detail = self._details[number]
            detail.inputs = _artifact_lists(arguments, self._job)
            self._arguments[detail.task_name] = dict(arguments)

    def not_triggered(self, number: int) -> None:
        """The task was not started.

        Its condition is false, a task that it needs did not succeed, or the run starts no more.
        """
        self._move(number, State.NOT_TRIGGERED, end_time=now())

    def succeed(self, number: int, outputs: Mapping[str, Any]) -> None:
        """The task ended well, or was taken from the cache; keep what it gives."""
        artifacts = _artifact_lists(outputs, self._job)
        with self._lock:
            name = self._details[number].task_name
            self._parameters[name] = {
                key: value for key, value in outputs.items() if key not in artifacts
            }
            state = State.SKIPPED if number in self._sources else State.SUCCEEDED
            kept = self._kept.get(number)
        times: dict[str, Any] = {"end_time": now()}
        if kept is not None:
            parsed = datetime.datetime.fromisoformat
            times = {"start_time": parsed(kept.start), "end_time": parsed(kept.end)}
        self._move(number, state, outputs=artifacts, **times)

    def fail(self, number: int, message: str, *, cancelled: bool = False) -> None:
        """The task ended badly."""
        state = State.CANCELLED if cancelled else State.FAILED
        code = code_pb2.CANCELLED if cancelled else code_pb2.FAILED_PRECONDITION
        error = _status(code, message)
        self._move(number, state, error, end_time=now(), error=error)

    def final_status(self, number: int, producer: str) -> dict[str, Any]:
        """Return how a task ended, as ``dsl.PipelineTaskFinalStatus`` is given to a step.

        Args:
            number: Number of the task that ended.
            producer: Its name in its DAG.
        """
        with self._lock:
            detail = self._details[number]
            status: dict[str, Any] = {
                "state": State(detail.state).name,
                "pipeline_job_resource_name": self._job,
                "pipeline_task_name": producer,
            }
            if detail.error.code:
                status["error"] = {"code": detail.error.code, "message": detail.error.message}
        return status

    def parameters(self, name: str) -> dict[str, Any]:
        """Return the output parameters of a task: the API's details have no place for them."""
        with self._lock:
            return dict(self._parameters.get(name, {}))

    def arguments(self, name: str) -> dict[str, Any]:
        """Return what a task was given."""
        with self._lock:
            return dict(self._arguments.get(name, {}))

    def details(self) -> list[Any]:
        """Return copies of all details."""
        kind = types.PipelineTaskDetail
        with self._lock:
            return [kind.deserialize(kind.serialize(it)) for it in self._details.values()]

    def _move(self, number: int, state: Any, told: Any = None, **fields: Any) -> None:
        """Set the state and these fields of a task, and add a line to its history."""
        with self._lock:
            detail = self._details[number]
            for name, value in fields.items():
                setattr(detail, name, value)
            detail.state = state
            detail.pipeline_task_status.append(
                types.PipelineTaskDetail.PipelineTaskStatus(
                    update_time=now(), state=state, error=told
                )
            )
            if detail.execution.name:
                detail.execution = moved_execution(detail)


def _status(code: int, message: str) -> Any:
    return status_pb2.Status(code=code, message=message)


def _artifact_lists(values: Mapping[str, Any], job: str) -> dict[str, Any]:
    """Return the artifacts among inputs or outputs, as the API has them."""
    found = {name: _artifacts(value, job) for name, value in values.items()}
    kind = types.PipelineTaskDetail.ArtifactList
    return {name: kind(artifacts=artifacts) for name, artifacts in found.items() if artifacts}


def _artifacts(value: Any, job: str) -> list[Any]:
    """Return the artifacts of a value; none when it is a parameter or an empty list."""
    values = value if isinstance(value, list) else [value]
    return [_artifact(it, job) for it in values if isinstance(it, dsl.Artifact)]


def _artifact(artifact: dsl.Artifact, job: str) -> Any:
    message = types.Artifact.pb(types.Artifact())
    content = {
        "name": artifact_name(job, artifact.uri, artifact.schema_title),
        "displayName": artifact.name.rpartition("/")[2],
        "uri": artifact.uri or "",
        "schemaTitle": artifact.schema_title,
        "metadata": artifact.metadata,
    }
    return types.Artifact.wrap(json_format.ParseDict(content, message))

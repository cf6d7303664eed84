"""What has become of each task of a run, as ``PipelineTaskDetail`` messages."""

import datetime
import threading
from collections.abc import Mapping
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from google.rpc import code_pb2, status_pb2
from kfp import dsl

State = types.PipelineTaskDetail.State


class TaskStates:
    """The tasks of one run in the order in which they were met; safe to use from many threads."""

    def __init__(self) -> None:
        self._details: dict[int, Any] = {}
        self._parameters: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def add(self, name: str, parent: int = 0) -> int:
        """Note a task that waits; return its number."""
        with self._lock:
            number = len(self._details) + 1
            self._details[number] = types.PipelineTaskDetail(
                task_id=number,
                parent_task_id=parent,
                task_name=name,
                create_time=_now(),
                state=State.PENDING,
            )
            return number

    def start(self, number: int) -> None:
        """The task runs."""
        self._change(number, state=State.RUNNING, start_time=_now())

    def skip(self, number: int) -> None:
        """The task's condition is false, or it is inside such a branch."""
        self._change(number, state=State.SKIPPED, end_time=_now())

    def not_triggered(self, number: int) -> None:
        """A task that this one needs did not succeed."""
        self._change(number, state=State.NOT_TRIGGERED, end_time=_now())

    def succeed(self, number: int, outputs: Mapping[str, Any]) -> None:
        """The task ended well; keep what it gives."""
        found = {name: _artifacts(value) for name, value in outputs.items()}
        artifacts = {
            name: types.PipelineTaskDetail.ArtifactList(artifacts=values)
            for name, values in found.items()
            if values
        }
        self._change(number, state=State.SUCCEEDED, end_time=_now(), outputs=artifacts)
        with self._lock:
            name = self._details[number].task_name
            self._parameters[name] = {
                key: value for key, value in outputs.items() if key not in artifacts
            }

    def fail(self, number: int, message: str, *, cancelled: bool = False) -> None:
        """The task ended badly."""
        state = State.CANCELLED if cancelled else State.FAILED
        error = status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, message=message)
        self._change(number, state=state, end_time=_now(), error=error)

    def parameters(self, name: str) -> dict[str, Any]:
        """Return the output parameters of a task: the API's details have no place for them."""
        with self._lock:
            return dict(self._parameters.get(name, {}))

    def details(self) -> list[Any]:
        """Return copies of all details."""
        kind = types.PipelineTaskDetail
        with self._lock:
            return [kind.deserialize(kind.serialize(it)) for it in self._details.values()]

    def _change(self, number: int, **fields: Any) -> None:
        with self._lock:
            for name, value in fields.items():
                setattr(self._details[number], name, value)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _artifacts(value: Any) -> list[Any]:
    """Return the artifacts of an output; none when it is a parameter or an empty list."""
    values = value if isinstance(value, list) else [value]
    return [_artifact(it) for it in values if isinstance(it, dsl.Artifact)]


def _artifact(artifact: dsl.Artifact) -> Any:
    message = types.Artifact.pb(types.Artifact())
    content = {
        "name": artifact.name,
        "uri": artifact.uri or "",
        "schemaTitle": artifact.schema_title,
        "metadata": artifact.metadata,
    }
    return types.Artifact.wrap(json_format.ParseDict(content, message))

"""What custom jobs and tuning jobs have in common: from being asked for to their end."""

import datetime
import logging
import threading
from collections.abc import Callable, MutableMapping
from typing import Any, Protocol, TypeVar

from google.cloud.aiplatform_v1 import types
from google.protobuf import empty_pb2
from google.rpc import code_pb2, status_pb2

from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.models import parent_of
from batchpredict.local.vertex.operations import Operations
from batchpredict.local.vertex.state import Resources

log = logging.getLogger("batchpredict.local")
State = types.JobState
ACTIVE = (State.JOB_STATE_PENDING, State.JOB_STATE_RUNNING, State.JOB_STATE_CANCELLING)


def now() -> datetime.datetime:
    """Return the time in UTC."""
    return datetime.datetime.now(datetime.UTC)


class Ending(Protocol):
    """A job of this session that has not ended."""

    finished: threading.Event


Run = TypeVar("Run", bound=Ending)


def carry_out(
    resources: Resources, runs: MutableMapping[str, Run], name: str, work: Callable[[Run], None]
) -> None:
    """Do the work of a job, and say how it ended, whatever happens.

    Args:
        resources: Where the job is kept.
        runs: The jobs that have not ended; this one leaves them.
        name: The job.
        work: Raises :class:`ServiceError` when the job failed or was cancelled.
    """
    run = runs[name]
    try:
        error = _error_of(name, lambda: work(run))
        resources.conclude(name, lambda job: _end(job, error))
    finally:
        runs.pop(name, None)
        run.finished.set()


def _error_of(name: str, work: Callable[[], None]) -> ServiceError | None:
    try:
        work()
    except ServiceError as refusal:
        return refusal
    except Exception as fault:
        log.exception("%s failed", name)
        return ServiceError(code_pb2.INTERNAL, f"{type(fault).__name__}: {fault}")
    return None


def _end(job: Any, error: ServiceError | None) -> None:
    job.end_time = job.update_time = now()
    if error is None:
        job.state = State.JOB_STATE_SUCCEEDED
        return
    cancelled = error.code == code_pb2.CANCELLED
    job.state = State.JOB_STATE_CANCELLED if cancelled else State.JOB_STATE_FAILED
    job.error = status_pb2.Status(code=error.code, message=error.message)


def end_interrupted(resources: Resources, collection: str) -> None:
    """Say that the jobs which a killed session left have ended."""
    resources.end_interrupted(collection, ACTIVE[:2], State.JOB_STATE_FAILED)
    resources.end_interrupted(collection, ACTIVE[2:], State.JOB_STATE_CANCELLED)


def say_cancelling(resources: Resources, name: str, *, runs: bool) -> None:
    """Note that a job is to stop; refuse it when it has ended.

    Args:
        resources: Where the job is kept.
        name: The job.
        runs: Whether something works on it.
    """

    def change(job: Any) -> None:
        if not runs or job.state not in ACTIVE:
            message = f"{name} is {job.state.name} and cannot be cancelled."
            raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
        job.state, job.update_time = State.JOB_STATE_CANCELLING, now()

    resources.update(name, change)


def delete_ended(resources: Resources, operations: Operations, name: str) -> Any:
    """Delete a job that has ended; what it made stays."""
    if (job := resources.get(name)).state in ACTIVE:
        message = f"{name} is {job.state.name}; cancel it first."
        raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
    resources.delete(name)
    metadata = types.DeleteOperationMetadata()
    return operations.succeeded(parent_of(name), empty_pb2.Empty(), metadata)

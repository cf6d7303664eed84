"""PipelineService: pipeline jobs, run by the local runner."""

import datetime
import logging
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import empty_pb2
from google.rpc import code_pb2, status_pb2

from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.pipelines.cache import StepCache
from batchpredict.local.pipelines.contents import Contents
from batchpredict.local.pipelines.journal import Journal
from batchpredict.local.pipelines.retries import Clock
from batchpredict.local.pipelines.runner import PipelineRunner
from batchpredict.local.pipelines.spec import Pipeline
from batchpredict.local.pipelines.states import TaskStates
from batchpredict.local.pipelines.tasks import RunContext
from batchpredict.local.polling import CLIENT_WAIT
from batchpredict.local.step_logs import StepLog, logs_of
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.errors import ServiceError, invalid
from batchpredict.local.vertex.listing import select
from batchpredict.local.vertex.metadata.nodes import new_detail
from batchpredict.local.vertex.models import parent_of
from batchpredict.local.vertex.operations import Operations
from batchpredict.local.vertex.pipeline_contexts import (
    PARALLEL_STEPS,
    RunPlaces,
    identity_of,
    parameters_of,
    pipeline_of,
)
from batchpredict.local.vertex.state import Resources
from batchpredict.pipeline_jobs import new_job_id

log = logging.getLogger("batchpredict.local")
State = types.PipelineState
ACTIVE = (
    State.PIPELINE_STATE_PENDING,
    State.PIPELINE_STATE_RUNNING,
    State.PIPELINE_STATE_CANCELLING,
)
RESUMABLE = (State.PIPELINE_STATE_FAILED, State.PIPELINE_STATE_CANCELLED)
JOB_ID = re.compile(r"[a-z][-a-z0-9]{0,127}")


@dataclass(frozen=True)
class _Run:
    """What is known of a run beside its resource.

    Attributes:
        reason: The ``Status`` that says why it was stopped, unless a client cancelled it.
    """

    states: TaskStates
    cancelled: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)
    reason: list[Any] = field(default_factory=list)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class PipelineService:
    """Runs each pipeline job in a thread.

    Attributes:
        clock: What the waits of new runs between the attempts of a step go by.
        caching: Whether new runs take steps from earlier ones where their YAML allows it.

    Args:
        runs: Folder that gets one sub-folder with the logs of each job.
        work: Folder for temporary files of the steps.
        environment: Variables of every step.
    """

    def __init__(
        self,
        resources: Resources,
        operations: Operations,
        store: ObjectStore,
        sandbox: Sandbox,
        environment: Mapping[str, str],
        *,
        runs: Path,
        work: Path,
        caching: bool,
    ) -> None:
        self._resources = resources
        self._operations = operations
        self._places = RunPlaces(store, sandbox, environment, runs, work)
        self.clock = Clock()
        self.caching = caching
        self._cache = StepCache(runs.parent / "cache", Contents(store, self._find))
        self._runs: dict[str, _Run] = {}
        self._slots = threading.Semaphore(PARALLEL_STEPS)
        resources.end_interrupted("pipelineJobs", ACTIVE, State.PIPELINE_STATE_FAILED)

    def create_pipeline_job(self, request: Any) -> Any:
        """Check the job, start it and return it as running."""
        job = request.pipeline_job
        pipeline = pipeline_of(job)
        job_id = request.pipeline_job_id or new_job_id(pipeline.name)
        if not JOB_ID.fullmatch(job_id):
            raise invalid(f"pipeline_job_id {job_id!r} must match {JOB_ID.pattern}")
        job.name = f"{request.parent}/pipelineJobs/{job_id}"
        parameters = parameters_of(job, pipeline)
        job.create_time = job.start_time = job.update_time = _now()
        job.state = State.PIPELINE_STATE_RUNNING
        job.job_detail = new_detail(job)
        self._resources.create(job.name, job)
        journal = Journal.begin(self._places.journal_of(job), identity_of(job))
        self._begin(job, pipeline, parameters, journal)
        return job

    def resumable(self) -> list[Any]:
        """Return the jobs that failed, or were cancelled or killed, the last one first."""
        jobs = self._resources.everywhere("pipelineJobs")
        found = [job for job in jobs if job.state in RESUMABLE]
        return sorted(found, key=lambda job: job.start_time, reverse=True)

    def resume(self, name: str) -> Any:
        """Let a job that failed, or was cancelled or killed, go on; return it as running.

        The real service has nothing like it: the job keeps its name, and what had ended well is
        taken from its journal.

        Raises:
            ServiceError: There is no such job, it runs or has succeeded, or its journal is of
                another pipeline, of other parameters, or damaged.
        """
        job = self._resources.get(name)
        if job.state not in RESUMABLE:
            message = f"E360 {name} is {job.state.name}: there is nothing to resume"
            raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
        pipeline = pipeline_of(job)
        parameters = parameters_of(job, pipeline)
        try:
            journal = Journal.reopen(self._places.journal_of(job), identity_of(job))
        except ValueError as error:
            raise ServiceError(code_pb2.FAILED_PRECONDITION, str(error)) from error

        def run_again(job: Any) -> None:
            job.state = State.PIPELINE_STATE_RUNNING
            job.start_time = job.update_time = _now()
            job.end_time = job.error = None
            job.job_detail = new_detail(job)

        job = self._resources.update(name, run_again)
        self._begin(job, pipeline, parameters, journal)
        return job

    def _begin(
        self, job: Any, pipeline: Pipeline, parameters: Mapping[str, Any], journal: Journal
    ) -> None:
        run = _Run(TaskStates(job.name))
        self._runs[job.name] = run
        context = self._places.context(
            job,
            slots=self._slots,
            cancelled=run.cancelled,
            resource_state=self._resource_state,
            clock=self.clock,
            cache=self._cache if self.caching else None,
            journal=journal,
        )
        arguments = (job.name, pipeline, context, run, parameters)
        threading.Thread(target=self._run, args=arguments, daemon=True).start()

    def _find(self, name: str) -> Any | None:
        """Return a resource, or None; a model is kept beside its versions."""
        return self._resources.find(name) or self._resources.find(f"{name}@-")

    def _resource_state(self, name: str) -> tuple[str, str]:
        """Return the state of a resource and what it says of its failure; "" where it has none."""
        resource = self._resources.find(name)
        state, error = getattr(resource, "state", None), getattr(resource, "error", None)
        return getattr(state, "name", ""), str(getattr(error, "message", ""))

    def _run(
        self,
        name: str,
        pipeline: Pipeline,
        context: RunContext,
        run: _Run,
        parameters: Mapping[str, Any],
    ) -> None:
        try:
            failures = PipelineRunner(pipeline, context, run.states).run(parameters)
        except Exception as error:
            log.exception("%s failed", name)
            failures = [f"{type(error).__name__}: {error}"]

        def end(job: Any) -> None:
            job.end_time = job.update_time = _now()
            job.job_detail.task_details = run.states.details()
            job.state = State.PIPELINE_STATE_SUCCEEDED
            message = "; ".join(failures)
            if run.cancelled.is_set():
                job.state = State.PIPELINE_STATE_CANCELLED
                message = message or "the run was cancelled"
                told = status_pb2.Status(code=code_pb2.CANCELLED, message=message)
                job.error = run.reason[0] if run.reason else told
            elif failures:
                job.state = State.PIPELINE_STATE_FAILED
                job.error = status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, message=message)

        try:
            if fault := self._resources.conclude(name, end):
                failures.append(f"the end of the run could not be saved: {fault}")
                self._resources.conclude(name, end)
        finally:
            run.finished.set()

    def wait(self, name: str, timeout: float | None) -> bool:
        """Wait until the job has ended; return whether it has."""
        run = self._runs.get(name)
        return run is None or run.finished.wait(timeout)

    def stop(self, name: str, timeout: float = 10.0, late: str = "") -> None:
        """Cancel the job if it still runs, and wait until its state says so.

        Args:
            name: The job's name.
            timeout: Seconds to wait at most.
            late: Why it is stopped, when it took too long.
        """
        run = self._runs.get(name)
        if run is not None and not run.finished.is_set():
            if late:
                run.reason.append(status_pb2.Status(code=code_pb2.DEADLINE_EXCEEDED, message=late))
            run.cancelled.set()
            run.finished.wait(timeout)

    def step_logs(self) -> Iterator[StepLog]:
        """Yield the logs of the steps of all runs."""
        for job in self._resources.everywhere("pipelineJobs"):
            yield from logs_of(self.snapshot(job.name), self._places.logs_of(job))

    def output_parameters(self, name: str, task: str) -> dict[str, Any]:
        """Return the output parameters of a task of a run of this session."""
        run = self._runs.get(name)
        return run.states.parameters(task) if run is not None else {}

    def arguments(self, name: str, task: str) -> dict[str, Any]:
        """Return what a task of a run of this session was given."""
        run = self._runs.get(name)
        return run.states.arguments(task) if run is not None else {}

    def snapshot(self, name: str) -> Any:
        """Return the job with the states of its tasks as they are now."""
        run = self._runs.get(name)
        job = self._resources.get(name)
        if run is not None and job.state in ACTIVE:
            job.job_detail.task_details = run.states.details()
        return job

    def get_pipeline_job(self, request: Any) -> Any:
        """Return a job; while it runs, the answer is held for at most 3 s."""
        self._resources.get(request.name)
        self.wait(request.name, CLIENT_WAIT)
        return self.snapshot(request.name)

    def list_pipeline_jobs(self, request: Any) -> Any:
        """Return the jobs of a location."""
        jobs = self._resources.list(request.parent, "pipelineJobs")
        page, token = select(jobs, request)
        return types.ListPipelineJobsResponse(pipeline_jobs=page, next_page_token=token)

    def cancel_pipeline_job(self, request: Any) -> Any:
        """Stop the running steps and start no other, exit tasks neither."""
        run = self._runs.get(request.name)

        def cancel(job: Any) -> None:
            if run is None or job.state not in ACTIVE:
                message = f"{request.name} is {job.state.name} and cannot be cancelled."
                raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
            job.state = State.PIPELINE_STATE_CANCELLING
            run.cancelled.set()

        self._resources.update(request.name, cancel)
        return empty_pb2.Empty()

    def delete_pipeline_job(self, request: Any) -> Any:
        """Forget a job that has ended; its artifacts stay."""
        if self._resources.get(request.name).state in ACTIVE:
            message = f"{request.name} is running; cancel it first."
            raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
        self._resources.delete(request.name)
        return self._operations.succeeded(parent_of(request.name), empty_pb2.Empty())

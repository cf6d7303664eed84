"""PipelineService: pipeline jobs, run by the local runner."""

import datetime
import logging
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import empty_pb2, json_format
from google.rpc import code_pb2, status_pb2

from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.pipelines.cache import StepCache
from batchpredict.local.pipelines.contents import Contents
from batchpredict.local.pipelines.placeholders import plain_numbers
from batchpredict.local.pipelines.retries import Clock
from batchpredict.local.pipelines.runner import PipelineRunner
from batchpredict.local.pipelines.spec import Pipeline, load_pipeline
from batchpredict.local.pipelines.states import TaskStates
from batchpredict.local.pipelines.tasks import RunContext
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.errors import ServiceError, invalid
from batchpredict.local.vertex.listing import select
from batchpredict.local.vertex.models import parent_of
from batchpredict.local.vertex.operations import Operations, new_id
from batchpredict.local.vertex.state import Resources

log = logging.getLogger("batchpredict.local")
State = types.PipelineState
ACTIVE = (
    State.PIPELINE_STATE_PENDING,
    State.PIPELINE_STATE_RUNNING,
    State.PIPELINE_STATE_CANCELLING,
)
FAIL_FAST = types.PipelineFailurePolicy.PIPELINE_FAILURE_POLICY_FAIL_FAST
JOB_ID = re.compile(r"[a-z][-a-z0-9]{0,127}")
CLIENT_WAIT = 3.0
PARALLEL_STEPS = max(4, 2 * (os.cpu_count() or 1))


@dataclass(frozen=True)
class _Run:
    """What is known of a run beside its resource."""

    states: TaskStates
    cancelled: threading.Event
    finished: threading.Event


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
        self._store = store
        self._sandbox = sandbox
        self._environment = environment
        self._runs_folder = runs
        self._work = work
        self.clock = Clock()
        self.caching = caching
        self._cache = StepCache(runs.parent / "cache", Contents(store, self._find))
        self._runs: dict[str, _Run] = {}
        self._slots = threading.Semaphore(PARALLEL_STEPS)
        resources.end_interrupted("pipelineJobs", ACTIVE, State.PIPELINE_STATE_FAILED)

    def create_pipeline_job(self, request: Any) -> Any:
        """Check the job, start it and return it as running."""
        job = request.pipeline_job
        spec = json_format.MessageToDict(protobuf(job).pipeline_spec)
        try:
            pipeline = load_pipeline(spec)
        except ValueError as error:
            raise invalid(str(error)) from error
        job_id = request.pipeline_job_id or self._new_job_id(pipeline.name)
        if not JOB_ID.fullmatch(job_id):
            raise invalid(f"pipeline_job_id {job_id!r} must match {JOB_ID.pattern}")
        job.name = f"{request.parent}/pipelineJobs/{job_id}"
        parameters = _parameters(job, pipeline)
        job.create_time = job.start_time = job.update_time = _now()
        job.state = State.PIPELINE_STATE_RUNNING
        self._resources.create(job.name, job)
        run = _Run(TaskStates(job.name), threading.Event(), threading.Event())
        self._runs[job.name] = run
        context = self._context(job, job_id, run.cancelled)
        arguments = (job.name, pipeline, context, run, parameters)
        threading.Thread(target=self._run, args=arguments, daemon=True).start()
        return job

    @staticmethod
    def _new_job_id(name: str) -> str:
        words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:96] or "run"
        start = words if words[0].isalpha() else f"run-{words}"
        return f"{start}-{_now():%Y%m%d%H%M%S}-{new_id()[:4]}"

    def _context(self, job: Any, job_id: str, cancelled: threading.Event) -> RunContext:
        _, project, _, location = parent_of(job.name).split("/")
        root = job.runtime_config.gcs_output_directory.rstrip("/")
        logs = self._runs_folder / job_id / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        constants = {
            ".pipeline_google_cloud_project_id": project,
            ".pipeline_google_cloud_location": location,
            ".pipeline_job_resource_name": job.name,
            ".pipeline_job_name": job_id,
            ".pipeline_job_uuid": job_id,
            ".pipeline_job_create_time_utc": f"{job.create_time:%Y-%m-%dT%H:%M:%SZ}",
            ".pipeline_job_schedule_time_utc": "",
            ".pipeline_persistent_resource_id": "",
            ".pipeline_service_account": job.service_account,
            ".pipeline_network": job.network,
            ".pipeline_encryption_key_name": job.encryption_spec.kms_key_name,
            ".pipeline_root": root,
        }
        return RunContext(
            constants=constants,
            root=f"{root}/{job_id}",
            store=self._store,
            sandbox=self._sandbox,
            logs=logs,
            work=self._work / job_id,
            environment={**self._environment, "CLOUD_ML_PROJECT_ID": project},
            slots=self._slots,
            parallel_steps=PARALLEL_STEPS,
            cancelled=cancelled,
            error_of=self._error_of,
            clock=self.clock,
            cache=self._cache if self.caching else None,
            fail_fast=job.runtime_config.failure_policy == FAIL_FAST,
        )

    def _find(self, name: str) -> Any | None:
        """Return a resource, or None; a model is kept beside its versions."""
        return self._resources.find(name) or self._resources.find(f"{name}@-")

    def _error_of(self, name: str) -> str:
        """Return what a resource says of its own failure, or ""."""
        resource = self._resources.find(name)
        return str(getattr(getattr(resource, "error", None), "message", ""))

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
                job.error = status_pb2.Status(code=code_pb2.CANCELLED, message=message)
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

    def stop(self, name: str, timeout: float = 10.0) -> None:
        """Cancel the job if it still runs, and wait until its state says so."""
        run = self._runs.get(name)
        if run is not None and not run.finished.is_set():
            run.cancelled.set()
            run.finished.wait(timeout)

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


def _parameters(job: Any, pipeline: Pipeline) -> dict[str, Any]:
    """Return the run's parameters; refuse unknown and missing ones."""
    root = job.runtime_config.gcs_output_directory
    if not root.startswith("gs://"):
        raise invalid("runtime_config.gcs_output_directory must be a gs:// folder")
    content = json_format.MessageToDict(protobuf(job).runtime_config)
    given = {k: plain_numbers(v) for k, v in content.get("parameterValues", {}).items()}
    known = pipeline.root.input_definitions.parameters
    unknown = sorted(set(given) - set(known))
    missing = sorted(
        name
        for name, spec in known.items()
        if name not in given and not spec.is_optional and not spec.HasField("default_value")
    )
    if unknown or missing:
        raise invalid(f"unknown parameters: {unknown}; missing parameters: {missing}")
    return given

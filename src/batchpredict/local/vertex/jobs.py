"""JobService: batch prediction jobs."""

import contextlib
import datetime
import logging
import threading
from collections.abc import Mapping
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import empty_pb2
from google.rpc import code_pb2, status_pb2

from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.batch_prediction import (
    Outcome,
    check_outcome,
    check_request,
    output_directory,
    run_batch_prediction,
)
from batchpredict.local.vertex.errors import ServiceError, invalid
from batchpredict.local.vertex.listing import select
from batchpredict.local.vertex.models import ModelService, parent_of
from batchpredict.local.vertex.operations import Operations, new_id
from batchpredict.local.vertex.state import Resources

log = logging.getLogger("batchpredict.local")
State = types.JobState
FINAL = (State.JOB_STATE_SUCCEEDED, State.JOB_STATE_FAILED, State.JOB_STATE_CANCELLED)
LAUNCHER = "google-cloud-pipeline-components"
LAUNCHER_WAIT = 3600.0
CLIENT_WAIT = 3.0


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class JobService:
    """Runs each job in a thread; the model server does the work."""

    def __init__(
        self,
        resources: Resources,
        operations: Operations,
        models: ModelService,
        servers: ModelServers,
        store: ObjectStore,
    ) -> None:
        self._resources = resources
        self._operations = operations
        self._models = models
        self._servers = servers
        self._store = store
        self._finished: dict[str, threading.Event] = {}
        self._cancelled: dict[str, threading.Event] = {}
        active = (State.JOB_STATE_PENDING, State.JOB_STATE_RUNNING)
        resources.end_interrupted("batchPredictionJobs", active, State.JOB_STATE_FAILED)

    def create_batch_prediction_job(self, request: Any) -> Any:
        """Check the request, start the job and return it as pending."""
        job = request.batch_prediction_job
        if not job.display_name:
            raise invalid("display_name is required")
        check_request(job)
        model = self._model(job)
        job.name = f"{request.parent}/batchPredictionJobs/{new_id()}"
        job.model_version_id = model.version_id
        job.create_time = job.update_time = _now()
        job.state = State.JOB_STATE_PENDING
        self._resources.put(job.name, job)
        self._finished[job.name] = threading.Event()
        self._cancelled[job.name] = threading.Event()
        threading.Thread(target=self._run, args=(job.name, model), daemon=True).start()
        return job

    def _model(self, job: Any) -> Any:
        if job.model:
            return self._models.resolve(job.model)
        unmanaged = job.unmanaged_container_model
        if not unmanaged.artifact_uri:
            raise invalid("one of model and unmanaged_container_model is required")
        return types.Model(
            name=f"unmanaged/{new_id()}",
            version_id="1",
            display_name="unmanaged",
            artifact_uri=unmanaged.artifact_uri,
            container_spec=unmanaged.container_spec,
        )

    def _run(self, name: str, model: Any) -> None:
        def start(job: Any) -> None:
            job.state = State.JOB_STATE_RUNNING
            job.start_time = job.update_time = _now()
            # Said from the start: also a job that fails has written there.
            job.output_info.gcs_output_directory = output_directory(job, model)

        try:
            job = self._resources.update(name, start)
            outcome = run_batch_prediction(
                job, model, self._store, self._servers.post, self._cancelled[name]
            )
            self._resources.update(name, lambda it: _record(it, outcome))
            if not self._cancelled[name].is_set():
                check_outcome(outcome)
            self._finish(name, None)
        except ServiceError as error:
            self._finish(name, error)
        except Exception as error:
            log.exception("%s failed", name)
            text = f"{type(error).__name__}: {error}"
            self._finish(name, ServiceError(code_pb2.INTERNAL, text))

    def _finish(self, name: str, error: ServiceError | None) -> None:
        cancelled = self._cancelled[name].is_set()

        def end(job: Any) -> None:
            job.end_time = job.update_time = _now()
            job.state = State.JOB_STATE_FAILED if error else State.JOB_STATE_SUCCEEDED
            if cancelled:
                job.state = State.JOB_STATE_CANCELLED
            if error:
                job.error = status_pb2.Status(code=error.code, message=error.message)

        try:
            self._resources.conclude(name, end)
        finally:
            self._finished[name].set()

    def get_batch_prediction_job(self, request: Any, headers: Mapping[str, str]) -> Any:
        """Return a job.

        Google's launcher looks once and then sleeps 20 s: it is answered when the job has ended.
        Other clients are held for at most 3 s.
        """
        agent = headers.get("x-goog-api-client", "") + headers.get("user-agent", "")
        finished = self._finished.get(request.name)
        if finished is not None:
            finished.wait(LAUNCHER_WAIT if LAUNCHER in agent else CLIENT_WAIT)
        return self._resources.get(request.name)

    def list_batch_prediction_jobs(self, request: Any) -> Any:
        """Return the jobs of a location."""
        jobs = self._resources.list(request.parent, "batchPredictionJobs")
        page, token = select(jobs, request)
        return types.ListBatchPredictionJobsResponse(
            batch_prediction_jobs=page, next_page_token=token
        )

    def cancel_batch_prediction_job(self, request: Any) -> Any:
        """Ask a job to stop after the batch it is at."""
        job = self._resources.get(request.name)
        if job.state in FINAL:
            message = f"{request.name} is {job.state.name} and cannot be cancelled."
            raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
        with contextlib.suppress(KeyError):
            self._cancelled[request.name].set()
        return empty_pb2.Empty()

    def delete_batch_prediction_job(self, request: Any) -> Any:
        """Delete a job that has ended; its output stays."""
        job = self._resources.get(request.name)
        if job.state not in FINAL:
            message = f"{request.name} is {job.state.name}; cancel it first."
            raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
        self._resources.delete(request.name)
        return self._operations.succeeded(parent_of(request.name), empty_pb2.Empty())


def _record(job: Any, outcome: Outcome) -> None:
    job.completion_stats.successful_count = outcome.succeeded
    job.completion_stats.failed_count = outcome.failed

"""JobService: batch prediction jobs."""

import datetime
import logging
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import empty_pb2
from google.rpc import code_pb2, status_pb2

from batchpredict.local.bigquery.api import BigQueryApi
from batchpredict.local.bigquery.errors import BigQueryError
from batchpredict.local.polling import patience
from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.settings import BatchSettings
from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.batch.destinations import output_directory
from batchpredict.local.vertex.batch.explanations import check_explanations
from batchpredict.local.vertex.batch.prediction import (
    CODES,
    Outcome,
    check_outcome,
    run_batch_prediction,
)
from batchpredict.local.vertex.batch.requests import check_request, without_output
from batchpredict.local.vertex.batch.table_output import output_tables
from batchpredict.local.vertex.batch.tables import service_error
from batchpredict.local.vertex.errors import ServiceError, invalid
from batchpredict.local.vertex.listing import select
from batchpredict.local.vertex.models import ModelService, parent_of
from batchpredict.local.vertex.operations import Operations, new_id
from batchpredict.local.vertex.state import Resources

log = logging.getLogger("batchpredict.local")
State = types.JobState
ACTIVE = (State.JOB_STATE_PENDING, State.JOB_STATE_RUNNING)
FINAL = (State.JOB_STATE_SUCCEEDED, State.JOB_STATE_FAILED, State.JOB_STATE_CANCELLED)
UNKNOWN = -1


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _cancellation() -> ServiceError:
    return ServiceError(code_pb2.CANCELLED, "The job was cancelled.")


@dataclass
class _Run:
    """A job of this session that has not ended."""

    model: Any
    cancelled: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)


class JobService:
    """Runs jobs, some at a time, each in a thread; the model servers do the work.

    Attributes:
        settings: What the service chooses by itself; counts for jobs that start from then on.
    """

    def __init__(
        self,
        resources: Resources,
        operations: Operations,
        models: ModelService,
        servers: ModelServers,
        store: ObjectStore,
        settings: BatchSettings,
        bigquery: BigQueryApi,
    ) -> None:
        self.settings = settings
        self._bigquery = bigquery
        self._resources = resources
        self._operations = operations
        self._models = models
        self._servers = servers
        self._store = store
        self._runs: dict[str, _Run] = {}
        self._waiting: deque[str] = deque()
        self._workers = 0
        self._newest = _now()
        self._lock = threading.Lock()
        collection, cancelling = "batchPredictionJobs", (State.JOB_STATE_CANCELLING,)
        resources.end_interrupted(collection, ACTIVE, State.JOB_STATE_FAILED)
        resources.end_interrupted(collection, cancelling, State.JOB_STATE_CANCELLED)

    def create_batch_prediction_job(self, request: Any) -> Any:
        """Check the request, start the job and return it as pending."""
        job = without_output(request.batch_prediction_job)
        check_request(job)
        if "bigquery" in (job.input_config.instances_format, job.output_config.predictions_format):
            self._warehouse()
        model = self._model(request.parent, job)
        check_explanations(job, model)
        job.name = f"{request.parent}/batchPredictionJobs/{new_id()}"
        job.model_version_id = model.version_id
        job.create_time = job.update_time = _now()
        job.state = State.JOB_STATE_PENDING
        self._resources.put(job.name, job)
        self._runs[job.name] = _Run(model)
        self._start(job.name)
        return job

    def _model(self, parent: str, job: Any) -> Any:
        if job.model:
            if parent_of(job.model) != parent:
                raise invalid(f"model {job.model!r} is not in {parent}, as the job is")
            return self._models.resolve(job.model)
        unmanaged = job.unmanaged_container_model
        return types.Model(
            name=f"unmanaged/{new_id()}",
            version_id="1",
            display_name="unmanaged",
            artifact_uri=unmanaged.artifact_uri,
            container_spec=unmanaged.container_spec,
        )

    def _warehouse(self) -> Any:
        """Return the tables of BigQuery; without its packages there are none."""
        try:
            return self._bigquery.service().warehouse
        except BigQueryError as error:
            raise service_error(error) from error

    def _start(self, name: str) -> None:
        """Put a job at the end of the line, and let one more thread work when there may be one."""
        with self._lock:
            self._waiting.append(name)
            if self._workers >= self.settings.active_jobs:
                return
            self._workers += 1
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        """Run one waiting job after another until none is left."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._workers -= 1
                    return
                name = self._waiting.popleft()
            self._run(name, self._runs[name])

    def _run(self, name: str, run: _Run) -> None:
        outcome = Outcome()
        try:
            moment = self._own_moment()
            job = self._resources.update(name, lambda job: _begin(job, run.model, moment))
            run_batch_prediction(
                job,
                run.model,
                self._store,
                self._warehouse,
                self._servers.post,
                run.cancelled,
                outcome,
                self.settings,
            )
            check_outcome(outcome)
            self._finish(name, run, outcome, None)
        except ServiceError as error:
            self._finish(name, run, outcome, error)
        except StorageError as error:
            code = CODES.get(error.status, code_pb2.INVALID_ARGUMENT)
            self._finish(name, run, outcome, ServiceError(code, error.message))
        except Exception as error:
            log.exception("%s failed", name)
            text = f"{type(error).__name__}: {error}"
            self._finish(name, run, outcome, ServiceError(code_pb2.INTERNAL, text))

    def _own_moment(self) -> datetime.datetime:
        """Return a millisecond that no other job has, as output folders are named after it."""
        with self._lock:
            self._newest = max(_now(), self._newest + datetime.timedelta(milliseconds=1))
            return self._newest

    def _finish(self, name: str, run: _Run, outcome: Outcome, error: ServiceError | None) -> None:
        def end(job: Any) -> None:
            reason = error
            job.end_time = job.update_time = _now()
            if job.state == State.JOB_STATE_CANCELLING:
                job.state, reason = State.JOB_STATE_CANCELLED, _cancellation()
            else:
                job.state = State.JOB_STATE_FAILED if error else State.JOB_STATE_SUCCEEDED
                _count(job, outcome)
            if reason:
                job.error = status_pb2.Status(code=reason.code, message=reason.message)

        try:
            self._resources.conclude(name, end)
        finally:
            self._runs.pop(name, None)
            run.finished.set()

    def get_batch_prediction_job(self, request: Any, headers: Mapping[str, str]) -> Any:
        """Return a job; who asks is held for a while when it has not ended."""
        if run := self._runs.get(request.name):
            run.finished.wait(patience(headers))
        return self._resources.get(request.name)

    def list_batch_prediction_jobs(self, request: Any) -> Any:
        """Return the jobs of a location."""
        jobs = self._resources.list(request.parent, "batchPredictionJobs")
        page, token = select(jobs, request)
        return types.ListBatchPredictionJobsResponse(
            batch_prediction_jobs=page, next_page_token=token
        )

    def cancel_batch_prediction_job(self, request: Any) -> Any:
        """Ask a job to stop; it is CANCELLING until it has."""

        def cancel(job: Any) -> None:
            if job.state in FINAL:
                message = f"{request.name} is {job.state.name} and cannot be cancelled."
                raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
            job.state, job.update_time = State.JOB_STATE_CANCELLING, _now()

        self._resources.update(request.name, cancel)
        if run := self._runs.get(request.name):
            run.cancelled.set()
            with self._lock:
                waits = request.name in self._waiting
                if waits:
                    self._waiting.remove(request.name)
            if waits:
                self._finish(request.name, run, Outcome(), None)
        return empty_pb2.Empty()

    def delete_batch_prediction_job(self, request: Any) -> Any:
        """Delete a job that has ended; its output stays."""
        job = self._resources.get(request.name)
        if job.state not in FINAL:
            message = f"{request.name} is {job.state.name}; cancel it first."
            raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
        self._resources.delete(request.name)
        return self._operations.succeeded(parent_of(request.name), empty_pb2.Empty())


def _begin(job: Any, model: Any, moment: datetime.datetime) -> None:
    """Say that a job runs."""
    if job.state == State.JOB_STATE_CANCELLING:
        raise _cancellation()
    job.state = State.JOB_STATE_RUNNING
    job.start_time = job.update_time = moment
    # Said from the start: also a job that fails has written there.
    if job.output_config.predictions_format == "bigquery":
        tables = output_tables(job, model)
        job.output_info.bigquery_output_dataset = f"bq://{tables.project}.{tables.dataset}"
        job.output_info.bigquery_output_table = tables.predictions
    else:
        job.output_info.gcs_output_directory = output_directory(job, model, moment)


def _count(job: Any, outcome: Outcome) -> None:
    """Say what became of the instances, and what it took."""
    stats = job.completion_stats
    stats.successful_count, stats.failed_count = outcome.succeeded, outcome.failed
    stats.incomplete_count = 0 if outcome.complete else UNKNOWN
    job.partial_failures = outcome.partial_failures
    if job.start_time:
        hours = (job.end_time - job.start_time).total_seconds() / 3600
        replicas = max(1, job.dedicated_resources.starting_replica_count)
        job.resources_consumed.replica_hours = hours * replicas

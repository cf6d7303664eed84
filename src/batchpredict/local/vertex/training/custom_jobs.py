"""JobService: custom jobs, whose containers are commands in the environment of this machine."""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import empty_pb2

from batchpredict.local.polling import patience
from batchpredict.local.serving.images import Images
from batchpredict.local.storage.errors import StorageError
from batchpredict.local.vertex.errors import invalid
from batchpredict.local.vertex.listing import select
from batchpredict.local.vertex.models import parent_of
from batchpredict.local.vertex.operations import Operations, new_id
from batchpredict.local.vertex.state import Resources
from batchpredict.local.vertex.surface.checks import check_display_name, check_labels
from batchpredict.local.vertex.training.execution import Execution, Places, free_ports
from batchpredict.local.vertex.training.lifecycle import (
    State,
    carry_out,
    delete_ended,
    end_interrupted,
    now,
    say_cancelling,
)
from batchpredict.local.vertex.training.workers import MOST_REPLICAS, Replica, replicas_of

COLLECTION = "customJobs"
LONGEST = 7 * 24 * 3600.0
PARALLEL_JOBS = max(4, 2 * (os.cpu_count() or 1))


@dataclass
class _Run:
    """A job of this session that has not ended."""

    execution: Execution
    replicas: list[Replica]
    finished: threading.Event = field(default_factory=threading.Event)


class CustomJobs:
    """Runs each job in a thread, some at a time.

    Args:
        places: Where the replicas run.
        images: The commands that stand for images.
    """

    def __init__(
        self, resources: Resources, operations: Operations, places: Places, images: Images
    ) -> None:
        self._resources = resources
        self._operations = operations
        self._places = places
        self._images = images
        self._runs: dict[str, _Run] = {}
        self._slots = threading.Semaphore(PARALLEL_JOBS)
        end_interrupted(resources, COLLECTION)

    def create_custom_job(self, request: Any) -> Any:
        """Check the job, start it and return it as pending."""
        return self.start(request.parent, request.custom_job)

    def start(self, parent: str, job: Any, told: Mapping[str, str] | None = None) -> Any:
        """Start a job and return it as pending.

        Args:
            parent: Its location.
            job: The ``CustomJob``.
            told: Further variables of its replicas.
        """
        check_display_name(job.display_name)
        check_labels(job.labels)
        identifier = new_id()
        job.name = f"{parent}/{COLLECTION}/{identifier}"
        variables = {**self._variables(job), **(told or {})}
        ports = free_ports(MOST_REPLICAS)
        trial = variables.get("CLOUD_ML_TRIAL_ID", "")
        replicas = replicas_of(job.job_spec, self._images, variables, ports, trial)
        job.create_time = job.update_time = now()
        job.state = State.JOB_STATE_PENDING
        self._resources.put(job.name, job)
        self._runs[job.name] = _Run(Execution(self._places, identifier), replicas)
        threading.Thread(target=self._run, args=(job.name,), daemon=True).start()
        return job

    def _variables(self, job: Any) -> dict[str, str]:
        """Return what every replica is told of its job."""
        _, project, _, location = parent_of(job.name).split("/")
        found = {
            "CLOUD_ML_JOB_ID": job.name.rpartition("/")[2],
            "CLOUD_ML_PROJECT_ID": project,
            "CLOUD_ML_REGION": location,
        }
        root = job.job_spec.base_output_directory.output_uri_prefix.rstrip("/")
        if not root:
            return found
        try:
            self._places.store.path(root).mkdir(parents=True, exist_ok=True)
        except StorageError as error:
            raise invalid(f"job_spec.base_output_directory: {error.message}") from error
        return {
            **found,
            "AIP_MODEL_DIR": f"{root}/model/",
            "AIP_CHECKPOINT_DIR": f"{root}/checkpoints/",
            "AIP_TENSORBOARD_LOG_DIR": f"{root}/logs/",
        }

    def _run(self, name: str) -> None:
        carry_out(self._resources, self._runs, name, lambda run: self._execute(run, name))

    def _execute(self, run: _Run, name: str) -> None:
        run.execution.wait_for(self._slots)
        try:
            job = self._resources.update(name, _begin)
            run.execution.run(run.replicas, _seconds(job) or LONGEST)
        finally:
            self._slots.release()

    def wait(self, name: str, timeout: float | None) -> None:
        """Wait until a job has ended."""
        if run := self._runs.get(name):
            run.finished.wait(timeout)

    def get_custom_job(self, request: Any, headers: Mapping[str, str]) -> Any:
        """Return a job; who asks is held for a while when it has not ended."""
        self.wait(request.name, patience(headers))
        return self._resources.get(request.name)

    def list_custom_jobs(self, request: Any) -> Any:
        """Return the jobs of a location."""
        page, token = select(self._resources.list(request.parent, COLLECTION), request)
        return types.ListCustomJobsResponse(custom_jobs=page, next_page_token=token)

    def cancel_custom_job(self, request: Any) -> Any:
        """Ask a job to stop; it is CANCELLING until it has."""
        run = self._runs.get(request.name)
        say_cancelling(self._resources, request.name, runs=run is not None)
        if run is not None:
            run.execution.cancel()
        return empty_pb2.Empty()

    def delete_custom_job(self, request: Any) -> Any:
        """Delete a job that has ended; its output stays."""
        return delete_ended(self._resources, self._operations, request.name)


def _seconds(job: Any) -> float:
    timeout = job.job_spec.scheduling.timeout
    return timeout.total_seconds() if timeout else 0.0


def _begin(job: Any) -> None:
    """Say that a job runs; one that was cancelled while it waited stays so."""
    if job.state == State.JOB_STATE_PENDING:
        job.state = State.JOB_STATE_RUNNING
        job.start_time = job.update_time = now()

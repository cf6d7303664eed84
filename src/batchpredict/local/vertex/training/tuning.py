"""JobService: hyperparameter tuning jobs, each trial a custom job of its own."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import empty_pb2
from google.rpc import code_pb2

from batchpredict.local.polling import patience
from batchpredict.local.vertex.errors import ServiceError, invalid
from batchpredict.local.vertex.listing import select
from batchpredict.local.vertex.models import parent_of
from batchpredict.local.vertex.operations import Operations, new_id
from batchpredict.local.vertex.state import Resources
from batchpredict.local.vertex.surface.checks import check_display_name, check_labels
from batchpredict.local.vertex.training.custom_jobs import CustomJobs
from batchpredict.local.vertex.training.lifecycle import (
    State,
    carry_out,
    delete_ended,
    end_interrupted,
    now,
    say_cancelling,
)
from batchpredict.local.vertex.training.studies import (
    Value,
    arguments_of,
    check_study,
    final_of,
    measurements_of,
    trials_of,
)
from batchpredict.local.vertex.training.workers import MOST_REPLICAS, pool_sizes

COLLECTION = "hyperparameterTuningJobs"
METRICS = "output.metrics"
TrialState = types.Trial.State


@dataclass
class _Run:
    """A job of this session that has not ended."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)


class TuningJobs:
    """Runs each job in a thread, and its trials as custom jobs.

    Args:
        work: Folder for the files in which trials report their metrics.
    """

    def __init__(
        self, resources: Resources, operations: Operations, jobs: CustomJobs, work: Path
    ) -> None:
        self._resources = resources
        self._operations = operations
        self._jobs = jobs
        self._work = work
        self._runs: dict[str, _Run] = {}
        end_interrupted(resources, COLLECTION)

    def create_hyperparameter_tuning_job(self, request: Any) -> Any:
        """Check the job, start it and return it as running."""
        job = request.hyperparameter_tuning_job
        check_display_name(job.display_name)
        check_labels(job.labels)
        check_study(job.study_spec)
        if job.max_trial_count < 1 or job.parallel_trial_count < 1:
            raise invalid("max_trial_count and parallel_trial_count must be at least 1")
        pool_sizes(job.trial_job_spec)
        job.name = f"{request.parent}/{COLLECTION}/{new_id()}"
        job.create_time = job.start_time = job.update_time = now()
        job.state = State.JOB_STATE_RUNNING
        self._resources.put(job.name, job)
        self._runs[job.name] = _Run()
        threading.Thread(target=self._run, args=(job.name,), daemon=True).start()
        return job

    def _run(self, name: str) -> None:
        carry_out(self._resources, self._runs, name, lambda run: self._execute(run, name))

    def _execute(self, run: _Run, name: str) -> None:
        job = self._resources.get(name)
        trials = enumerate(trials_of(job.study_spec, job.max_trial_count), 1)
        with ThreadPoolExecutor(min(job.parallel_trial_count, MOST_REPLICAS)) as pool:
            list(pool.map(lambda it: self._try(run, job, *it), trials))
        _check_outcome(run, self._resources.get(name))

    def _try(self, run: _Run, job: Any, number: int, values: Mapping[str, Value]) -> None:
        """Run one trial, unless the job has been stopped, and keep what came of it."""
        if run.stopped.is_set():
            return
        metrics = self._work / job.name.rpartition("/")[2] / str(number) / METRICS
        metrics.parent.mkdir(parents=True)
        told = {
            "CLOUD_ML_TRIAL_ID": str(number),
            "CLOUD_ML_HP_METRIC_FILE": str(metrics),
            "CLOUD_ML_HP_METRIC_TAG": job.study_spec.metrics[0].metric_id,
        }
        backing = self._jobs.start(parent_of(job.name), _custom_job(job, number, values), told)
        trial = types.Trial(
            id=str(number),
            state=TrialState.ACTIVE,
            start_time=now(),
            custom_job=backing.name,
            parameters=[{"parameter_id": name, "value": it} for name, it in values.items()],
        )
        self._keep(job.name, trial)
        if run.stopped.is_set():
            self._stop(backing.name)
        self._jobs.wait(backing.name, None)
        self._keep(job.name, _measured(trial, self._resources.get(backing.name), job, metrics))
        failed = [it for it in self._resources.get(job.name).trials if _has_failed(it)]
        if 0 < job.max_failed_trial_count <= len(failed):
            self._stop_all(run, job.name)

    def _keep(self, name: str, trial: Any) -> None:
        def change(job: Any) -> None:
            others = [it for it in job.trials if it.id != trial.id]
            job.trials = sorted([*others, trial], key=lambda it: int(it.id))
            job.update_time = now()

        self._resources.update(name, change)

    def _stop_all(self, run: _Run, name: str) -> None:
        """Start no more trials, and stop those that run."""
        run.stopped.set()
        for trial in self._resources.get(name).trials:
            if trial.state == TrialState.ACTIVE:
                self._stop(trial.custom_job)

    def _stop(self, custom_job: str) -> None:
        try:
            self._jobs.cancel_custom_job(types.CancelCustomJobRequest(name=custom_job))
        except ServiceError:
            return  # it has just ended

    def get_hyperparameter_tuning_job(self, request: Any, headers: Mapping[str, str]) -> Any:
        """Return a job; who asks is held for a while when it has not ended."""
        if run := self._runs.get(request.name):
            run.finished.wait(patience(headers))
        return self._resources.get(request.name)

    def list_hyperparameter_tuning_jobs(self, request: Any) -> Any:
        """Return the jobs of a location."""
        page, token = select(self._resources.list(request.parent, COLLECTION), request)
        kind = types.ListHyperparameterTuningJobsResponse
        return kind(hyperparameter_tuning_jobs=page, next_page_token=token)

    def cancel_hyperparameter_tuning_job(self, request: Any) -> Any:
        """Stop the trials; the job is CANCELLING until they have."""
        run = self._runs.get(request.name)
        say_cancelling(self._resources, request.name, runs=run is not None)
        if run is not None:
            run.cancelled.set()
            self._stop_all(run, request.name)
        return empty_pb2.Empty()

    def delete_hyperparameter_tuning_job(self, request: Any) -> Any:
        """Delete a job that has ended; its custom jobs stay."""
        return delete_ended(self._resources, self._operations, request.name)


def _custom_job(job: Any, number: int, values: Mapping[str, Value]) -> Any:
    """Return the custom job of a trial: its values are arguments, its folder is its own."""
    kind = types.CustomJobSpec
    spec = kind.deserialize(kind.serialize(job.trial_job_spec))
    for pool in spec.worker_pool_specs:
        for task in ("container_spec", "python_package_spec"):
            if task in pool:
                getattr(pool, task).args.extend(arguments_of(values))
    root = spec.base_output_directory.output_uri_prefix.rstrip("/")
    if root:
        spec.base_output_directory.output_uri_prefix = f"{root}/{number}"
    title = f"{job.display_name}-trial-{number}"[-128:]
    return types.CustomJob(display_name=title, job_spec=spec, labels=dict(job.labels))


def _measured(trial: Any, backing: Any, job: Any, metrics: Path) -> Any:
    """Return a trial that has ended, with what it reported."""
    metric = job.study_spec.metrics[0].metric_id
    trial.end_time = now()
    trial.measurements = measurements_of(metrics, metric)
    if backing.state == State.JOB_STATE_CANCELLED:
        trial.state = TrialState.STOPPING
    elif backing.state != State.JOB_STATE_SUCCEEDED:
        trial.state, trial.infeasible_reason = TrialState.INFEASIBLE, backing.error.message
    elif not trial.measurements:
        trial.state = TrialState.INFEASIBLE
        trial.infeasible_reason = f"the trial did not report the metric {metric!r}"
    else:
        trial.state = TrialState.SUCCEEDED
        trial.final_measurement = final_of(trial.measurements, job.study_spec)
    return trial


def _has_failed(trial: Any) -> bool:
    return bool(trial.state == TrialState.INFEASIBLE)


def _check_outcome(run: _Run, job: Any) -> None:
    """Raise why a job whose trials have ended did not succeed."""
    if run.cancelled.is_set():
        raise ServiceError(code_pb2.CANCELLED, "The job was cancelled.")
    failed = [trial for trial in job.trials if _has_failed(trial)]
    if run.stopped.is_set() or len(failed) == len(job.trials):
        message = (
            f"E357 {len(failed)} of {len(job.trials)} trials failed; the last: "
            f"{failed[-1].infeasible_reason}"
        )
        raise ServiceError(code_pb2.FAILED_PRECONDITION, message)

"""Batch prediction jobs of ours that go on although the run that started them does not."""

import datetime
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from batchpredict.errors import RunError
from batchpredict.runtime.request.submitting import live_states, run_label, submission_label
from batchpredict.vertex import clients
from batchpredict.vertex.links import job_link
from batchpredict.vertex.states import NOT_OVER, RUNNING

GONE, UNKNOWN = "GONE", "UNKNOWN"
[RUN_LABEL] = run_label("run")
OVER = ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED")
JOB_FIELDS = ("name", "display_name", "state", "labels", "create_time")
RUN_FIELDS = ("name", "state")
DIGEST = re.compile("[0-9a-f]{32}")  # instead of an id that is too long for a label


@dataclass(frozen=True)
class Job:
    """A batch prediction job of one of our steps that has not ended.

    Attributes:
        name: Its resource name.
        display_name: What people call it.
        state: Such as ``RUNNING``.
        create_time: RFC 3339 in UTC.
        run: Id of the pipeline run that started it, or what its label says instead; "" when it
            says nothing.
        run_state: State of that run; ``GONE`` when there is none of its name, ``UNKNOWN`` when
            the job does not say which it is.
    """

    name: str
    display_name: str
    state: str
    create_time: str
    run: str = ""
    run_state: str = UNKNOWN

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody will take its results: its run ended badly, or is gone.

        A run that succeeded may have left it running on purpose: its step was told not to wait.
        """
        return self.run_state in ("FAILED", "CANCELLED", GONE)

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**asdict(self), "abandoned": self.is_abandoned, "link": job_link(self.name)}


def orphans_among(
    jobs: Iterable[Job], runs: Mapping[str, str], before: datetime.datetime
) -> list[Job]:
    """Return the jobs whose run does not go on, with what is known of the run, oldest first.

    Args:
        jobs: Jobs of ours that have not ended.
        runs: State of each run by its id.
        before: Jobs that were made later are left out: their run may be tidying up.
    """
    labels = {run_label(run)[RUN_LABEL]: (run, state) for run, state in runs.items()}
    told = []
    for job in jobs:
        run, state = labels.get(job.run, (job.run, GONE if job.run else UNKNOWN))
        is_old = datetime.datetime.fromisoformat(job.create_time) <= before
        if is_old and state not in RUNNING:
            made = (job.name, job.display_name, job.state, job.create_time)
            told.append(Job(*made, run=run, run_state=state))
    return sorted(told, key=lambda job: (job.create_time, job.name))


def find_orphans(project: str, location: str, older_than: float) -> list[Job]:
    """Return the jobs of a region whose run does not go on.

    Args:
        project: The project's id.
        location: The region.
        older_than: Seconds since the job was made.
    """
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=older_than)
    jobs = live_jobs(project, location)  # before the runs: a run may end in between, none begins
    owners = {job.run for job in jobs if job.run}
    return orphans_among(jobs, runs_of(project, location, owners), before)


def live_jobs(project: str, location: str) -> list[Job]:
    """Return the jobs with our label that have not ended."""
    ended = [f'state!="JOB_STATE_{state}"' for state in OVER]
    request = {
        "parent": f"projects/{project}/locations/{location}",
        "filter": " AND ".join([f"labels.{submission_label()}:*", *ended]),
        "read_mask": {"paths": JOB_FIELDS},
        "page_size": 100,
    }
    with clients.calling(f"listing the batch prediction jobs of {request['parent']}"):
        client = clients.jobs(location)
        found = list(client.list_batch_prediction_jobs(request, **clients.reading()))
    return [_job(it) for it in found if submission_label() in it.labels and _is_live(it)]


def _is_live(job: Any) -> bool:
    return job.state.name in (*live_states(), "JOB_STATE_CANCELLING")


def _job(found: Any) -> Job:
    return Job(
        name=found.name,
        display_name=found.display_name,
        state=found.state.name.removeprefix("JOB_STATE_"),
        create_time=found.create_time.astimezone(datetime.UTC).isoformat(),
        run=dict(found.labels).get(RUN_LABEL, ""),
    )


def runs_of(project: str, location: str, labels: Collection[str]) -> dict[str, str]:
    """Return the state of each run that a label names, by its id, without those that are gone.

    A list tells which runs go on. Of the others each is asked for by its name: a list may not show
    yet what has just begun.
    """
    from google.api_core.exceptions import NotFound

    parent = f"projects/{project}/locations/{location}"
    request = {"parent": parent, "read_mask": {"paths": RUN_FIELDS}, "page_size": 100}
    with clients.calling(f"reading the runs of {parent}"):
        client = clients.pipelines(location)
        states = _listed(client, {**request, "filter": NOT_OVER}) if labels else {}
        others = set(labels) - {run_label(run)[RUN_LABEL] for run in states}
        for label in sorted(others):
            try:
                name = f"{parent}/pipelineJobs/{label}"
                states[label] = _run_state(client.get_pipeline_job(name=name, **clients.reading()))
            except NotFound:
                if DIGEST.fullmatch(label):
                    states = {**_listed(client, request), **states}
    return states


def _listed(client: Any, request: Mapping[str, Any]) -> dict[str, str]:
    found = client.list_pipeline_jobs(request, **clients.reading())
    return {job.name.rpartition("/")[2]: _run_state(job) for job in found}


def _run_state(job: Any) -> str:
    return str(job.state.name.removeprefix("PIPELINE_STATE_"))


def cancel_job(name: str) -> str:
    """Cancel a job unless it has ended, and return the state it is in then.

    Raises:
        BatchpredictError: Vertex AI did not take it.
    """
    from google.api_core.exceptions import FailedPrecondition, NotFound

    with clients.calling(f"cancelling the job {name.rpartition('/')[2]}"):
        client = clients.jobs(name.split("/")[3])
        try:
            # Cancelling twice is cancelling once, so it may be tried again.
            client.cancel_batch_prediction_job(name=name, **clients.reading())
        except NotFound:
            return GONE
        except FailedPrecondition:
            job = client.get_batch_prediction_job(name=name, **clients.reading())
            if _is_live(job):
                raise
            return str(job.state.name.removeprefix("JOB_STATE_"))
    return "CANCELLING"


def cancel_orphans(jobs: Iterable[Job]) -> tuple[dict[str, str], list[RunError]]:
    """Cancel jobs, each whatever became of the others.

    Returns:
        The state of each by name, and what went wrong.
    """
    states: dict[str, str] = {}
    faults: list[RunError] = []
    for job in jobs:
        try:
            states[job.name] = cancel_job(job.name)
        except RunError as error:
            faults.append(error)
    return states, faults

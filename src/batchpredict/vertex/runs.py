"""Start, look at, wait for and cancel runs on Vertex AI."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from batchpredict.errors import RunError, RunTooLong, UsageError
from batchpredict.vertex import clients
from batchpredict.vertex.fields import check_labels
from batchpredict.vertex.requests import PipelineRun
from batchpredict.vertex.states import Run, run_of

POLL_SECONDS = 3.0
LATER_SECONDS = 10.0  # when it has run for a while
A_WHILE = 120.0
OUTAGE_SECONDS = 600.0  # what a wait of hours lives through
MOST = 1000
LISTED = (  # not the pipeline itself, which may have a megabyte
    *("name", "display_name", "state", "error", "labels", "runtime_config"),
    *("create_time", "start_time", "end_time"),
)
COMPLETED = ("labels", "runtime_config")  # the service adds to them


def submit(request: PipelineRun) -> Run:
    """Start a run; when the same request was sent before, return the run that it started.

    The id of the run is ours. So a request whose answer was lost is not sent again: we look
    whether the run is there.

    Args:
        request: What :func:`batchpredict.vertex.pipeline_run` gave.

    Raises:
        RunError: There is a run of this id from another request (E408), or Vertex AI refused it.
        EnvironmentFault: No credentials, no permission, or no answer.
    """
    return submit_once(request)[0]


def submit_once(request: PipelineRun) -> tuple[Run, bool]:
    """Start a run as :func:`submit` does; return it, and whether this call started it."""
    from google.api_core import exceptions
    from google.cloud.aiplatform_v1 import types
    from google.protobuf import json_format

    try:
        job = types.PipelineJob.pb(types.PipelineJob())
        json_format.ParseDict(dict(request.pipeline_job), job)
    except (json_format.ParseError, TypeError, ValueError) as error:
        raise UsageError("E400", f"the request is no PipelineJob: {error}") from error
    message = types.CreatePipelineJobRequest(
        parent=request.parent,
        pipeline_job=types.PipelineJob.wrap(job),
        pipeline_job_id=request.pipeline_job_id,
    )
    lost = (exceptions.AlreadyExists, exceptions.ServerError, exceptions.RetryError)
    with clients.calling(f"starting the run {request.pipeline_job_id}"):
        client = clients.pipelines(request.location)
        try:
            return run_of(client.create_pipeline_job(message, **clients.writing())), True
        except lost as error:
            return _existing(client, request, job, error), False


def _existing(client: Any, request: PipelineRun, sent: Any, error: Exception) -> Run:
    """Return the run that an earlier or a lost request started.

    Raises:
        RunError: It is of another request (E408).
        Exception: There is none: the error that made us look.
    """
    from google.api_core.exceptions import GoogleAPIError

    try:
        found = client.get_pipeline_job(name=request.name, **clients.reading())
    except GoogleAPIError:
        raise error from None
    other = differences(sent, type(found).pb(found))
    if other:
        message = (
            f"there is a run {request.pipeline_job_id} already, of another request: "
            f"{', '.join(other)} differ; give another run id"
        )
        raise RunError("E408", message)
    return run_of(found)


def differences(sent: Any, found: Any) -> list[str]:
    """Return the fields of a request that a run does not have as they were sent.

    Args:
        sent: The protobuf ``PipelineJob`` of the request.
        found: That of the run, which the service has completed.
    """
    parts = [(sent, found, it.name) for it, _ in sent.ListFields() if it.name not in COMPLETED]
    parts += [
        (sent.runtime_config, found.runtime_config, it.name)
        for it, _ in sent.runtime_config.ListFields()
    ]
    other = [name for one, two, name in parts if getattr(one, name) != getattr(two, name)]
    is_kept = all(found.labels.get(key) == value for key, value in sent.labels.items())
    return other if is_kept else [*other, "labels"]


def name_of(run: str, project: str, location: str) -> str:
    """Return the resource name of a run.

    Args:
        run: It, or the run's id.
        project: The project of an id.
        location: The region of an id.

    Raises:
        UsageError: It is neither (E409).
    """
    if run.startswith("projects/"):
        parts = run.split("/")
        if len(parts) == 6 and parts[2] == "locations" and parts[4] == "pipelineJobs":
            return run
        raise UsageError("E409", f"{run!r} is no run: give projects/…/locations/…/pipelineJobs/…")
    if not run or "/" in run:
        raise UsageError("E409", f"{run!r} is no run: give its id, the last part of its name")
    return f"projects/{project}/locations/{location}/pipelineJobs/{run}"


def get_run(run: str, project: str = "", location: str = "") -> Run:
    """Return a run as it is now.

    Args:
        run: Its resource name, or its id.
        project: The project, when only the id is given.
        location: The region, when only the id is given.

    Raises:
        RunError: There is none (E403).
    """
    return run_of(get_job(name_of(run, project, location)))


def get_job(name: str, patience: float = clients.READ_SECONDS) -> Any:
    """Return the ``PipelineJob`` of a resource name.

    Args:
        name: The resource name.
        patience: For how many seconds it is tried again when that may help.
    """
    with clients.calling(f"reading the run {name.rpartition('/')[2]}"):
        client = clients.pipelines(name.split("/")[3])
        return client.get_pipeline_job(name=name, **clients.reading(patience))


def list_runs(
    project: str,
    location: str,
    *,
    filter: str = "",
    labels: Mapping[str, str] | None = None,
    limit: int = MOST,
) -> list[Run]:
    """Return the runs of a region without their steps, the last one first.

    Args:
        project: The project's id.
        location: The region.
        filter: A filter as the API's ``ListPipelineJobs`` documents it.
        labels: Only runs that have all of these labels.
        limit: At most so many.
    """
    check_labels(labels or {})
    parts = [filter, *(f'labels.{key}="{value}"' for key, value in (labels or {}).items())]
    request = {
        "parent": f"projects/{project}/locations/{location}",
        "filter": " AND ".join(part for part in parts if part),
        "order_by": "create_time desc",
        "page_size": min(limit, 100),
        "read_mask": {"paths": LISTED},
    }
    found: list[Run] = []
    with clients.calling(f"listing the runs of {request['parent']}"):
        for job in clients.pipelines(location).list_pipeline_jobs(request, **clients.reading()):
            found.append(run_of(job))
            if len(found) == limit:
                break
    return found


def cancel(run: str, project: str = "", location: str = "") -> Run:
    """Cancel a run, unless it has ended, and return it as it is then: perhaps still stopping.

    Args:
        run: Its resource name, or its id.
        project: The project, when only the id is given.
        location: The region, when only the id is given.

    Raises:
        RunError: There is none (E403).
    """
    from google.api_core.exceptions import FailedPrecondition

    name = name_of(run, project, location)
    with clients.calling(f"cancelling the run {name.rpartition('/')[2]}"):
        client = clients.pipelines(name.split("/")[3])
        try:
            # Cancelling twice is cancelling once, so it may be tried again.
            client.cancel_pipeline_job(name=name, **clients.reading())
        except FailedPrecondition:
            found = get_run(name)
            if not found.is_over:
                raise
            return found
    return get_run(name)


class Watch:
    """Looks at a run now and then, until it has ended.

    Attributes:
        run: The run as it was read last.

    Args:
        run: The run as it was read first.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._started = self._due = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the watch began."""
        return time.monotonic() - self._started

    def ended(self, seconds: float) -> bool:
        """Wait for about so long, and read the run if it is time; return whether it has ended."""
        if self.run.is_over:
            return True
        asked = time.monotonic()
        time.sleep(max(0.0, min(seconds, self._due - asked)))
        if time.monotonic() >= self._due:
            asked = time.monotonic()
            self.run = run_of(get_job(self.run.name, OUTAGE_SECONDS))
            # An answer that was held until the run changed was a wait already.
            self._due = asked + (POLL_SECONDS if self.spent < A_WHILE else LATER_SECONDS)
        return self.run.is_over


def wait(
    run: str,
    timeout: float | None = None,
    on_change: Callable[[Run], None] | None = None,
    *,
    project: str = "",
    location: str = "",
) -> Run:
    """Wait until a run has ended, and return it.

    Args:
        run: Its resource name, or its id.
        timeout: Seconds to wait at most; the run goes on after them.
        on_change: Called with the run at first, and whenever it is no longer the same.
        project: The project, when only the id is given.
        location: The region, when only the id is given.

    Raises:
        RunTooLong: It has not ended in time (E452).
    """
    watch = Watch(get_run(name_of(run, project, location)))
    shown = None
    while True:
        if on_change is not None and watch.run != shown:
            shown = watch.run
            on_change(shown)
        if watch.run.is_over:
            return watch.run
        if timeout is not None and watch.spent >= timeout:
            message = f"the run {watch.run.id} has not ended within {timeout:g} s; it goes on"
            raise RunTooLong("E452", message)
        left = POLL_SECONDS if timeout is None else timeout - watch.spent
        watch.ended(min(POLL_SECONDS, left))

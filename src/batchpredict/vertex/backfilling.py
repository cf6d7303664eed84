"""Carry out a back-fill: start what the plan names, look at what is under way, plan again."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from batchpredict.errors import RunError, UsageError
from batchpredict.vertex import clients
from batchpredict.vertex.backfills import (
    DATE_LABEL,
    KEY_LABEL,
    Attempt,
    Plan,
    attempt_of,
    digest_of,
    goals_of,
    key_of,
    labels_of,
    plan,
    run_id,
)
from batchpredict.vertex.requests import PipelineRun
from batchpredict.vertex.states import NOT_OVER, RUNNING

if TYPE_CHECKING:
    from batchpredict.pipeline_files import CompiledPipeline
    from batchpredict.vertex.states import Run

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
MOST_REFUSALS = 20  # for quota, one after the other
FIELDS = ("name", "state", "labels", "error")


class Service(Protocol):
    """What a back-fill asks of Vertex AI."""

    def attempts(self, *, live: bool = False) -> list[Attempt]:
        """Return the runs of the back-fill, or those that have not ended."""

    def start(self, date: str, number: int) -> Attempt:
        """Start the run of a date, or return it when it is there."""

    def look(self, attempt: Attempt) -> Attempt:
        """Return a run as it is now."""


@dataclass(frozen=True)
class VertexBackfill:
    """A back-fill on Vertex AI.

    Attributes:
        compiled: The pipeline.
        project: Where its runs run.
        location: The region.
        parameters: Those of its runs; each gets a date of its own.
        date_parameter: The parameter that takes it.
        make: Gives the request of a run for ``parameters``, ``labels``, ``display_name`` and
            ``run_id``.
    """

    compiled: "CompiledPipeline"
    project: str
    location: str
    parameters: Mapping[str, Any]
    date_parameter: str
    make: Callable[..., PipelineRun]

    @cached_property
    def key(self) -> str:
        """The value of the label that its runs bear."""
        return key_of(self.compiled.name, self.parameters, self.date_parameter)

    @cached_property
    def digest(self) -> str:
        """What stands for the pipeline as it is now."""
        return digest_of(self.compiled.spec)

    def request(self, date: str, number: int) -> PipelineRun:
        """Return the request of a date's run; nothing is sent."""
        return self.make(
            parameters={**self.parameters, self.date_parameter: date},
            labels=labels_of(self.key, date, self.digest),
            display_name=f"{self.compiled.name[:100]} {date}",
            run_id=run_id(self.compiled.name, self.key, date, number),
        )

    def name(self, date: str, number: int) -> str:
        """Return the resource name of a date's run."""
        job = run_id(self.compiled.name, self.key, date, number)
        return f"projects/{self.project}/locations/{self.location}/pipelineJobs/{job}"

    def attempts(self, *, live: bool = False) -> list[Attempt]:
        """Return the runs of the back-fill that the service has, or those that have not ended."""
        parent = f"projects/{self.project}/locations/{self.location}"
        ours = f'labels.{KEY_LABEL}="{self.key}"'
        request = {
            "parent": parent,
            "filter": f"{ours} AND {NOT_OVER}" if live else ours,
            "read_mask": {"paths": FIELDS},
            "page_size": 100,
        }
        with clients.calling(f"listing the runs of {parent}"):
            client = clients.pipelines(self.location)
            jobs = list(client.list_pipeline_jobs(request, **clients.reading()))
        return [found for job in jobs if (found := _attempt(job)) is not None]

    def start(self, date: str, number: int) -> Attempt:
        """Start a run; when there is one of its id, it is taken for what it is.

        Raises:
            BatchpredictError: The service refused the run, or did not answer.
        """
        from batchpredict.vertex.runs import get_run, submit

        request = self.request(date, number)
        try:
            return _known(submit(request))
        except RunError as error:
            if error.code != "E408":  # of an earlier pipeline: the list did not show it yet
                raise
            return _known(get_run(request.name))

    def look(self, attempt: Attempt) -> Attempt:
        """Return a run as it is now; one that was deleted has failed."""
        from batchpredict.vertex.runs import get_run

        try:
            found = get_run(attempt.name)
        except RunError as error:
            if error.code != "E403":
                raise
            return replace(attempt, state="DELETED", is_over=True, error="the run was deleted")
        return replace(attempt, state=found.state, is_over=found.is_over, error=found.error)


def _attempt(job: Any) -> Attempt | None:
    state = job.state.name.removeprefix("PIPELINE_STATE_")
    labels, is_over = dict(job.labels), state not in RUNNING
    return attempt_of(job.name, labels, state, is_over=is_over, error=job.error.message)


def _known(run: "Run") -> Attempt:
    """Return the attempt that a run of ours is."""
    found = attempt_of(run.name, run.labels, run.state, is_over=run.is_over, error=run.error)
    if found is None:
        message = f"the run {run.id} lacks the labels {KEY_LABEL} and {DATE_LABEL}"
        raise RunError("E433", f"{message}, though its id is one of ours; delete it")
    return found


def carry_out(
    service: Service,
    goals: Mapping[str, int],
    attempts: Iterable[Attempt],
    concurrency: int,
    *,
    wait: bool = True,
    timeout: float | None = None,
    tell: Callable[[Attempt], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Plan:
    """Start and watch the runs of a back-fill until each date is decided.

    It may be ended at any point: the next call finds on the service what there is.

    Args:
        service: Where the runs are.
        goals: The number of the attempt that decides each date.
        attempts: What the service has.
        concurrency: Runs that may be under way at a time.
        wait: Whether to go on until all is over; else what fits is started.
        timeout: Seconds after which to return what there is; runs go on.
        tell: Told of each run that was started or has changed.
        sleep: Waits for so many seconds.

    Returns:
        Where each date stands.

    Raises:
        BatchpredictError: The service refused a run, or did not answer.
    """
    known = {it.name: it for it in attempts}
    began, pause = time.monotonic(), FIRST_PAUSE
    refusals = 0
    while True:
        started, refused = _start(service, plan(goals, known.values(), concurrency), tell)
        known |= {it.name: it for it in started}
        refusals = 0 if started else refusals + (refused is not None)
        now = plan(goals, known.values(), concurrency)
        late = timeout is not None and time.monotonic() - began >= timeout
        if refused and (refusals > MOST_REFUSALS or not wait):
            raise refused
        if now.is_over or late or not wait:
            return now
        sleep(pause)
        changed = _changes(service, known, now.live)
        known |= {it.name: it for it in changed}
        for attempt in changed:
            tell(attempt)
        pause = FIRST_PAUSE if changed else min(LONGEST_PAUSE, pause * 1.5)


def _start(
    service: Service, now: Plan, tell: Callable[[Attempt], None]
) -> tuple[list[Attempt], RunError | None]:
    """Start what is to be started; return the runs, and the refusal for quota that ended it."""
    started: list[Attempt] = []
    for date, number in now.starts:
        try:
            started.append(service.start(date, number))
        except RunError as error:
            if error.code != "E404":
                raise
            return started, error
        tell(started[-1])
    return started, None


def _changes(
    service: Service, known: Mapping[str, Attempt], live: Iterable[Attempt]
) -> list[Attempt]:
    """Return the runs that are new, or in another state than before.

    A list tells which go on: those are few. What it does not show has ended, or has just begun.
    """
    seen = {it.name: it for it in service.attempts(live=True)}
    seen |= {it.name: service.look(it) for it in live if it.name not in seen}
    return [it for it in seen.values() if it != known.get(it.name)]


def backfill(
    pipeline: "str | CompiledPipeline",
    dates: Sequence[str],
    *,
    project: str,
    location: str,
    parameters: Mapping[str, Any] | None = None,
    date_parameter: str = "run_date",
    concurrency: int = 2,
    retry_failed: bool = False,
    redo_changed: bool = False,
    wait: bool = True,
    timeout: float | None = None,
    tell: Callable[[Attempt], None] = lambda _: None,
    labels: Mapping[str, str] | None = None,
    **more: Any,
) -> Plan:
    """Run a pipeline once for each date; what is done is skipped, what is under way is waited for.

    Args:
        pipeline: A name of ours, a compiled YAML file, or one that was read.
        dates: The dates as YYYY-MM-DD, in the order in which they are started.
        project: The project's id.
        location: The region.
        parameters: The parameters of the runs.
        date_parameter: The parameter that takes the date.
        concurrency: Runs that may be under way at a time.
        retry_failed: Whether dates that failed are run once more.
        redo_changed: Whether dates are run anew that another version of the pipeline did.
        wait: Whether to go on until all is over; else what fits is started.
        timeout: Seconds after which to return what there is; runs go on.
        tell: Told of each run that was started or has changed.
        labels: Labels of the runs, beside those of ours.
        more: Other arguments of :func:`batchpredict.vertex.pipeline_run`.

    Returns:
        Where each date stands.

    Raises:
        UsageError: The request cannot be made.
        BatchpredictError: The service refused a run, or did not answer.
    """
    from batchpredict.pipeline_files import read_pipeline
    from batchpredict.vertex.fields import check_parameters
    from batchpredict.vertex.requests import pipeline_run

    if not dates:
        raise UsageError("E430", "there are no dates; give at least one")
    compiled = read_pipeline(pipeline) if isinstance(pipeline, str) else pipeline
    values = check_parameters(compiled, {**(parameters or {}), date_parameter: dates[0]})

    def make(*, labels: Mapping[str, str], **given: Any) -> PipelineRun:
        place = {"project": project, "location": location, **more}
        return pipeline_run(compiled, labels={**own, **labels}, **place, **given)

    own = labels or {}
    service = VertexBackfill(compiled, project, location, values, date_parameter, make)
    service.request(dates[0], 1)  # it can be made, or nothing is sent
    found = service.attempts()
    redo_unless = service.digest if redo_changed else ""
    goals = goals_of(dates, found, retry_failed=retry_failed, redo_unless=redo_unless)
    return carry_out(service, goals, found, concurrency, wait=wait, timeout=timeout, tell=tell)

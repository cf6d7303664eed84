"""What is known of a run, as plain values."""

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from batchpredict.vertex.links import run_link

RUNNING = ("QUEUED", "PENDING", "RUNNING", "CANCELLING", "PAUSED")
OVER = ("SUCCEEDED", "FAILED", "CANCELLED")
NOT_OVER = " AND ".join(f'state!="PIPELINE_STATE_{state}"' for state in OVER)
"""The filter of a list of runs that shows those that have not ended."""
LATER = "~"  # behind every time


@dataclass(frozen=True)
class RunStep:
    """One step of a run.

    Attributes:
        name: Names of the graphs around it and its own, with ``/`` between.
        state: Such as ``SUCCEEDED``.
        start_time: RFC 3339 in UTC, or "".
        end_time: The same.
        error: What it says of its failure, or "".
        jobs: Resource names of the jobs that it submitted, as far as the run tells.
        origin: ``cached_run`` and ``cached_task`` when it was taken from an earlier run.
    """

    name: str
    state: str
    start_time: str = ""
    end_time: str = ""
    error: str = ""
    jobs: tuple[str, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Run time so far; 0 when it has not started."""
        if not self.start_time:
            return 0.0
        start = datetime.datetime.fromisoformat(self.start_time)
        now = datetime.datetime.now(datetime.UTC)
        end = datetime.datetime.fromisoformat(self.end_time) if self.end_time else now
        return (end - start).total_seconds()

    @property
    def is_kept(self) -> bool:
        """Whether it ended well before a local run was resumed."""
        return bool(self.origin.get("resumed"))


@dataclass(frozen=True)
class Run:
    """A run on Vertex AI.

    Attributes:
        name: Its resource name.
        display_name: What people call it.
        state: Such as ``SUCCEEDED``.
        create_time: RFC 3339 in UTC, or "".
        start_time: The same.
        end_time: The same.
        error: What it says of its failure, or "".
        labels: Its labels.
        parameters: Its parameters as they were given.
        steps: Its steps in the order in which they started.
        pipeline_root: The folder of its outputs.
    """

    name: str
    display_name: str
    state: str
    create_time: str = ""
    start_time: str = ""
    end_time: str = ""
    error: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    steps: Sequence[RunStep] = ()
    pipeline_root: str = ""

    @property
    def id(self) -> str:
        """The last part of its name."""
        return self.name.rpartition("/")[2]

    @property
    def location(self) -> str:
        """The region it is in."""
        return self.name.split("/")[3]

    @property
    def project(self) -> str:
        """The project it is in."""
        return self.name.split("/")[1]

    @property
    def link(self) -> str:
        """Its page in the console."""
        return run_link(self.name)

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or badly."""
        return self.state not in RUNNING

    @property
    def is_failed(self) -> bool:
        """Whether it has ended badly, or was cancelled."""
        return self.is_over and self.state != "SUCCEEDED"

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"id": self.id, "link": self.link, **asdict(self)}


def run_of(job: Any) -> Run:
    """Return a run for the ``PipelineJob`` of Google's client."""
    from google.protobuf import json_format

    runtime = json_format.MessageToDict(type(job).pb(job).runtime_config)
    return Run(
        name=job.name,
        display_name=job.display_name,
        state=job.state.name.removeprefix("PIPELINE_STATE_"),
        create_time=_time(job.create_time),
        start_time=_time(job.start_time),
        end_time=_time(job.end_time),
        error=job.error.message,
        labels=dict(sorted(job.labels.items())),
        parameters=_plain(runtime.get("parameterValues", {})),
        steps=_steps(job),
        pipeline_root=job.runtime_config.gcs_output_directory,
    )


def _time(moment: Any) -> str:
    if not moment:
        return ""
    text = moment.astimezone(datetime.UTC).isoformat(timespec="milliseconds")
    return str(text).replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    """Return whole numbers as such, and keys in order: the API keeps neither."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _steps(job: Any) -> tuple[RunStep, ...]:
    """Return the steps without the graphs around them."""
    details = {detail.task_id: detail for detail in job.job_detail.task_details}
    graphs = {detail.parent_task_id for detail in details.values()}
    found = [_step(it, details) for key, it in details.items() if key not in graphs]
    return tuple(sorted(found, key=lambda step: step.start_time or step.end_time or LATER))


def _step(detail: Any, details: Mapping[int, Any]) -> RunStep:
    metadata = dict(detail.execution.metadata or {})
    known = ("cached_run", "cached_task", "resumed")
    return RunStep(
        name=_name(detail, details),
        state=detail.state.name.removeprefix("STATE_"),
        start_time=_time(detail.start_time),
        end_time=_time(detail.end_time),
        error=detail.error.message,
        jobs=tuple(sorted(set(_jobs(detail, metadata)))),
        origin={name: metadata[name] for name in known if name in metadata},
    )


def _name(detail: Any, details: Mapping[int, Any]) -> str:
    """Return a step's name with those of the graphs around it.

    Vertex AI gives each task its own name and the number of the graph around it, and the whole
    run is a task too; the services of this machine give the whole name.
    """
    names = [str(detail.task_name)]
    above = details.get(detail.parent_task_id)
    while above is not None and "/" not in names[0]:
        over = details.get(above.parent_task_id)
        if over is not None:  # else it is the run itself
            names.insert(0, str(above.task_name))
        above = over
    return "/".join(names)


def _jobs(detail: Any, metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yield the resource names of the jobs that a step submitted."""
    container = detail.executor_detail.container_detail
    yield from filter(None, [container.main_job, *container.failed_main_jobs])
    try:
        resources = json.loads(str(metadata.get("output:gcp_resources", "{}")))["resources"]
        uris = [str(resource["resourceUri"]) for resource in resources]
    except (ValueError, LookupError, TypeError):
        return
    for uri in uris:
        if "/projects/" in uri:
            yield "projects/" + uri.partition("/projects/")[2]

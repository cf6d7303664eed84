"""What the page of a run says, from the ``PipelineJob`` as the REST interface writes it."""

import datetime
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from batchpredict.reporting.states import CACHED, state_word

LONGEST = 4000  # characters of one value; a page is read, not parsed
METRICS = "system.Metrics"
GIVEN, GAVE = "input:", "output:"  # how an execution's metadata names the parameters of its step


def _nothing(_: str) -> str:
    return ""


def _no_lines(_: str) -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class Surroundings:
    """What is known of a run besides its job.

    Attributes:
        run_link: Its page in the console, or "".
        link_of: Returns the page or file of a URI, or "".
        job_link: Returns the page of a job by its resource name, or "".
        log_of: Returns the last lines that a step wrote.
        gave: The parameters that each step gave, by its path.
        folder: Where the logs and the manifest are, or "".
    """

    run_link: str = ""
    link_of: Callable[[str], str] = _nothing
    job_link: Callable[[str], str] = _nothing
    log_of: Callable[[str], Sequence[str]] = _no_lines
    gave: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    folder: str = ""


@dataclass(frozen=True)
class Artifact:
    """An output of a step."""

    name: str
    type: str
    uri: str
    link: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class StepFacts:
    """One step of a run, or a branch that was not taken.

    Attributes:
        path: Its name with those of the graphs around it.
        state: Such as ``SUCCEEDED``, or ``CACHED``.
        start: When it started, None when it has not.
        end: When it ended, None when it has not.
        error: What it says of its failure, or "".
        log: The last lines that it wrote, when it failed.
        gave: The parameters that it gave, as text.
        artifacts: Its other outputs.
        jobs: Name and page of the jobs that it submitted.
    """

    path: str
    state: str
    start: datetime.datetime | None
    end: datetime.datetime | None
    error: str = ""
    log: Sequence[str] = ()
    gave: Mapping[str, str] = field(default_factory=dict)
    artifacts: Sequence[Artifact] = ()
    jobs: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class RunFacts:
    """A run; ``spec`` is the pipeline that it ran."""

    id: str
    name: str
    pipeline: str
    state: str
    error: str
    start: datetime.datetime | None
    end: datetime.datetime | None
    labels: Mapping[str, str]
    parameters: Mapping[str, str]
    steps: Sequence[StepFacts]
    spec: Mapping[str, Any]
    root: str
    link: str
    folder: str


def facts_of(job: Mapping[str, Any], around: Surroundings) -> RunFacts:
    """Return what the page says.

    Args:
        job: A ``PipelineJob`` in camel case.
        around: What else is known of it.
    """
    spec, runtime = _dict(job.get("pipelineSpec")), _dict(job.get("runtimeConfig"))
    name = str(job.get("name", ""))
    given = {**_defaults(spec), **_dict(runtime.get("parameterValues"))}
    return RunFacts(
        id=name.rpartition("/")[2],
        name=name,
        pipeline=str(_dict(spec.get("pipelineInfo")).get("name", "")),
        state=str(job.get("state", "")).removeprefix("PIPELINE_STATE_"),
        error=str(_dict(job.get("error")).get("message", "")),
        start=_time(job.get("startTime") or job.get("createTime")),
        end=_time(job.get("endTime")),
        labels={str(k): str(v) for k, v in sorted(_dict(job.get("labels")).items())},
        parameters={str(key): value_text(value) for key, value in sorted(given.items())},
        steps=tuple(_steps(job, around)),
        spec=spec,
        root=str(runtime.get("gcsOutputDirectory", "")),
        link=around.run_link,
        folder=around.folder,
    )


def _defaults(spec: Mapping[str, Any]) -> dict[str, Any]:
    inputs = _dict(_dict(spec.get("root")).get("inputDefinitions"))
    declared = _dict(inputs.get("parameters")).items()
    return {
        name: _dict(it).get("defaultValue") for name, it in declared if "defaultValue" in _dict(it)
    }


def _steps(job: Mapping[str, Any], around: Surroundings) -> Iterator[StepFacts]:
    tasks = _dict(job.get("jobDetail")).get("taskDetails")
    details = {str(it.get("taskId")): it for it in tasks or () if isinstance(it, dict)}
    graphs = {str(it.get("parentTaskId")) for it in details.values()}
    leaves = [it for key, it in details.items() if key not in graphs]
    for it in sorted(leaves, key=lambda it: str(it.get("startTime") or it.get("endTime") or "~")):
        yield _step(it, path_of(it, details), around)


def path_of(detail: Mapping[str, Any], details: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a task's name with those of the graphs around it.

    Vertex AI gives each task its own name and the number of the graph around it, and the whole
    run is a task too; the services of this machine give the whole name.

    Args:
        detail: The task.
        details: All tasks by number.
    """
    names = [str(detail.get("taskName", ""))]
    seen = {str(detail.get("taskId"))}
    above = details.get(str(detail.get("parentTaskId")))
    while above is not None and "/" not in names[0] and str(above.get("taskId")) not in seen:
        seen.add(str(above.get("taskId")))
        over = details.get(str(above.get("parentTaskId")))
        if over is not None:  # else it is the run itself
            names.insert(0, str(above.get("taskName", "")))
        above = over
    return "/".join(names)


def _step(detail: Mapping[str, Any], path: str, around: Surroundings) -> StepFacts:
    metadata = _dict(_dict(detail.get("execution")).get("metadata"))
    state = str(detail.get("state", "")).removeprefix("STATE_")
    if state == "SKIPPED" and metadata.get("cached_run"):
        state = CACHED
    gave = {k.removeprefix(GAVE): v for k, v in metadata.items() if k.startswith(GAVE)}
    gave |= around.gave.get(path, {})
    return StepFacts(
        path=path,
        state=state,
        start=_time(detail.get("startTime")),
        end=_time(detail.get("endTime")),
        error=str(_dict(detail.get("error")).get("message", "")),
        log=tuple(around.log_of(path)) if state_word(state).tone == "bad" else (),
        gave={str(k): value_text(v) for k, v in sorted(gave.items()) if k != "gcp_resources"},
        artifacts=tuple(_artifacts(detail, around)),
        jobs=tuple(_jobs(detail, gave, around)),
    )


def _artifacts(detail: Mapping[str, Any], around: Surroundings) -> Iterator[Artifact]:
    for name, group in sorted(_dict(detail.get("outputs")).items()):
        artifacts = _dict(group).get("artifacts")
        for it in artifacts if isinstance(artifacts, list) else ():
            uri, kind = str(_dict(it).get("uri", "")), str(_dict(it).get("schemaTitle", ""))
            if not str(name).startswith("pipelinechannel--"):
                metadata = _dict(_dict(it).get("metadata")) if kind == METRICS else {}
                texts = {str(key): value_text(value) for key, value in sorted(metadata.items())}
                yield Artifact(str(name), kind, uri, around.link_of(uri), texts)


def _jobs(
    detail: Mapping[str, Any], gave: Mapping[str, Any], around: Surroundings
) -> Iterator[tuple[str, str]]:
    """Yield name and page of the jobs that a step submitted, as far as the run tells."""
    container = _dict(_dict(detail.get("executorDetail")).get("containerDetail"))
    names = [str(container.get("mainJob", ""))]
    try:
        resources = json.loads(str(gave.get("gcp_resources", "{}")))["resources"]
        uris = [str(resource["resourceUri"]) for resource in resources]
    except (ValueError, LookupError, TypeError):
        uris = []
    names += [f"projects/{uri.partition('/projects/')[2]}" for uri in uris if "/projects/" in uri]
    for name in dict.fromkeys(filter(None, names)):
        if "/operations/" not in name:
            yield name, around.job_link(name)


def value_text(value: Any) -> str:
    """Return a value as a person reads it, cut when it is very long.

    Args:
        value: A value of JSON; whole numbers are doubles in the API.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def _time(text: Any) -> datetime.datetime | None:
    if not text:
        return None
    found = datetime.datetime.fromisoformat(str(text))
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def _dict(value: Any) -> Mapping[str, Any]:
    """Return the value if it is an object: the job may hold anybody's pipeline."""
    return value if isinstance(value, dict) else {}

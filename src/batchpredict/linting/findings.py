"""The rules that a compiled pipeline is held against."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from batchpredict.linting.secrets import secret_in
from batchpredict.linting.tasks import Task, tasks_of
from batchpredict.runtime.request.fields import request_fields
from batchpredict.runtime.request.rules import request_findings

FALLBACK = "us-central1"
SUBMITTING = re.compile(r"google_cloud_pipeline_components\.container\.")
PINNED = re.compile(r"@sha256:[0-9a-f]{64}\Z")
REQUEST = ("job_display_name", "instances_format", "predictions_format")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or will be regretted.

    Attributes:
        code: ``E…`` for what must not run, ``W…`` for what should be looked at.
        where: The task, or the parameter of the pipeline.
        message: What it is, and what to do.
    """

    code: str
    where: str
    message: str


def lint(spec: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> list[Finding]:
    """Return what is found in a compiled pipeline, faults first, then by place.

    Args:
        spec: The document, as ``pipeline_files`` reads it.
        given: Parameters of the run, as far as they are known.
    """
    tasks = list(tasks_of(spec, given or {}))
    found = [
        *(it for task in tasks for it in _of_request(task)),
        *_of_regions(tasks),
        *(it for task in tasks for it in _of_caching(task)),
        *_of_images(tasks),
        *_of_secrets(spec, tasks),
    ]
    return sorted(found, key=lambda it: (it.code[0], it.where, it.code, it.message))


def _of_request(task: Task) -> Iterator[Finding]:
    """Check a batch prediction request as far as its inputs are known."""
    if not all(name in task.constants or name in task.unknown for name in REQUEST):
        return
    values = {name: task.constants.get(name) for name in request_fields()}
    values["model"] = task.constants.get("model_name") or ""
    if "unmanaged_container_model" in task.artifacts:
        values["unmanaged_container_model"] = {"containerSpec": {}}
    location = str(task.constants.get("location") or "")
    for text in request_findings(values, location, "model" in task.artifacts):
        code, message = text.split(" ", 1)
        if not any(re.search(rf"\b{name}\b", message) for name in _unsure(task)):
            yield Finding(code, task.path, message)


def _unsure(task: Task) -> set[str]:
    return {"model"} | task.unknown if "model_name" in task.unknown else set(task.unknown)


def _submits(task: Task) -> bool:
    """Whether the step is one of Google's launchers."""
    words = [*_list(task.container.get("command")), *_list(task.container.get("args"))]
    return any(SUBMITTING.search(word) for word in words)


def _of_regions(tasks: list[Task]) -> Iterator[Finding]:
    """Tell of steps that fall back to us-central1 while the rest of the run is elsewhere."""
    placed = [task for task in tasks if "location" in task.constants or "location" in task.unknown]
    elsewhere = [
        task
        for task in placed
        if "location" in task.unknown or task.constants["location"] != FALLBACK
    ]
    for task in placed if elsewhere else []:
        if "location" not in task.given and task.constants.get("location") == FALLBACK:
            yield Finding(
                "W150",
                task.path,
                f"has no location and runs in {FALLBACK}, {elsewhere[0].path} does not; pass "
                "location to every step",
            )


def _of_caching(task: Task) -> Iterator[Finding]:
    if task.cached and _submits(task):
        yield Finding(
            "W151",
            task.path,
            "submits a job and may be taken from the cache, whatever its URIs hold by then; call "
            "set_caching_options(False)",
        )


def _of_images(tasks: list[Task]) -> Iterator[Finding]:
    """Name every image that may be another one tomorrow, once."""
    images = {str(task.container.get("image", "")): task for task in reversed(tasks)}
    for image, task in images.items():
        if not PINNED.search(image):
            yield Finding("W152", task.path, f"image {image} has no digest; pin it by @sha256:…")


def _of_secrets(spec: Mapping[str, Any], tasks: list[Task]) -> Iterator[Finding]:
    """Tell of secrets in parameters: logs and the console show every one."""
    root = spec["root"].get("inputDefinitions") or {}
    for name, declared in (root.get("parameters") or {}).items():
        if fault := secret_in(name, (declared or {}).get("defaultValue")):
            yield Finding("W153", f"parameter {name}", fault)
    for task in tasks:
        for name in task.given & set(task.constants):
            if fault := secret_in(name, task.constants[name]):
                yield Finding("W153", task.path, f"{name}: {fault}")


def _list(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []

"""The tasks of a compiled pipeline with what is known of their inputs before a run."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Task:
    """One task that runs a container.

    Attributes:
        path: Its name with those of the graphs around it, such as ``batch-predict/check``.
        container: Image, command and arguments.
        constants: The parameters whose values stand in the file, defaults included.
        unknown: The parameters that get their values in the run, and artifacts that may be given.
        artifacts: The input artifacts that are given.
        cached: Whether the step may be taken from the cache.
        given: The parameters that the pipeline gives, rather than leaving their defaults.
    """

    path: str
    container: Mapping[str, Any]
    constants: Mapping[str, Any]
    unknown: frozenset[str]
    artifacts: frozenset[str]
    cached: bool
    given: frozenset[str]


@dataclass(frozen=True)
class _Graph:
    """A graph with what its task was given."""

    component: Mapping[str, Any]
    constants: Mapping[str, Any]
    artifacts: frozenset[str]
    unsure: frozenset[str]
    prefix: str


def tasks_of(spec: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Task]:
    """Yield every task with a container, those of inner graphs included.

    Args:
        spec: A compiled pipeline or component, as ``pipeline_files`` reads it.
        given: Parameters of the run, as far as they are known.
    """
    root = spec["root"]
    inputs = _dict(_dict(root.get("inputDefinitions")).get("artifacts"))
    optional = frozenset(name for name, it in inputs.items() if _dict(it).get("isOptional"))
    # An empty default is there to be filled by the run; another one is meant.
    meant = {name: value for name, value in _defaults(root).items() if value}
    yield from _tasks(
        spec, _Graph(root, {**meant, **given}, frozenset(inputs) - optional, optional, "")
    )


def _tasks(spec: Mapping[str, Any], graph: _Graph) -> Iterator[Task]:
    for name, task in _dict(_dict(graph.component.get("dag")).get("tasks")).items():
        component = _dict(_dict(spec.get("components")).get(_reference(task)))
        values, unknown = _inputs(_dict(task), component, graph.constants)
        artifacts = _artifacts(_dict(task), {None, *graph.artifacts})
        unsure = _artifacts(_dict(task), graph.unsure)
        path = f"{graph.prefix}{name}"
        if "dag" in component:
            yield from _tasks(spec, _Graph(component, values, artifacts, unsure, f"{path}/"))
        elif container := _container(spec, component):
            cached = bool(_dict(task.get("cachingOptions")).get("enableCache"))
            given = frozenset(_dict(_dict(task.get("inputs")).get("parameters")))
            yield Task(path, container, values, unknown | unsure, artifacts, cached, given)


def _container(spec: Mapping[str, Any], component: Mapping[str, Any]) -> Mapping[str, Any]:
    executors = _dict(spec["deploymentSpec"].get("executors"))
    executor = _dict(executors.get(str(component.get("executorLabel"))))
    return _dict(executor.get("container"))


def _artifacts(task: Mapping[str, Any], outer: Collection[str | None]) -> frozenset[str]:
    """Return the input artifacts whose source is one of the graph's ``outer``, None for a task."""
    sources = _dict(_dict(task.get("inputs")).get("artifacts")).items()
    return frozenset(
        name for name, it in sources if _dict(it).get("componentInputArtifact") in outer
    )


def _inputs(
    task: Mapping[str, Any], component: Mapping[str, Any], known: Mapping[str, Any]
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the parameters of a task that are constant, and the names of the others."""
    values = _defaults(component)
    unknown = set()
    given = _dict(_dict(task.get("inputs")).get("parameters"))
    for name, source in given.items():
        outer = str(_dict(source).get("componentInputParameter"))
        if "runtimeValue" in _dict(source):
            values[name] = _dict(source["runtimeValue"]).get("constant")
        elif outer in known:
            values[name] = known[outer]
        else:
            values.pop(name, None)
            unknown.add(name)
    resolved = {name for name, value in values.items() if "{{$" in str(value)}
    return {n: v for n, v in values.items() if n not in resolved}, frozenset(unknown | resolved)


def _defaults(component: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults of a component's parameters; an optional one without says nothing."""
    declared = _dict(_dict(component.get("inputDefinitions")).get("parameters"))
    return {
        name: _dict(it).get("defaultValue")
        for name, it in declared.items()
        if "defaultValue" in _dict(it) or _dict(it).get("isOptional")
    }


def _reference(task: Any) -> str:
    return str(_dict(_dict(task).get("componentRef")).get("name", ""))


def _dict(value: Any) -> Mapping[str, Any]:
    """Return the value if it is an object: the file may be anybody's."""
    return value if isinstance(value, dict) else {}

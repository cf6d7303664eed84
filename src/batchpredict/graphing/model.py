"""The graph of a compiled pipeline or component, from its YAML alone."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

CHANNEL = re.compile(r"inputs\.(?:parameter_values|artifacts)\['(?:pipelinechannel--)?([^']*)'\]")
AFTER_FAILURE = "also after a failure"
MAX_DEPTH = 50


@dataclass(frozen=True)
class Edge:
    """What leads from one node to another one of the same graph.

    Attributes:
        source: Path of the node that gives.
        target: Path of the node that takes.
        data: Names of the outputs that are handed over; none when it only waits.
    """

    source: str
    target: str
    data: tuple[str, ...] = ()


@dataclass(frozen=True)
class Node:
    """One task: a step, or a graph with steps of its own.

    Attributes:
        path: Its name with those of the graphs around it, such as ``batch-predict/check``.
        label: Its own name.
        kind: ``step``, ``importer``, ``graph``, ``condition``, ``branches``, ``loop``,
            ``exit handler`` (what is watched) or ``at exit`` (what runs then).
        note: The condition, or what is looped over.
        image: The container image of a step.
        command: The command of a step.
        inner: The nodes inside.
        edges: What leads from one of them to another.
    """

    path: str
    label: str
    kind: str
    note: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    inner: tuple["Node", ...] = ()
    edges: tuple[Edge, ...] = ()

    def steps(self) -> Iterator["Node"]:
        """Yield every step and importer below this node, in order."""
        for node in self.inner:
            if node.inner:
                yield from node.steps()
            else:
                yield node


def graph_of(spec: Mapping[str, Any]) -> Node:
    """Return the graph of a compiled file, as ``pipeline_files`` reads it.

    Args:
        spec: The document.
    """
    name = str(_dict(spec.get("pipelineInfo")).get("name", ""))
    inner, edges = _inside(spec, _dict(spec.get("root")), "")
    return Node("", name, "graph", inner=inner, edges=edges)


def _inside(
    spec: Mapping[str, Any], component: Mapping[str, Any], prefix: str
) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    tasks = _dict(_dict(component.get("dag")).get("tasks"))
    if prefix.count("/") > MAX_DEPTH:  # a component that names itself
        return (), ()
    ordered = _in_order({name: _sources(_dict(task)) for name, task in tasks.items()})
    names = {name: f"{prefix}{_label(name, _dict(tasks[name]))}" for name in ordered}
    nodes = tuple(_node(spec, names[name], _dict(tasks[name])) for name in ordered)
    edges = tuple(
        Edge(names[source], names[target], data)
        for target in ordered
        for source, data in _sources(_dict(tasks[target])).items()
        if source in names
    )
    return nodes, edges


def _label(name: str, task: Mapping[str, Any]) -> str:
    return str(_dict(task.get("taskInfo")).get("name") or name)


def _in_order(sources: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the tasks so that each comes after those that it takes from, else as they stand."""
    known = {name: [it for it in found if it in sources] for name, found in sources.items()}
    try:
        return list(TopologicalSorter(known).static_order())
    except CycleError:  # KFP never writes one
        return list(sources)


def _sources(task: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the tasks that a task takes from or waits for, each with the names of its outputs."""
    found: dict[str, dict[str, None]] = {}
    inputs = _dict(task.get("inputs"))
    for group, key, output in (
        ("artifacts", "taskOutputArtifact", "outputArtifactKey"),
        ("parameters", "taskOutputParameter", "outputParameterKey"),
    ):
        for item in _dict(inputs.get(group)).values():
            source = _dict(_dict(item).get(key))
            if "producerTask" in source:
                name = str(source.get(output)).removeprefix("pipelinechannel--")
                found.setdefault(str(source["producerTask"]), {})[name] = None
    waits = task.get("dependentTasks")
    for name in waits if isinstance(waits, list) else ():
        found.setdefault(str(name), {})
    return {name: tuple(data) for name, data in found.items()}


def _node(spec: Mapping[str, Any], path: str, task: Mapping[str, Any]) -> Node:
    reference = str(_dict(task.get("componentRef")).get("name"))
    component = _dict(_dict(spec.get("components")).get(reference))
    executor = _dict(
        _dict(_dict(spec.get("deploymentSpec")).get("executors")).get(
            str(component.get("executorLabel"))
        )
    )
    kind, note = _kind(reference, task, executor)
    inner, edges = _inside(spec, component, f"{path}/")
    container = _dict(executor.get("container"))
    command = container.get("command")
    return Node(
        path=path,
        label=path.rpartition("/")[2],
        kind="graph" if kind == "step" and inner else kind,
        note=note,
        image=str(container.get("image", "")),
        command=tuple(map(str, command)) if isinstance(command, list) else (),
        inner=inner,
        edges=edges,
    )


def _kind(reference: str, task: Mapping[str, Any], executor: Mapping[str, Any]) -> tuple[str, str]:
    policy = _dict(task.get("triggerPolicy"))
    if condition := policy.get("condition"):
        return "condition", CHANNEL.sub(r"\1", str(condition)).replace("!(", "not (")
    for key in ("parameterIterator", "artifactIterator"):
        if key in task:
            return "loop", _items(_dict(task[key]), _dict(task.get("iteratorPolicy")))
    if "importer" in executor:
        return "importer", ""
    for kind in ("exit-handler", "condition-branches"):
        if reference.startswith(f"comp-{kind}-"):
            return kind.removeprefix("condition-").replace("-", " "), ""
    if policy.get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED":
        watched = str(task.get("dependentTasks", ""))
        return ("at exit", "") if "exit-handler-" in watched else ("step", AFTER_FAILURE)
    return "step", ""


def _items(iterator: Mapping[str, Any], policy: Mapping[str, Any]) -> str:
    items = _dict(iterator.get("items"))
    named = items.get("inputParameter") or items.get("inputArtifact")
    what = str(named or items.get("raw", "")).removeprefix("pipelinechannel--")
    limit = policy.get("parallelismLimit")
    return f"for each of {what}" + (
        f", {limit:g} at a time" if isinstance(limit, int | float) else ""
    )


def _dict(value: Any) -> Mapping[str, Any]:
    """Return the value if it is an object: the file may be anybody's."""
    return value if isinstance(value, dict) else {}

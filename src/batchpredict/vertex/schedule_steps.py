"""The steps of a compiled pipeline, each with all that makes it what it is."""

from collections.abc import Iterator, Mapping
from typing import Any

DEEPEST = 100


def steps_of(spec: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return each step by its place, such as ``steps.train`` or ``steps.loop/train``.

    What the whole pipeline declares stands under ``inputs`` and ``outputs``.

    Args:
        spec: The compiled pipeline.
    """
    root = spec.get("root", {})
    found = {
        "inputs": dict(root.get("inputDefinitions", {})),
        "outputs": dict(root.get("outputDefinitions", {})),
    }
    for place, step in _steps(spec, root, "", DEEPEST):
        found[f"steps.{place}"] = step
    return {place: step for place, step in found.items() if step}


def _steps(
    spec: Mapping[str, Any], graph: Mapping[str, Any], above: str, depth: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the steps of a graph, those of the graphs inside after the one around them."""
    components = spec.get("components", {})
    executors = spec.get("deploymentSpec", {}).get("executors", {})
    for name, task in graph.get("dag", {}).get("tasks", {}).items():
        component = components.get(task.get("componentRef", {}).get("name"), {})
        inner = {
            key: value for key, value in component.items() if key not in ("dag", "executorLabel")
        }
        executor = executors.get(component.get("executorLabel"), {})
        place = f"{above}{name}"
        rest = {key: value for key, value in task.items() if key != "componentRef"}
        yield place, {**rest, "component": inner, **executor}
        if "dag" in component and depth:
            yield from _steps(spec, component, f"{place}/", depth - 1)

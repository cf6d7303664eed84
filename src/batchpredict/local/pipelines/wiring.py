"""Check where the tasks of a DAG get their inputs from, and what its loops go over."""

import json
import re
from typing import Any

from batchpredict.local.pipelines.arguments import SELECTOR


def check_inputs(component: Any) -> None:
    """Refuse a task that reads an input which the DAG around it does not have.

    Raises:
        ValueError: Such a task is there; Vertex AI Pipelines answers "Component input parameter
            … is not defined".
    """
    parameters = component.input_definitions.parameters
    artifacts = component.input_definitions.artifacts
    for name, task in component.dag.tasks.items():
        for spec in task.inputs.parameters.values():
            if spec.HasField("component_input_parameter"):
                _check_input(name, spec.component_input_parameter, parameters)
            _check_selector(name, spec.parameter_expression_selector)
            _check_status(name, spec, task)
        for spec in task.inputs.artifacts.values():
            if spec.HasField("component_input_artifact"):
                _check_input(name, spec.component_input_artifact, artifacts)


def _check_input(task: str, name: str, known: Any) -> None:
    if name in known:
        return
    hint = ""
    if "loop-item" in name:
        hint = "; KFP compiles a text with a loop's item in it so: pass the item by itself"
    raise ValueError(
        f"E341 task {task!r} reads {name!r}, which is not an input of the graph around it{hint}"
    )


def _check_selector(task: str, expression: str) -> None:
    if expression and not SELECTOR.fullmatch(expression):
        raise ValueError(
            f"E340 task {task!r} uses the expression {expression!r}, which is not run locally"
        )


def _check_status(name: str, spec: Any, task: Any) -> None:
    producer = spec.task_final_status.producer_task
    if spec.HasField("task_final_status") and producer not in task.dependent_tasks:
        raise ValueError(
            f"E341 task {name!r} asks how {producer!r} ended, and does not wait for it"
        )


def check_loops(component: Any) -> None:
    """Refuse a loop that goes over nothing, or whose iterations are named as another task is.

    Raises:
        ValueError: Such a loop is there.
    """
    tasks = component.dag.tasks
    names = {*tasks, *(task.task_info.name for task in tasks.values())}
    for name, task in tasks.items():
        if not task.WhichOneof("iterator"):
            continue
        _check_items(name, task)
        for other in names:
            if re.fullmatch(rf"{re.escape(name)}-\d+", other):
                raise ValueError(f"E342 {other!r} is also an iteration of {name!r}: rename it")


def _check_items(name: str, task: Any) -> None:
    items = getattr(task, str(task.WhichOneof("iterator"))).items
    if task.WhichOneof("iterator") == "artifact_iterator":
        is_known = items.input_artifact in task.inputs.artifacts
    elif items.HasField("raw"):
        is_known = _is_list(items.raw)
    else:
        is_known = items.input_parameter in task.inputs.parameters
    if not is_known:
        raise ValueError(f"E341 the loop {name!r} goes over no list and none of its inputs")


def _is_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False

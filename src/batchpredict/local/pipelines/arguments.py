"""What a task is given: constants, outputs of tasks before it, inputs of the DAG around it."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from kfp.local.executor_output_utils import pb2_value_to_python
from kfp.local.io import IOStore

from batchpredict.local.pipelines.placeholders import plain_numbers, resolve_constant, text_of

SELECTOR = re.compile(r'parseJson\(string_value\)\["([^"]+)"\]')


def task_arguments(
    task: Any,
    store: IOStore,
    constants: Mapping[str, str],
    is_absent: Callable[[str, str], bool] | None = None,
    texts: Collection[str] = (),
) -> dict[str, Any]:
    """Return the arguments of a task, without the defaults of its component.

    Args:
        task: The task's ``PipelineTaskSpec``.
        store: What the DAG around it holds.
        constants: Values of the pipeline's placeholders.
        is_absent: Says of a task and an output that it was not written, so is left out here.
        texts: The parameters that are declared as texts: f"{number}" is one, too.
    """
    artifacts = dict(task.inputs.artifacts)
    given = task.inputs.parameters.items()
    parameters = {name: it for name, it in given if not it.HasField("task_final_status")}
    if is_absent is not None:
        parameters = {n: it for n, it in parameters.items() if not is_absent(*_source(it))}
        artifacts = {n: it for n, it in artifacts.items() if not is_absent(*_artifact_source(it))}
    arguments = {name: _parameter(spec, store) for name, spec in parameters.items()}
    arguments |= {name: _artifact(spec, store) for name, spec in artifacts.items()}
    for name, spec in parameters.items():
        if spec.HasField("runtime_value"):  # it may hold placeholders of the other arguments
            value = resolve_constant(arguments[name], arguments, constants)
            is_text = name in texts and value is not None
            arguments[name] = text_of(value) if is_text else value
    return arguments


def _source(spec: Any) -> tuple[str, str]:
    source = spec.task_output_parameter
    return source.producer_task, source.output_parameter_key


def _artifact_source(spec: Any) -> tuple[str, str]:
    source = spec.task_output_artifact
    return source.producer_task, source.output_artifact_key


def _parameter(spec: Any, store: IOStore) -> Any:
    match spec.WhichOneof("kind"):
        case "runtime_value":
            return plain_numbers(pb2_value_to_python(spec.runtime_value.constant))
        case "task_output_parameter":
            value = store.get_task_output(*_source(spec))
        case _:
            value = store.get_parent_input(spec.component_input_parameter)
    return select(value, spec.parameter_expression_selector)


def _artifact(spec: Any, store: IOStore) -> Any:
    if spec.HasField("task_output_artifact"):
        return store.get_task_output(*_artifact_source(spec))
    return store.get_parent_input(spec.component_input_artifact)


def select(value: Any, expression: str) -> Any:
    """Return the part of a value that an expression such as ``item.field`` compiles to stands for.

    Raises:
        ValueError: The value is no object, or has no such field. kfp.local goes on with the whole
            value here.
    """
    if not expression:
        return value
    selector = SELECTOR.fullmatch(expression)
    if selector is None:
        raise ValueError(f"E340 the expression {expression!r} is not run locally")
    try:
        return (json.loads(value) if isinstance(value, str) else value)[selector[1]]
    except (ValueError, TypeError, LookupError):
        text = json.dumps(value, ensure_ascii=False)[:200]
        raise ValueError(f"E346 there is no field {selector[1]!r} in {text}") from None

"""Read a compiled pipeline, and refuse what this machine does not run before anything starts."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from google.protobuf import json_format
from kfp.local import utils
from kfp.pipeline_spec import pipeline_spec_pb2

from batchpredict.local.pipelines.features import check_root, check_step, check_texts
from batchpredict.local.pipelines.wiring import check_inputs, check_loops

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True)
class Pipeline:
    """A compiled pipeline: its name, root component, components and executors."""

    name: str
    root: Any
    components: Mapping[str, Any]
    executors: Mapping[str, Any]


def load_pipeline(content: Mapping[str, Any]) -> Pipeline:
    """Return the pipeline that a compiled YAML document holds.

    Raises:
        ValueError: It is not a pipeline spec, a name in it could leave its folder, or it uses a
            feature that is not run here (the message names the task and the feature).
    """
    try:
        spec = json_format.ParseDict(
            dict(content), pipeline_spec_pb2.PipelineSpec(), ignore_unknown_fields=True
        )
    except json_format.ParseError as error:
        raise ValueError(f"E341 this is not a compiled pipeline: {error}") from error
    if not spec.root.dag.tasks:
        raise ValueError("E341 this is not a compiled pipeline: it has no root with tasks")
    pipeline = Pipeline(
        name=spec.pipeline_info.name,
        root=spec.root,
        components=dict(spec.components),
        executors=_executors(spec),
    )
    _check_names(pipeline)
    _check_nesting(pipeline)
    check_root(pipeline.root)
    for name, task in _tasks(pipeline):
        _check_component(name, task, pipeline)
        check_texts(name, task)
        component = pipeline.components[task.component_ref.name]
        check_texts(name, component.input_definitions)
        if component.executor_label:
            check_texts(name, pipeline.executors[component.executor_label])
    for component in (pipeline.root, *pipeline.components.values()):
        check_inputs(component)
        check_loops(component)
    return pipeline


def _executors(spec: Any) -> dict[str, Any]:
    try:
        executors = spec.deployment_spec["executors"].items()
        return {name: utils.struct_to_executor_spec(executor) for name, executor in executors}
    except (ValueError, KeyError, AttributeError, json_format.ParseError) as error:
        message = f"E341 this is not a compiled pipeline: its executors cannot be read: {error}"
        raise ValueError(message) from error


def _tasks(pipeline: Pipeline) -> Iterator[tuple[str, Any]]:
    for component in (pipeline.root, *pipeline.components.values()):
        yield from component.dag.tasks.items()


def _check_names(pipeline: Pipeline) -> None:
    outputs = [
        name
        for component in pipeline.components.values()
        for group in (
            component.output_definitions.parameters,
            component.output_definitions.artifacts,
        )
        for name in group
    ]
    tasks = [name for name, _ in _tasks(pipeline)]
    for name in (pipeline.name, *tasks, *outputs):
        if not SAFE_NAME.fullmatch(name) or ".." in name:
            raise ValueError(f"E342 the name {name!r} in the pipeline is not safe as a file name")


def _check_nesting(pipeline: Pipeline) -> None:
    """Refuse a component that contains itself: it would never end."""
    inside = {
        name: {task.component_ref.name for task in component.dag.tasks.values()}
        for name, component in pipeline.components.items()
    }
    try:
        TopologicalSorter(inside).prepare()
    except CycleError as error:
        chain = " in ".join(error.args[1])
        raise ValueError(f"E341 a component of the pipeline contains itself: {chain}") from error


def _check_component(name: str, task: Any, pipeline: Pipeline) -> None:
    component = pipeline.components.get(task.component_ref.name)
    if component is None or not (
        component.WhichOneof("implementation") == "dag"
        or component.executor_label in pipeline.executors
    ):
        raise ValueError(
            f"E341 this is not a compiled pipeline: nothing carries out task {name!r}"
        )
    if component.WhichOneof("implementation") == "dag" and task.retry_policy.max_retry_count:
        raise ValueError(
            f"E340 task {name!r} uses set_retry, and is a pipeline: only steps are tried again; "
            "set it on its steps"
        )
    outputs = component.output_definitions.artifacts.items()
    lists = [output for output, spec in outputs if spec.is_artifact_list]
    if component.executor_label and lists:
        raise ValueError(
            f"E340 task {name!r} writes a list of artifacts, {lists[0]!r}: not run locally"
        )
    if component.executor_label:
        check_step(name, component, pipeline.executors[component.executor_label])

"""What a graph gives to the tasks after it."""

from collections.abc import Mapping, Sequence
from typing import Any

from batchpredict.local.pipelines.scope import Scope


def graph_outputs(component: Any, scope: Scope) -> dict[str, Any]:
    """Return the outputs of a DAG whose tasks have ended.

    An output of a branch that was not taken is left out.

    Raises:
        ValueError: A task did not write an output that is needed, or none of the branches of a
            ``dsl.OneOf`` was taken.
    """
    outputs: dict[str, Any] = {}
    for name, spec in component.dag.outputs.parameters.items():
        kind = spec.WhichOneof("kind")
        chosen = spec.value_from_oneof.parameter_selectors
        sources = chosen if kind == "value_from_oneof" else [spec.value_from_parameter]
        places = [(it.producer_subtask, it.output_parameter_key) for it in sources]
        outputs |= _output(name, places, scope, is_one_of=kind == "value_from_oneof")
    for name, spec in component.dag.outputs.artifacts.items():
        sources = spec.artifact_selectors
        places = [(it.producer_subtask, it.output_artifact_key) for it in sources]
        outputs |= _output(name, places, scope, is_one_of=len(places) > 1)
    return outputs


def _output(
    name: str, places: Sequence[tuple[str, str]], scope: Scope, *, is_one_of: bool
) -> dict[str, Any]:
    """Return an output by its name, or nothing when its branch was not taken."""
    present = [place for place in places if not scope.is_absent(*place)]
    if is_one_of and len(present) != 1:
        raise ValueError(f"{len(present)} branches of dsl.OneOf gave {name!r}, 1 is needed")
    return {name: scope.store.get_task_output(*present[0])} if present else {}


def absent_outputs(component: Any, outputs: Mapping[str, Any]) -> set[str]:
    """Return the names of the declared outputs that a graph did not give."""
    declared = component.output_definitions
    return {*declared.parameters, *declared.artifacts} - set(outputs)

"""Online explanations: what explains a deployed model, and the explanation of each instance."""

from collections.abc import Sequence
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from google.rpc import code_pb2

from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.vertex.batch.explanations import (
    Explainer,
    Predict,
    check_explanations,
    explanation_spec,
)
from batchpredict.local.vertex.batch.features import ExplainError
from batchpredict.local.vertex.errors import ServiceError, invalid, unimplemented


def spec_of(deployed: Any, model: Any, override: Any) -> Any:
    """Return what explains the predictions of a deployed model.

    Args:
        deployed: The deployed model; each field that its explanation_spec lacks is the model's.
        model: The model.
        override: The ``explanation_spec_override`` of a request.

    Raises:
        ServiceError: It is deployed without explanations, or the spec is wrong.
    """
    spec = explanation_spec(deployed, model)
    if deployed.disable_explanations or not protobuf(spec).ByteSize():
        message = (
            f"deployed model {deployed.id} has no explanations; deploy it with an explanation_spec"
        )
        raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
    _override_parameters(spec, override)
    _override_baselines(spec, override)
    if "examples_override" in override:
        raise unimplemented("explanation_spec_override.examples_override")
    job = types.BatchPredictionJob(generate_explanation=True, explanation_spec=spec)
    check_explanations(job, model)
    return spec


def _override_parameters(spec: Any, override: Any) -> None:
    """Replace the parameters that an override names; the method stays."""
    if "parameters" not in override:
        return
    current, wanted = protobuf(spec).parameters, protobuf(override).parameters
    method = wanted.WhichOneof("method")
    if method not in (None, current.WhichOneof("method")):
        raise invalid("explanation_spec_override.parameters: the method cannot be changed")
    for field, _ in wanted.ListFields():
        current.ClearField(field.name)
    current.MergeFrom(wanted)


def _override_baselines(spec: Any, override: Any) -> None:
    inputs = protobuf(spec).metadata.inputs
    for name, wanted in protobuf(override).metadata.inputs.items():
        if name not in inputs:
            raise invalid(f"explanation_spec_override.metadata.inputs: there is no {name!r}")
        if wanted.input_baselines:
            del inputs[name].input_baselines[:]
            inputs[name].input_baselines.extend(wanted.input_baselines)


def explanations_of(
    spec: Any, instances: Sequence[Any], predictions: Sequence[Any], predict: Predict
) -> list[Any]:
    """Return the explanation of each instance.

    Raises:
        ServiceError: INVALID_ARGUMENT, an instance or a prediction is not what the spec says.
    """
    explainer = Explainer(spec, predict)
    found = []
    for number, (instance, prediction) in enumerate(zip(instances, predictions, strict=True)):
        try:
            text = explainer.explain(instance, prediction)
        except ExplainError as error:
            raise invalid(f"instances[{number}] cannot be explained: {error}") from error
        message = json_format.Parse(text, protobuf(types.Explanation()))
        found.append(types.Explanation.wrap(message))
    return found

"""Answers as TensorFlow Serving does in its row format, by a SavedModel.

Source: https://www.tensorflow.org/tfx/serving/api_rest. The signature may be named in the request
or, as Vertex AI passes it on, in its parameters.
"""

import base64
from collections.abc import Callable
from typing import Any

DEFAULT_SIGNATURE = "serving_default"
BYTES = "_bytes"
Values = dict[str, Any]


def signature_name(request: Values) -> str:
    """Return the name of the signature that a request asks for."""
    parameters = request.get("parameters") or {}
    named = request.get("signature_name")
    if named is None and isinstance(parameters, dict):
        named = parameters.get("signature_name")
    return str(named or DEFAULT_SIGNATURE)


def columns(instances: list[Any], names: list[str]) -> Values:
    """Return the values of each input: a list with one value for each instance.

    Raises:
        ValueError: An instance does not have the inputs of the signature.
    """
    if not instances:
        raise ValueError("there are no instances")
    found: Values = {name: [] for name in names}
    for number, instance in enumerate(instances):
        values = _by_name(instance, names)
        if set(values) != set(names):
            raise ValueError(f"instance {number} must have the inputs {', '.join(sorted(names))}")
        for name in names:
            found[name].append(decoded(values[name]))
    return found


def _by_name(instance: Any, names: list[str]) -> Values:
    """Return the inputs of an instance; the only one may stand without its name."""
    if isinstance(instance, dict) and set(instance) != {"b64"}:
        return instance
    return {names[0]: instance} if len(names) == 1 else {}


def decoded(value: Any) -> Any:
    """Return a value with the bytes that ``{"b64": …}`` stands for."""
    if isinstance(value, dict):
        if set(value) != {"b64"}:
            raise ValueError("an object inside of a value must be {'b64': …}")
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{str(value['b64'])[:50]!r} is not base64") from error
    if isinstance(value, list):
        return [decoded(one) for one in value]
    return value


def encoded(value: Any, *, as_bytes: bool) -> Any:
    """Return a value of an output as JSON has it."""
    if isinstance(value, list):
        return [encoded(one, as_bytes=as_bytes) for one in value]
    if not isinstance(value, bytes):
        return value
    if as_bytes:
        return {"b64": base64.b64encode(value).decode()}
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode()}


def predictions(outputs: Values, count: int) -> list[Any]:
    """Return one prediction for each instance: the value of the only output, or all by name.

    Raises:
        ValueError: An output does not have one value for each instance.
    """
    shaped = {}
    for name, values in outputs.items():
        if not isinstance(values, list) or len(values) != count:
            raise ValueError(f"the output {name!r} does not have {count} values")
        shaped[name] = encoded(values, as_bytes=name.endswith(BYTES))
    if len(shaped) == 1:
        return list(next(iter(shaped.values())))
    return [{name: values[number] for name, values in shaped.items()} for number in range(count)]


def load(folder: str) -> Callable[[Values], Values]:
    """Load a SavedModel and return what answers requests."""
    import tensorflow as tf  # type: ignore[import-untyped,import-not-found,unused-ignore]

    model = tf.saved_model.load(folder)

    def predict(request: Values) -> Values:
        name = signature_name(request)
        if name not in model.signatures:
            known = ", ".join(sorted(model.signatures))
            raise ValueError(f"there is no signature {name!r}; the model has {known}")
        signature = model.signatures[name]
        inputs = signature.structured_input_signature[1]
        found = columns(request["instances"], list(inputs))
        try:
            tensors = {key: tf.constant(found[key], inputs[key].dtype) for key in inputs}
            outputs = signature(**tensors)
        except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
            raise ValueError(str(error)) from error
        values = {key: tensor.numpy().tolist() for key, tensor in outputs.items()}
        return {"predictions": predictions(values, len(request["instances"]))}

    return predict

"""The JSON of a batch prediction request."""

from typing import Any

from batchpredict.runtime.request.fields import preview_fields, request_fields


def said(name: str, value: Any) -> bool:
    """Whether an input says anything: model parameters say 0, false and "" too.

    Args:
        name: The input.
        value: What it was given; None is nothing.
    """
    if name == "model_parameters":
        return value is not None and value != {}
    return bool(value)


def request_body(values: "dict[str, Any]") -> "dict[str, Any]":
    """Return the job as REST takes it; what says nothing is left out.

    Args:
        values: The inputs of ``request_fields`` by name; all are optional here.
    """
    body: dict[str, Any] = {}
    for name, (path, _) in request_fields().items():
        if said(name, values.get(name)):
            *parents, last = path.split(".")
            place = body
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = whole_numbers(values[name])
    return body


def whole_numbers(value: Any) -> Any:
    """Return the value with 10 for 10.0: KFP hands every number over as a double.

    The API takes no fraction where it wants a whole number, and no model can tell the two apart in
    a ``google.protobuf.Value``, whose numbers are doubles.
    """
    if isinstance(value, dict):
        return {key: whole_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [whole_numbers(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def api_version(values: "dict[str, Any]") -> str:
    """Return ``v1``, or ``v1beta1`` when an input is said that only the preview has."""
    preview = any(said(name, values.get(name)) for name in preview_fields())
    return "v1beta1" if preview else "v1"

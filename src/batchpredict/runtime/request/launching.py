"""What Google's launcher makes of a request, and how to say it so that nothing is lost."""

from typing import Any

from batchpredict.runtime.request.building import request_body
from batchpredict.runtime.request.submitting import submission_key, submission_label


def launcher_inputs(values: "dict[str, Any]", step: str) -> "dict[str, Any]":
    """Return those inputs of ModelBatchPredictOp that cannot be passed on as they are.

    Args:
        values: The inputs of the request by name.
        step: Where the step's outputs go, as for ``submission_key``.

    Raises:
        ValueError: E137, a value that the launcher would drop without a word.
    """
    for name in ("model_parameters", "explanation_metadata", "explanation_parameters"):
        value = dict(values.get(name) or {})
        if name == "explanation_metadata":
            value.pop("outputs", None)  # the launcher makes an exception for their empty values
        if path := dropped_value(value, name):
            raise ValueError(
                f"E137 {path} would be dropped by ModelBatchPredictOp, which sends no 0, false, "
                "empty text, list or object; use run_batch_prediction_job, which does"
            )
    key = submission_key(step)
    return {
        "step_label": key,
        "labels": {**(values.get("labels") or {}), submission_label(): key},
        "explanation_metadata": python_spelling(values.get("explanation_metadata") or {}),
        "explanation_parameters": python_spelling(values.get("explanation_parameters") or {}),
    }


def dropped_value(value: Any, path: str) -> str:
    """Return the path of the first value inside ``value`` that says nothing to the launcher.

    ``recursive_remove_empty`` of google-cloud-pipeline-components 2.22 removes whatever is false
    in Python from objects, and what is empty from lists.
    """
    if isinstance(value, dict):
        parts = [(f"{path}.{key}", inner, not inner) for key, inner in value.items()]
    elif isinstance(value, list):
        parts = [
            (f"{path}[{at}]", inner, inner is None or inner == {} or inner == [])
            for at, inner in enumerate(value)
        ]
    else:
        parts = []
    for place, inner, dropped in parts:
        if dropped:
            return f"{place}={inner!r}"
        if found := dropped_value(inner, place):
            return found
    return ""


def python_spelling(value: Any) -> Any:
    """Return an object with ``snake_case`` names, which alone the launcher's Python types take.

    Names of inputs and outputs are the user's own and stay.
    """
    import re

    if isinstance(value, list):
        return [python_spelling(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    spelled = {}
    for key, inner in value.items():
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()
        own = name in ("inputs", "outputs") and isinstance(inner, dict)
        spelled[name] = (
            {user: python_spelling(it) for user, it in inner.items()}
            if own
            else python_spelling(inner)
        )
    return spelled


def write_request(artifact: Any, values: "dict[str, Any]", parent: str) -> None:
    """Write the request as JSON, for people and for the next run to be compared with."""
    import json
    import os

    artifact.uri += ".json"
    os.makedirs(os.path.dirname(artifact.path), exist_ok=True)
    with open(artifact.path, "w") as file:
        json.dump({"parent": parent, "batchPredictionJob": request_body(values)}, file, indent=2)

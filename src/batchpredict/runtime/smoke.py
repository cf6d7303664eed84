"""One online prediction, to see that a deployed model answers."""

from batchpredict.runtime.vertex_api import vertex_request


def first_instance(path: str, columns: "list[str]") -> "list[object]":
    """Return the values of ``columns`` in the first JSON Lines object of the file.

    Raises:
        ValueError: The file holds no instance, or the instance lacks a column.
    """
    import json

    with open(path, "rb") as lines:
        for line in lines:
            if line.strip():
                instance = json.loads(line)
                missing = [name for name in columns if name not in instance]
                if missing:
                    raise ValueError(f"E257 the first instance of {path} has no {missing}")
                return [instance[name] for name in columns]
    raise ValueError(f"E257 there is no instance in {path}")


def smoke_predict(endpoint: str, instance: "list[object]") -> "tuple[str, str]":
    """Return the prediction for one instance as JSON, and which deployed model gave it.

    Args:
        endpoint: ``projects/…/locations/…/endpoints/…``.
        instance: Values in the order the model was trained with.

    Raises:
        ValueError: ``endpoint`` is not the name of an endpoint.
        RuntimeError: The endpoint refused, or answered without a prediction.
    """
    import json
    import re

    match = re.fullmatch(r"projects/[^/]+/locations/([^/]+)/endpoints/[^/]+", endpoint)
    if match is None:
        raise ValueError(f"E258 {endpoint!r} is not the resource name of an endpoint")
    body: dict[str, object] = {"instances": [instance]}
    reply = vertex_request(match[1], "POST", f"{endpoint}:predict", body)
    predictions = reply.get("predictions")
    if not isinstance(predictions, list) or len(predictions) != 1:
        raise RuntimeError(f"E259 {endpoint} answered without one prediction: {reply}")
    return json.dumps(predictions[0]), str(reply.get("deployedModelId", ""))

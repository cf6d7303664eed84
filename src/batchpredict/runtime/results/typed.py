"""What a prediction means, as columns: custom models, and AutoML's tables, texts and images."""

from typing import Any

from batchpredict.runtime.results.media import boxes_of, masks_of, segments_of
from batchpredict.runtime.results.texts import embedding_of, extraction_of, generated_of


def typed_columns(
    kind: str, value: Any, labels: list[str], members: dict[str, tuple[str, Any]]
) -> dict[str, Any]:
    """Return the typed columns of a prediction; those that it does not fill are left out.

    Args:
        kind: The kind of the whole output.
        value: The prediction.
        labels: Names of the classes in the model's order, for a custom model.
        members: Name, JSON text and value of each member of the row.

    Raises:
        ValueError: The prediction has not the form of this kind; the text says how.
    """
    if kind == "custom":
        return custom_of(value, labels)
    if kind in ("video", "embedding"):
        return segments_of(value) if kind == "video" else embedding_of(value)
    if not isinstance(value, dict):
        raise ValueError(f"the prediction of a {kind} is an object")
    if kind == "gemini":
        return generated_of(value, members)
    if kind in ("regression", "forecast", "sentiment"):
        return estimate_of(kind, value)
    return masks_of(value) if kind == "segmentation" else lists_of(kind, value)


def lists_of(kind: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a kind that holds parallel lists, one entry for each class or box.

    Raises:
        ValueError: A list is absent, or they differ in length.
    """
    found = classes_of(value)
    if kind == "detection":
        found["boxes"] = boxes_of(value, len(found["scores"]))
    if kind == "extraction":
        found.update(extraction_of(value, len(found["scores"])))
    return found


def is_number(value: object) -> bool:
    """Tell whether a JSON value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number_of(holder: dict[str, Any], name: str) -> float | None:
    """Return a member as a number, None when it is absent or null.

    Raises:
        ValueError: It is something else.
    """
    value = holder.get(name)
    if value is not None and not is_number(value):
        raise ValueError(f"{name} is no number")
    return None if value is None else float(value)


def list_of(holder: dict[str, Any], name: str, numbers: bool) -> list[Any] | None:
    """Return a member as a list of numbers or of texts, None when it is absent or null.

    Ids stand as numbers in some outputs: a list of texts takes integers as they are written.

    Raises:
        ValueError: It is something else.
    """
    value = holder.get(name)
    if value is None:
        return None
    kinds = (int, float) if numbers else (int, str) if name == "ids" else (str,)
    if not isinstance(value, list) or not all(type(part) in kinds for part in value):
        raise ValueError(f"{name} is no list of {'numbers' if numbers else 'texts'}")
    return [float(part) if numbers else str(part) for part in value]


def top_of(labels: list[str], scores: list[float]) -> dict[str, Any]:
    """Return ``label`` and ``score`` of the largest score, the first of equals."""
    if not scores:
        return {}
    best = scores.index(max(scores))
    return {"label": labels[best], "score": scores[best]}


def classes_of(value: dict[str, Any]) -> dict[str, Any]:
    """Return ``labels``, ``scores``, ``ids``, ``label`` and ``score`` of parallel lists.

    Raises:
        ValueError: A list is absent, or they differ in length.
    """
    names, numbers = (
        ("displayNames", "confidences") if "displayNames" in value else ("classes", "scores")
    )
    labels, scores = list_of(value, names, False), list_of(value, numbers, True)
    ids = list_of(value, "ids", False)
    if labels is None or scores is None:
        raise ValueError(f"{names} or {numbers} is absent")
    for name, part in ((numbers, scores), ("ids", ids)):
        if part is not None and len(part) != len(labels):
            raise ValueError(f"{len(labels)} {names} but {len(part)} {name}")
    return {"labels": labels, "scores": scores, "ids": ids, **top_of(labels, scores)}


def estimate_of(kind: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a regression, a forecast or a sentiment.

    Raises:
        ValueError: There is no value, or the quantiles do not fit each other.
    """
    name = "sentiment" if kind == "sentiment" else "value"
    found: dict[str, Any] = {"value": number_of(value, name)}
    if found["value"] is None:
        raise ValueError(f"{name} is absent")
    if kind == "sentiment":
        return found
    if kind == "regression":
        return {**found, **{n: number_of(value, n) for n in ("lower_bound", "upper_bound")}}
    quantiles = list_of(value, "quantile_values", True)
    predictions = list_of(value, "quantile_predictions", True)
    if quantiles is not None and predictions is not None and len(quantiles) != len(predictions):
        raise ValueError(f"{len(quantiles)} quantile_values but {len(predictions)} predictions")
    return {**found, "quantiles": quantiles, "quantile_predictions": predictions}


def custom_of(value: Any, labels: list[str]) -> dict[str, Any]:
    """Return the columns of a custom model's prediction, as far as its form tells.

    Args:
        value: Any JSON value.
        labels: Names of the classes in the model's order; empty for a regression.

    Raises:
        ValueError: A text is longer than a label should be.
    """
    if isinstance(value, bool):
        return {"label": str(value).lower()}
    if isinstance(value, str):
        if len(value) > 1000:
            raise ValueError("a text of more than 1,000 characters is no label")
        return {"label": value}
    if is_number(value):
        return of_number(float(value), labels)
    if isinstance(value, list) and value and all(is_number(part) for part in value):
        return of_numbers([float(part) for part in value], labels)
    return of_object(value) if isinstance(value, dict) else {}


def of_number(value: float, labels: list[str]) -> dict[str, Any]:
    """Return the columns of a number: a value, or the probability of the second of two labels."""
    if len(labels) != 2 or not 0 <= value <= 1:
        return {"value": value}
    # Of a tie the second wins: a probability of 0.5 is a yes.
    second = value >= 0.5
    score = value if second else 1 - value
    return {"label": labels[second], "score": score, "scores": [1 - value, value]}


def of_numbers(numbers: list[float], labels: list[str]) -> dict[str, Any]:
    """Return the columns of a list of numbers: scores of the labels, or a vector."""
    if not labels:
        return {"vector": numbers}
    if len(numbers) != len(labels):
        raise ValueError(f"{len(numbers)} scores for {len(labels)} labels")
    return {"scores": numbers, **top_of(labels, numbers)}


def of_object(value: dict[str, Any]) -> dict[str, Any]:
    """Return the members of an object that bear the name of a column and fit it."""
    found: dict[str, Any] = {}
    for name, part in value.items():
        whole_list = isinstance(part, list)
        if (
            (name == "label" and isinstance(part, str) and len(part) <= 1000)
            or (name in ("score", "value") and is_number(part))
            or (name == "scores" and whole_list and all(is_number(one) for one in part))
            or (name == "labels" and whole_list and all(isinstance(one, str) for one in part))
        ):
            found[name] = part
    return found

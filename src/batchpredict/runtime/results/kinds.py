"""The kinds of predictions: how a row shows its kind, and the columns that a kind has."""

from typing import Any


def kind_names() -> list[str]:
    """Return every kind that can be asked for, besides ``auto``."""
    return [
        "custom",
        "classification",
        "detection",
        "segmentation",
        "extraction",
        "sentiment",
        "video",
        "regression",
        "forecast",
        "embedding",
        "gemini",
    ]


def check_kind(kind: str) -> None:
    """Refuse a kind that there is not.

    Raises:
        ValueError: E207.
    """
    if kind not in ["auto", *kind_names()]:
        raise ValueError(f"E207 kind is {kind!r}; give 'auto' or one of {', '.join(kind_names())}")


def check_labels(labels: list[str]) -> None:
    """Refuse labels that do not tell the classes apart.

    Raises:
        ValueError: E207.
    """
    if len(set(labels)) < len(labels) or "" in labels:
        raise ValueError(f"E207 labels is {labels!r}; give each class one name, and none twice")


def kind_of(members: dict[str, tuple[str, Any]]) -> str:
    """Return the kind that an output row shows.

    The forms are those of Google's prediction schemas, of BigQuery's generative models and of the
    embedding models; what bears none of their marks is a custom model's.

    Args:
        members: Name, JSON text and value of each member of the row.
    """
    if "prediction" not in members:
        generated = "status" in members and ("request" in members or "response" in members)
        return "gemini" if generated else "embedding" if "predictions" in members else "custom"
    value = members["prediction"][1]
    instance = members["instance"][1] if "instance" in members else None
    if value == [] and isinstance(instance, dict) and "timeSegmentStart" in instance:
        return "video"
    if isinstance(value, list):
        parts = [part for part in value if isinstance(part, dict)]
        timed = all("timeSegmentStart" in part and "displayName" in part for part in parts)
        return "video" if len(parts) == len(value) and timed and parts else "custom"
    return kind_of_object(value) if isinstance(value, dict) else "custom"


def kind_of_object(value: dict[str, Any]) -> str:
    """Return the kind of a prediction that is an object, by the names of its members."""
    marks = [
        ("detection", {"displayNames", "confidences", "bboxes"}),
        ("extraction", {"displayNames", "confidences", "textSegmentStartOffsets"}),
        ("classification", {"displayNames", "confidences"}),
        ("classification", {"classes", "scores"}),
        ("forecast", {"value", "quantile_predictions"}),
        ("forecast", {"value", "tft_feature_importance"}),
        ("segmentation", {"categoryMask"}),
        ("sentiment", {"sentiment"}),
    ]
    for kind, names in marks:
        if names <= set(value):
            return kind
    return (
        "regression"
        if set(value) <= {"value", "lower_bound", "upper_bound"} and value
        else ("custom")
    )


def columns_of(kind: str, explained: bool) -> dict[str, str]:
    """Return name and SQL type of the columns of a kind's predictions, in order.

    Args:
        kind: One of ``kind_names``.
        explained: Whether the rows hold explanations.
    """
    box = "x_min DOUBLE, x_max DOUBLE, y_min DOUBLE, y_max DOUBLE"
    own = {
        "custom": {"vector": "DOUBLE[]"},
        "classification": {"ids": "VARCHAR[]"},
        "detection": {"ids": "VARCHAR[]", "boxes": f"STRUCT({box})[]"},
        "segmentation": {"category_mask": "BLOB", "confidence_mask": "BLOB"},
        "extraction": {"ids": "VARCHAR[]", "starts": "BIGINT[]", "ends": "BIGINT[]"},
        "sentiment": {},
        "video": {
            "ids": "VARCHAR[]",
            "types": "VARCHAR[]",
            "starts": "DOUBLE[]",
            "ends": "DOUBLE[]",
            "frames": f"STRUCT(time DOUBLE, {box})[][]",
        },
        "regression": {"lower_bound": "DOUBLE", "upper_bound": "DOUBLE"},
        "forecast": {"quantiles": "DOUBLE[]", "quantile_predictions": "DOUBLE[]"},
        "embedding": {"vector": "DOUBLE[]", "tokens": "BIGINT", "truncated": "BOOLEAN"},
        "gemini": {
            "text": "VARCHAR",
            "finish_reason": "VARCHAR",
            "model_version": "VARCHAR",
            "input_tokens": "BIGINT",
            "output_tokens": "BIGINT",
            "processed_time": "VARCHAR",
        },
    }
    return {
        **dict.fromkeys(("key", "instance", "prediction", "label"), "VARCHAR"),
        "score": "DOUBLE",
        "labels": "VARCHAR[]",
        "scores": "DOUBLE[]",
        "value": "DOUBLE",
        **own[kind],
        **(explanation_columns() if explained else {}),
        **dict.fromkeys(("extra", "note", "source"), "VARCHAR"),
    }


def explanation_columns() -> dict[str, str]:
    """Return name and SQL type of the columns that an explanation adds."""
    numbers = ("baseline_output", "instance_output", "approximation_error")
    return {
        "attributions": "MAP(VARCHAR, DOUBLE)",
        **dict.fromkeys(numbers, "DOUBLE"),
        "explanation": "VARCHAR",
    }


def failure_columns() -> dict[str, str]:
    """Return name and SQL type of the columns of the failures."""
    return dict.fromkeys(("key", "instance", "code", "message", "raw", "source"), "VARCHAR")

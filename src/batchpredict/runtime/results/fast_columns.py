"""The typed columns of the usual kinds in SQL; they say the same as the functions in ``typed``."""

from typing import Any

from batchpredict.runtime.tables import sql_name, sql_text


def fast_columns(kind: str, shape: Any, labels: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the SQL of the typed columns, and what must hold for them.

    Args:
        kind: The kind of the output.
        shape: The shape of the predictions; ``t`` is such a prediction, typed.
        labels: Names of the classes in the model's order, for a custom model.
    """
    members = dict(shape[1]) if shape[0] == "object" else {}
    if kind == "custom":
        return custom_columns(shape, members, labels)
    if kind == "classification":
        return class_columns(members)
    if kind == "sentiment":
        return {"value": "t.sentiment"}, []
    names = {
        "value": "value",
        "lower_bound": "lower_bound",
        "upper_bound": "upper_bound",
        "quantiles": "quantile_values",
        "quantile_predictions": "quantile_predictions",
    }
    found = {column: f"t.{name}" for column, name in names.items() if name in members}
    lists = [f"len({sql})" for column, sql in found.items() if column.startswith("quantile")]
    return found, [" = ".join(lists)] if len(lists) == 2 else []


def typed_members() -> list[str]:
    """Return the names of the members of a prediction that some column holds."""
    numbers = ["value", "lower_bound", "upper_bound", "quantile_values", "quantile_predictions"]
    classes = ["displayNames", "confidences", "classes", "scores", "ids"]
    return [*numbers, *classes, "label", "score", "labels", "sentiment"]


def is_fast(kind: str, shape: Any) -> bool:
    """Tell whether SQL can type the predictions of a kind and shape."""
    members = dict(shape[1]) if shape[0] == "object" else {}
    numbers, texts = ("list", "number"), ("list", "text")
    if kind == "custom":
        return isinstance(shape, str) or shape == numbers or shape[0] == "object"
    wanted: dict[str, list[dict[str, Any]]] = {
        "classification": [
            {"classes": texts, "scores": numbers},
            {"displayNames": texts, "confidences": numbers},
            {"ids": texts, "displayNames": texts, "confidences": numbers},
        ],
        "sentiment": [{"sentiment": "number"}],
        "regression": [
            {"value": "number"},
            {"value": "number", "lower_bound": "number", "upper_bound": "number"},
        ],
        "forecast": [
            {"value": "number", "quantile_values": numbers, "quantile_predictions": numbers}
        ],
    }
    return members in wanted.get(kind, [])


def top_columns(labels: str, scores: str) -> dict[str, str]:
    """Return the SQL of ``label`` and ``score`` of the largest score, the first of equals."""
    best = f"list_max({scores})"
    return {"label": f"{labels}[list_position({scores}, {best})]", "score": best}


def class_columns(members: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Return the SQL of a classification by parallel lists."""
    labels, scores = (
        ("t.displayNames", "t.confidences")
        if "displayNames" in members
        else ("t.classes", "t.scores")
    )
    found = {"labels": labels, "scores": scores, **top_columns(labels, scores)}
    guards = [f"len({labels}) = len({scores})"]
    if "ids" in members:
        found["ids"] = "t.ids"
        guards.append(f"len(t.ids) = len({labels})")
    return found, guards


def custom_columns(
    shape: Any, members: dict[str, Any], labels: list[str]
) -> tuple[dict[str, str], list[str]]:
    """Return the SQL of a custom model's predictions."""
    listed = "([" + ", ".join(sql_text(label) for label in labels) + "]::VARCHAR[])"
    if shape == "boolean":
        return {"label": "prediction"}, []
    if shape == "text":
        return {"label": "t"}, ["length(t) <= 1000"]
    if shape == "number":
        return number_columns(listed, len(labels))
    if shape == ("list", "number"):
        if not labels:
            return {"vector": "t"}, ["len(t) > 0"]
        return {"scores": "t", **top_columns(listed, "t")}, [f"len(t) = {len(labels)}"]
    fitting: dict[str, Any] = {
        "label": "text",
        "score": "number",
        "value": "number",
        "scores": ("list", "number"),
        "labels": ("list", "text"),
    }
    found = {n: f"t.{sql_name(n)}" for n, s in fitting.items() if members.get(n) == s}
    return found, ["length(t.label) <= 1000"] if "label" in found else []


def number_columns(labels: str, count: int) -> tuple[dict[str, str], list[str]]:
    """Return the SQL of a number: a value, or the probability of the second of two labels."""
    if count != 2:
        return {"value": "t"}, []
    return {
        "label": f"{labels}[CASE WHEN t >= 0.5 THEN 2 ELSE 1 END]",
        "score": "greatest(t, 1 - t)",
        "scores": "[1 - t, t]",
    }, ["t BETWEEN 0 AND 1"]

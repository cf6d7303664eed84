"""Feature attributions of the usual form in SQL; they say the same as ``explanations``."""

from typing import Any

from batchpredict.runtime.tables import sql_name, sql_text


def attribution_shape(shape: Any) -> dict[str, Any] | None:
    """Return the members of the first attribution with their shapes, None for another form.

    Args:
        shape: The shape of the explanations, from ``shape_of``.
    """
    if not isinstance(shape, tuple) or [name for name, _ in shape[1]] != ["attributions"]:
        return None
    listed = shape[1][0][1]
    if not isinstance(listed, tuple) or listed[0] != "list" or listed[1][:1] != ("object",):
        return None
    members = dict(listed[1][1])
    features = members.get("featureAttributions")
    if not isinstance(features, tuple) or features[0] != "object" or not features[1]:
        return None
    plain = ("number", ("list", "number"))
    return members if all(part in plain for _, part in features[1]) else None


def explanation_structure(members: dict[str, Any]) -> dict[str, Any]:
    """Return the structure that DuckDB's ``json_transform`` takes for an explanation.

    Args:
        members: From ``attribution_shape``.
    """
    features = {
        name: "DOUBLE" if part == "number" else ["DOUBLE"]
        for name, part in members["featureAttributions"][1]
    }
    numbers = ("baselineOutputValue", "instanceOutputValue", "approximationError")
    found = {name: "DOUBLE" for name in numbers if members.get(name) == "number"}
    return {"attributions": [{"featureAttributions": features, **found}]}


def explanation_sql(members: dict[str, Any]) -> dict[str, str]:
    """Return the SQL of the columns of an explanation ``e``, typed by its structure.

    Args:
        members: From ``attribution_shape``.
    """
    first = "e.attributions[1]"
    parts = []
    for name, shape in members["featureAttributions"][1]:
        part = f"{first}.featureAttributions.{sql_name(name)}"
        parts.append(
            part if shape == "number" else f"CASE WHEN len({part}) = 1 THEN {part}[1] END"
        )
    names = ", ".join(sql_text(name) for name, _ in members["featureAttributions"][1])
    found = {"explanation": "explanation", "attributions": f"map([{names}], [{', '.join(parts)}])"}
    for column, name in (
        ("baseline_output", "baselineOutputValue"),
        ("instance_output", "instanceOutputValue"),
        ("approximation_error", "approximationError"),
    ):
        if members.get(name) == "number":
            found[column] = f"{first}.{name}"
    return found

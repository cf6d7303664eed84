"""Feature attributions as columns."""

from typing import Any


def attribution_columns(raw: str, explanation: Any) -> dict[str, Any]:
    """Return the columns of an explanation; those that its form does not give are left out.

    The first attribution is the one for the predicted output. A feature's attribution is a number,
    a list of one number (forecasts), or nested lists in the feature's shape (images), which only
    the JSON text keeps.

    Args:
        raw: Its JSON text.
        explanation: Its value.
    """
    found: dict[str, Any] = {"explanation": raw}
    attributions = explanation.get("attributions") if isinstance(explanation, dict) else None
    first = attributions[0] if isinstance(attributions, list) and attributions else None
    if not isinstance(first, dict):
        return found
    features = first.get("featureAttributions")
    if isinstance(features, dict):
        found["attributions"] = {name: single_number(part) for name, part in features.items()}
    for column, name in (
        ("baseline_output", "baselineOutputValue"),
        ("instance_output", "instanceOutputValue"),
        ("approximation_error", "approximationError"),
    ):
        found[column] = single_number(first.get(name))
    return found


def single_number(part: object) -> float | None:
    """Return a number, or the one number of a list; None for anything else."""
    if isinstance(part, list) and len(part) == 1:
        part = part[0]
    return float(part) if type(part) in (int, float) else None  # type: ignore[arg-type]

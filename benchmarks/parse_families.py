"""What the outputs of ``outputs.py`` hold, written by hand, and the flat table to make of each."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

DOUBLE, WHOLE, TEXT, TRUTH = "DOUBLE", "BIGINT", "VARCHAR", "BOOLEAN"
Place = tuple[str | int, ...]
"""Where a value is in a row: names of members, positions in lists."""

FEATURES: dict[str, Any] = {
    **{f"num_{number}": DOUBLE for number in range(8)},
    **{f"int_{number}": WHOLE for number in range(4)},
    **dict.fromkeys(("city", "device", "segment", "sku"), TEXT),
    "is_new": TRUTH,
    "ts": TEXT,
    "user_id": TEXT,
    "income": DOUBLE,
}
SPECIES = ("setosa", "versicolor", "virginica")
SCORES = [f"species_{name}_score" for name in SPECIES]
IMAGE = {"ids": [TEXT], "displayNames": [TEXT], "confidences": [DOUBLE]}
CLASSIFIED = {"classes": [TEXT], "scores": [DOUBLE]}
BOUNDED = dict.fromkeys(("value", "lower_bound", "upper_bound"), DOUBLE)
LABELLED = {"label": TEXT, "score": DOUBLE, "probabilities": [DOUBLE]}
NUMBERS = dict.fromkeys(
    ("baselineOutputValue", "instanceOutputValue", "approximationError"), DOUBLE
)
ATTRIBUTION = {
    **NUMBERS,
    "featureAttributions": dict.fromkeys(FEATURES, DOUBLE),
    "outputIndex": [WHOLE],
    "outputDisplayName": TEXT,
    "outputName": TEXT,
}


@dataclass(frozen=True)
class Family:
    """The schema of an output, and the flat table to make of it.

    ``columns`` gives the place of each column's value; ``ranked`` the places of the classes and of
    their scores, from which come the columns ``label`` and ``score``.
    """

    schema: dict[str, Any]
    columns: dict[str, Place]
    ranked: tuple[Place, Place] | None = None


def under(place: Place, names: Iterable[str | int], prefix: str = "") -> dict[str, Place]:
    return {f"{prefix}{name}": (*place, name) for name in names}


INSTANCE = under(("instance",), FEATURES)
CLASSES: tuple[Place, Place] = (("prediction", "classes"), ("prediction", "scores"))
THREE_SCORES = under(("prediction", "scores"), range(3), "score_")
FIRST: Place = ("explanation", "attributions", 0)
FAMILIES = {
    "tab": Family(
        {"instance": FEATURES, "prediction": CLASSIFIED}, INSTANCE | THREE_SCORES, CLASSES
    ),
    "img": Family(
        {"instance": {"content": TEXT, "mimeType": TEXT}, "prediction": IMAGE},
        under(("instance",), ("content", "mimeType")) | under(("prediction",), IMAGE),
        (("prediction", "displayNames"), ("prediction", "confidences")),
    ),
    "reg": Family(
        {"instance": FEATURES, "prediction": BOUNDED}, INSTANCE | under(("prediction",), BOUNDED)
    ),
    "scalar": Family(
        {"instance": [DOUBLE], "prediction": DOUBLE},
        under(("instance",), range(20), "instance_") | {"value": ("prediction",)},
    ),
    "key": Family(
        {"key": WHOLE, "prediction": LABELLED},
        {"key": ("key",)}
        | under(("prediction",), ("label", "score"))
        | under(("prediction", "probabilities"), range(3), "probability_"),
    ),
    "expl": Family(
        {
            "instance": FEATURES,
            "prediction": CLASSIFIED,
            "explanation": {"attributions": [ATTRIBUTION]},
        },
        INSTANCE
        | THREE_SCORES
        | under(FIRST, NUMBERS)
        | under((*FIRST, "featureAttributions"), FEATURES, "attribution_"),
        CLASSES,
    ),
}
CSV = {**FEATURES, **dict.fromkeys(SCORES, DOUBLE)}
"""The columns of a CSV output; the flat table adds ``label`` and ``score``."""


def kind_at(schema: Any, place: Place) -> Any:
    """Return the type of the value at ``place``."""
    for step in place:
        schema = schema[0] if isinstance(step, int) else schema[step]
    return schema


def flat_schema(family: str) -> dict[str, Any]:
    """Return the columns of the flat table with their types."""
    label = {"label": TEXT, "score": DOUBLE}
    if family == "csv":
        return CSV | label
    made = FAMILIES[family]
    kinds = {name: kind_at(made.schema, place) for name, place in made.columns.items()}
    return kinds | (label if made.ranked else {})

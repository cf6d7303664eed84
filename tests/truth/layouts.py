"""The forms that an output may have, and layouts: what is random in one output directory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from truth import csvs, custom, managed

BOXES = "STRUCT(x_min DOUBLE, x_max DOUBLE, y_min DOUBLE, y_max DOUBLE)[]"
FRAMES = 'STRUCT("time" DOUBLE, x_min DOUBLE, x_max DOUBLE, y_min DOUBLE, y_max DOUBLE)[][]'
TEXT, NUMBER, TEXTS, NUMBERS = "VARCHAR", "DOUBLE", "VARCHAR[]", "DOUBLE[]"
COMMON = {
    **dict.fromkeys(("key", "instance", "prediction", "label"), TEXT),
    **{"score": NUMBER, "labels": TEXTS, "scores": NUMBERS, "value": NUMBER},
}
OWN = {
    "custom": {"vector": NUMBERS},
    "classification": {"ids": TEXTS},
    "detection": {"ids": TEXTS, "boxes": BOXES},
    "segmentation": {"category_mask": "BLOB", "confidence_mask": "BLOB"},
    "extraction": {"ids": TEXTS, "starts": "BIGINT[]", "ends": "BIGINT[]"},
    "sentiment": {},
    "video": {"ids": TEXTS, "types": TEXTS, "starts": NUMBERS, "ends": NUMBERS, "frames": FRAMES},
    "regression": {"lower_bound": NUMBER, "upper_bound": NUMBER},
    "forecast": {"quantiles": NUMBERS, "quantile_predictions": NUMBERS},
    "embedding": {"vector": NUMBERS, "tokens": "BIGINT", "truncated": "BOOLEAN"},
    "gemini": {
        **dict.fromkeys(("text", "finish_reason", "model_version"), TEXT),
        **{"input_tokens": "BIGINT", "output_tokens": "BIGINT", "processed_time": TEXT},
    },
}
EXPLAINED = {
    "attributions": "MAP(VARCHAR, DOUBLE)",
    **dict.fromkeys(("baseline_output", "instance_output", "approximation_error"), NUMBER),
    "explanation": TEXT,
}
LAST = {"extra": TEXT, "note": TEXT, "source": TEXT}


class Form(NamedTuple):
    """A form of output: its kind, its predictions, and the labels that the caller gives."""

    kind: str
    make: Callable[[Random], custom.Made]
    labels: tuple[str, ...] = ()
    told: bool = False  # the kind cannot be seen from the rows
    csv: bool = False


FORMS = {
    "scalar": Form("custom", custom.scalar),
    "probability": Form("custom", custom.probability, custom.LABELS[:2]),
    "bool": Form("custom", custom.truth_value),
    "string": Form("custom", custom.text),
    "vector": Form("custom", custom.vector),
    "class scores": Form("custom", custom.class_scores, custom.LABELS),
    "object": Form("custom", custom.members),
    "null": Form("custom", custom.nothing),
    "anything": Form("custom", custom.anything),
    "mixed": Form("custom", custom.mixed),
    "image classes": Form("classification", managed.image_classes),
    "table classes": Form("classification", managed.table_classes),
    "detection": Form("detection", managed.detection),
    "segmentation": Form("segmentation", managed.segmentation),
    "extraction": Form("extraction", managed.extraction),
    "sentiment": Form("sentiment", managed.sentiment),
    "video": Form("video", managed.video),
    "regression": Form("regression", managed.regression),
    "bounds": Form("regression", managed.bounded),
    "forecast": Form("forecast", managed.forecast),
    "embedding": Form("embedding", managed.embedding),
    "gemini": Form("gemini", managed.gemini),
    "csv classes": Form("classification", csvs.classes, csv=True),
    "csv regression": Form("regression", csvs.estimate, csv=True),
    "csv custom": Form("custom", csvs.anything, csv=True),
    "csv forecast": Form("forecast", csvs.quantiles, told=True, csv=True),
}
EXPLAINABLE = ("scalar", "class scores", "image classes", "table classes", "bounds")
# Where the output shows the keys: in the instances, in a member ``key`` instead of the instance or
# beside it, in a member of the field's own name, in some instances, or nowhere.
KEYS = ("field", "key", "both", "sibling", "mixed", "none")
NUMBERING = ("small", "zeros", "decimal", "safe", "long", "huge", "text")

# What can be odd about an output. ``strays`` are rows of another form than the others.
ODDITIES = (
    *("respelt", "siblings", "strays", "errors", "missing", "unreadable", "duplicates"),
    *(
        "constants",
        "crlf",
        "mark",
        "blanks",
        "unended",
        "others",
        "statistics",
        "explained",
        "orders",
    ),
    "spaces",
)


@dataclass(frozen=True)
class Layout:
    """All that is random in one output directory; ``repr`` gives back the same bytes.

    ``told`` says whether the caller gives the kind; ``reconciled``, the instances. Rows of which
    only some have keys cannot be reconciled.
    """

    form: str
    rows: int
    seed: int = 0
    shards: int = 1
    keys: str = "field"
    numbering: str = "small"
    naming: int = 0
    told: bool = False
    reconciled: bool = True
    odd: frozenset[str] = field(default_factory=frozenset)

    @property
    def kind(self) -> str:
        return FORMS[self.form].kind

    @property
    def csv(self) -> bool:
        return FORMS[self.form].csv

    @property
    def explained(self) -> bool:
        return "explained" in self.odd and self.form in EXPLAINABLE

    @property
    def named(self) -> str:
        """Where the output shows the keys, among the ways that this form has."""
        if self.csv:
            return self.keys if self.keys in ("none", "key") else "field"
        return "sibling" if self.kind == "gemini" and self.keys != "none" else self.keys

    def parameters(self) -> dict[str, object]:
        """Return the parameters of the component that this output needs."""
        form = FORMS[self.form]
        # Among a few rows those of another form may be the first or the most.
        unclear = form.told or self.rows < 500
        kind = form.kind if self.told or unclear else "auto"
        target = csvs.TARGET if self.form == "csv classes" or self.told else ""
        labels = list(form.labels)
        return {
            "kind": kind,
            "labels": labels,
            "key_field": self.key_field,
            "target_column": target,
        }

    @property
    def key_field(self) -> str:
        return ("key", "id", "customer_id")[self.seed % 3]


def random_layout(dice: Random, rows: int, forms: tuple[str, ...] = tuple(FORMS)) -> Layout:
    """Choose a layout of this many rows."""
    keys = dice.choice(KEYS)
    most = max(5, min(1000, rows // 20))
    return Layout(
        form=dice.choice(forms),
        rows=rows,
        seed=dice.getrandbits(32),
        shards=dice.choice([1, 2, dice.randint(1, most), most]),
        keys=keys,
        numbering=dice.choice(NUMBERING),
        naming=dice.randrange(3),
        told=dice.random() < 0.3,
        reconciled=dice.random() < 0.9 and keys != "mixed",
        odd=frozenset(odd for odd in ODDITIES if dice.random() < 0.3),
    )

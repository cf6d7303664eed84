"""Say in plain words everything that is wrong with a configuration."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from batchpredict.pipeline_files import MAX_SHOWN, unknown

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

KINDS = {
    "string_type": "takes a text; put it into quotes",
    "bool_type": "takes true or false",
    "dict_type": "takes keys and values",
    "model_type": "takes keys and values",
    "string_too_long": "is longer than any name",
}
FORMS = {
    "project": "a project's id such as my-project-1",
    "location": "a region such as europe-west4",
    "pipeline_root": "gs://BUCKET/FOLDER",
    "service_account": "an address such as runner@PROJECT.iam.gserviceaccount.com",
    "network": "projects/NUMBER/global/networks/NAME",
    "encryption_key": "projects/P/locations/L/keyRings/R/cryptoKeys/K",
    "failure_policy": "slow or fast",
    "labels": "lower-case letters, digits, _ and -, at most 63, the key beginning with a letter",
    "environments": "a name of letters, digits, _ and -",
}


def problems(
    error: "ValidationError", model: "type[BaseModel]", place: Callable[[Sequence[str]], str]
) -> list[str]:
    """Return one sentence for each thing that is wrong, in the order of the document.

    Args:
        error: What pydantic found.
        model: What it was held against.
        place: Gives the words for a path of keys.
    """
    return [f"{place(path)}: {text}" for path, text in located(error, model)]


def located(error: "ValidationError", model: "type[BaseModel]") -> list[tuple[list[str], str]]:
    """Return the keys that lead to each thing that is wrong, and what is wrong there."""
    found = error.errors(include_url=False)
    return [
        ([str(step) for step in it["loc"] if step != "[key]"], _text(it, model)) for it in found
    ]


def _text(found: Mapping[str, Any], model: "type[BaseModel]") -> str:
    path = [str(step) for step in found["loc"] if step != "[key]"]
    kind = str(found["type"])
    if kind == "extra_forbidden":
        return unknown("key", path[-1], _known(model, path[:-1]))
    if kind == "invalid_key":
        return "a key must be a text; put it into quotes"
    form = next((FORMS[step] for step in reversed(path) if step in FORMS), "")
    if "[key]" in found["loc"]:
        return f"the key must be {form or 'shorter'}"
    if kind in ("string_pattern_mismatch", "literal_error"):
        return f"takes {form}, not {_shown(found['input'])}"
    return f"{KINDS.get(kind, found['msg'])}, not {_shown(found['input'])}"


def _known(model: "type[BaseModel]", path: Sequence[str]) -> list[str]:
    """Return the keys that stand at a path of the document."""
    from batchpredict.config.models import Environment

    inner = Environment if path and path[0] in ("defaults", "environments") else model
    return [field.alias or name for name, field in inner.model_fields.items()]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"

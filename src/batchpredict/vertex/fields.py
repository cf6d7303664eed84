"""The forms of a request's fields: what Vertex AI would refuse is refused before it is sent."""

import re
from collections.abc import Mapping
from typing import Any

from batchpredict.errors import UsageError
from batchpredict.pipeline_files import CompiledPipeline, check_required, typed_value, unknown
from batchpredict.pipeline_jobs import POLICIES

MOST_LABELS = 64
LONGEST_LABEL = 63
RUN_ID = re.compile(r"[a-z][-a-z0-9]{0,126}")
FORMS = {
    "project": (
        re.compile(r"(?:[a-z0-9.-]+:)?[a-z0-9][a-z0-9-]*"),
        "a project's id such as my-project",
    ),
    "location": (re.compile(r"[a-z]+(?:-[a-z]+)+\d+"), "a region such as europe-west4"),
    "pipeline_root": (
        re.compile(r"gs://[a-z0-9][a-z0-9._-]+(?:/.*)?"),
        "a folder such as gs://my-bucket/runs",
    ),
    "service_account": (
        re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
        "an e-mail address such as runner@my-project.iam.gserviceaccount.com",
    ),
    "network": (
        re.compile(r"projects/[^/]+/global/networks/[^/]+"),
        "projects/PROJECT_NUMBER/global/networks/NAME",
    ),
    "encryption_key": (
        re.compile(r"projects/[^/]+/locations/([^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+"),
        "projects/…/locations/…/keyRings/…/cryptoKeys/…",
    ),
}
REQUIRED = ("project", "location", "pipeline_root")


def check_fields(*, failure_policy: str = "", **fields: str) -> None:
    """Refuse fields that are not of their form.

    Args:
        failure_policy: ``slow``, ``fast`` or "".
        fields: Those of ``FORMS`` by name; "" where one is not given.

    Raises:
        UsageError: One is not (E400).
    """
    for name, value in fields.items():
        form, meaning = FORMS[name]
        if (value or name in REQUIRED) and not form.fullmatch(value):
            raise UsageError("E400", f"{name} is {value!r}; it must be {meaning}")
    if failure_policy and failure_policy not in POLICIES:
        raise UsageError("E400", f"failure_policy is {failure_policy!r}; it must be slow or fast")
    key, location = fields.get("encryption_key", ""), fields.get("location", "")
    if key and f"/locations/{location}/" not in key:
        message = f"encryption_key is {key!r}; it must be a key of the run's location {location}"
        raise UsageError("E400", message)


def run_id_of(text: str) -> str:
    """Return the id of a run as it is.

    Raises:
        UsageError: It cannot be one (E400).
    """
    if not RUN_ID.fullmatch(text):
        message = (
            f"run_id is {text!r}; it must start with a small letter, and have at most 127 small "
            "letters, digits and hyphens"
        )
        raise UsageError("E400", message)
    return text


def check_labels(labels: Mapping[str, str]) -> None:
    """Refuse labels that Google Cloud would refuse.

    Raises:
        UsageError: One is not of the form, or there are too many (E400).
    """
    if len(labels) > MOST_LABELS - 2:
        raise UsageError("E400", f"{len(labels)} labels; {MOST_LABELS - 2} are the most")
    for key, value in labels.items():
        if not key[:1].isalpha() or label_form(key) != key or label_form(value) != value:
            message = (
                f"label {key}={value} is not of the form: at most {LONGEST_LABEL} small letters, "
                "digits, _ and -, and a letter first in the key"
            )
            raise UsageError("E400", message)


def label_form(text: str) -> str:
    """Return the text with all that a label's value may not have replaced, and cut to its length.

    International letters are allowed as long as they are small.
    """
    return re.sub(r"[^\w-]", "-", text.lower())[:LONGEST_LABEL]


def check_parameters(compiled: CompiledPipeline, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a run, typed as the pipeline declares; None is not given.

    Raises:
        UsageError: One is unknown (E104), of another type (E105) or missing (E106).
    """
    declared = compiled.parameters
    values = {}
    for name, value in given.items():
        if name not in declared:
            message = unknown("parameter", name, list(declared))
            raise UsageError("E104", f"{compiled.name}: {message}")
        if value is None:
            continue
        try:
            values[name] = typed_value(value, declared[name]["parameterType"])
        except ValueError as error:
            raise UsageError("E105", f"parameter {name!r} {error}") from error
    check_required(compiled, values)
    return values


def check_places(parameters: Mapping[str, Any]) -> None:
    """Refuse ``…_uri`` parameters that name a file of this machine: Vertex AI cannot read it.

    Raises:
        UsageError: One does (E450).
    """
    for name, value in parameters.items():
        is_place = name.endswith("_uri") and not name.endswith("image_uri")
        if is_place and isinstance(value, str) and value and "://" not in value:
            message = (
                f"parameter {name!r} is {value!r}, a file of this machine, which Vertex AI cannot "
                f"read: copy it first (gcloud storage cp {value} gs://…) and give its gs:// name"
            )
            raise UsageError("E450", message)

"""What each kind of input of a request may be: one full-match rule a kind."""

from typing import Any


def text_rules() -> dict[str, tuple[str, str]]:
    """Return the pattern of each kind of text, and the pattern in words.

    No pattern lets a quote, a backslash, a control character or ``{{`` through: Google's component
    puts texts unescaped into JSON, where they could change other fields, and what looks like a
    placeholder may be resolved once more.
    """
    return {
        "display name": (r"[\w .\-()]{1,128}", "1 to 128 letters, digits, spaces or ._-()"),
        "file": (gs_pattern(r"[^\"\\\x00-\x1f\x7f]+"), "gs://BUCKET/OBJECT, with * as wildcard"),
        "folder": (gs_pattern(r"[^\"\\\x00-\x1f\x7f*?\[\]]*"), "gs://BUCKET/FOLDER"),
        "table": (
            rf"bq://{project_pattern()}\.\w{{1,1024}}\.[\w\- ]{{1,1024}}",
            "bq://PROJECT.DATASET.TABLE",
        ),
        "table or dataset": (
            rf"bq://{project_pattern()}(\.\w{{1,1024}}(\.[\w\- ]{{1,1024}})?)?",
            "bq://PROJECT, bq://PROJECT.DATASET or bq://PROJECT.DATASET.TABLE",
        ),
        "field": (
            r"(?!.*\{\{)[^\"\\\x00-\x1f\x7f]{1,300}",
            "a name without quotes and backslashes",
        ),
        **place_rules(),
        **machine_rules(),
    }


def gs_pattern(objects: str) -> str:
    """Return the pattern of a URI in Cloud Storage whose object matches ``objects``."""
    unsafe = r"(?!.*\{\{)(?!(.*/)?\.\.(/|$))"
    return rf"gs://[a-z0-9][a-z0-9._-]{{1,220}}[a-z0-9](/{unsafe}{objects})?"


def project_pattern() -> str:
    """Return the pattern of a project's id or number, with the domain of an old one."""
    return r"([a-z0-9.-]+\.[a-z]+:)?([a-z][a-z0-9-]{4,28}[a-z0-9]|[0-9]{1,20})"


def place_rules() -> dict[str, tuple[str, str]]:
    """Return the rules of resource names, accounts and keys."""
    place = rf"projects/{project_pattern()}/locations/[a-z0-9-]{{2,40}}"
    version = r"(@[a-z0-9][a-z0-9-]{0,127})?"
    return {
        "project": (project_pattern(), "a project's id or number"),
        "location": (r"[a-z]+-[a-z]+[0-9]{1,2}|global|us|eu", "a region such as europe-west1"),
        "model": (
            rf"{place}/models/[\w-]{{1,128}}{version}"
            rf"|({place}/)?publishers/[\w-]{{1,63}}/models/[\w.-]{{1,128}}{version}",
            "projects/P/locations/L/models/ID, with @VERSION or @ALIAS if need be, or "
            "publishers/P/models/ID",
        ),
        "endpoint": (
            rf"{place}/endpoints/[\w-]{{1,128}}",
            "projects/P/locations/L/endpoints/ID",
        ),
        "dataset": (rf"{place}/datasets/[\w-]{{1,128}}", "projects/P/locations/L/datasets/ID"),
        "service account": (
            r"[a-z0-9-]{1,63}@([a-z0-9.-]+\.)?gserviceaccount\.com",
            "NAME@PROJECT.iam.gserviceaccount.com",
        ),
        "key": (
            rf"{place}/keyRings/[\w-]{{1,63}}/cryptoKeys/[\w-]{{1,63}}",
            "projects/P/locations/L/keyRings/R/cryptoKeys/K",
        ),
    }


def machine_rules() -> dict[str, tuple[str, str]]:
    """Return the rules of machines and reservations."""
    reservation = (
        rf"projects/{project_pattern()}/zones/[a-z0-9-]{{2,40}}/reservations/[\w-]{{1,63}}"
    )
    return {
        "machine": (r"[a-z][a-z0-9-]{1,62}", "a machine type such as n1-standard-4"),
        "partition": (r"[0-9]g\.[0-9]+gb", "a partition such as 1g.10gb"),
        "topology": (r"[0-9]+(x[0-9]+){1,2}", "a topology such as 2x2x1"),
        "version": (r"[0-9]+(\.[0-9]+){0,3}", "a version such as 535.104.06"),
        "duration": (r"[0-9]{1,6}s", "seconds such as 86400s, at most seven days"),
        "reservation key": (r"[a-z0-9./_-]{1,128}", "compute.googleapis.com/reservation-name"),
        "reservation name": (reservation, "projects/P/zones/Z/reservations/NAME"),
    }


def choices() -> dict[str, list[str]]:
    """Return the values of each kind that has a list of them."""
    stored = ["jsonl", "csv", "bigquery"]
    return {
        "instances format": [*stored, "tf-record", "tf-record-gzip", "file-list"],
        "predictions format": stored,
        "instance type": ["object", "array"],
        "accelerator": accelerators(),
        "reservation": ["NO_RESERVATION", "ANY_RESERVATION", "SPECIFIC_RESERVATION"],
    }


def accelerators() -> list[str]:
    """Return the accelerators of google-cloud-aiplatform 1.165, v1beta1."""
    tesla = [f"NVIDIA_TESLA_{name}" for name in ("K80", "P100", "V100", "P4", "T4", "A100")]
    newer = ["A100_80GB", "L4", "H100_80GB", "H100_MEGA_80GB", "H200_141GB", "B200", "GB200"]
    nvidia = [f"NVIDIA_{name}" for name in (*newer, "RTX_PRO_6000")]
    return [*tesla, *nvidia, "TPU_V2", "TPU_V3", "TPU_V4_POD", "TPU_V5_LITEPOD"]


def fault_in(kind: str, value: Any) -> str:
    """Return what is wrong with a value of this kind, or "".

    Args:
        kind: As in ``request_fields``, or one of ``text_rules``.
        value: What was given.

    Returns:
        What is wrong and what is allowed, such as ``is 'parquet'; allowed: jsonl, csv``.
    """
    lists = {"files": "file", "fields": "field", "reservation names": "reservation name"}
    if kind in lists:
        return fault_in_list(lists[kind], value)
    if kind in choices():
        return fault_in_choice(choices()[kind], value)
    if kind in text_rules():
        return fault_in_text(kind, value)
    return fault_in_structure(kind, value)


def fault_in_text(kind: str, value: Any) -> str:
    """Return what is wrong with a text, with the character that is, or ""."""
    import re

    pattern, words = text_rules()[kind]
    if not isinstance(value, str):
        return f"is {shown_value(value)}; allowed: {words}"
    if re.fullmatch(pattern, value):
        return ""
    odd = re.search(r'["\\\x00-\x1f\x7f]|\{\{', value)
    where = f" holds {odd.group()!r} at position {odd.start()};" if odd else ""
    return f"is {shown_value(value)};{where} allowed: {words}"


def fault_in_list(kind: str, value: Any) -> str:
    """Return what is wrong with the first wrong item of a list of texts, or ""."""
    if not isinstance(value, list):
        return f"is {shown_value(value)}; allowed: a list, each item {text_rules()[kind][1]}"
    for number, item in enumerate(value):
        if fault := fault_in_text(kind, item):
            return f"[{number}] {fault}"
    twice = next((item for item in value if value.count(item) > 1), None)
    return f"names {twice!r} twice; allowed: each once" if twice is not None else ""


def fault_in_choice(allowed: list[str], value: Any) -> str:
    """Return that a value is none of those allowed, with the nearest, or ""."""
    import difflib

    if value in allowed:
        return ""
    near = difflib.get_close_matches(str(value), allowed, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"is {shown_value(value)}; allowed: {', '.join(allowed)}{hint}"


def fault_in_structure(kind: str, value: Any) -> str:
    """Return what is wrong with a number, a flag, labels or an object, or ""."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    right, words = {
        "count": (number and 0 <= value < 2**31 and value % 1 == 0, "a whole number from 0"),
        "flag": (isinstance(value, bool), "true, false"),
        "value": (True, "any JSON"),
    }.get(kind, (isinstance(value, dict), "a JSON object"))
    if not right:
        return f"is {shown_value(value)}; allowed: {words}"
    return fault_in_labels(value) if kind == "labels" else ""


def fault_in_labels(labels: "dict[str, Any]") -> str:
    """Return what is wrong with labels, or ""; Google allows 64 of 63 characters."""
    import re

    for key, text in labels.items():
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", str(key)):
            return f"has the key {str(key)[:80]!r}; allowed: a-z, then a-z, 0-9, _ and -, up to 63"
        if not re.fullmatch(r"[a-z0-9_-]{0,63}", str(text)):
            return f"has {key}={str(text)[:80]!r}; allowed: a-z, 0-9, _ and -, up to 63"
    return "" if len(labels) <= 64 else f"has {len(labels)} labels; allowed: 64"


def shown_value(value: Any) -> str:
    """Return a value for a message, cut when it is long."""
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}…"

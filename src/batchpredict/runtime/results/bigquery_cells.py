"""Values of BigQuery's REST API as JSON text, no number changed on the way."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def record_writer(
    fields: "list[dict[str, Any]]", odd: dict[str, int]
) -> "Callable[[list[dict[str, Any]]], str]":
    """Return a function that turns the cells of a row or of a RECORD into a JSON object's text.

    The functions are made once per table, so that a row costs one call per cell.

    Args:
        fields: The schema's ``fields``.
        odd: Counts under ``nonfinite`` the values that are no number.
    """
    import json

    parts = [
        (
            json.dumps(field["name"], ensure_ascii=False) + ": ",
            "[]" if str(field.get("mode")).upper() == "REPEATED" else "null",
            cell_writer(field, odd),
        )
        for field in fields
    ]

    def write(cells: "list[dict[str, Any]]") -> str:
        if len(cells) != len(parts):
            raise RuntimeError(
                f"E282 BigQuery sent a row of {len(cells)} values for {len(parts)} columns; "
                "the table changed while it was read, run the step again"
            )
        texts = [
            name + (empty if (value := cell.get("v")) is None else writer(value))
            for cell, (name, empty, writer) in zip(cells, parts, strict=True)
        ]
        return "{" + ", ".join(texts) + "}"

    return write


def cell_writer(field: dict[str, Any], odd: dict[str, int]) -> "Callable[[Any], str]":
    """Return the function that turns the value of a field, which is not null, into JSON text.

    BYTES stays base64; DATE, TIME, DATETIME, GEOGRAPHY, INTERVAL, RANGE and types of the future
    stay the text that the API sends.
    """
    from json.encoder import encode_basestring as quoted

    kind = str(field["type"]).upper()
    if str(field.get("mode")).upper() == "REPEATED":
        return list_writer({**field, "mode": ""}, odd)
    if kind in ("RECORD", "STRUCT"):
        write = record_writer(field.get("fields", []), odd)
        return lambda value: write(value["f"])
    if kind in ("INTEGER", "INT64", "FLOAT", "FLOAT64", "NUMERIC", "BIGNUMERIC"):
        return number_writer(odd)
    if kind in ("BOOLEAN", "BOOL"):
        return lambda value: "true" if str(value).lower() in ("true", "t", "1") else "false"
    if kind in ("TIMESTAMP", "JSON"):
        return timestamp_text if kind == "TIMESTAMP" else json_text
    return lambda value: quoted(str(value))


def list_writer(field: dict[str, Any], odd: dict[str, int]) -> "Callable[[Any], str]":
    """Return the function that turns the values of a REPEATED field into a JSON list's text."""
    write = cell_writer(field, odd)

    def write_list(items: "list[dict[str, Any]]") -> str:
        values = [item.get("v") for item in items]
        return "[" + ", ".join(["null" if v is None else write(v) for v in values]) + "]"

    return write_list


def number_writer(odd: dict[str, int]) -> "Callable[[Any], str]":
    """Return the function that turns a number's text into JSON: verbatim when JSON allows it.

    NaN and the infinities, which JSON has not, become the words that Python's ``json`` and the
    files of custom models use. The reader of the lines judges them, as it does there: in an
    instance they are kept as text, in a prediction they fail the row.
    """
    import re

    plain = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?").fullmatch

    def write(value: object) -> str:
        text = str(value)
        if plain(text):
            return text
        word = text.lower().replace("infinity", "inf").lstrip("+")
        if word in ("nan", "inf", "-inf"):
            odd["nonfinite"] = odd.get("nonfinite", 0) + 1
            return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[word]
        return quoted_text(text)

    return write


def timestamp_text(value: object) -> str:
    """Return microseconds since 1970 as batch prediction sends a TIMESTAMP to a model.

    That is ``2019-01-01 23:59:59.999999+00:00``. A text that is no such number stays as it is.
    """
    from datetime import datetime, timedelta, timezone

    try:
        start = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
        return f'"{start + timedelta(microseconds=int(str(value)))}"'
    except (ValueError, OverflowError):
        return quoted_text(value)


def json_text(value: object) -> str:
    """Return the text of a JSON column on one line, quoted when it is no JSON."""
    import json

    text = str(value)
    try:
        json.JSONDecoder(parse_int=str, parse_float=str).decode(text)
    except (ValueError, RecursionError):
        return quoted_text(text)
    # Valid JSON holds line breaks only between its parts.
    return text.replace("\n", " ").replace("\r", " ").strip()


def quoted_text(value: object) -> str:
    """Return a text as a JSON string."""
    import json

    return json.dumps(str(value), ensure_ascii=False)

"""Values as the API sends them: texts in ``v``, the fields of a record in ``f``.

DuckDB's Python values are used but for TIMESTAMP, which comes as microseconds.
"""

import base64
import datetime
import decimal
import math
from collections.abc import Callable, Sequence
from typing import Any

from batchpredict.local.bigquery.fields import Field, quoted

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def readable(fields: Sequence[Field], table: str = "") -> str:
    """Return the columns of a SELECT whose values :func:`cell_writer` takes.

    Args:
        fields: The columns.
        table: What stands before their names.
    """
    prefix = f"{table}." if table else ""
    columns = (
        f"{_plain(prefix + quoted(it['name']), it)} AS {quoted(it['name'])}" for it in fields
    )
    return ", ".join(columns)


def _plain(value: str, field: Field) -> str:
    if not _has_timestamp(field):
        return value
    if field["mode"] == "REPEATED":
        inner = {**field, "mode": "NULLABLE"}
        return f"list_transform({value}, lambda it: {_plain('it', inner)})"
    if field["type"] == "TIMESTAMP":
        return f"epoch_us({value})"
    names = [quoted(it["name"]) for it in field["fields"]]
    pairs = zip(names, field["fields"], strict=True)
    parts = (f"{name} := {_plain(f'{value}.{name}', it)}" for name, it in pairs)
    return f"CASE WHEN {value} IS NULL THEN NULL ELSE struct_pack({', '.join(parts)}) END"


def _has_timestamp(field: Field) -> bool:
    return field["type"] == "TIMESTAMP" or any(map(_has_timestamp, field.get("fields", ())))


def row_writer(
    fields: Sequence[Field], micros: bool = True
) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """Return a function from a row to its JSON in the API.

    Args:
        fields: The columns.
        micros: Whether a TIMESTAMP is microseconds, as Google's clients ask for, or seconds.
    """
    writers = [cell_writer(field, micros) for field in fields]

    def write(row: Sequence[Any]) -> dict[str, Any]:
        return {"f": [{"v": w(value)} for w, value in zip(writers, row, strict=True)]}

    return write


def cell_writer(field: Field, micros: bool = True) -> Callable[[Any], Any]:
    """Return a function from a value of a column to the value of its cell."""
    if field["mode"] == "REPEATED":
        inner = cell_writer({**field, "mode": "NULLABLE"}, micros)
        return lambda values: [{"v": inner(value)} for value in values or ()]
    if field["type"] == "RECORD":
        names = [it["name"] for it in field["fields"]]
        write = row_writer(field["fields"], micros)
        return lambda value: None if value is None else write([value[name] for name in names])
    if field["type"] == "TIMESTAMP" and not micros:
        return lambda value: None if value is None else repr(value / 1e6)
    convert = CONVERTERS.get(field["type"], str)
    return lambda value: None if value is None else convert(value)


def number_text(value: float) -> str:
    """Return a FLOAT64 as the API writes it."""
    if math.isfinite(value):
        return repr(value)
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def numeric_text(value: decimal.Decimal) -> str:
    """Return a NUMERIC without zeros at its end."""
    digits = format(value, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def timestamp_text(micros: int) -> str:
    """Return a TIMESTAMP as exports and casts write it."""
    moment = EPOCH + datetime.timedelta(microseconds=micros)
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} UTC"


CONVERTERS: dict[str, Callable[[Any], str]] = {
    "BOOLEAN": lambda value: "true" if value else "false",
    "FLOAT": number_text,
    "NUMERIC": numeric_text,
    "BYTES": lambda value: base64.b64encode(value).decode(),
    "DATE": lambda value: value.isoformat(),
    "TIME": lambda value: value.isoformat(),
    "DATETIME": lambda value: value.isoformat(),
}

"""The parameters of a query as SQL of DuckDB."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from batchpredict.local.bigquery.errors import BigQueryError, invalid, not_emulated
from batchpredict.local.bigquery.fields import DUCKDB, NAMES, Field, duckdb_type, quoted, text
from batchpredict.local.bigquery.requests import check_body
from batchpredict.local.bigquery.values import DECODERS, stored


def parameters(given: Any, mode: str) -> tuple[dict[str, str], list[str]]:
    """Return the named parameters by lower-case name, and the positional ones.

    Raises:
        BigQueryError: One is not as it has to be, or the kinds are mixed.
    """
    named: dict[str, str] = {}
    positional: list[str] = []
    for number, it in enumerate(given or ()):
        where = f"queryParameters[{number}]"
        known = {"name", "parameterType", "parameterValue"}
        checked = check_body(it, known, (), (), where)
        value = _value(checked.get("parameterValue") or {}, _field(checked, where), where)
        if name := checked.get("name"):
            named[str(name).lower()] = value
        else:
            positional.append(value)
    if (
        (named and positional)
        or (named and mode == "POSITIONAL")
        or (positional and mode == "NAMED")
    ):
        raise invalid("Named and positional parameters cannot be mixed", "queryParameters")
    return named, positional


def _field(parameter: Mapping[str, Any], where: str) -> Field:
    kind = parameter.get("parameterType")
    if not isinstance(kind, Mapping):
        raise invalid(f"{where} has no parameterType", "queryParameters")
    return _typed(kind, "", where)


def _typed(kind: Mapping[str, Any], name: str, where: str) -> Field:
    word = str(kind.get("type", "")).upper()
    word = NAMES.get(word, word)
    if word == "ARRAY":
        inner = _typed(kind.get("arrayType") or {}, name, where)
        if inner["mode"] == "REPEATED":
            raise invalid("An ARRAY of ARRAY is no type", "queryParameters")
        return {**inner, "mode": "REPEATED"}
    if word == "RECORD":
        types = kind.get("structTypes") or []
        parts = [
            _typed(it.get("type") or {}, it.get("name") or f"_field_{number}", where)
            for number, it in enumerate(types, 1)
        ]
        return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": parts}
    if word not in DUCKDB:
        raise not_emulated(f"the type {word or 'of no name'} of {where}")
    return {"name": name, "type": word, "mode": "NULLABLE"}


def _value(value: Mapping[str, Any], field: Field, where: str) -> str:
    if field["mode"] == "REPEATED":
        inner = {**field, "mode": "NULLABLE"}
        items: Sequence[Any] = value.get("arrayValues") or []
        written = ", ".join(_value(it, inner, where) for it in items)
        return f"CAST([{written}] AS {duckdb_type(field)})"
    if field["type"] == "RECORD":
        given = value.get("structValues") or {}
        parts = (
            f"{quoted(it['name'])} := {_value(given.get(it['name']) or {}, it, where)}"
            for it in field["fields"]
        )
        return f"struct_pack({', '.join(parts)})"
    return _scalar(value.get("value"), field, where)


def _scalar(value: Any, field: Field, where: str) -> str:
    if value is None:
        return f"CAST(NULL AS {duckdb_type(field)})"
    try:
        decoded = DECODERS[field["type"]](value)
    except (ValueError, TypeError, ArithmeticError, BigQueryError):
        shown = json.dumps(value)[:100]
        raise invalid(
            f"Invalid value for {field['type']} in {where}: {shown}", "queryParameters"
        ) from None
    return stored(text(decoded), field)

"""The schema of a table: BigQuery's fields, and DuckDB's types for them."""

import re
from collections.abc import Sequence
from typing import Any

from batchpredict.local.bigquery.errors import invalid, not_emulated

Field = dict[str, Any]

NAMES = {
    "INT64": "INTEGER",
    "FLOAT64": "FLOAT",
    "BOOL": "BOOLEAN",
    "STRUCT": "RECORD",
    "DECIMAL": "NUMERIC",
}
DUCKDB = {
    "INTEGER": "BIGINT",
    "FLOAT": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "STRING": "VARCHAR",
    "BYTES": "BLOB",
    "DATE": "DATE",
    "TIME": "TIME",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMP": "TIMESTAMPTZ",
    "NUMERIC": "DECIMAL(38,9)",
    "JSON": "JSON",
}
BIGQUERY = {
    "BIGINT": "INTEGER",
    "HUGEINT": "INTEGER",
    "INTEGER": "INTEGER",
    "SMALLINT": "INTEGER",
    "TINYINT": "INTEGER",
    "UTINYINT": "INTEGER",
    "USMALLINT": "INTEGER",
    "UINTEGER": "INTEGER",
    "DOUBLE": "FLOAT",
    "FLOAT": "FLOAT",
    "BOOLEAN": "BOOLEAN",
    "VARCHAR": "STRING",
    "BLOB": "BYTES",
    "DATE": "DATE",
    "TIME": "TIME",
    "TIMESTAMP": "DATETIME",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "JSON": "JSON",
    '"NULL"': "INTEGER",
}
GOOGLE_SQL = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}
MODES = ("NULLABLE", "REQUIRED", "REPEATED")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
DEEPEST = 15
KEPT = ("description", "maxLength", "precision", "scale")
KNOWN = {"name", "type", "mode", "fields", *KEPT}
REFUSED = {"policyTags", "defaultValueExpression", "roundingMode", "collation", "rangeElementType"}
REFUSED |= {"dataPolicies", "foreignTypeDefinition", "timestampPrecision", "categories"}


def check_fields(fields: Any, depth: int = 1) -> list[Field]:
    """Return the fields of a schema with the names that the service gives types and modes.

    Raises:
        BigQueryError: A field is not as it has to be.
    """
    if not isinstance(fields, list) or not all(isinstance(it, dict) for it in fields):
        raise invalid("schema.fields must be a list of fields", "schema")
    if depth > DEEPEST:
        raise invalid(f"Schema has more than {DEEPEST} levels", "schema")
    found = [_checked(field, depth) for field in fields]
    lower = [field["name"].lower() for field in found]
    double = next((name for name in lower if lower.count(name) > 1), None)
    if double:
        raise invalid(f"Schema has two fields of the name {double}", "schema")
    return found


def _checked(field: Field, depth: int) -> Field:
    name = str(field.get("name", ""))
    if not NAME.fullmatch(name):
        raise invalid(
            f'Invalid field name "{name}". Fields must contain only letters, numbers, and '
            "underscores, start with a letter or underscore, and be at most 300 characters long.",
            "schema",
        )
    _check_members(field, name)
    kind = str(field.get("type", "")).upper()
    kind = NAMES.get(kind, kind)
    mode = str(field.get("mode") or "NULLABLE").upper()
    if mode not in MODES:
        raise invalid(f"Invalid mode {mode} of the field {name}", "schema")
    checked = {"name": name, "type": kind, "mode": mode}
    checked |= {key: field[key] for key in KEPT if field.get(key)}
    if kind == "RECORD":
        inner = check_fields(field.get("fields") or [], depth + 1)
        if not inner:
            raise invalid(f"Field {name} is type RECORD but has no schema", "schema")
        return {**checked, "fields": inner}
    if kind not in DUCKDB:
        raise not_emulated(f"the type {kind or 'of no name'} of the field {name}")
    return checked


def _check_members(field: Field, name: str) -> None:
    for key, value in field.items():
        if key in REFUSED and value:
            raise not_emulated(f"{key} of the field {name}")
        if key not in KNOWN | REFUSED:
            raise invalid(f'Unknown name "{key}" in the field {name}', "schema")


def duckdb_type(field: Field) -> str:
    """Return the type of a column."""
    if field["type"] == "RECORD":
        parts = (f"{quoted(it['name'])} {duckdb_type(it)}" for it in field["fields"])
        kind = f"STRUCT({', '.join(parts)})"
    else:
        kind = DUCKDB[field["type"]]
    return f"{kind}[]" if field["mode"] == "REPEATED" else kind


def column_definitions(fields: Sequence[Field]) -> str:
    """Return the columns of a CREATE TABLE."""
    return ", ".join(
        f"{quoted(it['name'])} {duckdb_type(it)}{' NOT NULL' * (it['mode'] == 'REQUIRED')}"
        for it in fields
    )


def field_of(name: str, kind: Any) -> Field:
    """Return the field for a column of a DuckDB result.

    Args:
        name: Of the column.
        kind: Its ``DuckDBPyType``.

    Raises:
        BigQueryError: BigQuery has no such type.
    """
    if kind.id in ("list", "array"):
        inner = field_of(name, kind.children[0][1])
        if inner["mode"] == "REPEATED":
            raise invalid(f"Cannot construct array with element type ARRAY: column {name}")
        return {**inner, "mode": "REPEATED"}
    if kind.id == "struct":
        fields = [field_of(part, inner) for part, inner in kind.children]
        return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": fields}
    return {"name": name, "type": _scalar(name, kind), "mode": "NULLABLE"}


def _scalar(name: str, kind: Any) -> str:
    if kind.id == "decimal":
        scale = dict(kind.children)["scale"]
        if scale > 9:
            raise not_emulated(f"the type of the column {name}, {kind}")
        return "NUMERIC"
    if str(kind) not in BIGQUERY:
        raise not_emulated(f"the type of the column {name}, {kind}")
    return BIGQUERY[str(kind)]


def quoted(name: str) -> str:
    """Return an identifier of DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text of DuckDB."""
    return "'" + value.replace("'", "''") + "'"


def type_name(field: Field) -> str:
    """Return a field's type in GoogleSQL."""
    kind = GOOGLE_SQL.get(field["type"], field["type"])
    if kind == "STRUCT":
        kind += f"<{', '.join(it['name'] + ' ' + type_name(it) for it in field['fields'])}>"
    return f"ARRAY<{kind}>" if field["mode"] == "REPEATED" else str(kind)

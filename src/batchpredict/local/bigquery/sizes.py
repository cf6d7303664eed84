"""How many bytes a table has, as BigQuery counts them for each type."""

from typing import Any

from batchpredict.local.bigquery.catalogue import Table
from batchpredict.local.bigquery.fields import Field, quoted

FIXED = {
    "INTEGER": 8,
    "FLOAT": 8,
    "BOOLEAN": 1,
    "DATE": 8,
    "TIME": 8,
    "DATETIME": 8,
    "TIMESTAMP": 8,
    "NUMERIC": 16,
}


def table_bytes(connection: Any, table: Table) -> int:
    """Return the logical bytes of a table: NULL has none, a text two more than its UTF-8."""
    if not table.fields:
        return 0
    sizes = " + ".join(_size(quoted(it["name"]), it) for it in table.fields)
    [(total,)] = connection.execute(f"SELECT sum({sizes}) FROM {table.sql}").fetchall()
    return int(total or 0)


def _size(value: str, field: Field) -> str:
    if field["mode"] == "REPEATED":
        inner = _size("it", {**field, "mode": "NULLABLE"})
        return f"coalesce(list_sum(list_transform({value}, lambda it: {inner})), 0)"
    kind = field["type"]
    if kind == "RECORD":
        parts = (_size(f"{value}.{quoted(it['name'])}", it) for it in field["fields"])
        return f"({' + '.join(parts)})"
    if kind in FIXED:
        return f"(CASE WHEN {value} IS NULL THEN 0 ELSE {FIXED[kind]} END)"
    bare = value if kind == "BYTES" else f"encode(CAST({value} AS VARCHAR))"
    return f"coalesce(2 + octet_length({bare}), 0)"

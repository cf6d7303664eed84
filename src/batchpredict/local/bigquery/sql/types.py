"""Types in statements."""

from typing import Any

from sqlglot import exp

from batchpredict.local.bigquery.errors import not_tested
from batchpredict.local.bigquery.fields import Field, duckdb_type

D = exp.DataType.Type
KINDS = {
    D.BIGINT: ("INTEGER", "int64"),
    D.DOUBLE: ("FLOAT", "float64"),
    D.BOOLEAN: ("BOOLEAN", "boolean"),
    D.TEXT: ("STRING", "string"),
    D.BINARY: ("BYTES", "bytes"),
    D.DATE: ("DATE", "date"),
    D.TIME: ("TIME", "time"),
    D.TIMESTAMP: ("DATETIME", "datetime"),
    D.TIMESTAMPTZ: ("TIMESTAMP", "timestamp"),
    D.DECIMAL: ("NUMERIC", "numeric"),
    D.JSON: ("JSON", "json"),
}


def field_of(kind: Any, name: str = "") -> Field:
    """Return the field of a type.

    Raises:
        BigQueryError: There is no such type here.
    """
    if kind.this == D.ARRAY:
        [inner] = kind.expressions
        found = field_of(inner, name)
        if found["mode"] == "REPEATED":
            raise not_tested("an ARRAY of ARRAY, which BigQuery does not have either,")
        return {**found, "mode": "REPEATED"}
    if kind.this == D.STRUCT:
        return {
            "name": name,
            "type": "RECORD",
            "mode": "NULLABLE",
            "fields": [_part(it, number) for number, it in enumerate(kind.expressions, 1)],
        }
    if kind.this not in KINDS or kind.expressions:
        raise not_tested(f"the type {kind.sql('bigquery')}")
    return {"name": name, "type": KINDS[kind.this][0], "mode": "NULLABLE"}


def _part(node: Any, number: int) -> Field:
    if isinstance(node, exp.ColumnDef):
        return field_of(node.args["kind"], node.name)
    return field_of(node, f"_field_{number}")


def cast(value: str, kind: Any, safe: bool) -> str:
    """Return the SQL of a cast of one value.

    Raises:
        BigQueryError: There is no such cast here.
    """
    if kind.this not in KINDS or kind.expressions:
        raise not_tested(f"a cast to {kind.sql('bigquery')}")
    name = KINDS[kind.this][1]
    if name == "json":
        raise not_tested("a cast to JSON")
    return f"bq_{'safe_' if safe else ''}{name}({value})"


def declared(kind: Any) -> str:
    """Return the type of DuckDB for a type in a statement."""
    return duckdb_type(field_of(kind))

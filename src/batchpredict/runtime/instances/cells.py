"""The cells of a table as JSON texts, no number changed on the way."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.results.bigquery_parquet import check_digits, text_sql
from batchpredict.runtime.splitting import numeric_columns
from batchpredict.runtime.tables import file_format, load_table, sql_name, sql_text

if TYPE_CHECKING:
    import duckdb


def load_files(con: "duckdb.DuckDBPyConnection", files: list[str]) -> bool:
    """Read CSV or Parquet files into the table ``source``, and say whether it has types.

    Raises:
        ValueError: E202, a file cannot be read; E283, a decimal of more than 38 digits.
    """
    typed = file_format(files[0]) == "parquet"
    load_table(con, files, "source")
    if typed:
        check_digits(con, parquet_list(files))
    return typed


def file_cells(
    con: "duckdb.DuckDBPyConnection", typed: bool, names: list[str], texts: list[str]
) -> dict[str, str]:
    """Return the SQL of columns of ``source`` as JSON texts, NULL for a missing cell.

    Args:
        con: The scratch database.
        typed: From ``load_files``.
        names: The columns.
        texts: Columns whose cells are texts, whatever they look like.

    Raises:
        ValueError: E212, a cell is no number although its column is one of numbers; E213, JSON
            has nothing for a column's type.
    """
    relation = con.table("source")
    kinds = dict(zip(relation.columns, relation.types, strict=True))
    cells = {name: text_cell_sql(sql_name(name)) for name in names}
    if typed:
        others = [name for name in names if name not in texts]
        return cells | {name: column_sql(name, kinds[name]) for name in others}
    numbers = (numeric_columns(con, typed=False) & set(names)) - set(texts)
    check_number_cells(con, sorted(numbers))
    return cells | {name: sql_name(name) for name in numbers}


def parquet_list(files: list[str]) -> str:
    """Return files as the SQL of a list, no character of theirs taken for a pattern."""
    import glob

    return "[" + ", ".join(sql_text(glob.escape(file)) for file in files) + "]"


def check_number_cells(con: "duckdb.DuckDBPyConnection", names: list[str]) -> None:
    """Refuse cells of CSV columns of numbers that are none, or that JSON spells otherwise.

    Raises:
        ValueError: E212, with the first rows.
    """
    plain = sql_text(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
    for name in names:
        cell = sql_name(name)
        odd = f"FROM source WHERE NOT regexp_full_match({cell}, {plain})"
        rows = con.execute(f"SELECT rowid + 1, {cell} {odd} ORDER BY rowid LIMIT 20").fetchall()
        if rows:
            count = (con.execute(f"SELECT count(*) {odd}").fetchone() or (0,))[0]
            shown = ", ".join(f"row {row}: {text[:40]!r}" for row, text in rows)
            raise ValueError(
                f"E212 {count} cells of the column '{name}', which holds numbers, are none that "
                f"JSON has: {shown}; write them as 0.5 or -12e3, leave a missing one empty, or "
                "put the column in text_columns"
            )


def column_sql(name: str, kind: Any) -> str:
    """Return the SQL of a typed column's cells as JSON texts.

    Raises:
        ValueError: E213, JSON has nothing for its type.
    """
    try:
        return typed_cell_sql(sql_name(name), kind, 0)
    except TypeError:
        raise ValueError(
            f"E213 the column '{name}' is a {kind}, which JSON has not; put it in exclude_columns "
            "or convert it"
        ) from None


def typed_cell_sql(cell: str, kind: Any, depth: int) -> str:
    """Return the SQL of a value as JSON text, which is NULL when the value is.

    Args:
        cell: SQL of the value.
        kind: Its type, from DuckDB.
        depth: How deep it stands in lists; gives the parameters of lambdas different names.

    Raises:
        TypeError: There is no JSON for it.
    """
    name = str(kind.id)
    if name in ("map", "union", "variant", "geometry"):
        raise TypeError(name)
    if name == "struct":
        parts = [member_sql(cell, label, inner, depth) for label, inner in kind.children]
        object_text = f"'{{' || concat_ws(', ', {', '.join(parts)}) || '}}'"
        return f"CASE WHEN {cell} IS NOT NULL THEN {object_text} END"
    if name in ("list", "array"):
        item = f"item{depth}"
        value = f"coalesce({typed_cell_sql(item, kind.children[0][1], depth + 1)}, 'null')"
        return f"'[' || array_to_string([{value} for {item} in {cell}], ', ') || ']'"
    return scalar_cell_sql(cell, kind)


def member_sql(cell: str, label: str, kind: Any, depth: int) -> str:
    """Return the SQL of a member of a structure, with its name, as JSON text."""
    import json

    value = typed_cell_sql(f"{cell}.{sql_name(label)}", kind, depth)
    name = sql_text(json.dumps(label, ensure_ascii=False) + ": ")
    return f"{name} || coalesce({value}, 'null')"


def scalar_cell_sql(cell: str, kind: Any) -> str:
    """Return the SQL of a value that is neither list nor structure as JSON text.

    A time is a text, as batch prediction gives it to a model; bytes are base64. What is no number
    becomes ``NaN`` or ``Infinity``, which no row may hold.
    """
    name = str(kind.id)
    if name in ("float", "double"):
        number = f"CAST({cell} AS DOUBLE)"
        return (
            f"CASE WHEN isfinite({number}) THEN CAST({number} AS VARCHAR) "
            f"WHEN isnan({number}) THEN 'NaN' "
            f"WHEN {number} > 0 THEN 'Infinity' WHEN {number} < 0 THEN '-Infinity' END"
        )
    sizes = {"tinyint", "smallint", "integer", "bigint", "hugeint"}
    if name in {*sizes, *("u" + size for size in sizes), "decimal", "bignum", "boolean"}:
        return f"CAST({cell} AS VARCHAR)"
    if str(kind) == "JSON":
        # Through DuckDB's own JSON a number would become a double.
        return f"translate(CAST({cell} AS VARCHAR), chr(10) || chr(13), '  ')"
    if name == "timestamp_ns":
        return text_cell_sql(f"replace(CAST({cell} AS VARCHAR), ' ', 'T')")
    return text_cell_sql(text_sql(cell, name))


def text_cell_sql(cell: str) -> str:
    """Return the SQL of a value's text as a JSON string."""
    return f"CAST(to_json(CAST({cell} AS VARCHAR)) AS VARCHAR)"


def binary_columns(con: "duckdb.DuckDBPyConnection") -> set[str]:
    """Return the columns of ``source`` that hold bytes, which JSON has as base64 only."""
    relation = con.table("source")
    kinds = zip(relation.columns, relation.types, strict=True)
    return {name for name, kind in kinds if str(kind) in ("BLOB", "BLOB[]")}

"""Parquet that BigQuery exported, as one JSON object per row, no number changed on the way."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.tables import sql_name, sql_text

if TYPE_CHECKING:
    import duckdb


def export_parquet_rows(con: "duckdb.DuckDBPyConnection", files: list[str], path: str) -> int:
    """Write the rows of exported Parquet files as JSON Lines, as ``download_table`` writes them.

    NUMERIC keeps its digits without trailing zeros, BYTES becomes base64, DATETIME has a ``T``.
    BigQuery exports a TIMESTAMP in the same type as a DATETIME, so that it looks like one here.

    Args:
        con: A scratch database.
        files: Parquet files with the same columns.
        path: File to write.

    Returns:
        The number of rows.

    Raises:
        ValueError: E283, a file is not readable as Parquet, the columns differ, or a number has
            more digits than can be read.
    """
    import duckdb

    try:
        return write_json_rows(con, exported_rows(con, files), path)
    except duckdb.Error as error:
        reason = " ".join(str(error).split())[:400]
        raise ValueError(
            f"E283 {files[0]} and the {len(files) - 1} files beside it are not readable as one "
            f"table in Parquet: {reason}; export the table again"
        ) from None


def exported_rows(con: "duckdb.DuckDBPyConnection", files: list[str]) -> str:
    """Return the SQL of the rows of exported files, each as the text of a JSON object.

    Raises:
        ValueError: E283, the columns differ, or a number has more digits than can be read.
    """
    import glob

    # A path may hold characters that DuckDB would take for a pattern.
    names = "[" + ", ".join(sql_text(glob.escape(file)) for file in files) + "]"
    check_same_columns(con, names)
    check_digits(con, names)
    # A folder called x=1 would become a column.
    table = f"read_parquet({names}, hive_partitioning = false)"
    relation = con.sql(f"FROM {table}")
    columns = zip(relation.columns, relation.types, strict=True)
    row = object_sql([(sql_name(name), name, kind) for name, kind in columns], 0)
    return f"SELECT {row} FROM {table}"


def write_json_rows(con: "duckdb.DuckDBPyConnection", query: str, path: str) -> int:
    """Write the texts that a query gives as lines, and return their number."""
    rows = 0
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        found = con.execute(query)
        while chunk := found.fetchmany(10_000):
            file.writelines(line + "\n" for (line,) in chunk)
            rows += len(chunk)
    return rows


def check_same_columns(con: "duckdb.DuckDBPyConnection", names: str) -> None:
    """Refuse files of different tables: the first one's columns and types would count for all.

    Raises:
        ValueError: E283.
    """
    columns = "list((name, type, num_children, logical_type, scale, precision) ORDER BY column_id)"
    files = f"SELECT file_name, {columns} AS columns FROM parquet_schema({names}) GROUP BY ALL"
    found = con.execute(
        f"SELECT min(file_name) FROM ({files}) GROUP BY columns ORDER BY 1"
    ).fetchall()
    if len(found) > 1:
        raise ValueError(
            f"E283 {found[1][0]} has other columns than {found[0][0]}; export each table to a "
            "folder of its own, but the tables of errors to files that are called errors…"
        )


def check_digits(con: "duckdb.DuckDBPyConnection", names: str) -> None:
    """Refuse a decimal of more than 38 digits, which would silently become a double.

    Raises:
        ValueError: E283.
    """
    wide = f"SELECT name FROM parquet_schema({names}) WHERE precision > 38 ORDER BY name LIMIT 1"
    if found := con.execute(wide).fetchone():
        raise ValueError(
            f"E283 the column {found[0]} is a BIGNUMERIC of up to 76 digits, which cannot be read "
            f"without loss; export it as CAST({found[0]} AS STRING)"
        )


def object_sql(members: list[tuple[str, str, Any]], depth: int) -> str:
    """Return the SQL of a JSON object's text.

    Args:
        members: SQL, name and type of each member.
        depth: How deep the object stands in lists.
    """
    import json

    parts = []
    for expression, name, kind in members:
        label = sql_text(json.dumps(name, ensure_ascii=False) + ": ")
        parts.append(f"{label} || coalesce({value_sql(expression, kind, depth)}, 'null')")
    return "'{' || concat_ws(', ', " + ", ".join(parts) + ") || '}'"


def value_sql(expression: str, kind: Any, depth: int) -> str:
    """Return the SQL of a value's JSON text, which is NULL when the value is.

    Args:
        expression: SQL of the value.
        kind: Its type, from DuckDB.
        depth: How deep it stands in lists; gives the parameters of lambdas different names.
    """
    name = str(kind.id)
    if name == "struct":
        inner = [(f"{expression}.{sql_name(n)}", n, t) for n, t in kind.children]
        return f"CASE WHEN {expression} IS NOT NULL THEN {object_sql(inner, depth)} END"
    if name == "list":
        item = f"item{depth}"
        value = f"coalesce({value_sql(item, kind.children[0][1], depth + 1)}, 'null')"
        texts = f"list_transform({expression}, lambda {item}: {value})"
        # BigQuery has no list that is null.
        return f"'[' || coalesce(array_to_string({texts}, ', '), '') || ']'"
    if name == "decimal" and dict(kind.children)["scale"]:
        return f"rtrim(rtrim(CAST({expression} AS VARCHAR), '0'), '.')"
    if str(kind) == "JSON":
        # Through DuckDB's own JSON a number would become a double.
        return f"translate(CAST({expression} AS VARCHAR), chr(10) || chr(13), '  ')"
    return f"CAST(to_json({text_sql(expression, name)}) AS VARCHAR)"


def text_sql(expression: str, name: str) -> str:
    """Return the SQL of a value as BigQuery's REST API writes it; of most it is the value."""
    if name == "blob":
        return f"base64({expression})"
    if name.startswith("timestamp"):
        zone = "'+00:00'" if name.endswith("time zone") else "''"
        form = "%Y-%m-%d %H:%M:%S" if name.endswith("time zone") else "%Y-%m-%dT%H:%M:%S"
        moment = f"make_timestamp(epoch_us({expression}))"
        return f"{moment_sql(moment, form)} || {zone}"
    if name.startswith("time"):
        return moment_sql(f"(DATE '1970-01-01' + CAST({expression} AS TIME))", "%H:%M:%S")
    return expression


def moment_sql(moment: str, form: str) -> str:
    """Return the SQL of a time's text, with microseconds only when it has any."""
    whole = f"microsecond({moment}) % 1000000 = 0"
    return (
        f"CASE WHEN {whole} THEN strftime({moment}, '{form}') "
        f"ELSE strftime({moment}, '{form}.%f') END"
    )

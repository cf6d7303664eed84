"""The table that was predicted, its rows numbered."""

from typing import TYPE_CHECKING

from batchpredict.runtime.results.lines import instance_key, spell_out_numbers
from batchpredict.runtime.shards import read_lines
from batchpredict.runtime.tables import (
    absent_column,
    column_types,
    count_rows,
    load_table,
    sql_name,
    table_files,
    table_reader,
)

if TYPE_CHECKING:
    import duckdb


def load_input(
    con: "duckdb.DuckDBPyConnection", uri: str, path: str, key: str, scratch: str
) -> tuple[dict[str, str], bool]:
    """Read the table that was predicted into ``input``; its ``rowid`` is then the row's number.

    Args:
        con: The scratch database.
        uri: Where the artifact says it is.
        path: The same place as a local path.
        key: Its key column, or the key field of JSON Lines; empty for none.
        scratch: Folder for what has to be decompressed.

    Returns:
        The names to show, by the names in ``input``, in the table's order; and whether it is JSON
        Lines, which have the columns ``key`` (if any) and ``instance``, the line as it is.

    Raises:
        ValueError: E201, E202 no table; E206 no such key column.
    """
    files = table_files(uri, path)
    lines = [json_lines_file(file, scratch, number) for number, file in enumerate(files)]
    if all(lines):
        load_lines(con, lines, key)
        return {**({"k": key} if key else {}), "instance": "instance"}, True
    if any(lines):
        raise ValueError(f"E202 the files beside {files[0]} are partly JSON Lines, partly not")
    load_table(con, files, "input")
    columns = list(column_types(con, "input"))
    if key and key not in columns:
        raise ValueError(f"E206 {absent_column('the table', key, columns)}")
    return show_row_numbers(con, columns), False


def show_row_numbers(con: "duckdb.DuckDBPyConnection", columns: list[str]) -> dict[str, str]:
    """Rename a column of ``input`` that would hide ``rowid``, the number that DuckDB gives a row.

    Returns:
        The names to show, by the names in ``input``.
    """
    folded = {name.casefold() for name in columns}
    free = next(name for n in range(len(columns) + 1) if (name := f"c{n}") not in folded)
    for name in columns:
        if name.casefold() == "rowid":
            con.execute(f"ALTER TABLE input RENAME COLUMN {sql_name(name)} TO {free}")
    return {free if name.casefold() == "rowid" else name: name for name in columns}


def json_lines_file(path: str, scratch: str, number: int) -> str:
    """Return the path of a file's JSON Lines, decompressed if need be, or "" if it holds others.

    Raises:
        ValueError: E202, it cannot be decompressed.
    """
    import gzip
    import os
    import shutil
    import zlib

    name = path.lower().removesuffix(".gz")
    target = os.path.join(scratch, f"lines-{number}.jsonl")
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else open(path, "rb") as file:
            head = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
            named = name.endswith((".jsonl", ".ndjson", ".json"))
            if name.endswith(".csv") or not (named or head[:1] in (b"{", b"[")):
                return ""
            if packed:
                file.seek(0)
                with open(target, "wb") as plain:
                    shutil.copyfileobj(file, plain)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"E202 {path} cannot be decompressed: {error}") from None
    return target if packed else path


def load_lines(con: "duckdb.DuckDBPyConnection", files: list[str], key: str) -> None:
    """Read JSON Lines into the table ``input``: the lines, and their keys if there is a field.

    Raises:
        ValueError: E202, a line is no JSON or there are none; E206, no line has the key field.
    """
    if key.casefold() == "instance":
        raise ValueError("E206 the lines are the column instance; the key needs another name")
    con.execute(f"CREATE TABLE input ({'k VARCHAR, ' if key else ''}instance VARCHAR)")
    batch: list[list[str | None]] = []
    size = 0
    for path in files:
        for number, line in enumerate(read_lines(path), start=1):
            if line is not None and not line.strip():
                continue
            text, found = checked_line(path, number, line, key)
            batch.append([found, text] if key else [text])
            size += len(text)
            if size > 2**23 or len(batch) >= 5000:
                insert_rows(con, "input", batch)
                batch, size = [], 0
    insert_rows(con, "input", batch)
    if not count_rows(con, "input"):
        raise ValueError(f"E202 the dataset {files[0]} has no rows")
    if key and not count_rows(con, "input", "k IS NOT NULL"):
        raise ValueError(f"E206 no line of {files[0]} has the field '{key}'")


def checked_line(path: str, number: int, line: bytes | None, key: str) -> tuple[str, str | None]:
    """Return the text of a line of JSON and its key, spelt as in the predictions.

    Raises:
        ValueError: E202, it is no JSON, or holds its key twice.
    """
    import json

    try:
        if line is None:
            raise ValueError("longer than 64 MiB")
        text = line.decode().strip()
        value = json.loads(text)
        found = instance_key(spell_out_numbers(text), value, key) if key else None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"E202 line {number} of {path} is no JSON: {error}") from None
    # Half of a surrogate pair is in no key that the service wrote.
    return text, found and found.encode(errors="replace").decode()


def insert_rows(
    con: "duckdb.DuckDBPyConnection", table: str, rows: "list[list[str | None]]"
) -> None:
    """Append rows of texts to a table."""
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        lists = ", ".join("unnest(?::VARCHAR[])" for _ in columns)
        con.execute(f"INSERT INTO {table} SELECT {lists}", columns)


def view_table(con: "duckdb.DuckDBPyConnection", files: list[str], name: str) -> None:
    """Name the table that files hold, which may have no rows, without reading it yet.

    Raises:
        ValueError: E202, it is not readable.
    """
    import duckdb

    try:
        con.execute(f"CREATE VIEW {name} AS FROM {table_reader(files)}")
    except duckdb.Error as error:
        reason = " ".join(str(error).split())[:400]
        raise ValueError(f"E202 {files[0]} is not readable as Parquet: {reason}") from None

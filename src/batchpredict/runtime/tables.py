"""Tables as files: CSV and Parquet, read by DuckDB without passing through Python objects."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def sql_name(name: str) -> str:
    """Return a column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def sql_text(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def open_database(folder: str) -> "duckdb.DuckDBPyConnection":
    """Open a scratch database in a folder, so that a table may be larger than the memory.

    Args:
        folder: An empty folder; the caller removes it.
    """
    import os

    import duckdb

    # No step may reach for an extension over the network: all that we use is in the wheel.
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        # With them DuckDB 2.0.0 may wait for itself forever when an error ends what it writes.
        "async_threads": 0,
        "temp_directory": os.path.join(folder, "spill"),
    }
    return duckdb.connect(os.path.join(folder, "scratch.duckdb"), config=config)


def absent_column(what: str, name: str, columns: list[str]) -> str:
    """Say that a column is absent, which ones there are, and which was perhaps meant."""
    import difflib

    shown = ", ".join(columns[:20]) + (", …" if len(columns) > 20 else "")
    text = f"{what} has no column '{name}'; its columns are {shown}"
    close = difflib.get_close_matches(name, columns, 1) or [
        column for column in columns if column.casefold() == name.casefold()
    ]
    return f"{text}; did you mean '{close[0]}'?" if close else text


def table_files(uri: str, path: str) -> list[str]:
    """List the files of a table: the file itself, or those that a folder holds.

    Args:
        uri: Where the artifact says it is; only used to recognise BigQuery and in messages.
        path: The same place as a local path, to a file or a folder.

    Raises:
        ValueError: E201, there is no such file.
    """
    import os

    if uri.startswith("bq://"):
        raise ValueError(
            f"E201 {uri} is a BigQuery table, which this step does not read; "
            "export it to Parquet in Cloud Storage first (bq extract, or EXPORT DATA)"
        )
    if os.path.isfile(path):
        return [path]
    names = sorted(os.listdir(path)) if os.path.isdir(path) else []
    found = [os.path.join(path, name) for name in names if name[0] not in "._"]
    files = [file for file in found if os.path.isfile(file) and os.path.getsize(file)]
    if not files:
        raise ValueError(f"E201 there is no dataset at {uri}; give a CSV or Parquet file")
    return files


def file_format(path: str) -> str:
    """Return ``parquet``, ``gzip`` (a compressed CSV) or ``csv`` from a file's first bytes."""
    with open(path, "rb") as file:
        magic = file.read(4)
    if magic == b"PAR1":
        return "parquet"
    return "gzip" if magic[:2] == b"\x1f\x8b" else "csv"


def csv_header(path: str, compressed: bool) -> list[str]:
    """Read the column names of a CSV file.

    Raises:
        ValueError: E202, the first line is no list of different names.
    """
    import csv
    import gzip
    import zlib

    opener = gzip.open if compressed else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            names = [str(name) for name in next(csv.reader(file), [])]
    except (ValueError, OSError, EOFError, zlib.error, csv.Error) as error:
        raise ValueError(f"E202 {path} is neither CSV in UTF-8 nor Parquet: {error}") from None
    folded = [name.casefold() for name in names]
    odd = [n for n, f in zip(names, folded, strict=True) if not n.strip() or folded.count(f) > 1]
    if not names or odd or "\0" in "".join(names):
        reason = f"the name {odd[0]!r} is empty or stands twice" if odd else "no names found"
        raise ValueError(
            f"E202 {path} is not readable as CSV or Parquet: "
            f"its first line must hold one name per column, and {reason}"
        )
    return names


def table_reader(files: list[str]) -> str:
    """Return the DuckDB call that reads the files as one table, CSV cells as text.

    Raises:
        ValueError: E202, the files differ in format or columns, or have no header.
    """
    import glob

    formats = {file_format(file) for file in files}
    if len(formats) > 1:
        raise ValueError(f"E202 the files beside {files[0]} are partly CSV, partly Parquet")
    # A path may hold characters that DuckDB would take for a pattern.
    paths = "[" + ", ".join(sql_text(glob.escape(file)) for file in files) + "]"
    if formats == {"parquet"}:
        return f"read_parquet({paths})"
    compressed = formats == {"gzip"}
    header = csv_header(files[0], compressed)
    other = [file for file in files if csv_header(file, compressed) != header]
    if other:
        raise ValueError(f"E202 {other[0]} has other columns than {files[0]}")
    columns = ", ".join(f"{sql_text(name)}: 'VARCHAR'" for name in header)
    return (
        f"read_csv({paths}, columns = {{{columns}}}, header = true, auto_detect = false, "
        "delim = ',', quote = '\"', escape = '\"', nullstr = ['', 'NA'], strict_mode = true, "
        f"compression = '{'gzip' if compressed else 'none'}')"
    )


def load_table(con: "duckdb.DuckDBPyConnection", files: list[str], name: str) -> int:
    """Read files into a table of the scratch database, in their row order.

    Args:
        con: The scratch database.
        files: Parquet files, or CSV files in UTF-8 with a header and commas; in CSV an empty
            cell and ``NA`` are missing.
        name: The table's name.

    Returns:
        The number of rows, at least 1.

    Raises:
        ValueError: E202, a file is not readable or there are no rows.
    """
    import duckdb

    try:
        con.execute(f"CREATE TABLE {sql_name(name)} AS FROM {table_reader(files)}")
    except duckdb.Error as error:
        reason = " ".join(str(error).split("Possible")[0].split())[:400]
        raise ValueError(
            f"E202 {files[0]} is not readable as CSV in UTF-8 or Parquet: {reason}"
        ) from None
    rows = count_rows(con, name)
    if not rows:
        raise ValueError(f"E202 the dataset {files[0]} has no rows")
    return rows


def count_rows(con: "duckdb.DuckDBPyConnection", name: str, condition: str = "true") -> int:
    """Count a table's rows that meet an SQL condition."""
    query = f"SELECT count(*) FROM {sql_name(name)} WHERE {condition}"
    return int((con.execute(query).fetchone() or (0,))[0])


def column_types(con: "duckdb.DuckDBPyConnection", name: str) -> dict[str, str]:
    """Return the SQL type of each column of a table, in order."""
    return {row[0]: row[1] for row in con.execute(f"DESCRIBE {sql_name(name)}").fetchall()}

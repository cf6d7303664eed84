"""Rows of BigQuery tables, read or exported, as a folder like a job's in Cloud Storage."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.results.bigquery import download_errors, download_table
from batchpredict.runtime.results.bigquery_lines import error_converter, standard_lines
from batchpredict.runtime.results.bigquery_parquet import export_parquet_rows
from batchpredict.runtime.tables import open_database, table_files

if TYPE_CHECKING:
    import duckdb


def fetch_tables(
    name: tuple[str, str, str], folder: str, key_field: str, target_column: str, api: str
) -> dict[str, Any]:
    """Write the rows of a job's table and of its tables of errors into a folder.

    A table that is absent counts as empty when a table of errors accounts for the rows.

    Args:
        name: Project, dataset and table, from ``locate_table``.
        folder: Where ``predictions_1.jsonl`` and ``errors_1.jsonl`` go.
        key_field: As for ``standard_lines``, as ``target_column``.
        target_column: The target.
        api: As for ``download_table``.

    Returns:
        ``rows``, ``failed`` (rows of the tables of errors), ``table``, ``generation`` and
        ``nonfinite``.

    Raises:
        ValueError: E226, E227, E284 as ``download_table`` and ``standard_lines``.
        RuntimeError: E226, there is neither the table nor a failed row; E281, E282.
    """
    import os
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        source, errors = (os.path.join(scratch, part) for part in ("rows", "errors"))
        failed = sum(table["rows"] for table in download_errors(*name, errors, key_field, api))
        found = download_table(*name, source, api, required=not failed)
        rows = write_folder(source, errors, folder, key_field, target_column)
    told = {key: found[key] for key in ("generation", "nonfinite")}
    return {"rows": rows, "failed": failed, "table": found["name"], **told}


def fetch_exported(
    uri: str, path: str, folder: str, key_field: str, target_column: str
) -> dict[str, Any]:
    """Write the rows of Parquet files that BigQuery exported into a folder.

    Args:
        uri: Where the artifact says the files are; for messages.
        path: The file, or the folder of the files. Those whose names start with ``errors`` are of
            tables of errors.
        folder: As for ``fetch_tables``.
        key_field: As for ``standard_lines``, as ``target_column``.
        target_column: The target.

    Returns:
        As ``fetch_tables``, without ``nonfinite``; there is no ``generation``.

    Raises:
        ValueError: E201, there are no files; E227 as ``standard_lines``; E283 as
            ``export_parquet_rows``.
    """
    import os
    import tempfile

    if uri.startswith("bq://"):
        raise ValueError(
            f"E201 {uri} is a table, not exported files; give it as bigquery_output_table"
        )
    files = table_files(uri, path)
    failing = [file for file in files if os.path.basename(file).startswith("errors")]
    tables = [file for file in files if file not in failing]
    with tempfile.TemporaryDirectory() as scratch, open_database(scratch) as con:
        source, errors = (os.path.join(scratch, part) for part in ("rows", "errors"))
        failed = convert_errors(con, failing, errors, key_field)
        open(source, "w").close()
        if tables:
            export_parquet_rows(con, tables, source)
        rows = write_folder(source, errors, folder, key_field, target_column)
    return {"rows": rows, "failed": failed, "table": uri, "generation": ""}


def convert_errors(
    con: "duckdb.DuckDBPyConnection", files: list[str], path: str, key_field: str
) -> int:
    """Write the rows of exported tables of errors as failed rows, and return their number.

    Args:
        con: A scratch database.
        files: Parquet, each on its own: tables of errors differ in their columns.
        path: File to write.
        key_field: As for ``error_converter``.

    Raises:
        ValueError: E283 as ``export_parquet_rows``.
    """
    convert, rows, source = error_converter(key_field), 0, f"{path}.rows"
    with open(path, "w", encoding="utf-8", newline="\n") as target:
        for file in files:
            rows += export_parquet_rows(con, [file], source)
            with open(source, encoding="utf-8", newline="\n") as lines:
                target.writelines(convert(line) + "\n" for line in lines)
    return rows


def write_folder(source: str, errors: str, folder: str, key_field: str, target_column: str) -> int:
    """Write ``predictions_1.jsonl`` and ``errors_1.jsonl``, which may be empty; return the rows.

    Args:
        source: Rows of the table, as JSON Lines.
        errors: Failed rows, in their final form.
        folder: Where to write.
        key_field: As for ``standard_lines``, as ``target_column``.
        target_column: The target.

    Raises:
        ValueError: E227, as ``standard_lines``.
    """
    import os
    import shutil

    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, "predictions_1.jsonl")
    rows = standard_lines(source, target, key_field, target_column)
    shutil.copyfile(errors, os.path.join(folder, "errors_1.jsonl"))
    return rows

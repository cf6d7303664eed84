"""Where the output of a batch prediction job is: its folder or its table, as JSON Lines."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.results.csv_output import csv_lines
from batchpredict.runtime.results.layout import describe_files, list_results
from batchpredict.runtime.results.sieve import unfinished_lines
from batchpredict.runtime.shards import parse_error_counts

if TYPE_CHECKING:
    import duckdb


def output_folder(directory: Any, job: Any) -> tuple[str, str]:
    """Return path and URI of the output folder that the artifacts name.

    Args:
        directory: The artifact of the folder, or None.
        job: The artifact of the job, or None.

    Raises:
        ValueError: E221, they name none.
    """
    from kfp.dsl import Artifact

    if directory is not None and directory.uri:
        return directory.path, directory.uri
    metadata = job.metadata if job is not None else {}
    uri = str(metadata.get("gcsOutputDirectory") or "")
    if not uri:
        table = metadata.get("bigqueryOutputTable")
        raise ValueError(
            "E221 there is no output directory: give output_directory, or batchpredictionjob of a "
            "job that writes to Cloud Storage"
            + (f"; the table {table} is for fetch_bigquery_output" if table else "")
        )
    return Artifact(uri=uri).path, uri


def open_output(
    con: "duckdb.DuckDBPyConnection",
    directory: Any,
    job: Any,
    target_column: str,
    scratch: str,
    only: list[str],
) -> dict[str, Any]:
    """List an output folder, and bring its rows into JSON Lines.

    Args:
        con: The scratch database; its settings are changed.
        directory: The artifact of the folder, or None.
        job: The artifact of the job, or None.
        target_column: The predicted column, where the columns of CSV leave a choice.
        scratch: Folder for what has to be converted.
        only: Names of the files to read; all when empty.

    Returns:
        ``paths`` of the JSON Lines, a ``sample`` of them, ``files`` for the manifest,
        ``unknown_files`` and ``error_statistics``.

    Raises:
        ValueError: E221, E202, E227, E228 as the functions for each format.
    """
    import os

    con.execute("SET preserve_insertion_order = false")
    folder, uri = output_folder(directory, job)
    found = list_results(folder)
    names = found["jsonl"] + found["csv"] + found["errors"]
    paths = [os.path.join(folder, name) for name in only or names]
    paths = [path for path in paths if not is_blank_file(path)]
    sample = [paths.index(path) for path in sample_files(paths)]
    whole = any(has_whole_rows(os.path.join(folder, name)) for name in found["csv"])
    paths = bring_to_lines(con, paths, target_column, whole, scratch)
    some = [paths[place] for place in sample]
    return {"paths": paths, "sample": some, **describe_found(folder, uri, found)}


def has_whole_rows(path: str) -> bool:
    """Tell whether a CSV file holds more than a header, and ends with a line feed."""
    with open(path, "rb") as file:
        file.readline(2**24)
        return bool(file.read(1)) and not unfinished_lines([path])


def bring_to_lines(
    con: "duckdb.DuckDBPyConnection",
    paths: list[str],
    target_column: str,
    whole: bool,
    scratch: str,
) -> list[str]:
    """Return the files with JSON Lines in place of CSV, of which several are read at a time.

    Args:
        con: The scratch database.
        paths: The files.
        target_column: The predicted column, where the columns of CSV leave a choice.
        whole: Whether the last line of CSV must have a line feed.
        scratch: Folder for what has to be converted.
    """
    import os
    import tempfile
    from concurrent.futures import ThreadPoolExecutor

    def bring(path: str) -> str:
        if not path.endswith(".csv"):
            return path
        name = os.path.basename(path)
        lines = os.path.join(tempfile.mkdtemp(dir=scratch), name)
        with con.cursor() as cursor:
            csv_lines(cursor, path, target_column, name.startswith("errors"), whole, lines)
        return lines

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(bring, paths))


def sample_files(paths: list[str]) -> list[str]:
    """Return the files whose first rows tell how to read all: up to 16 that are not empty.

    Args:
        paths: The files of an output, as they lie in its folder.
    """
    full = [path for path in paths if not is_blank_file(path)]
    return full[:: max(1, -(-len(full) // 16))]


def is_blank_file(path: str) -> bool:
    """Tell whether a file is empty, or holds a byte-order mark and nothing else."""
    import os

    if os.path.getsize(path) > 3:
        return False
    with open(path, "rb") as file:
        return not file.read().removeprefix(b"\xef\xbb\xbf")


def describe_found(folder: str, uri: str, found: dict[str, list[str]]) -> dict[str, Any]:
    """Return what the manifest says of the files of an output folder.

    Args:
        folder: The folder as a local path.
        uri: The same folder as the artifact names it.
        found: From ``list_results``.
    """
    import os

    errors = [os.path.join(folder, name) for name in found["errors_stats"]]
    return {
        "files": describe_files(folder, found["jsonl"] + found["csv"] + found["errors"], uri),
        "unknown_files": found["unknown"],
        "error_statistics": [error for path in errors for error in parse_error_counts(path)],
    }


def describe_output_files(directory: Any, job: Any) -> dict[str, Any]:
    """Return what the manifest says of the files of an output.

    Args:
        directory: The artifact of the folder, or None.
        job: The artifact of the job, or None.

    Raises:
        ValueError: E221 as ``list_results``.
    """
    folder, uri = output_folder(directory, job)
    return describe_found(folder, uri, list_results(folder))

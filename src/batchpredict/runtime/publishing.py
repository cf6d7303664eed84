"""Predictions at a stable place, for readers who must never see half of them.

A published folder holds Parquet files and ``_manifest.json``, whose ``files`` are the table: it is
the only thing that tells which files count, and is replaced as one object, last. Files that it
does not name are those of a publication that did not end, or of a former state.

To read it with DuckDB::

    SET VARIABLE files = (SELECT ['FOLDER/' || file FOR file IN files]
                          FROM read_json('FOLDER/_manifest.json'));
    FROM read_parquet(getvariable('files'));

and with pandas::

    files = json.load(open("FOLDER/_manifest.json"))["files"]
    table = pd.concat(pd.read_parquet(f"FOLDER/{file}") for file in files)

A reader may go on with the files of one manifest until the next publication but one.
"""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.joining_inputs import view_table
from batchpredict.runtime.publishing_part import compare_schemas, same_run
from batchpredict.runtime.tables import column_types, sql_name, sql_text

if TYPE_CHECKING:
    import duckdb


def read_manifest(folder: str) -> dict[str, Any]:
    """Return what a folder says of itself; an empty table where nothing was published.

    Raises:
        RuntimeError: E269, there is a manifest and it cannot be understood.
    """
    import json
    import os

    try:
        with open(os.path.join(folder, "_manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        if manifest["format_version"] != 1:
            raise ValueError(f"format_version {manifest['format_version']!r}")
        check_manifest(manifest)
        return {name: manifest[name] for name in ("files", "rows", "runs", "superseded")}
    except FileNotFoundError:
        return {"files": [], "rows": 0, "runs": [], "superseded": []}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RuntimeError(
            f"E269 {folder}/_manifest.json is no manifest of a publication: {error!r}; "
            "publish to another folder"
        ) from None


def check_manifest(manifest: dict[str, Any]) -> None:
    """See that a manifest is of the form that ``write_manifest`` gives it.

    Raises:
        KeyError: A member is absent.
        TypeError: A member is of another type.
        ValueError: A file is not below ``data/``; what is superseded will be removed.
    """
    for member in ("files", "superseded", "runs"):
        if not isinstance(manifest[member], list):
            raise TypeError(f"{member} is no list")
    if type(manifest["rows"]) is not int:
        raise TypeError("rows is no integer")
    runs = [run[name] for run in manifest["runs"] for name in ("run_key", "fingerprint")]
    files = [*manifest["files"], *manifest["superseded"]]
    if not all(isinstance(text, str) for text in (*runs, *files)):
        raise TypeError("a file, or the run_key or fingerprint of a run, is no text")
    for name in files:
        if not name.startswith("data/") or ".." in name or not name.isprintable():
            raise ValueError(f"the file {name!r} is not below data/")


def unreadable_file(folder: str, file: str, error: Exception) -> RuntimeError:
    """Return the error of a published file that is gone or spoilt."""
    reason = " ".join(str(error).split())[:400]
    return RuntimeError(
        f"E269 the file {folder}/{file}, which _manifest.json lists, cannot be read: {reason}; "
        "run this step again if another run published meanwhile, else bring the file back or "
        "publish to another folder"
    )


def check_schema(
    con: "duckdb.DuckDBPyConnection", folder: str, files: list[str], types: dict[str, str]
) -> None:
    """See that the part has the columns of what is published, in whatever order.

    Raises:
        ValueError: E265.
        RuntimeError: E269, a published file is gone or cannot be read.
    """
    import os

    for file in files:
        if not os.path.isfile(os.path.join(folder, file)):
            raise unreadable_file(folder, file, FileNotFoundError("there is no such file"))
    if files:
        try:
            view_table(con, [os.path.join(folder, files[0])], "published")
        except (OSError, ValueError) as error:
            raise unreadable_file(folder, files[0], error) from None
        compare_schemas(column_types(con, "published"), types)


def publish_files(
    con: "duckdb.DuckDBPyConnection",
    folder: str,
    run: dict[str, Any],
    replaced: str,
) -> bool:
    """Publish ``part`` to a folder.

    Args:
        con: The scratch database, with ``part``.
        folder: The destination.
        run: ``run_key``, ``fingerprint``, ``rows``, and what else the manifest shall say of it.
        replaced: The SQL condition of the published rows that give way.

    Returns:
        False when the run is published already, and nothing was changed.

    Raises:
        ValueError: E265, E267.
        RuntimeError: E269, somebody else published meanwhile, or a published file is gone; nothing
            was changed.
    """
    import hashlib

    former = read_manifest(folder)
    for published in former["runs"]:
        if published["run_key"] == run["run_key"]:
            same_run(run["run_key"], published["fingerprint"], run["fingerprint"])
            return False
    check_schema(con, folder, former["files"], column_types(con, "part"))
    stem = f"data/{hashlib.sha256(run['run_key'].encode()).hexdigest()[:16]}"
    files, gone = rewrite_files(con, folder, former["files"], stem, replaced)
    files.append(write_part(con, "FROM part", folder, stem))
    if read_manifest(folder) != former:
        raise RuntimeError(
            f"E269 another run published to {folder} at the same time; run this step again"
        )
    write_manifest(folder, next_manifest(former, files, gone, run))
    remove_files(folder, former["superseded"])
    return True


def next_manifest(
    former: dict[str, Any], files: list[str], gone: int, run: dict[str, Any]
) -> dict[str, Any]:
    """Return what a folder says of itself after a publication.

    Args:
        former: What it said before.
        files: The files that count now.
        gone: The number of rows that gave way.
        run: As in ``publish_files``.
    """
    import datetime

    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {
        "files": files,
        "rows": former["rows"] - gone + run["rows"],
        "runs": [*former["runs"], {**run, "published": now}],
        "superseded": [file for file in former["files"] if file not in files],
    }


def rewrite_files(
    con: "duckdb.DuckDBPyConnection", folder: str, files: list[str], stem: str, replaced: str
) -> tuple[list[str], int]:
    """Write anew each file of which some rows give way, without them.

    Returns:
        The files of all rows that stay, and the number of rows that do not.

    Raises:
        RuntimeError: E269, a file is gone or cannot be read.
    """
    import glob
    import os

    import duckdb

    kept, gone = [], 0
    for file in files:
        table = f"read_parquet({sql_text(glob.escape(os.path.join(folder, file)))})"
        query = f"SELECT count(*), count(*) FILTER ({replaced}) FROM {table}"
        try:
            rows, leaving = con.execute(query).fetchone() or (0, 0)
        except duckdb.Error as error:
            raise unreadable_file(folder, file, error) from None
        gone += leaving
        if not leaving:
            kept.append(file)
        elif leaving < rows:
            rest = f"FROM {table} WHERE ({replaced}) IS NOT TRUE"
            kept.append(write_part(con, rest, folder, stem))
    return kept, gone


def write_part(con: "duckdb.DuckDBPyConnection", query: str, folder: str, stem: str) -> str:
    """Write rows to a new file of the folder and return its name."""
    import os
    import uuid

    # Never a name that another attempt of this run may have published meanwhile.
    name = f"{stem}-{uuid.uuid4().hex[:16]}.parquet"
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    con.execute(f"COPY ({query}) TO {sql_text(path)} (FORMAT parquet, COMPRESSION zstd)")
    return name


def write_manifest(folder: str, manifest: dict[str, Any]) -> None:
    """Put a manifest in place of the former one, as a whole.

    Under another name first: a process that is killed while it writes leaves half a file, and
    Cloud Storage FUSE would upload that half. Its renaming makes the new object in one go.
    """
    import json
    import os
    import uuid

    path = os.path.join(folder, "_manifest.json")
    unfinished = f"{path}.{uuid.uuid4().hex[:16]}"
    with open(unfinished, "w", encoding="utf-8") as file:
        json.dump({"format_version": 1, **manifest}, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def remove_files(folder: str, files: list[str]) -> None:
    """Remove what the last but one state needed. The new state is out: nothing may fail now."""
    import contextlib
    import os

    for file in files:
        with contextlib.suppress(OSError):
            os.remove(os.path.join(folder, file))


def replaced_rows(mode: str, key: str, partition: list[str]) -> str:
    """Return the SQL condition of the published rows that give way to ``part``."""
    if mode == "overwrite_partition":
        return f"{sql_name(partition[0])}::VARCHAR = {sql_text(partition[1])}"
    if mode == "merge":
        return f"{sql_name(key)} IN (SELECT {sql_name(key)} FROM part)"
    return "false"

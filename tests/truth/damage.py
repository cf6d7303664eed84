"""Planted bugs: an output directory or a result that is not as it was."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import duckdb

from truth.jobs import Job
from truth.parsing import Parsed


def shard_with_rows(job: Job, rows: int = 2) -> Path:
    """Return a shard that holds at least so many rows."""
    return next(
        path
        for path in sorted(job.directory.iterdir())
        if path.is_file() and path.read_bytes().count(b"\n") >= rows
    )


def change_lines(job: Job, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path = shard_with_rows(job)
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def drop_row(job: Job) -> None:
    change_lines(job, lambda lines: lines[1:])


def repeat_row(job: Job) -> None:
    change_lines(job, lambda lines: [*lines, lines[0]])


def repeat_in_another_shard(job: Job) -> None:
    line = shard_with_rows(job).read_bytes().splitlines(keepends=True)[0]
    with sorted(job.directory.iterdir())[-1].open("ab") as file:
        file.write(line)


def foreign_row(job: Job) -> None:
    """Give a row the key or the number of no input row."""
    row = json.dumps({"instance": {job.layout.key_field: "no such row"}, "prediction": 1})
    change_lines(job, lambda lines: [*lines, row.encode() + b"\n"])


def cut_line(job: Job) -> None:
    change_lines(job, lambda lines: [lines[0][: len(lines[0]) // 2] + b"\n", *lines[1:]])


def cut_file(job: Job) -> None:
    """Take the end of the last row away, as a copy that was broken off does."""
    path = shard_with_rows(job)
    path.write_bytes(path.read_bytes()[:-9])


def swap_predictions(job: Job) -> None:
    """Give two rows each other's prediction, which no reader of the output alone can see."""

    def swap(lines: list[bytes]) -> list[bytes]:
        first, second = (re.split(rb'(?<="prediction": )([^,}]+)', line) for line in lines[:2])
        first[1], second[1] = second[1], first[1]
        return [b"".join(first), b"".join(second), *lines[2:]]

    change_lines(job, swap)


def delete_shard(job: Job) -> None:
    shard_with_rows(job).unlink()


def delete_empty_shard(job: Job) -> None:
    next(path for path in sorted(job.directory.iterdir()) if not path.stat().st_size).unlink()


def other_run(job: Job) -> None:
    (job.directory / "prediction.results-00000-of-00002").write_bytes(b"")


def empty_directory(job: Job) -> None:
    for path in job.directory.iterdir():
        path.unlink()


# Of a table of the result, the SQL of a damaged one; ``first`` and ``second`` are numbered rows.
SPOILT_PREDICTIONS = {
    "drop a row": "SELECT * FROM numbered WHERE n <> 1",
    "repeat a row": "FROM numbered UNION ALL FROM numbered WHERE n = 1",
    "repeat one row for another": (
        "FROM numbered WHERE n <> 2 UNION ALL FROM numbered WHERE n = 1"
    ),
    "swap two predictions": (
        "SELECT * REPLACE (CASE n WHEN 1 THEN lead(prediction) OVER (ORDER BY n) "
        "WHEN 2 THEN lag(prediction) OVER (ORDER BY n) ELSE prediction END AS prediction) "
        "FROM numbered"
    ),
    "swap two values": (
        "SELECT * REPLACE (CASE n WHEN 1 THEN lead(value) OVER (ORDER BY n) "
        "WHEN 2 THEN lag(value) OVER (ORDER BY n) ELSE value END AS value) FROM numbered"
    ),
    "swap two keys": (
        "SELECT * REPLACE (CASE n WHEN 1 THEN lead(key) OVER (ORDER BY n) "
        "WHEN 2 THEN lag(key) OVER (ORDER BY n) ELSE key END AS key) FROM numbered"
    ),
    "lose the last bit": (
        "SELECT * REPLACE (CASE n WHEN 1 THEN value + 1.2e-16 ELSE value END AS value) "
        "FROM numbered"
    ),
    "lose a value": "SELECT * REPLACE (CASE WHEN n <> 1 THEN value END AS value) FROM numbered",
    "lose zeros": "SELECT * REPLACE (ltrim(key, '0') AS key) FROM numbered",
    "lose digits": (
        "SELECT * REPLACE (CASE n WHEN 1 THEN prediction::DOUBLE::VARCHAR ELSE prediction END "
        "AS prediction) FROM numbered"
    ),
    "respell an instance": "SELECT * REPLACE (json(instance)::VARCHAR AS instance) FROM numbered",
    "another file": "SELECT * REPLACE ('a' AS source) FROM numbered",
    "lose what is unknown": "SELECT * REPLACE (NULL AS extra) FROM numbered",
    "note every row": "SELECT * REPLACE ('odd' AS note) FROM numbered",
    "another type": "SELECT * REPLACE (try_cast(value AS FLOAT) AS value) FROM numbered",
}
SPOILT_FAILURES = {
    "drop a row": "FROM numbered WHERE n <> 1",
    "drop the missing": "FROM numbered WHERE code <> 'MISSING'",
    "repeat a row": "FROM numbered UNION ALL FROM numbered WHERE n = 1",
    "another key": "SELECT * REPLACE (key || '0' AS key) FROM numbered",
    "another code": "SELECT * REPLACE ('INTERNAL' AS code) FROM numbered",
    "another message": "SELECT * REPLACE ('m' AS message) FROM numbered",
    "another line": "SELECT * REPLACE (raw || '0' AS raw) FROM numbered",
}


def spoil(parsed: Parsed, table: str, query: str) -> None:
    """Write a table of a result anew, by SQL over its rows with their number ``n``."""
    path = parsed.path(table)
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE numbered AS SELECT *, row_number() OVER () AS n "
            f"FROM (FROM read_parquet('{path}') ORDER BY ALL)"
        )
        con.execute(f"COPY (SELECT * EXCLUDE n FROM ({query})) TO '{path}' (FORMAT parquet)")

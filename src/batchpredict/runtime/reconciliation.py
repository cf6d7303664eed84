"""Every input row is predicted, failed or missing: the counts, the tables and the summary."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.tables import count_rows, sql_text

if TYPE_CHECKING:
    import duckdb


def check_thresholds(max_failed: float, max_missing: float) -> None:
    """Refuse a threshold below zero.

    Raises:
        ValueError: E207.
    """
    for name, value in (("max_failed", max_failed), ("max_missing", max_missing)):
        if not value >= 0:
            raise ValueError(
                f"E207 {name} is {value}; give 0, a share below 1, or a number of rows"
            )


def load_rows(con: "duckdb.DuckDBPyConnection", scratch: str, longest: int) -> None:
    """Make the views ``predicted`` and ``failed``, and ``inputs`` when there are instances.

    Args:
        con: The scratch database.
        scratch: Folder of the ``.jsonl`` files.
        longest: Bytes of the longest line in them.
    """
    import os

    text = dict.fromkeys(("key", "prediction", "label"), "VARCHAR")
    numbers = {"score": "DOUBLE", "scores": "DOUBLE[]", "value": "DOUBLE", "source": "VARCHAR"}
    failed = dict.fromkeys(("key", "instance", "code", "message", "source"), "VARCHAR")
    inputs = dict.fromkeys(("key", "instance"), "VARCHAR")
    views = {"predicted": {**text, **numbers}, "failed": failed, "inputs": inputs}
    for name, columns in views.items():
        path = os.path.join(scratch, f"{name}.jsonl")
        if os.path.exists(path):
            con.execute(
                f"CREATE VIEW {name} AS FROM read_json({sql_text(path)}, columns = {columns}, "
                f"format = 'newline_delimited', maximum_object_size = {max(longest, 2**24)})"
            )


def reconcile(con: "duckdb.DuckDBPyConnection") -> dict[str, int]:
    """Match output rows with input rows by key, as multisets.

    An output row without a readable key stands for one of the input rows that no other output
    row answers.

    Args:
        con: The scratch database with ``predicted``, ``failed`` and ``inputs``; gets ``counted``.

    Returns:
        ``input`` = ``predicted`` + ``failed`` + ``missing``; ``unexpected`` output rows of no
        input row, ``duplicate`` ones of an input row that has its answer, ``unkeyed`` failures.
    """
    con.execute(
        "CREATE TABLE counted AS SELECT key, sum(i)::BIGINT AS given, sum(p)::BIGINT AS good, "
        "sum(f)::BIGINT AS bad FROM (SELECT key, 1 AS i, 0 AS p, 0 AS f FROM inputs "
        "UNION ALL SELECT key, 0, 1, 0 FROM predicted "
        "UNION ALL SELECT key, 0, 0, 1 FROM failed WHERE key IS NOT NULL) GROUP BY key"
    )
    sums = con.execute(
        "SELECT coalesce(sum(given), 0), coalesce(sum(least(good, given)), 0), "
        "coalesce(sum(least(bad, given - least(good, given))), 0), "
        "coalesce(sum(good + bad) FILTER (given = 0), 0), "
        "coalesce(sum(greatest(good + bad - given, 0)) FILTER (given > 0), 0) FROM counted"
    ).fetchone()
    given, predicted, failed, unexpected, duplicate = (int(n) for n in sums or (0,) * 5)
    unkeyed, open_inputs = count_rows(con, "failed", "key IS NULL"), given - predicted - failed
    return {
        "input": given,
        "predicted": predicted,
        "failed": failed + min(unkeyed, open_inputs),
        "missing": max(open_inputs - unkeyed, 0),
        "unexpected": unexpected + max(unkeyed - open_inputs, 0),
        "duplicate": duplicate,
        "unkeyed": unkeyed,
    }


def count_output(con: "duckdb.DuckDBPyConnection") -> dict[str, int]:
    """Return the counts of ``reconcile`` when the input rows are not known."""
    predicted, failed = count_rows(con, "predicted"), count_rows(con, "failed")
    counts = dict.fromkeys(("missing", "unexpected", "duplicate"), 0)
    unkeyed = count_rows(con, "failed", "key IS NULL")
    return {
        "input": predicted + failed,
        "predicted": predicted,
        "failed": failed,
        **counts,
        "unkeyed": unkeyed,
    }


def missing_rows(counts: dict[str, int]) -> str:
    """Return the SQL of the input rows that no output row answers.

    Args:
        counts: From ``reconcile``.
    """
    code, reason = "MISSING", "the output has no row of this key"
    if counts["unkeyed"] and not counts["missing"]:
        code, reason = "E222", "the output row of this key could not be read"
    elif counts["unkeyed"]:
        reason = f"no row of this key; {counts['unkeyed']} output rows could not be read"
    return (
        f"SELECT key, instance, {sql_text(code)} AS code, {sql_text(reason)} AS message, "
        "NULL::VARCHAR AS source FROM (SELECT i.*, good + bad AS answers, "
        "row_number() OVER (PARTITION BY i.key) AS n FROM inputs i JOIN counted USING (key) "
        "WHERE given > good + bad) WHERE n > answers"
    )


def write_tables(
    con: "duckdb.DuckDBPyConnection",
    predictions: str,
    failures: str,
    counts: dict[str, int] | None,
) -> None:
    """Write the predictions and the failures as Parquet.

    Args:
        con: The scratch database, after ``reconcile`` when there are instances.
        predictions: Path of the predictions.
        failures: Path of the failures; each names its instance if the input is known.
        counts: From ``reconcile``; None when the input is not known.
    """
    form = "(FORMAT parquet, COMPRESSION zstd)"
    con.execute(f"COPY (FROM predicted) TO {sql_text(predictions)} {form}")
    query = "FROM failed"
    if counts is not None:
        query = (
            "SELECT f.key, coalesce(f.instance, i.instance) AS instance, code, message, source "
            "FROM failed f LEFT JOIN (SELECT key, any_value(instance) AS instance FROM inputs "
            "WHERE key IN (SELECT key FROM failed) GROUP BY key) i ON f.key = i.key "
            f"UNION ALL {missing_rows(counts)}"
        )
    con.execute(f"COPY ({query}) TO {sql_text(failures)} {form}")


def describe_output(con: "duckdb.DuckDBPyConnection") -> dict[str, Any]:
    """Return the distributions of labels, values and failure codes, 100 of each at most."""

    def distribution(column: str, table: str) -> dict[str, int]:
        query = (
            f"SELECT {column}, count(*) AS n FROM {table} WHERE {column} IS NOT NULL "
            f"GROUP BY ALL ORDER BY n DESC, {column} LIMIT 100"
        )
        return dict(con.execute(query).fetchall())

    query = "SELECT count(value), min(value), avg(value), max(value) FROM predicted"
    values = con.execute(query).fetchone() or ()
    return {
        "labels": distribution("label", "predicted"),
        "values": dict(zip(("count", "min", "mean", "max"), values, strict=True)),
        "failure_codes": distribution("code", "failed"),
    }


def write_summary(summary: dict[str, Any], path: str) -> None:
    """Write the summary as JSON, whole or not at all.

    It is written after everything else: who finds it can trust the tables beside it.
    """
    import json
    import os
    import platform

    import duckdb

    versions = {"python": platform.python_version(), "duckdb": duckdb.__version__}
    with open(f"{path}.part", "w", encoding="utf-8") as file:
        json.dump({**summary, "versions": versions}, file, indent=2, allow_nan=False)
        file.write("\n")
    os.replace(f"{path}.part", path)


def check_counts(counts: dict[str, int], max_failed: float, max_missing: float) -> None:
    """Refuse an output that does not account for the input well enough.

    Args:
        counts: From ``reconcile``.
        max_failed: Failed rows to allow: below 1 a share of the input rows, else a number.
        max_missing: Missing rows to allow, likewise.

    Raises:
        ValueError: E224 unexpected or duplicate rows, E223 too many failed or missing ones.
    """
    given = counts["input"]
    if counts["unexpected"] or counts["duplicate"]:
        raise ValueError(
            f"E224 the output holds {counts['unexpected']} rows that belong to none of the "
            f"{given} input rows and {counts['duplicate']} duplicates; give the instances of this "
            "very job, and key_field the name of their key"
        )
    for name, allowed in (("failed", max_failed), ("missing", max_missing)):
        most = allowed * given if allowed < 1 else allowed
        if counts[name] > most:
            raise ValueError(
                f"E223 {counts[name]} of {given} rows {name}, max_{name} allows {most:g}; "
                f"the output 'failures' names them, raise max_{name} to accept them"
            )

"""The failed and missing rows of a batch prediction as a new input, and two results as one."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.results.lines import instance_key
from batchpredict.runtime.retry_identities import echo_speller, load_identities, read_rows
from batchpredict.runtime.shards import read_lines
from batchpredict.runtime.tables import (
    absent_column,
    column_types,
    count_rows,
    table_files,
    table_reader,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import duckdb


def read_summary(path: str) -> dict[str, Any]:
    """Read the summary of a result that accounts for every input row.

    Args:
        path: The JSON that ``parse_predictions`` or ``merge_retried`` wrote.

    Raises:
        ValueError: E271, it is no such summary, or was made without the instances.
    """
    import json

    try:
        with open(path, encoding="utf-8") as file:
            summary = dict(json.load(file))
        numbers = [int(summary["counts"][n]) for n in ("input", "predicted", "failed", "missing")]
        known = bool(summary["kind"]) and summary["matched_by"] in ("key", "instance")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"E271 {path} is no summary of a batch prediction's result ({error!r}); "
            "give the summary that parse_predictions wrote"
        ) from None
    if not known or numbers[0] != sum(numbers[1:]):
        raise ValueError(
            f"E271 the result of {path} does not account for its input rows, so nobody knows "
            "which are missing; give parse_predictions the instances that were predicted"
        )
    return summary


def open_result(
    con: "duckdb.DuckDBPyConnection", name: str, uri: str, path: str, columns: list[str]
) -> None:
    """Make a view of a Parquet table.

    Args:
        con: The scratch database.
        name: Name of the view.
        uri: Where the artifact says that the table is.
        path: The same place as a local path.
        columns: Columns that it must have.

    Raises:
        ValueError: E201 there is no such table, E203 it lacks a column.
    """
    con.execute(f"CREATE VIEW {name} AS FROM {table_reader(table_files(uri, path))}")
    found = list(column_types(con, name))
    for column in columns:
        if column not in found:
            raise ValueError(f"E203 {absent_column(f'{name} ({uri})', column, found)}")


def read_instances(path: str, key_field: str) -> "Iterator[tuple[int, str | None, str]]":
    """Yield line number, key and text of each instance.

    Args:
        path: JSON Lines, as the batch prediction read them; a line of a file list, which is no
            JSON, is the text that the output repeats.
        key_field: The field that holds the key.

    Raises:
        ValueError: E201 no such file, E202 a line is no JSON.
    """
    import json
    import os

    if not os.path.isfile(path):
        raise ValueError(
            f"E201 there are no instances at {path}; give the file that was predicted"
        )
    for number, line in enumerate(read_lines(path), start=1):
        if line is not None and not line.strip():
            continue
        try:
            if line is None:
                raise ValueError("longer than 64 MiB")
            raw = line.decode().strip()
            raw = json.dumps(raw) if raw.startswith("gs://") else raw
            yield number, instance_key(raw, json.loads(raw), key_field), raw
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"E202 line {number} of the instances {path} is no JSON: {error}"
            ) from None


def is_ambiguous(con: "duckdb.DuckDBPyConnection") -> bool:
    """Say whether a key of ``wanted`` stands in more of the ``lines`` than are wanted."""
    counts = "SELECT key, count(*) AS n FROM {} GROUP BY key"
    query = (
        f"SELECT count(*) FROM ({counts.format('wanted')}) w "
        f"JOIN ({counts.format('lines SEMI JOIN wanted USING (key)')}) l USING (key) "
        "WHERE l.n > w.n"
    )
    return bool((con.execute(query).fetchone() or (0,))[0])


def match_lines(con: "duckdb.DuckDBPyConnection", columns: list[str]) -> None:
    """Find lines for rows of ``wanted`` that have none yet, as multisets, and add to ``chosen``.

    Args:
        con: The scratch database with ``wanted``, ``lines`` and ``chosen``.
        columns: What has to be equal.
    """
    names = ", ".join(columns)
    wanted, lines = (
        f"SELECT row, {names}, row_number() OVER (PARTITION BY {names} ORDER BY row) AS n "
        f"FROM (FROM {table} SEMI JOIN {other} USING ({names})) "
        f"WHERE row NOT IN (SELECT {taken} FROM chosen)"
        for table, other, taken in (("wanted", "lines", "wanted"), ("lines", "wanted", "line"))
    )
    con.execute(
        f"INSERT INTO chosen SELECT w.row, l.row FROM ({wanted}) w "
        f"JOIN ({lines}) l USING ({names}, n)"
    )


def check_matched(
    con: "duckdb.DuckDBPyConnection", counts: dict[str, int], matched_by: str
) -> None:
    """See that the chosen lines are the rows that the summary calls failed and missing.

    Args:
        con: The scratch database after ``match_lines``.
        counts: The counts of the summary.
        matched_by: ``key`` or ``instance``.

    Raises:
        ValueError: E272 a failure belongs to no line, E273 failures, instances and summary are
            not those of one result.
    """
    open_rows = "SELECT row FROM wanted WHERE row NOT IN (SELECT wanted FROM chosen)"
    if lost := con.execute(open_rows).fetchone():
        query = f"SELECT {matched_by} FROM failures WHERE {matched_by} IS NOT NULL"
        shown = (con.execute(f"{query} LIMIT 1 OFFSET {lost[0]}").fetchone() or ("",))[0]
        raise ValueError(
            f"E272 a failure belongs to no row of the instances: the {matched_by} {shown[:200]!r} "
            "stands there less often; give the instances that were predicted, and key_field and "
            "included_fields as parse_predictions had them"
        )
    lines, chosen = count_rows(con, "lines"), count_rows(con, "chosen")
    wanted = counts["failed"] + counts["missing"]
    if (lines, chosen) != (counts["input"], wanted):
        raise ValueError(
            f"E273 the summary counts {counts['input']} input rows, {wanted} of them failed or "
            f"missing; there are {lines} instances and {chosen} such failures; give failures, "
            "summary and instances of one result"
        )


def check_retriable(counts: dict[str, int]) -> None:
    """Refuse a result with output rows that belong to no input row.

    Raises:
        ValueError: E273.
    """
    if counts.get("duplicate") or counts.get("unexpected"):
        raise ValueError(
            "E273 the result holds rows of no input row, or duplicates, and cannot be retried; "
            "parse the right output first"
        )


def choose_lines(
    con: "duckdb.DuckDBPyConnection",
    scratch: str,
    path: str,
    key_field: str,
    fields: list[str],
    summary: dict[str, Any],
) -> None:
    """Choose the lines of the instances that failed or are missing, as the table ``chosen``.

    Args:
        con: The scratch database with the view ``failures``.
        scratch: Folder for files.
        path: The instances.
        key_field: The field that holds the key.
        fields: Fields that the model gets; all when empty.
        summary: From ``read_summary``.

    Raises:
        ValueError: E201, E202, E272, E273.
    """
    by, counts = summary["matched_by"], summary["counts"]
    check_retriable(counts)
    con.execute("CREATE TABLE chosen (wanted BIGINT, line BIGINT)")
    shown = ["SELECT instance FROM failures WHERE source IS NOT NULL"]
    form = echo_speller(con, shown, summary["kind"], key_field, fields)

    def load(exact: bool, form: "Callable[[str], str] | None" = None) -> None:
        load_identities(con, scratch, "wanted", read_rows(con, "failures", by), exact, form)
        load_identities(con, scratch, "lines", read_instances(path, key_field), exact, form)

    if by == "key":
        load(False)
    if by == "instance" or is_ambiguous(con):
        # Of several lines with a key, the one that equals the failed instance goes first.
        columns = ["digest"] if by == "instance" else ["key", "digest"]
        match_by_meaning(con, columns, load, form)
    if by == "key":
        match_lines(con, ["key"])
    check_matched(con, counts, by)


def match_by_meaning(
    con: "duckdb.DuckDBPyConnection",
    columns: list[str],
    load: "Callable[..., None]",
    form: "Callable[[str], str]",
) -> None:
    """Find lines for rows of ``wanted`` by their instances: as they stand, then as the output's.

    Args:
        con: The scratch database with ``chosen``.
        columns: What has to be equal.
        load: Makes ``wanted`` and ``lines`` anew, with digests, in a form if one is given.
        form: From ``echo_speller``.
    """
    load(True)
    match_lines(con, columns)
    if count_rows(con, "chosen") < count_rows(con, "wanted"):
        load(True, form)
        match_lines(con, columns)


def write_chosen(con: "duckdb.DuckDBPyConnection", path: str, target: str) -> None:
    """Write the chosen lines as they stand, in their order.

    Args:
        con: The scratch database with ``chosen``.
        path: The instances.
        target: The file to write.
    """
    chosen = con.execute("SELECT line FROM chosen ORDER BY line")
    wanted = chosen.fetchone()
    with open(target, "wb") as file:
        for number, line in enumerate(read_lines(path), start=1):
            if wanted is None:
                break
            if number == wanted[0]:
                file.write((line or b"").removesuffix(b"\n") + b"\n")
                wanted = chosen.fetchone()

"""Two rounds of a batch prediction as one result: no row lost, no row twice."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.results.summaries import describe_output
from batchpredict.runtime.retry_identities import echo_speller, load_identities, read_rows
from batchpredict.runtime.tables import column_types, count_rows, sql_text

if TYPE_CHECKING:
    import duckdb


def join_tables(con: "duckdb.DuckDBPyConnection") -> None:
    """Make the views ``predicted`` and ``failed`` of the merged result.

    Args:
        con: The scratch database with the tables of both rounds.

    Raises:
        ValueError: E274, both predictions have rows and their columns differ.
    """
    views = ("first_predictions", "second_predictions")
    filled = [view for view in views if count_rows(con, view)] or [views[0]]
    first, second = (
        [f"{name} {kind}" for name, kind in column_types(con, view).items()] for view in views
    )
    if len(filled) == 2 and first != second:
        ours = ", ".join(name for name in first if name not in second) or "none"
        theirs = ", ".join(name for name in second if name not in first) or "none"
        raise ValueError(
            "E274 the predictions of the two rounds have different columns: only the first has "
            f"{ours}, only the second {theirs}; parse both with one kind"
        )
    query = " UNION ALL ".join(f"FROM {view}" for view in filled)
    con.execute(f"CREATE VIEW predicted AS {query}")
    con.execute("CREATE VIEW failed AS FROM second_failures")


def merge_counts(
    con: "duckdb.DuckDBPyConnection", first: dict[str, Any], second: dict[str, Any]
) -> dict[str, int]:
    """Return the counts of the merged result.

    Args:
        con: The scratch database with the tables of both rounds.
        first: Summary of the first round.
        second: Summary of the second round.

    Raises:
        ValueError: E275, they do not add up to the input, or are not those of the tables.
    """
    for name, summary in (("first", first), ("second", second)):
        told, shown = summary["counts"], f"{summary['matched_by']} IS NOT NULL"
        rows = count_rows(con, f"{name}_predictions"), count_rows(con, f"{name}_failures", shown)
        if rows != (told["predicted"], told["failed"] + told["missing"]):
            raise ValueError(
                f"E275 the summary of the {name} round counts {told['predicted']} predicted, "
                f"{told['failed']} failed and {told['missing']} missing rows, its tables hold "
                f"{rows[0]} predictions and name {rows[1]} other rows; give tables of one result"
            )
    old, new = first["counts"], second["counts"]
    last = ("failed", "missing", "unkeyed")
    counts = {n: new[n] + (0 if n in last else old.get(n, 0)) for n in new}
    counts["input"] = old["input"]
    if counts["input"] != counts["predicted"] + counts["failed"] + counts["missing"]:
        raise ValueError(
            f"E275 the rounds do not add up: {old['failed'] + old['missing']} of {old['input']} "
            f"input rows were to be retried, and {new['input']} were; merge a result with that "
            "of its own retry"
        )
    return counts


def check_retried(
    con: "duckdb.DuckDBPyConnection",
    scratch: str,
    matched_by: str,
    kind: str,
    key_field: str,
    fields: list[str],
) -> None:
    """See that every row of the second round failed or was missing in the first, as multisets.

    Args:
        con: The scratch database with the tables of both rounds.
        scratch: Folder for files.
        matched_by: ``key`` or ``instance``.
        kind: Kind of the result.
        key_field: The field that holds the key.
        fields: Fields that the model gets; all but ``key_field`` when empty.

    Raises:
        ValueError: E276, a row was predicted in both rounds.
    """
    con.execute(
        "CREATE VIEW answered AS SELECT key, instance FROM second_predictions "
        "UNION ALL SELECT key, instance FROM second_failures"
    )
    views, column, suffix = ("first_failures", "answered"), "key", ""
    if matched_by != "key":
        shown = ["second_predictions"]
        shown += [f"{name}_failures WHERE source IS NOT NULL" for name in ("second", "first")]
        queries = [f"SELECT instance FROM {rows}" for rows in shown]
        form = echo_speller(con, queries, kind, key_field, fields)
        column, suffix = "digest", "_rows"
        for view in views:
            rows = read_rows(con, view, matched_by)
            load_identities(con, scratch, view + suffix, rows, True, form)
    if found := first_surplus(con, views[0] + suffix, views[1] + suffix, column):
        shown_row = f"the key {found[0][:200]!r}" if matched_by == "key" else "an instance"
        raise ValueError(
            f"E276 {found[1]} rows were predicted in both rounds, or more often than they failed, "
            f"such as {shown_row}; merge a result with that of its own retry"
        )


def first_surplus(
    con: "duckdb.DuckDBPyConnection", failed: str, answered: str, column: str
) -> tuple[str, int] | None:
    """Return what stands more often among the answered rows than among the failed ones.

    Args:
        con: The scratch database.
        failed: Table of the rows that failed.
        answered: Table of the rows that were predicted again.
        column: What tells rows apart.

    Returns:
        One of them, and how many rows there are too many; None when there are none.
    """
    first, second = (
        f"SELECT {column}, count(*) AS n FROM {table} WHERE {column} IS NOT NULL GROUP BY ALL"
        for table in (failed, answered)
    )
    return con.execute(
        f"SELECT s.{column}, sum(s.n - coalesce(f.n, 0)) OVER () FROM ({second}) s "
        f"LEFT JOIN ({first}) f USING ({column}) WHERE s.n > coalesce(f.n, 0) LIMIT 1"
    ).fetchone()


def write_merged(con: "duckdb.DuckDBPyConnection", predictions: str, failures: str) -> None:
    """Write the merged tables as Parquet.

    Args:
        con: The scratch database with ``predicted`` and ``failed``.
        predictions: Path of the predictions.
        failures: Path of the failures.
    """
    # A row may hold a megabyte: row groups are bounded by bytes, which gives up their order.
    con.execute("SET preserve_insertion_order = false")
    form = "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE_BYTES '64MB')"
    con.execute(f"COPY (FROM predicted) TO {sql_text(predictions)} {form}")
    con.execute(f"COPY (FROM failed) TO {sql_text(failures)} {form}")


def join_summaries(
    con: "duckdb.DuckDBPyConnection",
    first: dict[str, Any],
    second: dict[str, Any],
    counts: dict[str, int],
) -> dict[str, Any]:
    """Return the summary of the merged result.

    Args:
        con: The scratch database with ``predicted`` and ``failed``.
        first: Summary of the first round, or of earlier rounds together.
        second: Summary of the second round.
        counts: From ``merge_counts``.
    """
    rounds = [*first.get("rounds", [first["counts"]]), second["counts"]]
    files = [{"round": 1, **file} for file in first.get("files", [])]
    files += [{**file, "round": len(rounds)} for file in second.get("files", [])]
    return {
        "kind": first["kind"],
        "reconciled": True,
        "matched_by": second["matched_by"],
        "counts": counts,
        "rounds": rounds,
        "files": files,
        "unknown_files": second.get("unknown_files", []),
        "error_statistics": second.get("error_statistics", []),
        **describe_output(con, "failed"),
    }

"""Every input row is predicted, failed or missing: matching output with input, and the counts."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.canonical import canonical_speller
from batchpredict.runtime.results.echoes import as_echoed, as_texts, echo_form
from batchpredict.runtime.results.kinds import failure_columns
from batchpredict.runtime.results.reading import row_reader
from batchpredict.runtime.tables import count_rows, sql_text

if TYPE_CHECKING:
    import duckdb


def load_output(
    con: "duckdb.DuckDBPyConnection", predictions: list[str], failed: list[str], keyed: bool
) -> None:
    """Make the views ``predicted`` and ``failed``, each with what is matched as ``match``.

    Args:
        con: The scratch database.
        predictions: Parquet files of predictions.
        failed: JSON Lines of failures.
        keyed: Whether rows are matched by key; else by instance.
    """
    match = "key" if keyed else "md5(CAST(json(instance) AS VARCHAR))"
    files = "[" + ", ".join(map(sql_text, predictions)) + "]"
    con.execute(f"CREATE VIEW predicted AS SELECT *, {match} AS match FROM read_parquet({files})")
    readers = [f"SELECT * FROM {row_reader(path, failure_columns())}" for path in failed]
    con.execute(
        f"CREATE VIEW failed AS SELECT *, {match} AS match FROM ({' UNION ALL '.join(readers)})"
    )


def count_matches(con: "duckdb.DuckDBPyConnection", aliases: bool) -> None:
    """Make the table ``counted``: of each match how often it was given, predicted and failed.

    Args:
        con: The scratch database with ``asked`` and ``answers``.
        aliases: Whether some matches go by another name in the table ``aliases``.
    """
    rows = (
        "SELECT match, 1 AS i, 0 AS p, 0 AS f FROM asked WHERE match IS NOT NULL UNION ALL "
        "SELECT match, 0, p, f FROM answers WHERE match IS NOT NULL"
    )
    if aliases:
        rows = (
            f"SELECT coalesce(known, rows.match) AS match, i, p, f FROM ({rows}) rows "
            "LEFT JOIN aliases ON rows.match = aliases.match"
        )
    con.execute(
        "CREATE OR REPLACE TABLE counted AS SELECT match, sum(i)::BIGINT AS given, "
        f"sum(p)::BIGINT AS good, sum(f)::BIGINT AS bad FROM ({rows}) GROUP BY match"
    )


def find_aliases(
    con: "duckdb.DuckDBPyConnection", scratch: str, plan: dict[str, Any], included: list[str]
) -> None:
    """Give the instances that match nothing as they are written one name for one meaning.

    Makes the table ``aliases`` (``match``, ``known``) of the instances whose counts do not agree.

    Args:
        con: The scratch database with ``counted``.
        scratch: Folder for intermediate files.
        plan: From ``sniff_lines``, with ``texts``: whether the input tells no types.
        included: The fields that the model got, in order; all but the key when empty.
    """
    import hashlib
    import json
    import os

    path = os.path.join(scratch, "aliases.jsonl")
    open_matches = "(SELECT match FROM counted WHERE given <> good + bad)"
    spell = canonical_speller()
    shown = con.execute("SELECT instance FROM predicted WHERE instance IS NOT NULL LIMIT 50")
    echo = echo_form([text for (text,) in shown.fetchall()])
    with open(path, "w", encoding="ascii") as file:
        for side in ("inputs", "predicted", "failed"):
            rows = con.execute(
                f"SELECT match, any_value(instance) FROM {side} WHERE match IN {open_matches} "
                "GROUP BY match"
            )
            while some := rows.fetchmany(1000):
                for match, instance in some:
                    text = instance
                    if plan["kind"] == "gemini":
                        text = bare_request(text)
                    elif side == "inputs":
                        text = as_echoed(text, echo, plan["key_field"], included)
                    text = as_texts(text) if echo["texts"] or plan["texts"] else text
                    known = hashlib.md5(spell(text).encode()).hexdigest()
                    file.write(json.dumps({"match": match, "known": known}) + "\n")
    columns = {"match": "VARCHAR", "known": "VARCHAR"}
    con.execute(f"CREATE TABLE aliases AS SELECT DISTINCT * FROM {row_reader(path, columns)}")


def bare_request(instance: str) -> str:
    """Return a request to Gemini as it was before the service added nulls to it.

    Args:
        instance: JSON text of an input line, ``{"request": …}``, or of an echoed request.
    """
    import json

    def bare(value: Any) -> Any:
        if isinstance(value, list):
            return [bare(part) for part in value]
        if not isinstance(value, dict):
            return value
        return {name: bare(part) for name, part in value.items() if part is not None}

    try:
        value = json.loads(instance)
        inner = value["request"] if isinstance(value, dict) and "request" in value else value
        return json.dumps(bare(inner))
    except (ValueError, RecursionError):
        return instance


def reconcile(
    con: "duckdb.DuckDBPyConnection",
    keyed: bool,
    scratch: str,
    plan: dict[str, Any],
    included: list[str],
) -> dict[str, int]:
    """Match output rows with input rows, as multisets.

    An output row that shows neither key nor instance stands for one of the input rows that no
    other output row answers.

    Args:
        con: The scratch database with ``predicted``, ``failed``, ``inputs`` and ``asked``; gets
            ``answers``, the matches of the output, and ``counted``.
        keyed: Whether rows are matched by key; else by instance.
        scratch: Folder for intermediate files.
        plan: From ``sniff_lines``.
        included: The fields that the model got, in order; all but the key when empty.

    Returns:
        ``input`` = ``predicted`` + ``failed`` + ``missing``; ``unexpected`` output rows of no
        input row, ``duplicate`` ones of an input row that has its answer, ``unkeyed`` failures.
    """
    con.execute("CREATE OR REPLACE TABLE aliases (match VARCHAR, known VARCHAR)")
    con.execute(
        "CREATE OR REPLACE TABLE answers AS SELECT match, 1 AS p, 0 AS f FROM predicted "
        "UNION ALL SELECT match, 0, 1 FROM failed"
    )
    count_matches(con, False)
    if not keyed and count_rows(con, "counted", "given <> good + bad"):
        con.execute("DROP TABLE aliases")
        find_aliases(con, scratch, plan, included)
        count_matches(con, True)
    sums = con.execute(
        "SELECT coalesce(sum(given), 0), coalesce(sum(least(good, given)), 0), "
        "coalesce(sum(least(bad, given - least(good, given))), 0), "
        "coalesce(sum(good + bad) FILTER (given = 0), 0), "
        "coalesce(sum(greatest(good + bad - given, 0)) FILTER (given > 0), 0) FROM counted"
    ).fetchone()
    given, predicted, failed, unexpected, duplicate = (int(n) for n in sums or (0,) * 5)
    unkeyed = count_rows(con, "answers", "match IS NULL AND f = 1")
    nameless = count_rows(con, "answers", "match IS NULL")
    found = {"input": given, "predicted": predicted, "failed": failed, "unexpected": unexpected}
    return share_nameless({**found, "duplicate": duplicate, "unkeyed": unkeyed}, nameless)


def share_nameless(counts: dict[str, int], nameless: int) -> dict[str, int]:
    """Count the output rows that show no identity for input rows that none answers.

    Args:
        counts: Without them, and without ``missing``.
        nameless: How many they are; those beyond ``unkeyed`` hold a prediction.
    """
    open_inputs = counts["input"] - counts["predicted"] - counts["failed"]
    failed = min(counts["unkeyed"], open_inputs)
    return {
        "input": counts["input"],
        "predicted": counts["predicted"],
        "failed": counts["failed"] + failed,
        "missing": open_inputs - failed,
        **{name: counts[name] for name in ("duplicate", "unkeyed")},
        "unexpected": counts["unexpected"] + nameless - failed,
    }


def count_output(con: "duckdb.DuckDBPyConnection") -> dict[str, int]:
    """Return the counts of ``reconcile`` when the input rows are not known."""
    predicted, failed = count_rows(con, "predicted"), count_rows(con, "failed")
    counts = {"input": predicted + failed, "predicted": predicted, "failed": failed}
    counts |= dict.fromkeys(("missing", "duplicate"), 0)
    return {**counts, "unkeyed": count_rows(con, "failed", "match IS NULL"), "unexpected": 0}


def missing_rows(counts: dict[str, int], what: str, partly: bool) -> str:
    """Return the SQL of the input rows that no output row answers, as failures.

    Args:
        counts: From ``reconcile``.
        what: What rows are matched by, ``key`` or ``instance``.
        partly: Whether of some rows with one key only a part has an answer.
    """
    code, reason = "MISSING", f"the output has no row of this {what}"
    if counts["unkeyed"] and not counts["missing"]:
        code, reason = "E222", f"the output row of this {what} could not be read"
    elif counts["unkeyed"]:
        reason = f"no row of this {what}; {counts['unkeyed']} output rows could not be read"
    # Of the rows of one key those are missing whose instance no output row repeats.
    shown = " UNION ALL ".join(
        f"SELECT md5(CAST(json(instance) AS VARCHAR)) FROM {side} WHERE instance IS NOT NULL"
        for side in ("predicted", "failed")
    )
    answered = f"md5(CAST(json(i.instance) AS VARCHAR)) IN ({shown})" if partly else "false"
    return (
        f"SELECT key, instance, {sql_text(code)} AS code, {sql_text(reason)} AS message, "
        "NULL::VARCHAR AS raw, NULL::VARCHAR AS source FROM (SELECT i.*, good + bad AS answers, "
        f"row_number() OVER (PARTITION BY i.known ORDER BY {answered} DESC) AS n "
        "FROM (SELECT inputs.*, "
        "coalesce(known, inputs.match) AS known FROM inputs LEFT JOIN aliases "
        "ON inputs.match = aliases.match) i JOIN counted ON counted.match = i.known "
        "WHERE given > good + bad) WHERE n > answers"
    )


def write_failures(
    con: "duckdb.DuckDBPyConnection", failures: str, counts: dict[str, int] | None, what: str
) -> None:
    """Write the failures as Parquet, and make the view ``failures`` of them.

    Args:
        con: The scratch database, after ``reconcile`` when there are instances.
        failures: Path of the file; each row names its instance if the input is known.
        counts: From ``reconcile``; None when the input is not known.
        what: What rows are matched by, ``key`` or ``instance``.
    """
    query = "SELECT * EXCLUDE match FROM failed"
    if counts is not None:
        partly = count_rows(con, "counted", "given > good + bad AND good + bad > 0") > 0
        query = (
            "SELECT f.key, coalesce(f.instance, i.instance) AS instance, code, message, raw, "
            "source FROM failed f LEFT JOIN (SELECT match, any_value(instance) AS instance "
            "FROM inputs WHERE match IN (SELECT match FROM failed) GROUP BY match) i "
            f"ON f.match = i.match UNION ALL {missing_rows(counts, what, partly)}"
        )
    con.execute(f"COPY ({query}) TO {sql_text(failures)} (FORMAT parquet, COMPRESSION zstd)")
    # An input row that an unreadable output row stands for is no failure of its own.
    con.execute(
        f"CREATE VIEW failures AS FROM read_parquet({sql_text(failures)}) "
        "WHERE source IS NOT NULL OR code = 'MISSING'"
    )

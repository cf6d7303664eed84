"""Predictions and the rows of the table, matched by key."""

from typing import TYPE_CHECKING

from batchpredict.runtime.joining import spell_instances
from batchpredict.runtime.tables import column_types, count_rows, sql_name

if TYPE_CHECKING:
    import duckdb


def match_by_key(con: "duckdb.DuckDBPyConnection", key: str, lines: bool) -> int:
    """Number the keys of both tables, as texts, into ``input_keys`` and ``given_keys``.

    Args:
        con: The scratch database, with ``input`` and ``given``.
        key: The column of ``input`` that holds the keys.
        lines: Whether each row is an instance as it is, and not a row of cells.

    Returns:
        The number of rows in doubt, as ``find_doubts`` tells them; none gets a prediction.

    Raises:
        ValueError: E261, which row of a key has which of its predictions nobody can tell.
    """
    column, kind = sql_name(key), column_types(con, "input")[key]
    if kind.startswith(("STRUCT(", "MAP(")) or kind.endswith("]"):
        match_nested(con, column)
    else:
        text = f"CAST({column} AS VARCHAR)"
        con.execute(f"CREATE VIEW input_keys AS SELECT rowid AS n, {text} AS k FROM input")
    check_told_apart(con)
    find_doubts(con, lines)
    con.execute(
        "CREATE VIEW given_keys AS SELECT rowid AS n, k FROM given "
        "WHERE k IS NULL OR k NOT IN (SELECT k FROM doubts)"
    )
    return count_rows(con, "doubts")


def match_nested(con: "duckdb.DuckDBPyConnection", key: str) -> None:
    """Number keys that are lists or objects, spelt as one text for each meaning, on both sides.

    Args:
        con: The scratch database, with ``input`` and ``given``; gets ``input_keys``.
        key: What SQL calls the column of ``input``.
    """
    spell_instances(con, f"SELECT rowid, to_json({key})::VARCHAR FROM input", "input_keys", False)
    spell_instances(con, "SELECT rowid, k FROM given", "spelt_keys", False)
    con.execute("UPDATE given SET k = s.k FROM spelt_keys s WHERE s.n = given.rowid")


def check_told_apart(con: "duckdb.DuckDBPyConnection") -> None:
    """See that the predictions of a key that stands more than once in the table are the same.

    The order of the predictions is not that of the input, so it does not tell the rows apart.

    Raises:
        ValueError: E261.
    """
    added = [name for name in column_types(con, "given") if name != "k"]
    if not added:
        return
    several = "SELECT k FROM input_keys WHERE k IS NOT NULL GROUP BY k HAVING count(*) > 1"
    found = con.execute(
        f"SELECT k FROM given SEMI JOIN ({several}) USING (k) GROUP BY k "
        f"HAVING count(DISTINCT row({', '.join(added)})) > 1 ORDER BY k LIMIT 1"
    ).fetchone()
    if found:
        raise ValueError(
            f"E261 the rows of the key {found[0][:80]!r} cannot be told apart: it stands more "
            "than once in the table and its predictions differ; match by instance "
            "(key_column='') or give each row a key of its own"
        )


def find_doubts(con: "duckdb.DuckDBPyConnection", lines: bool) -> None:
    """Name the rows in doubt in the table ``doubts``: number, key, and a note that says why.

    They have one key and differ, and fewer predictions than they are: nobody can tell which row
    was not predicted, and a guess would give a row the prediction of another. Among equal rows it
    makes no difference.

    Args:
        con: The scratch database, with ``input``, ``input_keys`` and ``given``.
        lines: Whether each row is an instance as it is, and not a row of cells.
    """
    import logging

    con.execute(
        "CREATE TABLE few AS SELECT k, i.n AS asked, g.n AS answered FROM "
        "(SELECT k, count(*) AS n FROM input_keys GROUP BY k) i JOIN "
        "(SELECT k, count(*) AS n FROM given GROUP BY k) g USING (k) WHERE g.n < i.n"
    )
    row = sql_name("the whole row")
    text = "instance" if lines else f"to_json({row})::VARCHAR"
    some = "SELECT n FROM input_keys SEMI JOIN few USING (k)"
    spell_instances(con, f"SELECT rowid, {text} FROM input {row} WHERE rowid IN ({some})", "spelt")
    note = "f.asked || ' different rows have this key, ' || f.answered || ' got a prediction: '"
    con.execute(
        f"CREATE TABLE doubts AS SELECT i.n, i.k, {note} || 'nobody can tell which' "
        "AS note FROM few f JOIN input_keys i USING (k) JOIN spelt s ON s.n = i.n "
        "QUALIFY min(s.k) OVER (PARTITION BY i.k) < max(s.k) OVER (PARTITION BY i.k)"
    )
    if found := con.execute("SELECT k, min(note) FROM doubts GROUP BY k ORDER BY k").fetchmany(5):
        told = "; ".join(f"{k[:80]!r}: {reason}" for k, reason in found)
        rows = count_rows(con, "doubts")
        logging.warning("%d rows are in doubt and get no prediction, such as %s", rows, told)

"""Predictions back onto the table that was predicted, in its own order."""

from typing import TYPE_CHECKING

from batchpredict.runtime.canonical import canonical_speller
from batchpredict.runtime.joining_inputs import insert_rows, view_table
from batchpredict.runtime.tables import (
    absent_column,
    column_types,
    count_rows,
    sql_name,
    sql_text,
    table_files,
)

if TYPE_CHECKING:
    import duckdb


def load_given(
    con: "duckdb.DuckDBPyConnection", uri: str, path: str, columns: list[str], match: str
) -> list[str]:
    """Read the predictions into ``given``: ``k`` to match by, and ``p0``, ``p1``, … to add.

    Args:
        con: The scratch database.
        uri: Where the artifact says they are.
        path: The same place as a local path.
        columns: The columns to add; empty for those that ``columns_to_add`` takes.
        match: The column to match by, ``key`` or ``instance``.

    Returns:
        The columns to add.

    Raises:
        ValueError: E201 no file; E202 no Parquet; E203 an absent column.
    """
    import duckdb

    try:
        view_table(con, table_files(uri, path), "predictions")
        types = column_types(con, "predictions")
        for wanted in [match, *columns]:
            if wanted not in types:
                raise ValueError(
                    f"E203 {absent_column('the predictions', wanted, list(types))}; "
                    "give the output of parse_predictions"
                )
        chosen = list(dict.fromkeys(columns)) or columns_to_add(con, list(types))
        added = "".join(f", {sql_name(name)} AS p{n}" for n, name in enumerate(chosen))
        con.execute(f"CREATE TABLE given AS SELECT {match}::VARCHAR AS k{added} FROM predictions")
    except duckdb.Error as error:
        reason = " ".join(str(error).split())[:400]
        raise ValueError(f"E202 {uri} is not readable as Parquet: {reason}") from None
    return chosen


def columns_to_add(con: "duckdb.DuckDBPyConnection", columns: list[str]) -> list[str]:
    """Return the columns of ``predictions`` that say something and only they say.

    Typed columns that are null in every row are left out, and so are the raw ones: what identifies
    the row, and the JSON that the typed columns were read from. The JSON of the prediction comes
    along when no typed column holds anything.
    """
    raw = {"key", "instance", "prediction", "extra", "source", "explanation"}
    typed = [name for name in columns if name not in raw]
    counts = ", ".join(f"count({sql_name(name)})" for name in typed) or "1"
    found = con.execute(f"SELECT {counts} FROM predictions").fetchone() or ()
    filled = [name for name, count in zip(typed, found, strict=False) if count]
    if set(filled) - {"note"} or "prediction" not in columns:
        return filled
    return ["prediction", *filled]


def check_names(shown: list[str], added: list[str]) -> None:
    """Refuse a name that would stand twice in the joined table; case does not tell names apart.

    Raises:
        ValueError: E228.
    """
    taken = {name.casefold() for name in shown}
    for name in added:
        if name.casefold() in taken:
            raise ValueError(
                f"E228 the column '{name}' of the predictions is also a column of the table; "
                "give prefix (such as 'predicted_'), or name in columns what to add"
            )
        taken.add(name.casefold())


def match_by_instance(con: "duckdb.DuckDBPyConnection", names: list[str], lines: bool) -> None:
    """Number the canonical instances of both tables into ``input_keys`` and ``given_keys``.

    Args:
        con: The scratch database.
        names: The columns of ``input``.
        lines: Whether each row is an instance as it is, and not a row of cells.

    Raises:
        ValueError: E262.
    """
    instance = "instance" if lines else row_as_instance(con, names)
    spell_instances(con, f"SELECT rowid, {instance} FROM input", "input_keys")
    spell_instances(con, "SELECT rowid, k FROM given", "given_keys")


def row_as_instance(con: "duckdb.DuckDBPyConnection", names: list[str]) -> str:
    """Return the SQL that makes a row of ``input`` the instance that the model was given.

    The instances themselves tell its form: an object of some of the columns, or a list of all. A
    CSV does not tell numbers from texts; there the instances tell that too.

    Raises:
        ValueError: E262, the instances are of another form than the table.
    """
    query = "SELECT DISTINCT json_type(k) FROM given WHERE json_valid(k)"
    forms = {str(form) for (form,) in con.execute(query).fetchall()}
    query = (
        "SELECT e.key::VARCHAR, list(DISTINCT e.type) FROM "
        "(SELECT k FROM given WHERE json_valid(k)) g, json_each(g.k) e GROUP BY ALL"
    )
    kinds = {str(name): {str(k) for k in found} for name, found in con.execute(query).fetchall()}
    if forms == {"ARRAY"} and set(kinds) <= {str(n) for n in range(len(names))}:
        values = [as_member(con, name, kinds.get(str(n), set())) for n, name in enumerate(names)]
        return f"json_array({', '.join(values)})::VARCHAR"
    if forms <= {"OBJECT"} and set(kinds) <= set(names):
        fields = [name for name in names if name in kinds]
        pairs = [f"{sql_text(name)}, {as_member(con, name, kinds[name])}" for name in fields]
        return f"json_object({', '.join(pairs)})::VARCHAR"
    strange = sorted(set(kinds) - set(names))[:3] if forms == {"OBJECT"} else sorted(forms)
    raise ValueError(
        f"E262 the instances are not rows of the table: it has {len(names)} columns, and the "
        f"instances are or hold {', '.join(strange)}; give the table as it was predicted, "
        "or match by key_column"
    )


def as_member(con: "duckdb.DuckDBPyConnection", name: str, kinds: set[str]) -> str:
    """Return the SQL of a column as a member of an instance, whose values are of ``kinds``."""
    column = sql_name(name)
    if column_types(con, "input")[name] != "VARCHAR":
        return column
    if kinds and kinds <= {"BIGINT", "UBIGINT", "HUGEINT", "DOUBLE", "NULL"}:
        literal = r"'-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?'"
        return (
            f"CASE WHEN regexp_full_match({column}, {literal}) THEN {column}::JSON "
            f"ELSE coalesce(to_json(TRY_CAST({column} AS DOUBLE)), to_json({column})) END"
        )
    return column if "NULL" in kinds else f"coalesce({column}, '')"


def spell_instances(
    con: "duckdb.DuckDBPyConnection", query: str, table: str, digests: bool = True
) -> None:
    """Write row numbers and canonical instances into a table.

    Args:
        con: The scratch database.
        query: Gives row numbers and JSON texts.
        table: The table to make.
        digests: Whether to write a digest instead, which is small: an instance may hold an image.
    """
    import hashlib

    con.execute(f"CREATE TABLE {table} (n BIGINT, k VARCHAR)")
    spell = canonical_speller()
    found: list[list[str | None]] = []
    # A reading of its own, or else each insert would end it. Few rows at a time: they may be long.
    with con.cursor() as reading:
        reading.execute(query)
        while rows := reading.fetchmany(1000):
            for n, text in rows:
                spelt = text and spell(text)
                digest = spelt and hashlib.sha256(spelt.encode()).hexdigest()
                found.append([str(n), digest if digests else spelt])
            if len(found) >= 100_000:
                insert_rows(con, table, found)
                found = []
    insert_rows(con, table, found)


def pair_rows(con: "duckdb.DuckDBPyConnection", matched_by: str) -> int:
    """Pair the n-th prediction of a key with the n-th input row of that key, into ``pairs``.

    Args:
        con: The scratch database, with ``given``, ``input_keys`` and ``given_keys``.
        matched_by: ``key`` or ``instance``, for the message.

    Returns:
        The number of pairs.

    Raises:
        ValueError: E261, a prediction is left over.
    """
    numbered = "SELECT n, k, row_number() OVER (PARTITION BY k ORDER BY n) AS i FROM"
    con.execute(
        f"CREATE TABLE pairs AS SELECT i.n AS input_row, g.n AS given_row, g.k AS k FROM "
        f"({numbered} given_keys) g LEFT JOIN ({numbered} input_keys WHERE k IS NOT NULL) i "
        "ON i.k = g.k AND i.i = g.i"
    )
    over = count_rows(con, "pairs", "input_row IS NULL")
    if over:
        shown = "k" if matched_by == "key" else "NULL"
        query = f"SELECT given_row + 1, {shown} FROM pairs WHERE input_row IS NULL ORDER BY 1"
        found = con.execute(query + " LIMIT 5").fetchall()
        rows = ", ".join(f"{n}" if k is None else f"{n} (key {k[:80]!r})" for n, k in found)
        raise ValueError(
            f"E261 {over} of {count_rows(con, 'given')} predictions have no row of their own in "
            f"the table, by {matched_by}: row {rows}{', …' if over > 5 else ''} of the "
            "predictions; give the table that was predicted, with each row as often as it was"
        )
    return count_rows(con, "pairs")


def columns_added(chosen: list[str], prefix: str, doubtful: bool, asked: bool) -> dict[str, str]:
    """Return the SQL of the columns to add, by name.

    Args:
        chosen: The columns of the predictions, from ``load_given``.
        prefix: Put before their names.
        doubtful: Whether there are rows in doubt; their ``note`` says so.
        asked: Whether the user named the columns; else ``note`` comes along with a doubt.
    """
    added = {prefix + name: f"g.p{n}" for n, name in enumerate(chosen)}
    if doubtful and ("note" in chosen or not asked):
        doubt = "(SELECT note FROM doubts WHERE doubts.n = i.rowid)"
        given = added.get(f"{prefix}note", "NULL")
        added[f"{prefix}note"] = f"coalesce({given}::VARCHAR, {doubt})"
    return added


def write_joined(
    con: "duckdb.DuckDBPyConnection", shown: dict[str, str], added: dict[str, str], path: str
) -> None:
    """Write every row of ``input`` once, in its order, with its prediction or nulls.

    Args:
        con: The scratch database, with ``input``, ``given`` and ``pairs``.
        shown: The names to show, by the names in ``input``.
        added: From ``columns_added``.
        path: File to write.
    """
    columns = [f"i.{sql_name(name)} AS {sql_name(to)}" for name, to in shown.items()]
    columns += [f"{value} AS {sql_name(name)}" for name, value in added.items()]
    con.execute(
        f"COPY (SELECT {', '.join(columns)} FROM input i "
        "LEFT JOIN pairs p ON p.input_row = i.rowid "
        "LEFT JOIN given g ON g.rowid = p.given_row ORDER BY i.rowid) "
        f"TO {sql_text(path)} (FORMAT parquet, COMPRESSION zstd)"
    )

"""Which rows of a batch prediction's input and output are the same."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.canonical import canonical
from batchpredict.runtime.results.accounting import bare_request
from batchpredict.runtime.results.echoes import as_echoed, as_texts, echo_form
from batchpredict.runtime.results.lines import spell_out_numbers
from batchpredict.runtime.tables import sql_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import duckdb


def identity(text: str) -> str:
    """Return a digest that equal instances share, however their JSON is written."""
    import hashlib

    spelt = canonical(spell_out_numbers(text))
    return hashlib.sha256(spelt.encode(errors="replace")).hexdigest()


def echo_speller(
    con: "duckdb.DuckDBPyConnection",
    queries: list[str],
    kind: str,
    key_field: str,
    fields: list[str],
) -> "Callable[[str], str]":
    """Return a function that gives an instance the form in which the output repeats it.

    An instance that has that form already keeps it, so that the function serves both sides.

    Args:
        con: The scratch database.
        queries: SQL that gives the ``instance`` of output rows; the first with any shows the form.
        kind: Kind of the result.
        key_field: A field that the model did not get.
        fields: Fields that the model got; all but ``key_field`` when empty.
    """
    some = (f"SELECT instance FROM ({q}) WHERE instance IS NOT NULL LIMIT 50" for q in queries)
    shown = next(filter(None, (con.execute(query).fetchall() for query in some)), [])
    echo = echo_form([text for (text,) in shown])

    def spell(text: str) -> str:
        if kind == "gemini":
            return bare_request(text)
        text = as_echoed(text, echo, key_field, fields)
        return as_texts(text) if echo["texts"] else text

    return spell


def load_identities(
    con: "duckdb.DuckDBPyConnection",
    scratch: str,
    name: str,
    rows: "Iterator[tuple[int, str | None, str | None]]",
    exact: bool,
    form: "Callable[[str], str] | None" = None,
) -> None:
    """Stream rows into a table of ``row``, ``key`` and ``digest``.

    Args:
        con: The scratch database; a table of that name is replaced.
        scratch: Folder for a file.
        name: Name of the table.
        rows: Number, key and JSON text of each instance.
        exact: Whether to make the digests.
        form: Gives an instance the form to compare, as ``echo_speller``; else it is as it is.
    """
    import json
    import os

    path, longest = os.path.join(scratch, f"{name}.jsonl"), 0
    with open(path, "w", encoding="ascii") as file:
        for number, key, raw in rows:
            plain = key and key.encode(errors="replace").decode()
            row: dict[str, Any] = {"row": number, "key": plain}
            if exact and raw is not None:
                row["digest"] = identity(form(raw) if form else raw)
            text = json.dumps(row) + "\n"
            file.write(text)
            longest = max(longest, len(text))
    columns = {"row": "BIGINT", "key": "VARCHAR", "digest": "VARCHAR"}
    con.execute(
        f"CREATE OR REPLACE TABLE {name} AS FROM read_json({sql_text(path)}, columns = {columns}, "
        f"format = 'newline_delimited', maximum_object_size = {max(longest, 2**24)})"
    )
    os.remove(path)


def read_rows(
    con: "duckdb.DuckDBPyConnection", view: str, matched_by: str
) -> "Iterator[tuple[int, str | None, str | None]]":
    """Yield number, key and instance of the rows of a table that show which input row they are.

    Args:
        con: The scratch database; no other query may run before the last row is read.
        view: The table.
        matched_by: ``key`` or ``instance``.
    """
    result = con.execute(f"SELECT key, instance FROM {view} WHERE {matched_by} IS NOT NULL")
    for number, row in enumerate(iter(result.fetchone, None)):
        yield number, row[0], row[1]

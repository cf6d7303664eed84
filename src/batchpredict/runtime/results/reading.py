"""From the lines of an output to the table of its predictions and a file of its failures."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.results.fast_columns import is_fast
from batchpredict.runtime.results.fast_lane import fast_query, is_plain_form
from batchpredict.runtime.results.kinds import columns_of
from batchpredict.runtime.results.lines import line_decoders
from batchpredict.runtime.results.rows import read_row
from batchpredict.runtime.results.sieve import (
    count_file_lines,
    count_line_ends,
    every_line,
    is_plain_file,
    sieve,
    unfinished_lines,
)
from batchpredict.runtime.tables import sql_name, sql_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import duckdb


def read_results(
    con: "duckdb.DuckDBPyConnection",
    paths: list[str],
    plan: dict[str, Any],
    scratch: str,
    target: str,
) -> None:
    """Write the predictions as Parquet, and the rows without one to ``failed.jsonl``.

    SQL takes the lines of the usual form in one pass. Only when there are others does a second
    pass find them for Python, and a third write both.

    Args:
        con: A database connection for this work alone; its settings are changed.
        paths: Files of JSON Lines.
        plan: From ``sniff_lines``.
        scratch: Folder for ``failed.jsonl`` and intermediate files.
        target: Path of the Parquet file.
    """
    import os

    # The pieces of a line would be computed once for each condition, and again for the result.
    con.execute("SET disabled_optimizers = 'filter_pushdown'")
    con.execute("SET preserve_insertion_order = false")
    repair([], plan, scratch, {})
    paths = [path for path in paths if os.path.getsize(path)]
    if not paths or not has_fast_lane(plan):
        repair(every_line(paths), plan, scratch, unfinished_lines(paths))
        write_predictions(con, [rest_query(plan, scratch)], target)
    elif not read_usual(con, paths, plan, target):
        read_mixed(con, paths, plan, scratch, target)


def read_usual(
    con: "duckdb.DuckDBPyConnection", paths: list[str], plan: dict[str, Any], target: str
) -> bool:
    """Write the predictions of files whose lines all have the usual form.

    The lines are counted apart: DuckDB 2.0.0 leaves out a long last line without a word. Only
    when there are blank lines are they counted with more care.

    Returns:
        False when a line has not, or was not read; what is written then is no result.
    """
    import logging
    from concurrent.futures import ThreadPoolExecutor

    import duckdb

    try:
        with ThreadPoolExecutor(1) as pool:
            ends = pool.map(count_line_ends, paths)
            written = write_predictions(con, [chosen(fast_query(plan, paths), plan, True)], target)
        return written == sum(ends) or written == sum(map(count_file_lines, paths))
    except (
        duckdb.InvalidInputException,
        duckdb.ConversionException,
        duckdb.NotImplementedException,  # a line longer than the buffer of the CSV reader
    ):
        logging.info("not all lines are of one form: looking for those that are not")
        return False


def read_mixed(
    con: "duckdb.DuckDBPyConnection",
    paths: list[str],
    plan: dict[str, Any],
    scratch: str,
    target: str,
) -> None:
    """Write the predictions of files of which SQL can read some lines, as ``read_results``."""
    import os

    ends, plain = unfinished_lines(paths), list(paths)
    for place, path in enumerate(paths):
        if not is_plain_file(path):
            folder = os.path.join(scratch, f"plain-{place}")
            os.mkdir(folder)
            plain[place] = os.path.join(folder, os.path.basename(path))
            repair(sieve(path, plain[place]), plan, scratch, ends)
    query = fast_query(plan, plain)
    repair(odd_lines(con, query), plan, scratch, ends)
    write_predictions(con, [chosen(query, plan, False), rest_query(plan, scratch)], target)


def has_fast_lane(plan: dict[str, Any]) -> bool:
    """Tell whether SQL can take the usual lines of an output apart and type them."""
    form = plan["form"]
    if not form or ("explanation" in form["names"] and not plan["explained"]):
        return False
    return is_plain_form(form) and is_fast(plan["kind"], form["shape"])


def chosen(query: str, plan: dict[str, Any], all_must_fit: bool) -> str:
    """Return the SQL of the predictions among the lines of a fast query.

    Args:
        query: From ``fast_query``.
        plan: From ``sniff_lines``.
        all_must_fit: Whether a line that does not fit stops the query, or is left out.
    """
    columns = ", ".join(sql_name(name) for name in columns_of(plan["kind"], plan["explained"]))
    condition = "fits"
    if all_must_fit:
        condition = (
            "CASE WHEN fits OR line IS NULL THEN fits ELSE error('a line does not fit') END"
        )
    return f"SELECT {columns} FROM ({query}) WHERE {condition}"


def odd_lines(
    con: "duckdb.DuckDBPyConnection", query: str
) -> "Iterator[tuple[str, bytes | None]]":
    """Yield the name of the file and the line of each line that does not fit."""
    lines = f"SELECT source, line FROM ({query}) WHERE NOT fits AND line IS NOT NULL"
    result = con.execute(lines)
    while rows := result.fetchmany(1000):
        for source, line in rows:
            yield source, line.encode()


def repair(
    lines: "Iterable[tuple[str, bytes | None]]",
    plan: dict[str, Any],
    scratch: str,
    ends: dict[str, bytes],
) -> None:
    """Read lines one by one, and append them to ``rest.jsonl`` and ``failed.jsonl``.

    Args:
        lines: Name of the file and the line, None for one that was too long to read.
        plan: From ``sniff_lines``.
        scratch: Folder of the two files.
        ends: From ``unfinished_lines``.
    """
    import json
    import os

    decoders = line_decoders()
    with (
        open(os.path.join(scratch, "rest.jsonl"), "a", encoding="ascii") as rest,
        open(os.path.join(scratch, "failed.jsonl"), "a", encoding="ascii") as failed,
    ):
        for source, line in lines:
            if line is not None and not line.strip():
                continue
            good, row = read_row(line, plan, decoders)
            if row.get("code") == "E222" and line and line.endswith(ends.get(source, b"\0")):
                row["message"] = f"the file ends inside this line: {row['message']}"
            filled = {name: part for name, part in row.items() if part is not None}
            text = json.dumps({**filled, "source": source}, allow_nan=False)
            (rest if good else failed).write(text + "\n")


def rest_query(plan: dict[str, Any], scratch: str) -> str:
    """Return the SQL of the predictions that Python read."""
    import os

    path = os.path.join(scratch, "rest.jsonl")
    columns = columns_of(plan["kind"], plan["explained"])
    read = {n: "VARCHAR" if kind == "BLOB" else kind for n, kind in columns.items()}
    listed = ", ".join(
        f"from_base64({name}) AS {name}" if kind == "BLOB" else sql_name(name)
        for name, kind in columns.items()
    )
    return f"SELECT {listed} FROM {row_reader(path, read)}"


def row_reader(path: str, columns: dict[str, str]) -> str:
    """Return the DuckDB call that reads rows which ``repair`` wrote.

    Args:
        path: The file.
        columns: Name and SQL type of the columns.
    """
    typed = ", ".join(f"{sql_text(name)}: {sql_text(kind)}" for name, kind in columns.items())
    with open(path, "rb") as file:
        longest = max(map(len, file), default=0)
    return (
        f"read_json({sql_text(path)}, columns = {{{typed}}}, format = 'newline_delimited', "
        f"maximum_object_size = {max(2**21, longest + 1)})"
    )


def write_predictions(con: "duckdb.DuckDBPyConnection", queries: list[str], target: str) -> int:
    """Write the rows of queries with the same columns to one Parquet file, and count them."""
    query = " UNION ALL ".join(queries)
    form = (
        "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 20480, "
        "ROW_GROUP_SIZE_BYTES '32MB', DICTIONARY_SIZE_LIMIT 1000)"
    )
    done = con.execute(f"COPY ({query}) TO {sql_text(target)} {form}").fetchone()
    return int((done or (0,))[0])


def merge_predictions(con: "duckdb.DuckDBPyConnection", parts: list[str], target: str) -> None:
    """Write the predictions of several files, which have the same columns, to one.

    Args:
        con: The scratch database.
        parts: Parquet files that ``read_results`` wrote by one plan; at least one.
        target: Path of the Parquet file.
    """
    con.execute("SET preserve_insertion_order = false")
    files = ", ".join(map(sql_text, parts))
    write_predictions(con, [f"FROM read_parquet([{files}])"], target)

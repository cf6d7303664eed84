"""The rows that were predicted, to be matched with the output."""

from typing import TYPE_CHECKING

from batchpredict.runtime.results.csv_output import copy_table
from batchpredict.runtime.results.fast_lane import echo_guards, line_reader, plain_names
from batchpredict.runtime.results.lines import instance_key, spell_out_numbers
from batchpredict.runtime.results.reading import row_reader
from batchpredict.runtime.results.sieve import every_line, is_plain_file, sieve
from batchpredict.runtime.tables import csv_header, sql_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb


def as_json_lines(con: "duckdb.DuckDBPyConnection", path: str, scratch: str) -> str:
    """Return the path of the instances as JSON Lines; a CSV row is an object of its cells' texts.

    Args:
        con: The scratch database.
        path: JSON Lines, or CSV when it is called so.
        scratch: Folder for the lines of CSV.

    Raises:
        ValueError: E202, no CSV in UTF-8 with a header.
    """
    import os

    if not path.endswith(".csv") or not os.path.isfile(path):
        return path
    header = csv_header(path, False)
    cells = ", ".join(f"{sql_text(name)}, c{place}" for place, name in enumerate(header))
    lines = os.path.join(scratch, "instances.jsonl")
    fault = copy_table(con, path, header, f"CAST(json_object({cells}) AS VARCHAR)", False, lines)
    if fault:
        raise ValueError(f"E202 the instances {path} are not readable as CSV: {fault}")
    return lines


def load_inputs(
    con: "duckdb.DuckDBPyConnection", path: str, key_field: str, keyed: bool, scratch: str
) -> None:
    """Make the view ``inputs`` (``match``, ``key``, ``instance``) of the rows that were predicted.

    What rows are matched by is worked out once, into the table ``asked``; the view, which does it
    again, is for the few rows that are shown.

    Args:
        con: The scratch database.
        path: JSON Lines, as the batch prediction read them.
        key_field: The field that holds the key.
        keyed: Whether rows are matched by key; else by instance.
        scratch: Folder for intermediate files.

    Raises:
        ValueError: E201 no such file; E202 a line is no JSON, or no object although rows are
            matched by key; E206 a key is missing.
    """
    import os

    if not os.path.isfile(path):
        raise ValueError(
            f"E201 there are no instances at {path}; give the file that was predicted"
        )
    odd = os.path.join(scratch, "inputs.jsonl")
    open(odd, "w").close()
    plain = path
    if not is_plain_file(path):
        plain = os.path.join(scratch, "inputs-plain.jsonl")
        write_inputs((line for _, line in sieve(path, plain)), path, key_field, keyed, odd)
    query = input_query(plain, key_field, keyed)
    con.execute(
        "CREATE TABLE asked AS SELECT CASE WHEN fits THEN match END AS match, "
        f"CASE WHEN NOT fits THEN line END AS odd FROM ({query})"
    )
    rows = con.execute("SELECT odd FROM asked WHERE odd IS NOT NULL")
    while lines := rows.fetchmany(1000):
        write_inputs([line.encode() for (line,) in lines], path, key_field, keyed, odd)
    columns = {"match": "VARCHAR", "key": "VARCHAR", "instance": "VARCHAR"}
    con.execute(f"INSERT INTO asked SELECT match, NULL FROM {row_reader(odd, columns)}")
    con.execute(
        f"CREATE VIEW inputs AS SELECT match, key, line AS instance FROM ({query}) WHERE fits "
        f"UNION ALL SELECT * FROM {row_reader(odd, columns)}"
    )


def input_query(path: str, key_field: str, keyed: bool) -> str:
    """Return the SQL of the input lines: ``match``, ``key``, ``line``, and whether it ``fits``.

    Args:
        path: The file.
        key_field: The field that holds the key.
        keyed: Whether rows are matched by key.
    """
    import json

    lines = f"SELECT line FROM {line_reader([path])} WHERE line IS NOT NULL AND trim(line) <> ''"
    # DuckDB takes a comma before a bracket and nan for JSON, in any spelling.
    signs = ("nan", "NAN", "inf", "INF", "Inf", ",]", ", ]", ",}", ", }", ",\t")
    some = " OR ".join(f"contains(line, {sql_text(sign)})" for sign in signs)
    odd = sql_text(r"(?i)[:,\[\s-](?:nan|inf)|,\s*[\]}]")
    strict = f"CASE WHEN {some} THEN NOT regexp_matches(line, {odd}) ELSE true END"
    sound = " AND ".join([*echo_guards("line", "json_valid(line)"), plain_names("line"), strict])
    if not keyed:
        return (
            f"SELECT line, NULL AS key, {sound} AS fits, "
            f"CASE WHEN fits THEN md5(CAST(json(line) AS VARCHAR)) END AS match FROM ({lines})"
        )
    name = json.dumps(key_field)
    raw = f"CAST(json_extract(line, {sql_text('$.' + name)}) AS VARCHAR)" if key_field else "NULL"
    literal = sql_text(r'"[^"\\\x00-\x1f]*"|0|-?[1-9][0-9]*')
    # A name that stands once is the key's and nothing else's.
    fits = (
        f"{sound} AND starts_with(line, '{{') AND "
        f"len(string_split(line, {sql_text(name)})) = 2 AND regexp_full_match(raw, {literal})"
    )
    found = f"SELECT line, CASE WHEN json_valid(line) THEN {raw} END AS raw FROM ({lines})"
    return (
        f"SELECT line, coalesce({fits}, false) AS fits, trim(raw, '\"') AS key, key AS match "
        f"FROM ({found})"
    )


def write_inputs(
    lines: "Iterable[bytes | None]", path: str, key_field: str, keyed: bool, odd: str
) -> None:
    """Append input lines, read one by one, to the file of the odd ones.

    Raises:
        ValueError: E202, E206 as ``load_inputs``.
    """
    import hashlib
    import json

    with open(odd, "a", encoding="ascii") as file:
        for line in lines:
            if line is not None and not line.strip():
                continue
            try:
                key, text = read_input(line, key_field, keyed)
            except ValueError as error:
                number = line_number(path, line)
                code, _, reason = str(error).partition(" ")
                raise ValueError(f"{code} line {number} of the instances {reason}") from None
            match = key if keyed else hashlib.md5(text.encode()).hexdigest()
            file.write(json.dumps({"match": match, "key": key, "instance": text}) + "\n")


def read_input(line: bytes | None, key_field: str, keyed: bool) -> tuple[str | None, str]:
    """Return key and JSON text of one input line.

    A line of a file list, which is no JSON, is the text that the output repeats. As in the output,
    NaN and Infinity are spelt out.

    Raises:
        ValueError: E202 it is no JSON object; E206 it has no key.
    """
    import json

    if line is None:
        raise ValueError("E202 is longer than 64 MiB")
    text = line.decode(errors="replace").strip()
    if not keyed and text.startswith("gs://"):
        return None, json.dumps(text)
    try:
        value = json.loads(line)
        if keyed and not isinstance(value, dict):
            raise ValueError("it is another value")
        text = spell_out_numbers(line.decode().strip())
        key = instance_key(text, value, key_field) if keyed else None
    except (ValueError, RecursionError) as error:
        shown = ascii(text[:100])
        raise ValueError(f"E202 is no JSON{' object' * keyed}, {error}: {shown}") from None
    if keyed and key is None:
        raise ValueError(
            f"E206 has no key in its field '{key_field}'; give key_field the name of the key"
        )
    return key, text


def line_number(path: str, wanted: bytes | None) -> int:
    """Return the number of the first line of a file that is the wanted one, 0 for none."""
    bare = wanted and wanted.rstrip(b"\r\n")
    for number, (_, line) in enumerate(every_line([path]), start=1):
        if (line and line.rstrip(b"\r\n")) == bare:
            return number
    return 0

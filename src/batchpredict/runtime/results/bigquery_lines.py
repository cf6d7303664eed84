"""Rows of a BigQuery table, line by line, as the lines that a job writes to Cloud Storage."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.results.bigquery_rows import arrange_row, column_plan, row_plan
from batchpredict.runtime.shards import read_lines

if TYPE_CHECKING:
    from collections.abc import Callable


def standard_lines(source: str, path: str, key_field: str, target_column: str) -> int:
    """Rewrite the rows of a table as JSON Lines in the form of a job's files.

    A row that cannot be read is passed on as it stands: whoever reads the lines names it.

    Args:
        source: JSON Lines, one object per row: from ``download_table``, ``export_parquet_rows``
            or BigQuery's own export.
        path: File to write.
        key_field: The column that identifies a row, "" when there is none.
        target_column: The model's target, or the whole name of the column of predictions; "" when
            only one column can be it.

    Returns:
        The number of lines written.

    Raises:
        ValueError: E227, several columns could be the prediction, or none.
    """
    seen: dict[str, Any] = {"columns": (), "shaped": False}
    convert = line_converter(key_field, target_column, seen)
    rows = 0
    with open(path, "wb") as file:
        for line in read_lines(source):
            if line is None:
                line = b'{"error": {"status": "E222", "message": "the row exceeds 64 MiB"}}'
            elif not line.strip():
                continue
            else:
                line = convert(line)
            file.write(line.rstrip(b"\r\n") + b"\n")
            rows += 1
    if seen["columns"] and not seen["shaped"]:
        raise ValueError(
            "E227 the table has no column prediction or predicted_<target>; its columns are "
            f"{', '.join(seen['columns'][:20])}"
        )
    return rows


def line_converter(
    key_field: str, target_column: str, seen: dict[str, Any]
) -> "Callable[[bytes], bytes]":
    """Return the function that turns a row's line into a line as of a job's files.

    Args:
        key_field: As for ``standard_lines``, as ``target_column``.
        target_column: The target.
        seen: Gets the first row's ``columns``, and whether any row is ``shaped`` as a result.
    """
    split = column_splitter()
    plans: dict[tuple[str, ...], dict[str, Any]] = {}

    def convert(line: bytes) -> bytes:
        try:
            row = split(line.decode())
        except (ValueError, RecursionError):
            return line
        columns = tuple(row)
        if columns not in plans:
            # BigQuery's own export leaves out what is null: there may be as many as rows.
            if len(plans) == 1000:
                plans.clear()
            plans[columns] = row_plan(columns, key_field, target_column)
        members = arrange_row(row, plans[columns])
        seen["columns"] = seen["columns"] or columns
        seen["shaped"] = seen["shaped"] or bool(plans[columns]["kind"]) or "error" in members
        return object_text(members).encode(errors="backslashreplace")

    return convert


def error_converter(key_field: str) -> "Callable[[str], str]":
    """Return the function that turns a row of a table of errors into a job's failed row.

    Args:
        key_field: The column that identifies a row, "" when there is none.
    """
    import json

    split = column_splitter()

    def convert(line: str) -> str:
        row = split(line)
        members = arrange_row(row, column_plan(tuple(row), key_field, "", ""))
        error = json.loads(members.pop("error", "{}"))
        code = error.get("status", error.get("code"))
        message = str(error.get("message") or "the row gives no reason")
        told = {"code": "ERROR" if code in (None, "") else str(code), "message": message}
        members["error"] = json.dumps(told, ensure_ascii=False)
        return object_text(members)

    return convert


def object_text(members: dict[str, str]) -> str:
    """Return the JSON text of an object from names and JSON texts."""
    from json.encoder import encode_basestring as quoted

    parts = [f"{quoted(name)}: {text}" for name, text in members.items()]
    return "{" + ", ".join(parts) + "}"


def column_splitter() -> "Callable[[str], dict[str, str]]":
    """Return a function that splits a row's line into name and JSON text of each column.

    Most rows of a table have the same columns in the same order: one regular expression, made
    from the first row, reads all leading columns that are not nested in one call. The function
    raises ValueError or RecursionError when a line is no JSON object or has a column twice.
    """
    import json
    import re

    text, scalar = scalar_patterns()
    member = re.compile(rf"\s*+({text})\s*+:\s*+(?:{scalar}\s*+)?+").match
    tools = member, json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
    heads: list[Any] = []

    def split(line: str) -> dict[str, str]:
        line = line.strip()
        for names, head in heads:
            if found := head(line):
                row = dict(zip(names, found.groups(), strict=True))
                return read_columns(line, row, found.end(), tools)
        row = read_columns(line, {}, 0, tools)
        if row and not heads:
            heads.append(head_pattern(row))
        return row

    return split


def read_columns(
    line: str, row: dict[str, str], at: int, tools: tuple[Any, Any]
) -> dict[str, str]:
    """Add the columns of a line from a place on to those that were read before it.

    Args:
        line: The line, without white space around it.
        row: The columns before the place, as name and JSON text.
        at: The place of a comma or of the first brace.
        tools: What matches a column's name and plain value, and what decodes a nested one.

    Raises:
        ValueError: The line is no JSON object or has a column twice.
        RecursionError: It is nested too deeply.
    """
    import json
    import re

    member, decode = tools
    while line[at : at + 1] == ("," if row else "{") and (found := member(line, at + 1)):
        name, text, at = str(json.loads(found[1])), found[2], found.end()
        if text is None:
            end = decode(line, at)[1]
            text, at = line[at:end], end
            while line[at : at + 1].isspace():
                at += 1
        if name in row:
            raise ValueError(f"the column {name} stands twice")
        row[name] = text
    if line[at:] != "}" and (row or not re.fullmatch(r"\{\s*\}", line)):
        raise ValueError("the row is no JSON object")
    return row


def scalar_patterns() -> tuple[str, str]:
    """Return the regular expressions of a JSON string and, as a group, of any plain value."""
    text = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
    return text, rf"({text}|[-\w][^,}}\s\]]*+)"


def head_pattern(row: dict[str, str]) -> tuple[list[str], Any]:
    """Return the columns before the first nested one, and what finds them at a line's start.

    Args:
        row: The first row, as name and JSON text of each column.
    """
    import itertools
    import json
    import re

    plain = itertools.takewhile(lambda name: row[name][0] not in "[{", row)
    names = list(itertools.islice(plain, 500))
    quoted = [re.escape(json.dumps(name, ensure_ascii=False)) for name in names]
    _, scalar = scalar_patterns()
    members = r",\s*+".join(rf"{name}\s*+:\s*+{scalar}\s*+" for name in quoted)
    # A row that starts with a nested column has no head: this matches nothing.
    return names, re.compile(r"\{\s*+" + members if names else r"(?!)").match

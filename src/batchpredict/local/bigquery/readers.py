"""The rows of text files, and what columns they seem to have."""

import csv
import gzip
import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from batchpredict.local.bigquery.errors import BigQueryError, invalid
from batchpredict.local.bigquery.fields import Field
from batchpredict.local.bigquery.values import DECODERS

SAMPLE = 500
LONGEST_CELL = 1 << 27
GUESSES = ("INTEGER", "FLOAT", "BOOLEAN", "DATE", "TIMESTAMP")
DELIMITERS = {"\\t": "\t", "tab": "\t"}
DIGITS = re.compile(r"[+-]?[\d.eE+-]+")
Numbered = Iterator[tuple[str, Any]]


def _opened(path: Path) -> io.TextIOBase:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    raw: Any = (gzip.open if zipped else open)(path, "rb")
    return io.TextIOWrapper(raw, "utf-8-sig", newline="")


def json_rows(paths: Iterable[Path]) -> Numbered:
    """Yield where each line is, and its JSON.

    Raises:
        BigQueryError: A line is not JSON.
    """
    for path in paths:
        with _opened(path) as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                where = f"file {path.name}, line {number}"
                try:
                    yield where, json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise invalid(
                        f"Error while reading data, error message: JSON parsing error in row: "
                        f"{error}; {where}",
                        where,
                    ) from None


def csv_cells(path: Path, wanted: Mapping[str, Any], skip: int) -> Numbered:
    """Yield where each row is, and its cells.

    Raises:
        BigQueryError: The file is no CSV.
    """
    csv.field_size_limit(LONGEST_CELL)
    delimiter = str(wanted.get("fieldDelimiter") or ",")
    quote = wanted.get("quote")
    options: dict[str, Any] = {"delimiter": DELIMITERS.get(delimiter, delimiter), "strict": True}
    if quote == "":
        options["quoting"] = csv.QUOTE_NONE
    elif quote:
        options["quotechar"] = quote
    with _opened(path) as lines:
        read = csv.reader(lines, **options)
        try:
            yield from _numbered(read, path, bool(wanted.get("allowQuotedNewlines")), skip)
        except (csv.Error, TypeError, UnicodeDecodeError) as error:
            where = f"file {path.name}, line {read.line_num}"
            message = f"Error while reading data, error message: CSV error: {error}; {where}"
            raise invalid(message, where) from None


def _numbered(read: Any, path: Path, newlines: bool, skip: int) -> Numbered:
    last = 0
    for number, cells in enumerate(read):
        where = f"file {path.name}, line {last + 1}"
        if read.line_num > last + 1 and not newlines:
            raise csv.Error("Missing close quote character; allow newlines in quotes")
        last = read.line_num
        if number >= skip and cells:
            yield where, cells


def csv_rows(
    paths: Iterable[Path], fields: Sequence[Field], wanted: Mapping[str, Any], skip: int
) -> Numbered:
    """Yield where each row is, and its values by column."""
    nested = [it["name"] for it in fields if it["mode"] == "REPEATED" or it["type"] == "RECORD"]
    if nested:
        raise invalid(f"CSV cannot hold the column {nested[0]}, which is nested or repeated")
    marker = wanted.get("nullMarker") or ""
    texts = [it["type"] in ("STRING", "BYTES") for it in fields]
    names = [it["name"] for it in fields]
    extra = bool(wanted.get("ignoreUnknownValues"))
    for path in paths:
        for where, cells in csv_cells(path, wanted, skip):
            if len(cells) < len(names) or (len(cells) > len(names) and not extra):
                raise invalid(
                    f"Error while reading data, error message: CSV table references column "
                    f"position {len(cells)}, but the table has {len(names)} columns; {where}",
                    where,
                )
            values = zip(cells, texts, strict=False)
            row = [_cell(cell, is_text, marker) for cell, is_text in values]
            yield where, dict(zip(names, row, strict=False))


def _cell(cell: str, is_text: bool, marker: str) -> str | None:
    if cell == marker and (marker or not is_text):
        return None
    return cell


def detect(paths: Sequence[Path], wanted: Mapping[str, Any]) -> tuple[list[Field], int]:
    """Return the columns that the first rows of files seem to have, and the header's lines."""
    if wanted.get("sourceFormat") == "NEWLINE_DELIMITED_JSON":
        rows = [row for _, row in itertools.islice(json_rows(paths), SAMPLE)]
        return _members(rows), 0
    skip = int(wanted.get("skipLeadingRows") or 0)
    cells = [row for _, row in itertools.islice(csv_cells(paths[0], wanted, 0), SAMPLE)]
    if not cells:
        return [], 0
    head, body = cells[max(skip - 1, 0)], cells[max(skip, 1) :]
    names = skip > 0 or (_all_texts(head) and not all(map(_all_texts, body)))
    data = body if names else cells
    marker = wanted.get("nullMarker") or ""
    data = [["" if cell == marker else cell for cell in row] for row in data]
    columns = list(itertools.zip_longest(*data, fillvalue="")) or [() for _ in head]
    titles = [_title(it, number) for number, it in enumerate(head)] if names else None
    fields = [
        {"name": titles[n] if titles else f"string_field_{n}", "type": _guess(column)}
        for n, column in enumerate(columns)
    ]
    for number, field in enumerate(fields):
        if not titles:
            kinds = {"INTEGER": "int64", "FLOAT": "double", "BOOLEAN": "bool"}
            kind = kinds.get(field["type"], field["type"].lower())
            field["name"] = f"{kind}_field_{number}"
    return fields, max(skip, 1) if names else 0


def _all_texts(cells: Sequence[str]) -> bool:
    return all(_guess([cell]) == "STRING" for cell in cells)


def _title(name: str, number: int) -> str:
    clean = re.sub(r"[^A-Za-z0-9_]", "_", name.strip())
    return clean if clean and not clean[0].isdigit() else f"_{clean or number}"


def _guess(values: Sequence[Any]) -> str:
    present = [it for it in values if it != ""]
    fitting = (kind for kind in GUESSES if present and all(_fits(kind, it) for it in present))
    return next(fitting, "STRING")


def _fits(kind: str, value: Any) -> bool:
    if kind == "TIMESTAMP" and DIGITS.fullmatch(str(value)):
        return False
    try:
        DECODERS[kind](value)
    except (ValueError, TypeError, ArithmeticError, BigQueryError):
        return False
    return True


def _members(rows: Sequence[Any]) -> list[Field]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        if not isinstance(row, dict):
            raise invalid("A line of JSON is no object")
        for name, value in row.items():
            found.setdefault(name, []).append(value)
    return [
        _member(name, [it for it in values if it is not None]) for name, values in found.items()
    ]


def _member(name: str, values: list[Any]) -> Field:
    if any(isinstance(it, list) for it in values):
        inner = [it for value in values for it in (value if isinstance(value, list) else [value])]
        return {**_member(name, inner), "mode": "REPEATED"}
    if any(isinstance(it, dict) for it in values):
        return {"name": name, "type": "RECORD", "fields": _members(values)}
    if values and all(isinstance(it, bool) for it in values):
        return {"name": name, "type": "BOOLEAN"}
    numbers = [it for it in values if isinstance(it, int | float) and not isinstance(it, bool)]
    if numbers and len(numbers) == len(values):
        kind = "INTEGER" if all(isinstance(it, int) for it in numbers) else "FLOAT"
        return {"name": name, "type": kind}
    return {"name": name, "type": _guess([str(it) for it in values])}

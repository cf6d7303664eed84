"""Rows on their way into the database: a file of decoded rows, read by DuckDB at once."""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from batchpredict.local.bigquery.fields import Field, quoted, text
from batchpredict.local.bigquery.values import stored, transport_type

LONGEST = 1 << 28


@contextlib.contextmanager
def rows_file(exchange: Path, rows: Iterable[Mapping[str, Any]]) -> Iterator[Path]:
    """Yield a file that holds decoded rows, and is gone afterwards."""
    path = exchange / f"{secrets.token_hex(16)}.jsonl"
    try:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        yield path
    finally:
        path.unlink(missing_ok=True)


def rows_query(path: Path, fields: Sequence[Field]) -> str:
    """Return a query for the rows of a file, with the types of their columns."""
    columns = ", ".join(f"{text(it['name'])}: {text(transport_type(it))}" for it in fields)
    values = ", ".join(
        f"{stored(quoted(it['name']), it)} AS {quoted(it['name'])}" for it in fields
    )
    options = f"format = 'newline_delimited', maximum_object_size = {LONGEST}"
    source = f"read_json({text(str(path))}, columns = {{{columns}}}, {options})"
    return f"SELECT {values} FROM {source}"


@contextlib.contextmanager
def borrowed(exchange: Path, source: Path) -> Iterator[Path]:
    """Yield another name of a file, where DuckDB may read it."""
    path = exchange / f"{secrets.token_hex(16)}{source.suffix}"
    try:
        try:
            os.link(source, path)
        except OSError:  # another file system
            shutil.copyfile(source, path)
        yield path
    finally:
        path.unlink(missing_ok=True)

"""Extract jobs: the rows of a table into files of CSV, JSON lines or Parquet."""

import csv
import gzip
import io
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from batchpredict.local.bigquery.catalogue import Catalogue, Table
from batchpredict.local.bigquery.cells import (
    CONVERTERS,
    number_text,
    readable,
    timestamp_text,
)
from batchpredict.local.bigquery.errors import invalid, not_emulated
from batchpredict.local.bigquery.fields import Field, quoted, text
from batchpredict.local.bigquery.partitions import Partition, split_decorator
from batchpredict.local.bigquery.readers import DELIMITERS
from batchpredict.local.bigquery.warehouse import Warehouse
from batchpredict.local.bigquery.writes import table_reference
from batchpredict.local.storage.names import parse_uri
from batchpredict.local.storage.objects import ObjectStore

READ = 1000
PARTS = "000000000000"
COMPRESSIONS = {
    "CSV": ("NONE", "GZIP"),
    "NEWLINE_DELIMITED_JSON": ("NONE", "GZIP"),
    "PARQUET": ("NONE", "SNAPPY", "GZIP", "ZSTD"),
}
TYPES = {"CSV": "text/csv", "NEWLINE_DELIMITED_JSON": "application/json"}


def extract(
    catalogue: Catalogue, store: ObjectStore, warehouse: Warehouse, wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """Carry out an extract job.

    Returns:
        Its statistics.

    Raises:
        BigQueryError: There is no such table or format.
        StorageError: The file cannot be written there.
    """
    kind = wanted.get("destinationFormat") or "CSV"
    packed = wanted.get("compression") or "NONE"
    if packed not in COMPRESSIONS.get(kind, ()):
        raise not_emulated(f"destinationFormat {kind} with compression {packed}")
    uris = wanted.get("destinationUris") or [wanted["destinationUri"]]
    if len(uris) != 1 or uris[0].count("*") > 1:
        raise not_emulated("an extract to several URIs")
    project, dataset, name = table_reference(wanted["sourceTable"])
    base, decorator = split_decorator(name)
    table = catalogue.table((project, dataset, base))
    where = f" WHERE {Partition.of(table, decorator).condition}" if decorator else ""
    bucket, target = parse_uri(uris[0].replace("*", PARTS))
    store.buckets.require(bucket)
    if kind == "PARQUET":
        data = _parquet(catalogue, warehouse, table, where, packed)
    else:
        data = _lines(catalogue, table, where, wanted, kind)
        data = _zipped(data) if packed == "GZIP" else data
    with store.staging.staged() as staged:
        for piece in data:
            staged.write(piece)
        attributes = {"contentType": TYPES.get(kind, "application/octet-stream")}
        store.commit(staged, bucket, target, attributes)
        size = staged.size
    return {"extract": {"destinationUriFileCounts": ["1"], "inputBytes": str(size)}}


def _zipped(data: Iterator[bytes]) -> Iterator[bytes]:
    yield gzip.compress(b"".join(data), mtime=0)


def _parquet(
    catalogue: Catalogue, warehouse: Warehouse, table: Table, where: str, packed: str
) -> Iterator[bytes]:
    path = warehouse.exchange / f"{secrets.token_hex(16)}.parquet"
    columns = ", ".join(quoted(it["name"]) for it in table.fields)
    codec = {"NONE": "uncompressed"}.get(packed, packed.lower())
    try:
        catalogue.connection.execute(
            f"COPY (SELECT {columns} FROM {table.sql}{where}) TO {text(str(path))} "
            f"(FORMAT parquet, COMPRESSION {codec})"
        )
        yield from _pieces(path)
    finally:
        path.unlink(missing_ok=True)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece


def _lines(
    catalogue: Catalogue, table: Table, where: str, wanted: Mapping[str, Any], kind: str
) -> Iterator[bytes]:
    fields = table.fields
    cursor = catalogue.connection.execute(f"SELECT {readable(fields)} FROM {table.sql}{where}")
    if kind == "CSV":
        header = wanted.get("printHeader", True)
        delimiter = str(wanted.get("fieldDelimiter") or ",")
        yield from _csv(cursor, fields, header, DELIMITERS.get(delimiter, delimiter))
        return
    writers = [(it["name"], json_writer(it)) for it in fields]
    while chunk := cursor.fetchmany(READ):
        lines = (_members(writers, row) for row in chunk)
        yield "".join(f"{json.dumps(it, ensure_ascii=False)}\n" for it in lines).encode()


def _members(writers: Any, row: Sequence[Any]) -> dict[str, Any]:
    pairs = zip(writers, row, strict=True)
    return {name: write(value) for (name, write), value in pairs if value is not None}


def _csv(cursor: Any, fields: Sequence[Field], header: bool, delimiter: str) -> Iterator[bytes]:
    nested = [it["name"] for it in fields if it["mode"] == "REPEATED" or it["type"] == "RECORD"]
    if nested:
        raise invalid(
            "Operation cannot be performed on a nested schema. Field: " + nested[0], nested[0]
        )
    writers = [_text_writer(it) for it in fields]
    out = io.StringIO()
    write = csv.writer(out, delimiter=delimiter, lineterminator="\n").writerow
    if header:
        write([it["name"] for it in fields])
    while chunk := cursor.fetchmany(READ):
        for row in chunk:
            write(["" if v is None else w(v) for w, v in zip(writers, row, strict=True)])
        yield out.getvalue().encode()
        out.seek(0)
        out.truncate()
    yield out.getvalue().encode()


def _text_writer(field: Field) -> Callable[[Any], str]:
    if field["type"] == "TIMESTAMP":
        return timestamp_text
    return CONVERTERS.get(field["type"], str)


def json_writer(field: Field) -> Callable[[Any], Any]:
    """Return a function from a value to its JSON in an export: a whole number is a text there."""
    if field["mode"] == "REPEATED":
        inner = json_writer({**field, "mode": "NULLABLE"})
        return lambda values: [inner(value) for value in values]
    if field["type"] == "RECORD":
        writers = [(it["name"], json_writer(it)) for it in field["fields"]]
        return lambda value: _members(writers, [value[name] for name, _ in writers])
    if field["type"] == "BOOLEAN":
        return bool
    if field["type"] == "FLOAT":
        return lambda value: value if number_text(value)[-1].isdigit() else number_text(value)
    if field["type"] == "JSON":
        return lambda value: json.loads(value)
    return _text_writer(field)

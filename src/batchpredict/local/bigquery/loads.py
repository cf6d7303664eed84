"""Load jobs: files of CSV, JSON lines or Parquet into a table."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from batchpredict.local.bigquery.catalogue import Catalogue
from batchpredict.local.bigquery.errors import BigQueryError, invalid, not_emulated, not_found
from batchpredict.local.bigquery.fields import Field, check_fields, text
from batchpredict.local.bigquery.partitions import check_partitioning, split_decorator
from batchpredict.local.bigquery.readers import csv_rows, detect, json_rows
from batchpredict.local.bigquery.scripts import bound_fields, finished
from batchpredict.local.bigquery.transport import borrowed, rows_file, rows_query
from batchpredict.local.bigquery.values import row_decoder
from batchpredict.local.bigquery.warehouse import Warehouse
from batchpredict.local.bigquery.writes import Destination, write_rows
from batchpredict.local.storage.names import parse_uri
from batchpredict.local.storage.objects import ObjectStore

FORMATS = ("CSV", "NEWLINE_DELIMITED_JSON", "PARQUET")
CSV_ONLY = (
    "fieldDelimiter",
    "skipLeadingRows",
    "quote",
    "allowQuotedNewlines",
    "nullMarker",
    "allowJaggedRows",
)


def load(
    catalogue: Catalogue,
    store: ObjectStore,
    warehouse: Warehouse,
    wanted: Mapping[str, Any],
    data: Path | None,
) -> dict[str, Any]:
    """Carry out a load job.

    Args:
        catalogue: The transaction.
        store: Where its files are.
        warehouse: Where rows go on their way.
        wanted: Its configuration.
        data: The uploaded file, or None for files in Cloud Storage.

    Returns:
        Its statistics.

    Raises:
        BigQueryError: A file is not there or not as it has to be.
    """
    kind = wanted.get("sourceFormat") or "CSV"
    if kind not in FORMATS:
        raise not_emulated(f"sourceFormat {kind}")
    _check_options(wanted, kind)
    paths = [data] if data is not None else input_files(store, wanted["sourceUris"])
    destination = Destination.of(wanted, "WRITE_APPEND")
    reader = _parquet if kind == "PARQUET" else _text
    rows = reader(catalogue, warehouse, wanted, paths, destination)
    size = sum(path.stat().st_size for path in paths)
    counted = {"inputFiles": len(paths), "inputFileBytes": size, "outputRows": rows}
    return {"load": {**{k: str(v) for k, v in counted.items()}, "badRecords": "0"}}


def _check_options(wanted: Mapping[str, Any], kind: str) -> None:
    if int(wanted.get("maxBadRecords") or 0):
        raise not_emulated("maxBadRecords")
    if wanted.get("encoding") not in (None, "", "UTF-8"):
        raise not_emulated(f"encoding {wanted['encoding']}")
    for name in CSV_ONLY:
        if kind != "CSV" and wanted.get(name):
            raise invalid(f"{name} is only for CSV, not for {kind}")
    for name in ("allowJaggedRows", "preserveAsciiControlCharacters"):
        if wanted.get(name):
            raise not_emulated(name)


def input_files(store: ObjectStore, uris: Sequence[str]) -> list[Path]:
    """Return the files of URIs; ``*`` stands for any characters.

    Raises:
        BigQueryError: A URI stands for no file.
    """
    paths: list[Path] = []
    for uri in uris:
        bucket, name = parse_uri(uri)
        if "*" in name:
            before, _, after = name.partition("*")
            found = [it for it in store.names(bucket, before) if it.endswith(after)]
            names = [it for it in found if len(it) >= len(before) + len(after)]
        else:
            names = [name] if store.find(bucket, name) else []
        if not names:
            raise not_found("URI", uri)
        paths += [store.path(f"gs://{bucket}/{it}") for it in names if not it.endswith("/")]
    return paths


def _text(
    catalogue: Catalogue,
    warehouse: Warehouse,
    wanted: Mapping[str, Any],
    paths: Sequence[Path],
    destination: Destination,
) -> int:
    kind = wanted.get("sourceFormat") or "CSV"
    fields, header = _schema(catalogue, wanted, paths, destination)
    if not fields:
        raise invalid("No schema specified on job or table.")
    check_partitioning(destination.body, fields)
    decode = row_decoder(fields, ignore_unknown=bool(wanted.get("ignoreUnknownValues")))
    of_csv = kind == "CSV"
    raw = csv_rows(paths, fields, wanted, header) if of_csv else json_rows(paths)
    rows = (_decoded(decode, row, where) for where, row in raw)
    with rows_file(warehouse.exchange, rows) as path:
        return write_rows(catalogue, destination, fields, rows_query(path, fields))[1]


def _decoded(decode: Any, row: Any, where: str) -> Any:
    try:
        return decode(row)
    except BigQueryError as error:
        field = f"; field: {error.location}" if error.location else ""
        message = f"Error while reading data, error message: {error.message}{field}; {where}"
        raise BigQueryError(error.status, error.reason, message, where) from None


def _schema(
    catalogue: Catalogue,
    wanted: Mapping[str, Any],
    paths: Sequence[Path],
    destination: Destination,
) -> tuple[list[Field], int]:
    """Return the columns, and how many lines of each CSV file are a header."""
    skipped = int(wanted.get("skipLeadingRows") or 0)
    given = (wanted.get("schema") or {}).get("fields")
    if given:
        return check_fields(given), skipped
    project, dataset, name = destination.name
    table = catalogue.find_table((project, dataset, split_decorator(name)[0]))
    if wanted.get("autodetect"):
        found, header = detect(paths, wanted)
        return check_fields(found), header
    return (list(table.fields) if table is not None else []), skipped


def _parquet(
    catalogue: Catalogue,
    warehouse: Warehouse,
    wanted: Mapping[str, Any],
    paths: Sequence[Path],
    destination: Destination,
) -> int:
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(borrowed(warehouse.exchange, path)) for path in paths]
        names = ", ".join(text(str(path)) for path in files)
        source = f"SELECT * FROM read_parquet([{names}], union_by_name = true)"
        fields = check_fields(bound_fields(catalogue.connection, source))
        _check_lists(fields, wanted)
        check_partitioning(destination.body, fields)
        return write_rows(catalogue, destination, fields, finished(fields, source))[1]


def _check_lists(fields: Sequence[Field], wanted: Mapping[str, Any]) -> None:
    options = wanted.get("parquetOptions") or {}
    unknown = options.keys() - {"enableListInference", "enumAsString"}
    if unknown:
        raise invalid(f"Unknown name {sorted(unknown)[0]!r} in parquetOptions")
    lists = [it["name"] for it in fields if _has_list(it)]
    if lists and not options.get("enableListInference"):
        raise not_emulated(f"the list {lists[0]} of Parquet without enableListInference")


def _has_list(field: Field) -> bool:
    return field["mode"] == "REPEATED" or any(map(_has_list, field.get("fields", ())))

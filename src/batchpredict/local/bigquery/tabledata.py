"""The methods of a table's rows: reading pages of them, and streaming some in."""

from collections.abc import Sequence
from typing import Any

from batchpredict.local.bigquery.catalogue import Catalogue, Table
from batchpredict.local.bigquery.cells import readable, row_writer
from batchpredict.local.bigquery.errors import BigQueryError, invalid
from batchpredict.local.bigquery.fields import Field
from batchpredict.local.bigquery.partitions import Partition, split_decorator
from batchpredict.local.bigquery.requests import Route, body, check_body, page
from batchpredict.local.bigquery.transport import rows_file, rows_query
from batchpredict.local.bigquery.values import row_decoder
from batchpredict.local.bigquery.warehouse import Warehouse
from batchpredict.local.bigquery.writes import Destination, append
from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response

PAGE_ROWS = 50_000
PAGE_BYTES = 10 << 20
READ = 1000
MOST_ROWS = 50_000
FORMAT = "formatOptions.useInt64Timestamp"
LISTING = ("maxResults", "pageToken", "startIndex", "selectedFields", FORMAT)
OPTIONS = {"kind", "rows", "skipInvalidRows", "ignoreUnknownValues", "traceId"}
APPEND = Destination(("", "", ""))


class TableDataApi:
    """Rows of the warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def routes(self) -> list[Route]:
        """Return what this answers."""
        table = "projects/{}/datasets/{}/tables/{}"
        return [
            Route("GET", f"{table}/data", "tabledata.list", self.list, LISTING),
            Route("POST", f"{table}/insertAll", "tabledata.insertAll", self.insert_all),
        ]

    def list(self, request: HttpRequest, project: str, dataset: str, name: str) -> HttpResponse:
        """Return a page of rows."""
        base, decorator = split_decorator(name)
        with self._warehouse.reading() as catalogue:
            table = catalogue.table((project, dataset, base))
            partition = Partition.of(table, decorator) if decorator else None
            fields = selected(table.fields, request.param("selectedFields"))
            found = rows_page(catalogue, table, fields, request, partition)
        kind = {"kind": "bigquery#tableDataList", "etag": table.body["etag"]}
        return json_response(kind | found)

    def insert_all(self, request: HttpRequest, project: str, dataset: str, name: str) -> Any:
        """Add rows; of a request with a bad row none is added, unless it says otherwise."""
        given = check_body(body(request), OPTIONS, {"templateSuffix"})
        rows = given.get("rows")
        if not isinstance(rows, list) or not 0 < len(rows) <= MOST_ROWS:
            raise invalid(f"rows must hold 1 to {MOST_ROWS} rows", "rows")
        with self._warehouse.writing() as catalogue:
            table = catalogue.table((project, dataset, name))
            ignore = bool(given.get("ignoreUnknownValues"))
            good, errors = _decoded(rows, table.fields, ignore)
            if errors and not given.get("skipInvalidRows"):
                stopped = {"reason": "stopped", "location": "", "debugInfo": "", "message": ""}
                errors += [{"index": index, "errors": [stopped]} for index, _ in good]
                good = []
            if good:
                with rows_file(self._warehouse.exchange, (row for _, row in good)) as path:
                    source = rows_query(path, table.fields)
                    append(catalogue, table, APPEND, table.fields, source)
        errors.sort(key=lambda it: it["index"])
        failed = {"insertErrors": errors} if errors else {}
        return json_response({"kind": "bigquery#tableDataInsertAllResponse", **failed})


def _decoded(rows: Sequence[Any], fields: Sequence[Field], ignore: bool) -> Any:
    decode = row_decoder(fields, ignore_unknown=ignore)
    good, errors = [], []
    for index, row in enumerate(rows):
        check_body(row, {"insertId", "json"}, (), (), f"rows[{index}]")
        try:
            good.append((index, decode(row.get("json"))))
        except BigQueryError as error:
            told = {"reason": "invalid", "location": error.location, "debugInfo": ""}
            errors.append({"index": index, "errors": [{**told, "message": error.message}]})
    return good, errors


def selected(fields: Sequence[Field], names: str) -> list[Field]:
    """Return the columns that ``selectedFields`` asks for, parts of records too."""
    if not names:
        return [*fields]
    found = []
    for field in fields:
        own = [it for it in names.split(",") if it.split(".")[0].lower() == field["name"].lower()]
        inner = [it.partition(".")[2] for it in own]
        if own and all(inner) and field.get("fields"):
            field = {**field, "fields": selected(field["fields"], ",".join(inner))}
        found += [field] if own else []
    wanted = {it.split(".")[0].lower() for it in names.split(",")}
    missing = wanted - {it["name"].lower() for it in found}
    if missing:
        raise invalid(f"Invalid field name: {sorted(missing)[0]}", "selectedFields")
    return found


def rows_page(
    catalogue: Catalogue,
    table: Table,
    fields: Sequence[Field],
    request: HttpRequest,
    partition: Partition | None = None,
) -> dict[str, Any]:
    """Return a page of a table's rows: ``totalRows``, ``rows`` and perhaps ``pageToken``."""
    first, size = page(request, PAGE_ROWS)
    where = f" WHERE {partition.condition}" if partition else ""
    counted = catalogue.connection.execute(f"SELECT count(*) FROM {table.sql}{where}")
    total = int(counted.fetchall()[0][0])
    micros = request.param(FORMAT).lower() == "true"
    rows: list[dict[str, Any]] = []
    if fields and size:
        sql = f"SELECT {readable(fields)} FROM {table.sql}{where} LIMIT {size} OFFSET {first}"
        rows = _filled(catalogue.connection.execute(sql), row_writer(fields, micros))
    found: dict[str, Any] = {"totalRows": str(total)}
    found |= {"rows": rows} if rows else {}
    last = first + len(rows)
    return found | ({"pageToken": f"p{last}"} if last < total else {})


def _filled(cursor: Any, write: Any) -> list[dict[str, Any]]:
    """Return rows until the page is full: about 10 MB, as the service has it."""
    rows: list[dict[str, Any]] = []
    size = 0
    while size < PAGE_BYTES and (chunk := cursor.fetchmany(READ)):
        rows += map(write, chunk)
        size += sum(len(str(row)) for row in chunk[:: max(1, len(chunk) // 10)]) * max(
            1, len(chunk) // 10
        )
    return rows

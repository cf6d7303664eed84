"""The methods of tables."""

import secrets
from collections.abc import Mapping
from typing import Any

from batchpredict.local.bigquery.catalogue import Catalogue, Table
from batchpredict.local.bigquery.datasets import LINK, check_etag, merged
from batchpredict.local.bigquery.errors import duplicate, invalid, not_emulated
from batchpredict.local.bigquery.fields import check_fields
from batchpredict.local.bigquery.partitions import check_partitioning, split_decorator
from batchpredict.local.bigquery.requests import Route, body, check_body, page, page_token
from batchpredict.local.bigquery.schemas import change_schema
from batchpredict.local.bigquery.sizes import table_bytes
from batchpredict.local.bigquery.warehouse import Warehouse
from batchpredict.local.bigquery.writes import new_table_body, table_reference
from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response

EDITABLE = {"description", "friendlyName", "labels", "expirationTime", "schema", "clustering"}
KNOWN = EDITABLE | {"tableReference", "timePartitioning", "rangePartitioning"}
SAID = {"kind", "id", "selfLink", "etag", "creationTime", "lastModifiedTime", "type", "numRows"}
SAID |= {"numBytes", "numLongTermBytes", "location", "numTimeTravelPhysicalBytes"}
SAID |= {"numTotalLogicalBytes", "numActiveLogicalBytes", "numLongTermLogicalBytes"}
SAID |= {"numPhysicalBytes", "numActivePhysicalBytes", "numLongTermPhysicalBytes"}
SAID |= {"numTotalPhysicalBytes", "numCurrentPhysicalBytes", "numPartitions", "streamingBuffer"}
REFUSED = {"view", "materializedView", "externalDataConfiguration", "encryptionConfiguration"}
REFUSED |= {"requirePartitionFilter", "snapshotDefinition", "cloneDefinition", "model"}
REFUSED |= {"tableConstraints", "defaultCollation", "defaultRoundingMode", "maxStaleness"}
REFUSED |= {"resourceTags", "biglakeConfiguration", "externalCatalogTableOptions", "replicas"}
LISTED = (
    "kind",
    "id",
    "tableReference",
    "type",
    "friendlyName",
    "labels",
    "creationTime",
    "expirationTime",
    "timePartitioning",
    "rangePartitioning",
    "clustering",
)


class TableApi:
    """Tables of the warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def routes(self) -> list[Route]:
        """Return what this answers."""
        many = "projects/{}/datasets/{}/tables"
        one = f"{many}/{{}}"
        return [
            Route("GET", many, "tables.list", self.list, ("maxResults", "pageToken")),
            Route("POST", many, "tables.insert", self.insert),
            Route("GET", one, "tables.get", self.get, ("selectedFields", "view")),
            Route("PATCH", one, "tables.patch", self.patch, ("autodetect_schema",)),
            Route("PUT", one, "tables.update", self.update, ("autodetect_schema",)),
            Route("DELETE", one, "tables.delete", self.delete),
        ]

    def list(self, request: HttpRequest, project: str, dataset: str) -> HttpResponse:
        """List the tables of a dataset."""
        with self._warehouse.reading() as catalogue:
            catalogue.dataset(project, dataset)
            found = catalogue.tables(project, dataset)
        first, size = page(request)
        items = [
            {key: it[key] for key in LISTED if key in it}
            for it in (_identity(table) | table.body for table in found[first : first + size])
        ]
        listed: dict[str, Any] = {"kind": "bigquery#tableList", "etag": secrets.token_hex(4)}
        listed |= {"totalItems": len(found), **page_token(first + size, len(found))}
        return json_response({**listed, **({"tables": items} if items else {})})

    def insert(self, request: HttpRequest, project: str, dataset: str) -> HttpResponse:
        """Create an empty table."""
        given = check_body(body(request), KNOWN, REFUSED, SAID)
        name = table_reference(given.get("tableReference"))
        if name[:2] != (project, dataset):
            raise invalid("The dataset of tableReference is not that of the address")
        fields = check_fields(_schema(given))
        check_partitioning(given, fields)
        with self._warehouse.writing() as catalogue:
            catalogue.dataset(project, dataset)
            if catalogue.find_table(name) is not None:
                raise duplicate("Table", f"{project}:{dataset}.{name[2]}")
            _check_expiration(catalogue, given)
            content = new_table_body(catalogue, name) | merged({}, given)
            content["schema"] = {"fields": fields}
            return json_response(described(catalogue, catalogue.create_table(name, content)))

    def get(self, _: HttpRequest, project: str, dataset: str, name: str) -> HttpResponse:
        """Return a table; one partition of it is described as the table is."""
        with self._warehouse.reading() as catalogue:
            table = catalogue.table((project, dataset, split_decorator(name)[0]))
            return json_response(described(catalogue, table))

    def patch(self, request: HttpRequest, project: str, dataset: str, name: str) -> HttpResponse:
        """Change the given fields; null removes one."""
        return self._change(request, (project, dataset, name), keep=True)

    def update(self, request: HttpRequest, project: str, dataset: str, name: str) -> HttpResponse:
        """Replace the fields."""
        return self._change(request, (project, dataset, name), keep=False)

    def _change(
        self, request: HttpRequest, name: tuple[str, str, str], keep: bool
    ) -> HttpResponse:
        given = check_body(body(request), KNOWN, REFUSED, SAID)
        with self._warehouse.writing() as catalogue:
            table = catalogue.table(name)
            check_etag(request, table.body["etag"])
            if "schema" in given:
                change_schema(catalogue, table, check_fields(_schema(given)))
            _check_expiration(catalogue, given)
            for key in ("timePartitioning", "rangePartitioning"):
                if given.get(key) not in (None, table.body.get(key)):
                    raise invalid(f"Cannot change {key} of a table")
            kept = EDITABLE - {"schema", "clustering"}
            old = table.body if keep else {k: v for k, v in table.body.items() if k not in kept}
            new = {key: it for key, it in given.items() if key in EDITABLE - {"schema"}}
            table.body = merged(old, new)
            check_partitioning(table.body, table.fields)
            catalogue.put_table(table)
            return json_response(described(catalogue, table))

    def delete(self, _: HttpRequest, project: str, dataset: str, name: str) -> HttpResponse:
        """Remove a table."""
        if split_decorator(name)[1]:
            raise not_emulated("deleting one partition")
        with self._warehouse.writing() as catalogue:
            catalogue.drop_table(catalogue.table((project, dataset, name)))
        return HttpResponse(204)


def _schema(given: Mapping[str, Any]) -> Any:
    schema = check_body(given.get("schema") or {}, {"fields"}, {"foreignTypeInfo"}, (), "schema")
    return schema.get("fields") or []


def _check_expiration(catalogue: Catalogue, given: Mapping[str, Any]) -> None:
    moment = given.get("expirationTime")
    if moment is not None and int(moment) <= int(catalogue.now()):
        raise invalid("Invalid value for: expirationTime is in the past", "expirationTime")


def _identity(table: Table) -> dict[str, Any]:
    project, dataset, name = table.name
    return {
        "kind": "bigquery#table",
        "id": f"{project}:{dataset}.{name}",
        "tableReference": {"projectId": project, "datasetId": dataset, "tableId": name},
    }


def described(catalogue: Catalogue, table: Table) -> dict[str, Any]:
    """Return a table as the API shows it, its rows and bytes counted."""
    project, dataset, name = table.name
    connection = catalogue.connection
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {table.sql}").fetchall()
    size = str(table_bytes(connection, table))
    found = catalogue.find_dataset(project, dataset) or {}
    return {
        **_identity(table),
        "selfLink": f"{LINK}/projects/{project}/datasets/{dataset}/tables/{name}",
        **table.body,
        "numRows": str(rows),
        "numBytes": size,
        "numLongTermBytes": "0",
        "numTotalLogicalBytes": size,
        "numActiveLogicalBytes": size,
        "numLongTermLogicalBytes": "0",
        "location": found.get("location", "US"),
    }

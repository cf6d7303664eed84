"""Rows into a table, as the dispositions of a job say: what queries, loads and copies end with."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from batchpredict.local.bigquery.catalogue import HIDDEN, Catalogue, Name, Table
from batchpredict.local.bigquery.errors import duplicate, invalid, not_found
from batchpredict.local.bigquery.fields import Field, duckdb_type, quoted, type_name
from batchpredict.local.bigquery.partitions import Partition, split_decorator

WRITES = ("WRITE_TRUNCATE", "WRITE_APPEND", "WRITE_EMPTY")
CREATES = ("CREATE_IF_NEEDED", "CREATE_NEVER")
OPTIONS = ("ALLOW_FIELD_ADDITION", "ALLOW_FIELD_RELAXATION")
TABLE_NAME = re.compile(r"[\w\- ]{1,1024}")
KEPT = (
    "creationTime",
    "description",
    "friendlyName",
    "labels",
    "expirationTime",
    "timePartitioning",
    "rangePartitioning",
    "clustering",
)
WIDER = {("INTEGER", "FLOAT"), ("INTEGER", "NUMERIC"), ("NUMERIC", "FLOAT")}


@dataclass(frozen=True)
class Destination:
    """Where rows go, and how.

    Attributes:
        name: Project, dataset and table, the last perhaps with the decorator of a partition.
        write: What becomes of rows that are there.
        create: Whether the table may be made.
        options: How the schema may change.
        body: What a table that is made gets beside its schema.
    """

    name: Name
    write: str = "WRITE_APPEND"
    create: str = "CREATE_IF_NEEDED"
    options: Sequence[str] = ()
    body: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, configuration: Mapping[str, Any], default_write: str) -> "Destination":
        """Return what the configuration of a job says.

        Raises:
            BigQueryError: It is not as it has to be.
        """
        reference = configuration.get("destinationTable") or {}
        write = configuration.get("writeDisposition") or default_write
        create = configuration.get("createDisposition") or CREATES[0]
        options = tuple(configuration.get("schemaUpdateOptions") or ())
        for value, known in (
            (write, WRITES),
            (create, CREATES),
            *((it, OPTIONS) for it in options),
        ):
            if value not in known:
                raise invalid(f"Invalid value {value!r}; allowed are {', '.join(known)}")
        kept = ("timePartitioning", "rangePartitioning", "clustering")
        body = {name: configuration[name] for name in kept if configuration.get(name)}
        return cls(table_reference(reference), write, create, options, body)


def table_reference(reference: Any) -> Name:
    """Return the three parts of a TableReference.

    Raises:
        BigQueryError: A part is missing, or is no name.
    """
    parts = reference if isinstance(reference, dict) else {}
    name = tuple(str(parts.get(key) or "") for key in ("projectId", "datasetId", "tableId"))
    if not all(name):
        raise invalid(
            "Required parameter is missing: a table has projectId, datasetId and tableId"
        )
    if not TABLE_NAME.fullmatch(name[2].partition("$")[0]):
        raise invalid(f'Invalid table ID "{name[2]}".')
    return name[0], name[1], name[2]


def write_rows(
    catalogue: Catalogue, destination: Destination, fields: Sequence[Field], source: str
) -> tuple[Table, int]:
    """Write the rows of a query into a table.

    Args:
        catalogue: The transaction.
        destination: Where to and how.
        fields: The columns of ``source``, in its order.
        source: A query.

    Returns:
        The table, and the number of rows that were written.

    Raises:
        BigQueryError: The dispositions or the schema forbid it.
    """
    project, dataset, name = destination.name
    base, decorator = split_decorator(name)
    if not dataset.startswith(HIDDEN):
        catalogue.dataset(project, dataset)
    table = catalogue.find_table((project, dataset, base))
    if table is None and destination.create == "CREATE_NEVER":
        raise not_found("Table", f"{project}:{dataset}.{base}")
    if table is not None and destination.write == "WRITE_EMPTY" and _count(catalogue, table):
        raise duplicate("Table", f"{project}:{dataset}.{base}")
    if table is None or (destination.write == "WRITE_TRUNCATE" and not decorator):
        table = _replace(catalogue, (project, dataset, base), destination, table, fields)
    partition = Partition.of(table, decorator) if decorator else None
    if partition and destination.write == "WRITE_TRUNCATE":
        catalogue.connection.execute(f"DELETE FROM {table.sql} WHERE {partition.condition}")
    return table, append(catalogue, table, destination, fields, source, partition)


def _count(catalogue: Catalogue, table: Table) -> int:
    [(count,)] = catalogue.connection.execute(f"SELECT count(*) FROM {table.sql}").fetchall()
    return int(count)


def _replace(
    catalogue: Catalogue,
    name: Name,
    destination: Destination,
    old: Table | None,
    fields: Sequence[Field],
) -> Table:
    body = new_table_body(catalogue, name)
    if old is not None:
        body |= {key: old.body[key] for key in KEPT if key in old.body}
    body |= {**destination.body, "schema": {"fields": list(fields)}}
    return catalogue.create_table(name, body)


def new_table_body(catalogue: Catalogue, name: Name) -> dict[str, Any]:
    """Return what every new table of a dataset has."""
    dataset = catalogue.find_dataset(*name[:2]) or {}
    body: dict[str, Any] = {"type": "TABLE"}
    if lives := dataset.get("defaultTableExpirationMs"):
        body["expirationTime"] = str(int(catalogue.now()) + int(lives))
    return body


def append(
    catalogue: Catalogue,
    table: Table,
    destination: Destination,
    fields: Sequence[Field],
    source: str,
    partition: Partition | None = None,
) -> int:
    """Add the rows of a query to a table, by the names of its columns."""
    given = {it["name"].lower(): it for it in fields}
    _widen(catalogue, table, destination, fields)
    known = {it["name"].lower(): it for it in table.fields}
    for name, it in given.items():
        check_assignable(it, known[name])
    missing = [it for name, it in known.items() if name not in given and it["mode"] == "REQUIRED"]
    if missing:
        raise invalid(f"Required field {missing[0]['name']} cannot be null")
    columns = ", ".join(quoted(it["name"]) for it in fields)
    values = ", ".join(
        f"CAST({quoted(it['name'])} AS {duckdb_type(known[it['name'].lower()])})" for it in fields
    )
    connection = catalogue.connection
    if partition:
        partition.check(connection, f"SELECT {values} FROM ({source})", fields)
    sql = f"INSERT INTO {table.sql} ({columns}) SELECT {values} FROM ({source})"
    [(count,)] = connection.execute(sql).fetchall()
    catalogue.put_table(table)
    return int(count)


def _widen(
    catalogue: Catalogue, table: Table, destination: Destination, fields: Sequence[Field]
) -> None:
    """Change the schema of a table as far as the options of a job allow."""
    relaxing = "ALLOW_FIELD_RELAXATION" in destination.options
    known = {it["name"].lower(): it for it in table.fields}
    for it in fields:
        old = known.get(it["name"].lower())
        if old is None:
            if "ALLOW_FIELD_ADDITION" not in destination.options:
                raise invalid(
                    f"Provided Schema does not match Table {'.'.join(table.name)}. Cannot add "
                    f"fields (field: {it['name']})"
                )
            add_column(catalogue, table, {**it, "mode": nullable(it)})
        elif (old["mode"], it["mode"]) == ("REQUIRED", "NULLABLE") and relaxing:
            relax(catalogue, table, old)


def nullable(field: Field) -> str:
    """Return the mode of a field that may be missing."""
    return "REPEATED" if field["mode"] == "REPEATED" else "NULLABLE"


def add_column(catalogue: Catalogue, table: Table, field: Field) -> None:
    """Add a column, which is NULL in the rows that are there."""
    empty = not table.fields
    catalogue.connection.execute(
        f"ALTER TABLE {table.sql} ADD COLUMN {quoted(field['name'])} {duckdb_type(field)}"
    )
    if empty:
        catalogue.connection.execute(f'ALTER TABLE {table.sql} DROP COLUMN "_none"')
    table.body["schema"] = {"fields": [*table.fields, field]}


def relax(catalogue: Catalogue, table: Table, field: Field) -> None:
    """Allow NULL in a column."""
    sql = f"ALTER TABLE {table.sql} ALTER COLUMN {quoted(field['name'])} DROP NOT NULL"
    catalogue.connection.execute(sql)
    field["mode"] = "NULLABLE"


def check_assignable(given: Field, wanted: Field) -> None:
    """Refuse values of a type that a column does not take.

    Raises:
        BigQueryError: It does not.
    """
    same = given["type"] == wanted["type"] or (given["type"], wanted["type"]) in WIDER
    lists = (given["mode"] == "REPEATED") == (wanted["mode"] == "REPEATED")
    inner = given.get("fields", []), wanted.get("fields", [])
    if not same or not lists or len(inner[0]) != len(inner[1]):
        raise invalid(
            f"Field {wanted['name']} has type {type_name(wanted)}, and the values are "
            f"{type_name(given)}"
        )
    for left, right in zip(*inner, strict=True):
        check_assignable(left, right)

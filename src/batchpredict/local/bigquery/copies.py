"""Copy jobs: the rows of tables into another one."""

from collections.abc import Mapping
from typing import Any

from batchpredict.local.bigquery.catalogue import Catalogue
from batchpredict.local.bigquery.errors import invalid
from batchpredict.local.bigquery.fields import quoted
from batchpredict.local.bigquery.partitions import Partition, split_decorator
from batchpredict.local.bigquery.writes import Destination, table_reference, write_rows


def copy(catalogue: Catalogue, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a copy job.

    Returns:
        Its statistics.

    Raises:
        BigQueryError: A table is not there, or their schemas differ.
    """
    references = wanted.get("sourceTables") or [wanted["sourceTable"]]
    sources = []
    partitioned: dict[str, Any] = {}
    shapes = []
    for reference in references:
        project, dataset, name = table_reference(reference)
        base, decorator = split_decorator(name)
        table = catalogue.table((project, dataset, base))
        columns = ", ".join(quoted(it["name"]) for it in table.fields)
        where = f" WHERE {Partition.of(table, decorator).condition}" if decorator else ""
        sources.append(f"SELECT {columns} FROM {table.sql}{where}")
        shapes.append(table.fields)
        kept = ("timePartitioning", "rangePartitioning", "clustering", "description", "labels")
        partitioned = {key: table.body[key] for key in kept if key in table.body}
    names = [[(it["name"], it["type"]) for it in fields] for fields in shapes]
    if any(it != names[0] for it in names):
        raise invalid("The source tables of a copy have different schemas")
    asked = Destination.of(wanted, "WRITE_EMPTY")
    destination = Destination(asked.name, asked.write, asked.create, (), partitioned)
    source = " UNION ALL ".join(sources)
    _, rows = write_rows(catalogue, destination, shapes[0], source)
    return {"copy": {"copiedRows": str(rows)}}

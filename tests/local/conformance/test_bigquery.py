"""Google's client of BigQuery: datasets, tables and their rows; one check for each thing."""

import datetime
import decimal
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from local.conformance.tables import SCHEMA, Field, values


def test_dataset_created_read_and_listed(bq: bigquery.Client) -> None:
    wanted = bigquery.Dataset(f"{bq.project}.datasets_1")
    wanted.location, wanted.description, wanted.labels = "EU", "d", {"team": "x"}
    bq.create_dataset(wanted)
    found = bq.get_dataset("datasets_1")
    assert (found.location, found.description, found.labels) == ("EU", "d", {"team": "x"})
    assert found.created <= found.modified
    assert "datasets_1" in [it.dataset_id for it in bq.list_datasets()]
    assert [it.dataset_id for it in bq.list_datasets(filter="labels.team:x")] == ["datasets_1"]


def test_dataset_exists_already(bq: bigquery.Client) -> None:
    with pytest.raises(exceptions.Conflict, match="Already Exists: Dataset"):
        bq.create_dataset("conformance")
    bq.create_dataset("conformance", exists_ok=True)


def test_dataset_updated_under_its_etag(bq: bigquery.Client) -> None:
    bq.create_dataset("datasets_2")
    found, other = (bq.get_dataset("datasets_2") for _ in range(2))
    found.description = "new"
    assert bq.update_dataset(found, ["description"]).description == "new"
    other.description = "late"
    with pytest.raises(exceptions.PreconditionFailed):
        bq.update_dataset(other, ["description"])


def test_dataset_with_tables_is_deleted_only_on_demand(bq: bigquery.Client) -> None:
    bq.create_dataset("datasets_3")
    bq.create_table(f"{bq.project}.datasets_3.t")
    with pytest.raises(exceptions.BadRequest, match="still in use"):
        bq.delete_dataset("datasets_3")
    bq.delete_dataset("datasets_3", delete_contents=True)
    with pytest.raises(exceptions.NotFound, match="Not found: Dataset"):
        bq.get_dataset("datasets_3")
    bq.delete_dataset("datasets_3", not_found_ok=True)


def test_table_created_and_read(bq: bigquery.Client) -> None:
    wanted = bigquery.Table(f"{bq.project}.conformance.made", schema=SCHEMA)
    wanted.labels, wanted.clustering_fields = {"a": "b"}, ["name"]
    wanted.time_partitioning = bigquery.TimePartitioning(field="day")
    made = bq.create_table(wanted)
    found = bq.get_table(made.reference)
    assert found.schema == SCHEMA
    assert (found.num_rows, found.num_bytes, found.labels) == (0, 0, {"a": "b"})
    assert (found.time_partitioning.type_, found.time_partitioning.field) == ("DAY", "day")
    assert found.clustering_fields == ["name"]
    assert found.etag == made.etag
    with pytest.raises(exceptions.Conflict, match="Already Exists: Table"):
        bq.create_table(wanted)


def test_tables_listed_in_pages(bq: bigquery.Client) -> None:
    bq.create_dataset("listed")
    for number in range(5):
        bq.create_table(f"{bq.project}.listed.t{number}")
    pages = bq.list_tables("listed", page_size=2).pages
    assert [[it.table_id for it in page] for page in pages] == [["t0", "t1"], ["t2", "t3"], ["t4"]]


def test_table_schema_grows(bq: bigquery.Client, table: str) -> None:
    found = bq.get_table(table)
    found.schema = [*found.schema, Field("more", "STRING")]
    assert bq.update_table(found, ["schema"]).schema[-1].name == "more"
    assert [row["more"] for row in bq.list_rows(table)] == [None] * 3
    found = bq.get_table(table)
    found.schema = found.schema[1:]
    with pytest.raises(exceptions.BadRequest, match="Provided Schema does not match"):
        bq.update_table(found, ["schema"])


def test_required_column_is_relaxed(bq: bigquery.Client, table: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="id"):
        bq.load_table_from_json([{"name": "x"}], table).result()
    found = bq.get_table(table)
    found.schema = [Field("id", "INTEGER"), *found.schema[1:]]
    bq.update_table(found, ["schema"])
    config = bigquery.LoadJobConfig(schema=found.schema)
    bq.load_table_from_json([{"name": "x"}], table, job_config=config).result()
    assert bq.get_table(table).num_rows == 4


def test_table_deleted(bq: bigquery.Client, table: str) -> None:
    bq.delete_table(table)
    with pytest.raises(exceptions.NotFound, match="Not found: Table"):
        bq.get_table(table)
    with pytest.raises(exceptions.NotFound):
        bq.delete_table(table)


def test_rows_listed_with_their_types(bq: bigquery.Client, table: str) -> None:
    assert values(bq, table) == [
        (1, "a", datetime.date(2026, 1, 31), [0.5], {"x": 7, "tags": ["t"]}),
        (2, None, datetime.date(2026, 2, 1), [], None),
        (3, "c", None, [1.0, 2.5], {"x": None, "tags": []}),
    ]


def test_rows_listed_in_pages_and_by_column(bq: bigquery.Client, table: str) -> None:
    pages = bq.list_rows(table, page_size=2).pages
    assert [[row["id"] for row in page] for page in pages] == [[1, 2], [3]]
    assert values(bq, table, selected_fields=SCHEMA[:2], start_index=1) == [
        (2, None),
        (3, "c"),
    ]
    assert len(values(bq, table, max_results=1)) == 1


def test_rows_streamed(bq: bigquery.Client, table: str) -> None:
    assert bq.insert_rows_json(table, [{"id": 4, "scores": [1]}]) == []
    errors = bq.insert_rows_json(table, [{"id": "x"}, {"id": 5}, {"id": 6, "no": 1}])
    assert [(it["index"], it["errors"][0]["reason"]) for it in errors] == [
        (0, "invalid"),
        (1, "stopped"),
        (2, "invalid"),
    ]
    bad: list[dict[str, Any]] = [{"id": "x"}, {"id": 5}]
    assert len(bq.insert_rows_json(table, bad, skip_invalid_rows=True)) == 1
    assert [row["id"] for row in bq.list_rows(table)] == [1, 2, 3, 4, 5]


def test_every_scalar_type_there_and_back(bq: bigquery.Client) -> None:
    kinds = {
        "i": ("INTEGER", -(2**63)),
        "f": ("FLOAT", 0.1),
        "o": ("BOOLEAN", True),
        "s": ("STRING", 'é"\n'),
        "y": ("BYTES", b"\x00\xff"),
        "d": ("DATE", datetime.date(1, 1, 1)),
        "h": ("TIME", datetime.time(1, 2, 3, 4)),
        "dt": ("DATETIME", datetime.datetime(2026, 1, 1, 1, 2, 3, 4)),
        "t": ("TIMESTAMP", datetime.datetime(2026, 1, 1, 1, 2, 3, 4, tzinfo=datetime.UTC)),
        "n": ("NUMERIC", decimal.Decimal("12345678901234567890.123456789")),
        "j": ("JSON", {"a": [1, None]}),
    }
    name = f"{bq.project}.conformance.scalars"
    schema = [Field(column, kind) for column, (kind, _) in kinds.items()]
    made = bq.create_table(bigquery.Table(name, schema=schema))
    assert bq.insert_rows(made, [{column: it for column, (_, it) in kinds.items()}]) == []
    assert values(bq, name) == [tuple(it for _, it in kinds.values())]
    columns = ", ".join(kinds)
    assert [
        tuple(row) for row in bq.query_and_wait(f"SELECT {columns} FROM conformance.scalars")
    ] == (values(bq, name))

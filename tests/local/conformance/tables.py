"""What the checks of BigQuery share. No tests."""

from typing import Any

from google.cloud import bigquery

from batchpredict.local.session import LocalVertex

Field = bigquery.SchemaField
SCHEMA = [
    Field("id", "INTEGER", "REQUIRED", description="which row"),
    Field("name", "STRING"),
    Field("day", "DATE"),
    Field("scores", "FLOAT", "REPEATED"),
    Field("box", "RECORD", fields=[Field("x", "INTEGER"), Field("tags", "STRING", "REPEATED")]),
]
ROWS: list[dict[str, Any]] = [
    {"id": 1, "name": "a", "day": "2026-01-31", "scores": [0.5], "box": {"x": 7, "tags": ["t"]}},
    {"id": 2, "name": None, "day": "2026-02-01", "scores": [], "box": None},
    {"id": 3, "name": "c", "day": None, "scores": [1, 2.5], "box": {"x": None, "tags": []}},
]


def make_bucket(vertex: LocalVertex) -> None:
    if not vertex.store.bucket_exists("bq-files"):
        vertex.store.create_bucket("bq-files")


def values(client: bigquery.Client, name: str, **options: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in client.list_rows(name, **options)]

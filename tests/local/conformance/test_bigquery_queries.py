"""Google's client of BigQuery: queries and statements."""

import datetime
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from local.conformance.tables import values


def test_query(rows: Any, table: str) -> None:
    assert rows(f"SELECT id, name FROM `{table}` WHERE id > 1 ORDER BY name") == [
        (2, None),
        (3, "c"),
    ]


def test_query_in_one_call(bq: bigquery.Client, table: str) -> None:
    found = bq.query_and_wait(f"SELECT SUM(id) AS n, AVG(id) FROM `{table}`")
    assert [dict(row) for row in found] == [{"n": 6, "f0_": 2.0}]
    assert [(it.name, it.field_type) for it in found.schema] == [
        ("n", "INTEGER"),
        ("f0_", "FLOAT"),
    ]


def test_query_with_named_parameters(rows: Any, table: str) -> None:
    given = [
        bigquery.ScalarQueryParameter("low", "INT64", 2),
        bigquery.ArrayQueryParameter("names", "STRING", ["c", "x'; DROP TABLE t; --"]),
        bigquery.ScalarQueryParameter(
            "at", "TIMESTAMP", datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        ),
    ]
    sql = f"SELECT id, @at FROM `{table}` WHERE id >= @low AND name IN UNNEST(@names)"
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    assert rows(sql, query_parameters=given) == [(3, moment)]


def test_query_with_positional_and_struct_parameters(rows: Any) -> None:
    struct = bigquery.StructQueryParameter(
        None,
        bigquery.ScalarQueryParameter("x", "INT64", 1),
        bigquery.ArrayQueryParameter("l", "FLOAT64", [0.5]),
    )
    given = [bigquery.ScalarQueryParameter(None, "STRING", None), struct]
    assert rows("SELECT ?, ?", query_parameters=given) == [(None, {"x": 1, "l": [0.5]})]


def test_query_of_arrays_and_structs(rows: Any, table: str) -> None:
    sql = (
        f"SELECT t.id, s, o, t.box.tags[SAFE_OFFSET(0)] FROM `{table}` AS t, "
        "UNNEST(t.scores) AS s WITH OFFSET AS o ORDER BY id, o"
    )
    assert rows(sql) == [(1, 0.5, 0, "t"), (3, 1.0, 0, None), (3, 2.5, 1, None)]
    assert rows("SELECT [STRUCT(1 AS a, ['x'] AS b)]") == [([{"a": 1, "b": ["x"]}],)]


def test_query_results_in_pages(bq: bigquery.Client) -> None:
    job = bq.query("SELECT x FROM UNNEST(GENERATE_ARRAY(1, 7)) AS x ORDER BY x")
    pages = job.result(page_size=3).pages
    assert [[row.x for row in page] for page in pages] == [[1, 2, 3], [4, 5, 6], [7]]


def test_query_into_a_table(bq: bigquery.Client, rows: Any) -> None:
    name = f"{bq.project}.conformance.goal"
    rows("SELECT 1 AS n", destination=name)
    with pytest.raises(exceptions.Conflict, match="Already Exists: Table"):
        rows("SELECT 2 AS n", destination=name, write_disposition="WRITE_EMPTY")
    rows("SELECT 2 AS n", destination=name, write_disposition="WRITE_APPEND")
    assert values(bq, name) == [(1,), (2,)]
    rows("SELECT 'x' AS s", destination=name, write_disposition="WRITE_TRUNCATE")
    assert values(bq, name) == [("x",)]
    with pytest.raises(exceptions.NotFound):
        rows("SELECT 1 AS n", destination=f"{name}_2", create_disposition="CREATE_NEVER")


def test_dry_run(bq: bigquery.Client, table: str) -> None:
    config = bigquery.QueryJobConfig(dry_run=True)
    job = bq.query(f"SELECT id, name FROM `{table}`", job_config=config)
    assert job.total_bytes_processed == bq.get_table(table).num_bytes > 0
    assert [it.name for it in job.schema or ()] == ["id", "name"]
    bq.query(f"DELETE FROM `{table}` WHERE TRUE", job_config=config)
    assert bq.get_table(table).num_rows == 3
    with pytest.raises(exceptions.NotFound):
        bq.get_job(job.job_id)
    with pytest.raises(exceptions.BadRequest, match="Syntax error"):
        bq.query("SELECT FROM", job_config=config)


def test_changed_rows_are_counted(bq: bigquery.Client, table: str) -> None:
    counts = []
    for sql in (
        f"INSERT INTO `{table}` (id, day) VALUES (4, '2026-03-01'), (5, NULL)",
        f"UPDATE `{table}` SET name = 'n' WHERE id > 3",
        f"DELETE FROM `{table}` WHERE id = 1",
    ):
        job = bq.query(sql)
        job.result()
        stats: Any = job.dml_stats
        counts.append(
            (
                job.num_dml_affected_rows,
                stats.inserted_row_count,
                stats.updated_row_count,
                stats.deleted_row_count,
            )
        )
    assert counts == [(2, 2, 0, 0), (2, 0, 2, 0), (1, 0, 0, 1)]
    assert [row["id"] for row in bq.list_rows(table)] == [2, 3, 4, 5]


def test_merge(bq: bigquery.Client, table: str) -> None:
    job = bq.query(
        f"MERGE `{table}` AS t USING "
        "(SELECT 1 AS id, 'new' AS name UNION ALL SELECT 9, 'nine') AS s ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET name = s.name "
        "WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name) "
        "WHEN NOT MATCHED BY SOURCE AND t.id = 3 THEN DELETE"
    )
    job.result()
    stats: Any = job.dml_stats
    found = (stats.inserted_row_count, stats.updated_row_count, stats.deleted_row_count)
    assert (job.statement_type, found) == ("MERGE", (1, 1, 1))
    names = {row["id"]: row["name"] for row in bq.list_rows(table)}
    assert names == {1: "new", 2: None, 9: "nine"}
    with pytest.raises(exceptions.BadRequest, match="at most one source row"):
        bq.query(
            f"MERGE `{table}` AS t USING (SELECT 1 AS id UNION ALL SELECT 1) AS s ON t.id = s.id "
            "WHEN MATCHED THEN DELETE"
        ).result()


def test_tables_by_statements(bq: bigquery.Client, rows: Any, table: str) -> None:
    job = bq.query(
        f"CREATE TABLE conformance.copy_of PARTITION BY day AS SELECT id, day FROM `{table}`"
    )
    job.result()
    assert (job.statement_type, job.ddl_operation_performed) == (
        "CREATE_TABLE_AS_SELECT",
        "CREATE",
    )
    assert job.ddl_target_table.table_id == "copy_of"
    made = bq.get_table("conformance.copy_of")
    assert (made.time_partitioning.field, made.num_rows) == ("day", 3)
    rows("ALTER TABLE conformance.copy_of ADD COLUMN s STRING")
    rows("TRUNCATE TABLE conformance.copy_of")
    assert bq.get_table("conformance.copy_of").num_rows == 0
    rows("DROP TABLE conformance.copy_of")
    rows("DROP TABLE IF EXISTS conformance.copy_of")
    rows("CREATE SCHEMA by_statement")
    rows("DROP SCHEMA by_statement")


def test_transaction_is_whole_or_nothing(bq: bigquery.Client, table: str) -> None:
    script = (
        f"BEGIN TRANSACTION; DELETE FROM `{table}` WHERE TRUE; "
        f"INSERT INTO `{table}` (id) SELECT {{}}; COMMIT TRANSACTION;"
    )
    with pytest.raises(exceptions.BadRequest, match="division by zero"):
        bq.query(script.format("CAST(1 / 0 AS INT64)")).result()
    assert bq.get_table(table).num_rows == 3
    bq.query(script.format("7")).result()
    assert [row["id"] for row in bq.list_rows(table)] == [7]

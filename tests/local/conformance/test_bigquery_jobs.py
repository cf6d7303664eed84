"""Google's client of BigQuery: files, copies, partitions, jobs, refusals."""

import datetime
import io
import json

import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from local.conformance.tables import ROWS, SCHEMA, Field, make_bucket, values

from batchpredict.local.session import LocalVertex


def test_load_from_csv(bq: bigquery.Client, vertex: LocalVertex) -> None:
    make_bucket(vertex)
    for number in range(2):
        path = vertex.store.path(f"gs://bq-files/in-{number}.csv")
        path.write_text(f'n,s,day\n{number},"a, ""b""",2026-01-31\n')
    config = bigquery.LoadJobConfig(source_format="CSV", autodetect=True)
    name = f"{bq.project}.conformance.from_csv"
    job = bq.load_table_from_uri("gs://bq-files/in-*.csv", name, job_config=config)
    job.result()
    assert (job.output_rows, job.input_files) == (2, 2)
    day = datetime.date(2026, 1, 31)
    assert values(bq, name) == [(0, 'a, "b"', day), (1, 'a, "b"', day)]
    with pytest.raises(exceptions.NotFound, match="Not found: URI"):
        bq.load_table_from_uri("gs://bq-files/no.csv", name, job_config=config).result()


def test_load_of_a_bad_file_changes_nothing(bq: bigquery.Client, table: str) -> None:
    data = io.BytesIO(b'{"id": 8}\n{"id": "x"}\n')
    config = bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON")
    with pytest.raises(exceptions.BadRequest, match=r"Cannot convert value to integer.*line 2"):
        bq.load_table_from_file(data, table, job_config=config).result()
    assert bq.get_table(table).num_rows == 3


def test_load_in_chunks(bq: bigquery.Client) -> None:
    lines = b"".join(b'{"n": %d, "pad": "%s"}\n' % (n, b"x" * 100) for n in range(5000))
    config = bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON", autodetect=True)
    name = f"{bq.project}.conformance.chunked"
    job = bq.load_table_from_file(io.BytesIO(lines), name, job_config=config)
    job.result()
    assert job.output_rows == 5000
    assert bq.get_table(name).num_rows == 5000


def test_load_disposition_and_new_columns(bq: bigquery.Client, table: str) -> None:
    config = bigquery.LoadJobConfig(schema=[SCHEMA[0], Field("new", "STRING")])
    with pytest.raises(exceptions.BadRequest, match="Cannot add fields"):
        bq.load_table_from_json([{"id": 4, "new": "x"}], table, job_config=config).result()
    config.schema_update_options = ["ALLOW_FIELD_ADDITION"]
    bq.load_table_from_json([{"id": 4, "new": "x"}], table, job_config=config).result()
    assert bq.get_table(table).schema[-1].name == "new"
    config = bigquery.LoadJobConfig(
        schema=[Field("z", "STRING")], write_disposition="WRITE_TRUNCATE"
    )
    bq.load_table_from_json([{"z": "only"}], table, job_config=config).result()
    assert values(bq, table) == [("only",)]


def test_extract_and_load_parquet(bq: bigquery.Client, vertex: LocalVertex, table: str) -> None:
    make_bucket(vertex)
    config = bigquery.ExtractJobConfig(destination_format="PARQUET")
    job = bq.extract_table(table, "gs://bq-files/out-*.parquet", job_config=config)
    job.result()
    assert job.destination_uri_file_counts == [1]
    options = bigquery.format_options.ParquetOptions()
    options.enable_list_inference = True
    load = bigquery.LoadJobConfig(source_format="PARQUET", parquet_options=options)
    name = f"{table}_back"
    bq.load_table_from_uri("gs://bq-files/out-*.parquet", name, job_config=load).result()
    assert values(bq, name) == values(bq, table)


def test_extract_to_lines_and_csv(bq: bigquery.Client, vertex: LocalVertex, table: str) -> None:
    make_bucket(vertex)
    config = bigquery.ExtractJobConfig(destination_format="NEWLINE_DELIMITED_JSON")
    bq.extract_table(table, "gs://bq-files/x.json", job_config=config).result()
    lines = vertex.store.path("gs://bq-files/x.json").read_text().splitlines()
    assert json.loads(lines[0]) == {**ROWS[0], "id": "1", "box": {"x": "7", "tags": ["t"]}}
    with pytest.raises(exceptions.BadRequest, match="nested schema"):
        bq.extract_table(table, "gs://bq-files/x.csv").result()
    bq.query("CREATE TABLE conformance.flat AS SELECT 1 AS a, 'x,y' AS b").result()
    bq.extract_table("conformance.flat", "gs://bq-files/flat.csv").result()
    assert vertex.store.path("gs://bq-files/flat.csv").read_text() == 'a,b\n1,"x,y"\n'


def test_copy(bq: bigquery.Client, table: str) -> None:
    bq.copy_table(table, f"{table}_copy").result()
    assert values(bq, f"{table}_copy") == values(bq, table)
    assert bq.get_table(f"{table}_copy").schema == SCHEMA
    with pytest.raises(exceptions.Conflict):
        bq.copy_table(table, f"{table}_copy").result()


def test_one_partition_is_replaced_and_read(bq: bigquery.Client) -> None:
    name = f"{bq.project}.conformance.parts"
    wanted = bigquery.Table(name, schema=[Field("n", "INTEGER"), Field("day", "DATE")])
    wanted.time_partitioning = bigquery.TimePartitioning(field="day")
    bq.create_table(wanted)
    bq.insert_rows_json(name, [{"n": 1, "day": "2026-01-30"}, {"n": 2, "day": "2026-01-31"}])
    config = bigquery.LoadJobConfig(write_disposition="WRITE_TRUNCATE")
    new = [{"n": 3, "day": "2026-01-31"}]
    bq.load_table_from_json(new, f"{name}$20260131", job_config=config).result()
    assert sorted(row["n"] for row in bq.list_rows(name)) == [1, 3]
    table = bq.get_table(name)
    part = bigquery.Table(f"{name}$20260131", schema=table.schema)
    assert [row["n"] for row in bq.list_rows(part)] == [3]
    with pytest.raises(exceptions.BadRequest, match="different partitions"):
        bq.load_table_from_json(new, f"{name}$20260130", job_config=config).result()
    assert sorted(row["n"] for row in bq.list_rows(name)) == [1, 3]


def test_range_partitions(bq: bigquery.Client) -> None:
    name = f"{bq.project}.conformance.ranges"
    wanted = bigquery.Table(name, schema=[Field("n", "INTEGER")])
    bounds = bigquery.PartitionRange(start=0, end=100, interval=10)
    wanted.range_partitioning = bigquery.RangePartitioning(field="n", range_=bounds)
    bq.create_table(wanted)
    bq.insert_rows_json(name, [{"n": 5}, {"n": 15}])
    part = bigquery.Table(f"{name}$10", schema=wanted.schema)
    assert values(bq, part) == [(15,)]  # type: ignore[arg-type]
    found = bq.get_table(name).range_partitioning
    assert (found.field, found.range_.interval) == ("n", 10)


def test_job_read_listed_and_deleted(bq: bigquery.Client) -> None:
    config = bigquery.QueryJobConfig(labels={"step": "one"})
    job = bq.query("SELECT 1", job_id="conformance-job", job_config=config, job_retry=None)
    job.result()
    found = bq.get_job("conformance-job")
    assert (found.state, found.labels, found.error_result) == ("DONE", {"step": "one"}, None)
    assert found.created <= found.started <= found.ended
    assert "conformance-job" in [it.job_id for it in bq.list_jobs(max_results=5)]
    assert [it.state for it in bq.list_jobs(max_results=3, state_filter="done")] == ["DONE"] * 3
    with pytest.raises(exceptions.Conflict, match="Already Exists: Job"):
        bq._connection.api_request(
            method="POST",
            path=f"/projects/{bq.project}/jobs",
            data={
                "jobReference": {"projectId": bq.project, "jobId": "conformance-job"},
                "configuration": {"query": {"query": "SELECT 1", "useLegacySql": False}},
            },
        )
    bq.delete_job_metadata("conformance-job", location="US")
    with pytest.raises(exceptions.NotFound, match="Not found: Job"):
        bq.get_job("conformance-job")


def test_job_cancelled(bq: bigquery.Client) -> None:
    many = "UNNEST(GENERATE_ARRAY(1, 1000000))"
    job = bq.query(f"SELECT COUNT(*) FROM {many} a, {many} b WHERE MOD(a * b, 7) = 1")
    assert job.state == "RUNNING"
    job.cancel()
    with pytest.raises(exceptions.GoogleAPICallError, match="cancelled"):
        job.result(timeout=30)
    assert bq.get_job(job.job_id).error_result["reason"] == "stopped"


def test_errors_have_googles_shape(bq: bigquery.Client) -> None:
    with pytest.raises(exceptions.NotFound) as caught:
        bq.query("SELECT * FROM conformance.nothing").result()
    assert caught.value.errors[0]["reason"] == "notFound"
    with pytest.raises(exceptions.BadRequest) as refused:
        bq.query("SELECT SOUNDEX('a')").result()
    assert refused.value.errors[0]["reason"] == "invalidQuery"
    assert "E370 the function SOUNDEX" in str(refused.value)


def test_unknown_fields_and_methods_are_refused(bq: bigquery.Client) -> None:
    request = bq._connection.api_request
    path = f"/projects/{bq.project}"
    query = {"query": "SELECT 1", "useLegacySql": False, "colour": 1}
    with pytest.raises(
        exceptions.BadRequest, match=r'Unknown name "configuration\.query\.colour"'
    ):
        request(method="POST", path=f"{path}/jobs", data={"configuration": {"query": query}})
    with pytest.raises(exceptions.BadRequest, match='Unknown name "colour"'):
        request(method="GET", path=f"{path}/datasets", query_params={"colour": 1})
    view = bigquery.Table(f"{bq.project}.conformance.view")
    view.view_query = "SELECT 1"
    with pytest.raises(exceptions.BadRequest, match="E372 view is not emulated"):
        bq.create_table(view)
    with pytest.raises(exceptions.MethodNotImplemented, match="is not emulated on this machine"):
        list(bq.list_models("conformance"))

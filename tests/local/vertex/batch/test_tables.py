"""Batch prediction from and to BigQuery."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from google.cloud import bigquery
from google.cloud.aiplatform_v1 import types
from local.bigquery.support import connect
from local.vertex.batch.support import Bucket, counts, run
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from batchpredict.local.session import LocalVertex

State = types.JobState
STAMP = r"\d{4}_\d\d_\d\dT\d\d_\d\d_\d\d_\d{3}Z"
Field = bigquery.SchemaField


@pytest.fixture(scope="module")
def client(gapic: Callable[[str, str], Any]) -> Any:
    return gapic("job", "grpc")


@pytest.fixture(scope="module")
def tables(vertex: LocalVertex) -> Iterator[bigquery.Client]:
    with connect(vertex) as found:
        found.create_dataset("batch")
        yield found


@pytest.fixture(scope="module")
def summing(upload_sklearn: Callable[..., str]) -> str:
    """Predicts 2a + 20b, and refuses rows that hold something else than two numbers."""
    inputs = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    return upload_sklearn(LinearRegression().fit(inputs, inputs @ [2.0, 20.0]))


@pytest.fixture(scope="module")
def naming(upload_sklearn: Callable[..., str]) -> str:
    """Takes objects with ``a`` and ``b``; other numbers in them do not count."""
    rows = [{"a": 0.0, "b": 0.0}, {"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0}]
    return upload_sklearn(
        make_pipeline(DictVectorizer(), LinearRegression()).fit(rows, [0.0, 2.0, 20.0]),
        display_name="of objects",
    )


def source(tables: bigquery.Client, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Load rows into a table; return the fields of a job that reads it."""
    tables.load_table_from_json(rows, f"batch.{name}").result()
    uri = f"bq://{tables.project}.batch.{name}"
    return {
        "input_config": {"instances_format": "bigquery", "bigquery_source": {"input_uri": uri}}
    }


def target(uri: str) -> dict[str, Any]:
    place = {"bigquery_destination": {"output_uri": uri}}
    return {"output_config": {"predictions_format": "bigquery", **place}}


def written(job: Any) -> str:
    dataset = job.output_info.bigquery_output_dataset.removeprefix("bq://")
    return f"{dataset}.{job.output_info.bigquery_output_table}"


def read(tables: bigquery.Client, name: str) -> list[dict[str, Any]]:
    return [dict(row) for row in tables.list_rows(name)]


def test_from_a_table_to_a_table(
    client: Any, tables: bigquery.Client, bucket: Bucket, summing: str
) -> None:
    given = source(tables, "plain", [{"a": 1, "b": 1.5}, {"a": 2, "b": 0.0}])
    job = run(client, bucket, [], model=summing, **given, **target(f"bq://{tables.project}.batch"))
    assert (job.state, counts(job)) == (State.JOB_STATE_SUCCEEDED, (2, 0))
    assert job.output_info.gcs_output_directory == ""
    assert job.output_info.bigquery_output_dataset == f"bq://{tables.project}.batch"
    number = job.name[-3:]
    found = re.fullmatch(rf"predictions_({STAMP})_{number}", job.output_info.bigquery_output_table)
    assert found
    table = tables.get_table(written(job))
    kinds = [(it.name, it.field_type) for it in table.schema]
    assert kinds == [("a", "INTEGER"), ("b", "FLOAT"), ("prediction", "STRING")]
    rows = read(tables, written(job))
    assert [(row["a"], row["b"]) for row in rows] == [(1, 1.5), (2, 0.0)]
    assert [json.loads(row["prediction"]) for row in rows] == pytest.approx([32, 4])
    assert not [it for it in tables.list_tables("batch") if f"errors_{found[1]}" in it.table_id]


def test_rows_that_fail_are_in_the_table_of_errors(
    client: Any, tables: bigquery.Client, bucket: Bucket, summing: str
) -> None:
    given = source(tables, "failing", [{"a": 1, "b": 2.0}, {"a": 2, "b": None}])
    job = run(
        client,
        bucket,
        [],
        model=summing,
        manual_batch_tuning_parameters={"batch_size": 1},
        **given,
        **target(f"bq://{tables.project}.batch"),
    )
    assert (job.state, counts(job)) == (State.JOB_STATE_SUCCEEDED, (1, 1))
    name = written(job).replace("predictions_", "errors_")
    [row] = read(tables, name)
    assert (row["a"], row["b"], row["errors"]["code"]) == (2, None, 13)
    assert "Non-OK result 500" in row["errors"]["message"]
    [good] = read(tables, written(job))
    assert json.loads(good["prediction"]) == pytest.approx(42)


def test_a_project_alone_gets_a_dataset_of_its_own(
    client: Any, tables: bigquery.Client, bucket: Bucket, naming: str
) -> None:
    given = source(tables, "objects", [{"a": 1.0, "b": 0.0}])
    given["instance_config"] = {"instance_type": "object"}
    job = run(client, bucket, [], model=naming, **given, **target("bq://other-project"))
    dataset = job.output_info.bigquery_output_dataset
    assert re.fullmatch(rf"bq://other-project\.prediction_of_objects_{STAMP}", dataset)
    assert job.output_info.bigquery_output_table == "predictions"
    [row] = read(tables, written(job))
    assert json.loads(row["prediction"]) == pytest.approx(2)


def test_a_table_of_the_users_must_be_new(
    client: Any, tables: bigquery.Client, bucket: Bucket, summing: str
) -> None:
    given = source(tables, "named", [{"a": 1, "b": 1}])
    goal = target(f"bq://{tables.project}.batch.mine")
    job = run(client, bucket, [], model=summing, **given, **goal)
    assert job.output_info.bigquery_output_table == "mine"
    assert len(read(tables, "batch.mine")) == 1
    job = run(client, bucket, [], model=summing, **given, **goal)
    assert job.state == State.JOB_STATE_FAILED
    assert "Already Exists: Table" in job.error.message


@pytest.mark.parametrize(
    ("table", "goal", "words"),
    [
        ("no_such_table", "batch", "Not found: Table"),
        ("colliding", "batch", "a column 'prediction', which the output needs"),
        ("colliding", "no_such_dataset", "a column 'prediction'|Not found: Dataset"),
    ],
)
def test_a_job_that_cannot_run_fails(
    client: Any,
    tables: bigquery.Client,
    bucket: Bucket,
    summing: str,
    table: str,
    goal: str,
    words: str,
) -> None:
    tables.load_table_from_json([{"prediction": 1}], "batch.colliding").result()
    uri = f"bq://{tables.project}.batch.{table}"
    given = {"instances_format": "bigquery", "bigquery_source": {"input_uri": uri}}
    place = target(f"bq://{tables.project}.{goal}")
    job = run(client, bucket, [], model=summing, input_config=given, **place)
    assert job.state == State.JOB_STATE_FAILED
    assert re.search(words, job.error.message)


def test_what_the_model_gets_of_each_type(
    client: Any, tables: bigquery.Client, bucket: Bucket, summing: str
) -> None:
    sql = """
        SELECT 1.5 AS a, 2 AS b, CAST(0.1 AS NUMERIC) AS n, b'\\xff' AS y, DATE '2026-01-31' AS d,
        TIMESTAMP '2019-01-01 23:59:59.999999+00' AS t, TIMESTAMP '2019-01-01 00:00:00+00' AS u,
        DATETIME '2019-01-01 23:59:59' AS dt, TIME '01:02:03' AS h, STRUCT(1 AS x, 'é' AS s) AS r,
        [1, 2] AS l, TRUE AS o, CAST(NULL AS STRING) AS z, 'q"' AS s, JSON '{"k": 1}' AS j
    """
    config = bigquery.QueryJobConfig(destination=f"{tables.project}.batch.typed")
    tables.query(sql, job_config=config).result()
    given = {
        "instances_format": "bigquery",
        "bigquery_source": {"input_uri": f"bq://{tables.project}.batch.typed"},
    }
    # The model takes two columns; the others are shown beside the instance.
    others = ["n", "y", "d", "t", "u", "dt", "h", "r", "l", "o", "z", "s", "j"]
    job = run(
        client,
        bucket,
        [],
        model=summing,
        input_config=given,
        instance_config={"excluded_fields": others},
    )
    [found] = bucket.results(job)
    assert found == {
        "instance": [1.5, 2],
        "prediction": pytest.approx(43),
        "n": 0.1,
        "y": "/w==",
        "d": "2026-01-31",
        "t": "2019-01-01 23:59:59.999999+00:00",
        "u": "2019-01-01 00:00:00+00:00",
        "dt": "2019-01-01T23:59:59",
        "h": "01:02:03",
        "r": {"x": 1, "s": "é"},
        "l": [1, 2],
        "o": True,
        "z": None,
        "s": 'q"',
        "j": '{"k":1}',
    }
    job = run(
        client,
        bucket,
        [],
        model=summing,
        input_config=given,
        instance_config={"included_fields": ["b", "a"]},
        **target(f"bq://{tables.project}.batch"),
    )
    [row] = read(tables, written(job))
    assert json.loads(row.pop("prediction")) == pytest.approx(34)
    assert row == dict(next(iter(tables.list_rows("batch.typed"))))


def test_a_key_and_columns_as_files(
    client: Any, tables: bigquery.Client, bucket: Bucket, summing: str
) -> None:
    given = source(tables, "keyed", [{"id": "r-7", "a": 1, "b": 2}])
    given["instance_config"] = {"key_field": "id"}
    job = run(client, bucket, [], model=summing, **given)
    assert bucket.results(job) == [{"key": "r-7", "prediction": pytest.approx(42)}]
    given["instance_config"] = {"included_fields": ["b", "a"]}
    job = run(client, bucket, [], model=summing, into="csv", **given)
    header, row = bucket.table(job)
    assert header == ["b", "a", "predicted_value"]
    assert row[:2] == ["2", "1"]
    given["instance_config"] = {"included_fields": ["c"]}
    job = run(client, bucket, [], model=summing, **given)
    assert "has no column 'c'" in job.error.message


def test_from_files_to_a_table(
    client: Any, tables: bigquery.Client, bucket: Bucket, naming: str, summing: str
) -> None:
    uri = bucket.write("in.jsonl", {"a": 1, "b": 0, "odd name": None}, {"a": 0, "b": 1})
    place = target(f"bq://{tables.project}.batch")
    included = {"included_fields": ["a", "b"]}
    job = run(client, bucket, [uri], model=naming, instance_config=included, **place)
    rows = read(tables, written(job))
    assert [(row["a"], row["b"]) for row in rows] == [("1", "0"), ("0", "1")]
    assert [json.loads(row["prediction"]) for row in rows] == pytest.approx([2, 20])
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_NONNUMERIC).writerows([["x", "y z"], [1, 2]])
    uri = bucket.write_text("in.csv", out.getvalue())
    job = run(client, bucket, [uri], model=summing, form="csv", **place)
    [row] = read(tables, written(job))
    assert row.keys() == {"x", "y_z", "prediction"}
    assert row["x"] == "1.0"

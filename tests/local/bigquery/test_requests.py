"""Requests to the REST API itself: what is merged, ignored, refused."""

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
from google.cloud import bigquery
from local.bigquery.support import Service

from batchpredict.local.network.http import HttpRequest

Ask = Callable[..., tuple[int, Any]]
FIELDS = [{"name": "n", "type": "INT64"}, {"name": "day", "type": "DATE"}]


@pytest.fixture
def ask(alone: Service, dataset: str) -> Ask:
    """Send a request below the project's address; ``~`` stands for the module's dataset."""

    def ask(verb: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        data = json.dumps(body).encode() if body is not None else b""
        where = f"/bigquery/v2/projects/local-project/{path.replace('~', f'datasets/{dataset}')}"
        request = HttpRequest(verb, where, tuple(query.items()), {}, data, "https://b")
        reply = alone.api.handle(request)
        return reply.status, json.loads(reply.body) if reply.body else None

    return ask


def table(dataset: str, name: str, **fields: Any) -> dict[str, Any]:
    reference = {"projectId": "local-project", "datasetId": dataset, "tableId": name}
    return {"tableReference": reference, "schema": {"fields": FIELDS}, **fields}


def test_a_patch_changes_what_it_names(ask: Ask, dataset: str) -> None:
    labels = {"my_team": "x", "b": "1"}
    status, made = ask(
        "POST", "~/tables", table(dataset, "patched", labels=labels, description="d")
    )
    assert status == 200
    path = "~/tables/patched"
    _, found = ask("PATCH", path, {"labels": {"b": None, "c": "2"}, "friendlyName": "f"})
    assert (found["labels"], found["description"]) == ({"my_team": "x", "c": "2"}, "d")
    assert found["etag"] != made["etag"]
    assert int(found["lastModifiedTime"]) >= int(made["creationTime"])
    _, found = ask("PATCH", path, {"description": None})
    assert "description" not in found
    _, found = ask("PUT", path, {"description": "new"})
    assert (found["description"], "labels" in found, found["schema"]) == (
        "new",
        False,
        made["schema"],
    )


def test_names_of_protos_are_taken_too(ask: Ask) -> None:
    query = {"query": "SELECT @a_b.c_d AS n", "use_legacy_sql": False}
    kind = {"type": "STRUCT", "struct_types": [{"name": "c_d", "type": {"type": "INT64"}}]}
    value = {"struct_values": {"c_d": {"value": "7"}}}
    given = [{"name": "a_b", "parameter_type": kind, "parameter_value": value}]
    status, found = ask("POST", "queries", {**query, "query_parameters": given})
    assert (status, found["rows"]) == (200, [{"f": [{"v": "7"}]}])


def test_rows_with_unknown_fields_may_be_taken(ask: Ask, dataset: str) -> None:
    ask("POST", "~/tables", table(dataset, "streamed"))
    rows = [{"json": {"n": 1, "x": 1}}, {"json": {"n": 2}, "insertId": "i"}]
    path = "~/tables/streamed/insertAll"
    status, found = ask("POST", path, {"rows": rows})
    assert (status, [it["index"] for it in found["insertErrors"]]) == (200, [0, 1])
    status, found = ask("POST", path, {"rows": rows, "ignoreUnknownValues": True})
    assert (status, "insertErrors" in found) == (200, False)
    status, found = ask("GET", "~/tables/streamed/data", selectedFields="n")
    assert found["rows"] == [{"f": [{"v": "1"}]}, {"f": [{"v": "2"}]}]
    assert found["totalRows"] == "2"


def test_a_timestamp_is_seconds_unless_asked_otherwise(ask: Ask) -> None:
    query = {"query": "SELECT TIMESTAMP '2026-01-01 00:00:00.25' AS t", "useLegacySql": False}
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).timestamp() + 0.25
    _, found = ask("POST", "queries", query)
    assert float(found["rows"][0]["f"][0]["v"]) == moment
    _, found = ask("POST", "queries", {**query, "formatOptions": {"useInt64Timestamp": True}})
    assert found["rows"][0]["f"][0]["v"] == str(int(moment * 1_000_000))


def test_jobs_are_listed_by_time_and_state(ask: Ask) -> None:
    _, first = ask("POST", "queries", {"query": "SELECT 1", "useLegacySql": False})
    _, job = ask("GET", f"jobs/{first['jobReference']['jobId']}")
    moment = int(job["statistics"]["creationTime"])
    _, found = ask("GET", "jobs", minCreationTime=str(moment), maxCreationTime=str(moment))
    assert first["jobReference"] in [it["jobReference"] for it in found["jobs"]]
    _, found = ask("GET", "jobs", maxCreationTime="1")
    assert "jobs" not in found
    _, found = ask("GET", "jobs", maxResults="1")
    _, after = ask("GET", "jobs", maxResults="1", pageToken=found["nextPageToken"])
    assert found["jobs"][0]["id"] != after["jobs"][0]["id"]


@pytest.mark.parametrize(
    ("verb", "path", "body", "words"),
    [
        ("POST", "datasets", {"datasetReference": {"datasetId": "a-b"}}, "Invalid dataset ID"),
        (
            "POST",
            "datasets",
            {"datasetReference": {"datasetId": "x"}, "labels": {"A": "b"}},
            "label",
        ),
        (
            "POST",
            "datasets",
            {"datasetReference": {"projectId": "q", "datasetId": "x"}},
            "project",
        ),
        ("PATCH", "~", {"location": "EU"}, "location of a dataset cannot be changed"),
        ("PATCH", "~", {"defaultCollation": "und:ci"}, "E372 defaultCollation"),
        ("POST", "~/tables", {"tableReference": {}}, "Required parameter is missing"),
        ("POST", "~/tables/none/insertAll", {"rows": []}, "1 to 50000 rows"),
        ("POST", "jobs", {"configuration": {}}, "exactly one of query, load, extract and copy"),
        ("POST", "jobs", {"configuration": {"query": {"query": "SELECT 1"}}}, "E372 legacy SQL"),
        ("POST", "jobs", {"configuration": {"load": {}}}, "Required parameter is missing"),
        (
            "POST",
            "jobs",
            {"jobReference": {"jobId": "a b"}, "configuration": {}},
            "Invalid job ID",
        ),
        ("POST", "queries", {"useLegacySql": False}, "Required parameter is missing: query"),
        ("POST", "queries", {"query": "SELECT 1", "createSession": True}, "E372 createSession"),
        ("POST", "queries", ["no object"], "no JSON object"),
    ],
)
def test_a_request_that_is_refused(ask: Ask, verb: str, path: str, body: Any, words: str) -> None:
    status, found = ask(verb, path, body)
    error = found["error"]
    assert (status, error["code"], error["errors"][0]["domain"]) == (400, 400, "global")
    assert words in error["message"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"schema": {"fields": [{"name": "a b", "type": "STRING"}]}}, "Invalid field name"),
        (
            {"schema": {"fields": [*FIELDS, {"name": "N", "type": "STRING"}]}},
            "two fields of the name",
        ),
        ({"schema": {"fields": [{"name": "a", "type": "GEOGRAPHY"}]}}, "E372 the type GEOGRAPHY"),
        (
            {"schema": {"fields": [{"name": "a", "type": "BIGNUMERIC"}]}},
            "E372 the type BIGNUMERIC",
        ),
        ({"schema": {"fields": [{"name": "a", "type": "RECORD"}]}}, "has no schema"),
        ({"schema": {"fields": [{"name": "a", "type": "STRING", "mode": "X"}]}}, "Invalid mode"),
        ({"schema": {"fields": [{"name": "a", "type": "STRING", "x": 1}]}}, 'Unknown name "x"'),
        (
            {"timePartitioning": {"type": "DAY"}},
            "E372 a table that is partitioned by the time of in",
        ),
        ({"timePartitioning": {"type": "DAY", "field": "n"}}, "cannot partition by time"),
        ({"timePartitioning": {"type": "HOUR", "field": "day"}}, "cannot partition by HOUR"),
        ({"timePartitioning": {"type": "WEEK", "field": "day"}}, "must be one of"),
        ({"timePartitioning": {"type": "DAY", "field": "x"}}, "cannot be found in the schema"),
        (
            {"rangePartitioning": {"field": "n", "range": {"start": "0"}}},
            "start, end and interval",
        ),
        ({"clustering": {"fields": ["x"]}}, "cannot be found in the schema"),
        ({"requirePartitionFilter": True}, "E372 requirePartitionFilter"),
        ({"expirationTime": "1"}, "in the past"),
        ({"colour": "red"}, 'Unknown name "colour"'),
    ],
)
def test_a_table_that_is_refused(
    ask: Ask, dataset: str, fields: dict[str, Any], words: str
) -> None:
    status, found = ask("POST", "~/tables", table(dataset, "refused", **fields))
    assert (status, words in found["error"]["message"]) == (400, True), found


def test_statements_that_are_refused_change_nothing(client: bigquery.Client, dataset: str) -> None:
    client.query(f"CREATE TABLE {dataset}.kept AS SELECT 1 AS n").result()
    refused = {
        f"DELETE FROM {dataset}.kept": "DELETE must have a WHERE clause",
        f"UPDATE {dataset}.kept SET n = 2": "UPDATE must have a WHERE clause",
        f"UPDATE {dataset}.kept SET n = u.n FROM {dataset}.kept AS u WHERE TRUE": "E370",
        f"INSERT INTO {dataset}.kept (x) VALUES (1)": "Column x is not present",
        f"INSERT INTO {dataset}.kept (n) VALUES (1, 2)": "wrong column count",
        f"INSERT INTO {dataset}.kept (n) VALUES ('x')": "has type INT64",
        f"CREATE TABLE {dataset}.kept (n INT64)": "Already Exists",
        f"CREATE VIEW {dataset}.v AS SELECT 1": "E370 CREATE VIEW",
        f"CREATE TABLE {dataset}.k2 LIKE {dataset}.kept": "E370 CREATE",
        f"CREATE MODEL {dataset}.m OPTIONS(model_type='x') AS SELECT 1": "E370",
        f"ALTER TABLE {dataset}.kept DROP COLUMN n": "E370 ALTER TABLE",
        f"ALTER TABLE {dataset}.kept ADD COLUMN n INT64": "already exists",
        f"DROP TABLE {dataset}.none": "Not found: Table",
        "DECLARE x INT64 DEFAULT 1; SELECT x": "E370",
        "BEGIN TRANSACTION; SELECT 1;": "leaves open",
        "COMMIT TRANSACTION;": "no transaction in progress",
        f"EXPORT DATA OPTIONS(uri='gs://b/*') AS SELECT * FROM {dataset}.kept": "E370",
        f"SELECT * FROM `{dataset}.kep*`": "E370 a wildcard table",
        f"SELECT * FROM {dataset}.INFORMATION_SCHEMA.TABLES": "E370 INFORMATION_SCHEMA",
        "SELECT 1 AS a, 2 AS A": "Duplicate column names",
        "SELECT [NULL, 1]": "null element",
        "SELECT n FROM kept": "must be qualified with a dataset",
    }
    for sql, words in refused.items():
        with pytest.raises(Exception, match=words):
            client.query(sql).result()
    assert [tuple(row) for row in client.list_rows(f"{dataset}.kept")] == [(1,)]
    config = bigquery.QueryJobConfig(default_dataset=f"{client.project}.{dataset}")
    assert next(iter(client.query("SELECT n FROM kept", job_config=config).result())).n == 1

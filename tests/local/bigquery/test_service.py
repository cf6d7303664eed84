"""The service behind the API: what it survives, what it keeps out, what it answers to whom."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from local.bigquery.support import Service, service

from batchpredict.local.bigquery.api import METHODS, BigQueryApi
from batchpredict.local.network.http import HttpRequest
from batchpredict.local.storage.objects import ObjectStore

LONG = (
    "CREATE TABLE d.long AS SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 100000)) a, "
    "UNNEST(GENERATE_ARRAY(1, 1000000)) b WHERE MOD(a * b, 7) = 1"
)


def test_the_methods_are_those_of_the_routes(alone: Service) -> None:
    found = alone.api.service()
    routes = {f"bigquery.{route.name}" for route in (*found.routes, *found.uploads)}
    assert set(METHODS) == routes
    for route in found.routes:
        path = route.path.replace("{}", "x%20y")
        request = HttpRequest(route.verb, f"/bigquery/v2/{path}")
        assert alone.api.method(request) == f"bigquery.{route.name}"


@pytest.mark.parametrize(
    ("host", "path", "wanted"),
    [
        ("bigquery.googleapis.com", "/bigquery/v2/projects", True),
        ("www.googleapis.com", "/bigquery/v2/projects/p/jobs", True),
        ("bigquery.googleapis.com", "/upload/bigquery/v2/projects/p/jobs", True),
        ("127.0.0.1:8080", "/resumable/upload/bigquery/v2/projects/p/jobs", True),
        ("storage.googleapis.com", "/bigquery/v2/projects", False),
        ("bigquery.googleapis.com", "/storage/v1/b", False),
        ("bigquery.example.com", "/bigquery/v2/projects", False),
    ],
)
def test_which_requests_it_serves(alone: Service, host: str, path: str, wanted: bool) -> None:
    assert alone.api.serves(host, path) == wanted


def test_a_killed_session_leaves_what_it_acknowledged(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        from pathlib import Path
        from local.bigquery.support import Service
        service = Service(Path({str(tmp_path)!r}))
        client = service.client()
        client.create_dataset("d")
        client.query("CREATE TABLE d.t (n INT64)").result()
        for number in range(20):
            client.insert_rows_json("local-project.d.t", [{{"n": number}}])
        client.query("INSERT INTO d.t (n) VALUES (100)", job_id="done", job_retry=None).result()
        client.query({LONG!r}, job_id="long", job_retry=None)
        print("acknowledged", flush=True)
        time.sleep(60)
    """)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "acknowledged\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with service(tmp_path) as again:
        assert again.api.interrupted == 1
        client = again.client()
        assert [row.n for row in client.list_rows("d.t")] == [*range(20), 100]
        done: Any = client.get_job("done")
        assert done.dml_stats.inserted_row_count == 1
        interrupted = client.get_job("long")
        assert (interrupted.state, interrupted.error_result["reason"]) == ("DONE", "backendError")
        assert interrupted.error_result["message"].startswith("E373 the session ended before")
        assert again.api.service().recovered == 1
        with pytest.raises(exceptions.NotFound):
            client.get_table("d.long")


def test_what_was_made_is_there_in_the_next_session(tmp_path: Path) -> None:
    for number in range(3):
        with service(tmp_path) as found:
            client = found.client()
            client.create_dataset("d", exists_ok=True)
            client.query("CREATE TABLE IF NOT EXISTS d.t (n INT64)").result()
            client.query(f"INSERT INTO d.t (n) VALUES ({number})").result()
            assert [row.n for row in client.list_rows("d.t")] == [*range(number + 1)]
            assert (found.api.interrupted, found.api.service().recovered) == (0, 0)


def test_jobs_at_a_time_do_not_disturb_each_other(alone: Service, dataset: str) -> None:
    client = alone.client()
    client.query(f"CREATE TABLE {dataset}.counted (n INT64)").result()
    sql = f"INSERT INTO {dataset}.counted (n) SELECT COUNT(*) FROM {dataset}.counted"
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: client.query(sql), range(24)))
        list(pool.map(lambda job: job.result(), jobs))
    assert sorted(row.n for row in client.list_rows(f"{dataset}.counted")) == [*range(24)]


def test_a_reader_sees_one_state(alone: Service, dataset: str) -> None:
    client = alone.client()
    client.query(f"CREATE TABLE {dataset}.swapped AS SELECT 0 AS n, 0 AS m").result()
    script = (
        f"BEGIN TRANSACTION; DELETE FROM {dataset}.swapped WHERE TRUE; "
        f"INSERT INTO {dataset}.swapped (n, m) SELECT {{0}}, {{0}}; COMMIT TRANSACTION;"
    )
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(
            lambda: [client.query(script.format(number)).result() for number in range(20)]
        )
        seen = 0
        while not writing.done():
            rows = [tuple(row) for row in client.list_rows(f"{dataset}.swapped")]
            assert len(rows) == 1
            assert rows[0][0] == rows[0][1] >= seen
            seen = rows[0][0]
        writing.result()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/never'",
        "ATTACH '/tmp/never.db'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "SELECT * FROM read_csv('https://example.com/x.csv')",
    ],
)
def test_the_engine_itself_reaches_nothing(alone: Service, sql: str) -> None:
    with alone.api.service().warehouse.running() as connection, pytest.raises(duckdb.Error):
        connection.execute(sql)


def test_names_of_tables_tell_case_and_of_columns_not(
    client: bigquery.Client, dataset: str
) -> None:
    client.query(f"CREATE TABLE {dataset}.Cased AS SELECT 1 AS Name").result()
    client.query(f"CREATE TABLE {dataset}.cased AS SELECT 2 AS name").result()
    [row] = client.query_and_wait(f"SELECT NAME FROM {dataset}.Cased WHERE name = 1")
    assert dict(row) == {"NAME": 1}
    [row] = client.query_and_wait(f"SELECT * FROM `{dataset}.cased`")
    assert dict(row) == {"name": 2}


def test_a_table_ends_when_its_time_is_over(tmp_path: Path) -> None:
    now = time.time()
    with service(tmp_path, clock=lambda: now) as found:
        client = found.client()
        dataset = bigquery.Dataset(f"{client.project}.short")
        dataset.default_table_expiration_ms = 3_600_000
        client.create_dataset(dataset)
        client.query("CREATE TABLE short.t AS SELECT 1 AS n").result()
        job = client.query("SELECT 1")
        job.result()
        assert client.get_table("short.t").expires.timestamp() == pytest.approx(now + 3600, abs=1)
        now += 3601
        with pytest.raises(exceptions.NotFound):
            client.get_table("short.t")
        assert list(client.list_tables("short")) == []
        client.query("CREATE TABLE short.t AS SELECT 2 AS n").result()
        assert [tuple(row) for row in job.result()] == [(1,)]
        now += 24 * 3600
        late: Any = client.get_job(job.job_id)
        with pytest.raises(exceptions.NotFound):
            late.result()


def test_results_that_nobody_named_do_not_pile_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    count = "SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE 't%'"
    with service(tmp_path, clock=lambda: now) as found:
        client = found.client()
        monkeypatch.setattr("batchpredict.local.bigquery.scripts.RESULTS_KEPT", 3)
        jobs = [client.query(f"SELECT {number} AS n") for number in range(6)]
        values = [next(iter(job.result())).n for job in jobs[3:]]
        assert values == [3, 4, 5]
        with found.api.service().warehouse.reading() as catalogue:
            assert catalogue.connection.execute(count).fetchall() == [(3,)]
    now += 24 * 3600 + 1
    with (
        service(tmp_path, clock=lambda: now) as found,
        found.api.service().warehouse.reading() as catalogue,
    ):
        assert catalogue.connection.execute(count).fetchall() == [(0,)]


def test_hidden_results_belong_to_their_job(client: bigquery.Client) -> None:
    job = client.query("SELECT 1 AS n")
    job.result()
    assert job.destination.dataset_id.startswith("_")
    assert job.destination.table_id.startswith("anon")
    assert all(not it.dataset_id.startswith("_") for it in client.list_datasets())
    assert [tuple(row) for row in client.list_rows(client.get_table(job.destination))] == [(1,)]


def test_without_the_packages_it_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = BigQueryApi(tmp_path / "bigquery", ObjectStore(tmp_path / "storage"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name != "sqlglot" or None)
    reply = api.handle(HttpRequest("GET", "/bigquery/v2/projects"))
    assert reply.status == 501
    assert b"E371" in reply.body
    assert b"batchpredict[bigquery]" in reply.body
    assert not (tmp_path / "bigquery").exists()


def test_nothing_is_loaded_before_the_first_request() -> None:
    script = (
        "import sys, batchpredict.local.assembly\n"
        "print([it for it in ('sqlglot', 'duckdb') if it in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_other_address_of_uploads(alone: Service, dataset: str) -> None:
    body = (
        b"--x\r\nContent-Type: application/json\r\n\r\n"
        b'{"configuration": {"load": {"destinationTable": {"projectId": "local-project", '
        b'"datasetId": "%s", "tableId": "up"}, "autodetect": true, "sourceFormat": "CSV"}}}'
        b"\r\n--x\r\nContent-Type: text/csv\r\n\r\na,b\n1,x\n\r\n--x--" % dataset.encode()
    )
    url = f"{alone.url}/resumable/upload/bigquery/v2/projects/local-project/jobs"
    headers = {"Content-Type": "multipart/related; boundary=x"}
    request = urllib.request.Request(f"{url}?uploadType=multipart", body, headers)
    with urllib.request.urlopen(request, timeout=10) as reply:
        job = json.loads(reply.read())["jobReference"]["jobId"]
    client = alone.client()
    client.get_job(job).result()
    assert [tuple(row) for row in client.list_rows(f"{dataset}.up")] == [(1, "x")]

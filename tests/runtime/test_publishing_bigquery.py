"""Publications to BigQuery, against a stand-in that speaks the calls we use and runs their SQL.

DuckDB runs the statements, rewritten where GoogleSQL differs in its quotes; what only BigQuery
knows (loading Parquet, partitions, its limits) is not shown here.
"""

import json
import re
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import google.auth
import pytest
from google.auth.exceptions import DefaultCredentialsError
from kfp import dsl

from batchpredict.components.publish_predictions import publish_predictions
from batchpredict.runtime import publishing_bigquery, vertex_api
from batchpredict.runtime.publishing_part import part_uris
from batchpredict.runtime.tables import sql_text

TYPES = {"VARCHAR": "STRING", "BIGINT": "INTEGER", "DOUBLE": "FLOAT", "BOOLEAN": "BOOLEAN"}
COLUMNS = ("key VARCHAR", "label VARCHAR", "scores DOUBLE[]", "boxes STRUCT(x DOUBLE, y BIGINT)[]")


def as_field(name, kind):
    """A field of a table's schema, as tables.get gives it."""
    if kind.endswith("[]"):
        return {**as_field(name, kind[:-2]), "mode": "REPEATED"}
    if kind.startswith("STRUCT("):
        parts = [part.strip().split(" ", 1) for part in kind[7:-1].split(",")]
        fields = [as_field(part.strip('"'), inner) for part, inner in parts]
        return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": fields}
    return {"name": name, "type": TYPES.get(kind, kind), "mode": "NULLABLE"}


class BigQuery:
    """The state of the service: tables, jobs, and what was asked of it."""

    def __init__(self, bucket):
        self.bucket = bucket
        self.tables = duckdb.connect()
        self.jobs = {}
        self.asked = []
        self.still_running = 0
        self.failures = []
        self.run = []

    def answer(self, verb, path, body):
        self.asked.append(f"{verb} {path}")
        project, _, rest = path.partition("/")
        assert project == "my-project"
        if verb == "POST" and rest == "jobs":
            return self.insert_job(body)
        if verb == "GET" and (match := re.fullmatch(r"jobs/([\w-]+)\?location=EU", rest)):
            return self.get_job(match[1])
        if verb == "GET" and rest == "datasets/results":
            return 200, {"location": "EU"}
        if match := re.fullmatch(r"datasets/results/tables/(\w+)", rest):
            return self.table(verb, f"my-project.results.{match[1]}")
        return 404, {"error": {"code": 404, "message": f"Not found: {path}"}}

    def table(self, verb, name):
        found = self.tables.execute("SELECT name FROM (SHOW TABLES) WHERE name = ?", [name])
        if not found.fetchall():
            return 404, {"error": {"code": 404, "message": f"Not found: Table {name}"}}
        if verb == "DELETE":
            self.tables.execute(f'DROP TABLE "{name}"')
            return 204, None
        columns = self.tables.execute(f'DESCRIBE "{name}"').fetchall()
        return 200, {"schema": {"fields": [as_field(c[0], c[1]) for c in columns]}}

    def insert_job(self, body):
        reference = body["jobReference"]
        assert re.fullmatch(r"[\w-]{1,1024}", reference["jobId"])
        assert reference["location"] == "EU"
        for label in body["configuration"].get("labels", {}).values():
            assert re.fullmatch(r"[a-z0-9_-]{0,63}", label)
        if reference["jobId"] in self.jobs:
            return 409, {"error": {"code": 409, "message": "Already Exists: Job"}}
        status = {"state": "RUNNING"}
        self.jobs[reference["jobId"]] = {**body, "status": status}
        try:
            if self.failures and self.failures[0] in reference["jobId"]:
                raise duckdb.Error(f"made up: {self.failures.pop(0)}")
            self.execute(body["configuration"])
        except duckdb.Error as error:
            status["errorResult"] = {"reason": "invalidQuery", "message": str(error)}
        return 200, self.jobs[reference["jobId"]]

    def get_job(self, name):
        if name not in self.jobs:
            return 404, {"error": {"code": 404, "message": f"Not found: Job {name}"}}
        if self.still_running:
            self.still_running -= 1
        else:
            self.jobs[name]["status"]["state"] = "DONE"
        return 200, self.jobs[name]

    def execute(self, configuration):
        if "load" in configuration:
            load = configuration["load"]
            assert load["sourceFormat"] == "PARQUET"
            assert load["parquetOptions"] == {"enableListInference": True}
            assert load["writeDisposition"] == "WRITE_TRUNCATE"
            name = ".".join(load["destinationTable"].values())
            files = [str(self.bucket / uri.removeprefix("gs://")) for uri in load["sourceUris"]]
            source = f"read_parquet([{', '.join(map(sql_text, files))}])"
            self.tables.execute(f'CREATE OR REPLACE TABLE "{name}" AS FROM {source}')
            return
        assert configuration["query"]["useLegacySql"] is False
        statement = configuration["query"]["query"]
        self.run.append(statement)
        token = r'"(?:[^"\\]|\\.)*"|`[^`]*`| PARTITION BY `[^`]*`'
        translated = re.sub(token, as_duckdb, statement)
        transaction = translated.startswith("BEGIN TRANSACTION;")
        try:
            self.tables.execute(translated)
        except duckdb.Error:
            if transaction:
                self.tables.execute("ROLLBACK")
            raise

    def rows(self, columns="key, label", table="predictions"):
        """What a reader sees."""
        try:
            query = f'SELECT {columns} FROM "my-project.results.{table}" ORDER BY ALL'
            return self.tables.execute(query).fetchall()
        except duckdb.CatalogException:
            return None

    def staging(self):
        names = self.tables.execute("SELECT name FROM (SHOW TABLES)").fetchall()
        return [name for (name,) in names if "__staging_" in name]


def as_duckdb(match):
    if match[0].startswith('"'):
        return sql_text(json.loads(match[0]))
    return "" if "PARTITION" in match[0] else match[0].replace("`", '"')


@pytest.fixture
def bigquery(tmp_path, monkeypatch) -> Iterator[BigQuery]:
    service, lock = BigQuery(tmp_path), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            path = self.path.removeprefix("/bigquery/v2/projects/")
            with lock:
                status, content = service.answer(self.command, path, body)
            text = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        # An emulator gets no token, so nobody may look for one.
        monkeypatch.setattr(google.auth, "default", None)
        monkeypatch.setattr("time.sleep", lambda _: None)
        yield service
        server.shutdown()
        thread.join()


@pytest.fixture
def publish(bigquery, tmp_path, monkeypatch):  # noqa: ARG001
    """Publish rows of (key, label) that are in Cloud Storage."""
    monkeypatch.setattr("kfp.dsl.types.artifact_types._GCS_LOCAL_MOUNT_PREFIX", f"{tmp_path}/")

    def publish(rows, run_key, columns=COLUMNS, **options):
        path = tmp_path / "bucket" / "predictions.parquet"
        path.parent.mkdir(exist_ok=True)
        rest = ([0.5, 0.25], [{"x": 1.5, "y": 2}])[: len(columns) - 2]
        with duckdb.connect() as con:
            con.execute(f"CREATE TABLE t ({', '.join(columns)})")
            for row in rows:
                marks = ", ".join("?" for _ in columns)
                con.execute(f"INSERT INTO t VALUES ({marks})", [*row, *rest])
            con.execute(f"COPY t TO '{path}' (FORMAT parquet)")
        predictions = dsl.Dataset(uri="gs://bucket/predictions.parquet")
        destination = "bq://my-project.results.predictions"
        options = {"destination": destination, **options}
        return publish_predictions.python_func(predictions=predictions, run_key=run_key, **options)

    return publish


def partition(value):
    return {
        "mode": "overwrite_partition",
        "partition_column": "day",
        "partition_value": value,
    }


def test_the_calls_of_a_first_publication_and_of_a_repetition(bigquery, publish):
    assert tuple(publish([("a", "x"), ("b", "y")], "run 1")) == (2, True)
    wanted = "key, label, scores, boxes, run_key"
    box = [{"x": 1.5, "y": 2}]
    assert bigquery.rows(wanted) == [
        ("a", "x", [0.5, 0.25], box, "run 1"),
        ("b", "y", [0.5, 0.25], box, "run 1"),
    ]
    assert bigquery.staging() == []
    shapes = [re.sub(r"[0-9a-f]{16,40}", "…", call) for call in bigquery.asked]
    assert shapes == [
        "GET my-project/datasets/results",
        "GET my-project/jobs/batchpredict-publish-…-1?location=EU",
        "POST my-project/jobs",
        "GET my-project/jobs/batchpredict-load-…-1?location=EU",
        "GET my-project/datasets/results/tables/predictions__staging_…",
        "GET my-project/datasets/results/tables/predictions",
        "POST my-project/jobs",
        "GET my-project/jobs/batchpredict-publish-…-1?location=EU",
        "DELETE my-project/datasets/results/tables/predictions__staging_…",
    ]
    assert bigquery.run == [
        "CREATE TABLE `my-project.results.predictions` AS SELECT `key` AS `key`, "
        "`label` AS `label`, `scores` AS `scores`, `boxes` AS `boxes`, "
        '"run 1" AS `run_key` FROM `my-project.results.predictions__staging_'
        + re.search(r"staging_(\w+)", bigquery.asked[4])[1]
        + "`"
    ]
    bigquery.asked.clear()
    assert tuple(publish([("b", "y"), ("a", "x")], "run 1")) == (2, False)
    assert bigquery.asked[0] == "GET my-project/datasets/results"
    assert len(bigquery.asked) == 2


def test_runs_are_appended_merged_and_replace_partitions(bigquery, publish):
    publish([("a", "1"), ("b", "1")], "1", **partition("2026-01-30"))
    publish([("a", "2"), ("c", "2")], "2", **partition("2026-01-31"))
    publish([("d", "3")], "3", **partition("2026-01-30"))
    assert bigquery.rows() == [("a", "2"), ("c", "2"), ("d", "3")]
    publish([("a", "4"), ("e", "4")], "4", **{**partition("2026-01-29"), "mode": "merge"})
    assert bigquery.rows() == [("a", "4"), ("c", "2"), ("d", "3"), ("e", "4")]
    publish([("a", "5")], "5", **{**partition("2026-01-29"), "mode": "append"})
    assert bigquery.rows("key, label, day::VARCHAR, run_key") == [
        ("a", "4", "2026-01-29", "4"),
        ("a", "5", "2026-01-29", "5"),
        ("c", "2", "2026-01-31", "2"),
        ("d", "3", "2026-01-30", "3"),
        ("e", "4", "2026-01-29", "4"),
    ]
    publish([], "6", **partition("2026-01-29"))
    assert bigquery.rows() == [("c", "2"), ("d", "3")]
    assert " PARTITION BY `day` AS SELECT" in bigquery.run[0]
    assert bigquery.run[1].startswith("BEGIN TRANSACTION;\nDELETE FROM `my-project.results.pred")
    assert bigquery.run[1].endswith(";\nCOMMIT TRANSACTION;")
    assert [sql.split()[0] for sql in bigquery.run[2:]] == ["BEGIN", "BEGIN", "INSERT", "BEGIN"]


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [("VARCHAR", 'say "hi"\\', 'say "hi"\\'), ("BIGINT", "7", 7), ("DATE", "2026-01-31", None)],
)
def test_a_partition_column_of_the_predictions(bigquery, publish, kind, value, stored):
    columns = ("key VARCHAR", f"day {kind}")
    stored = stored or value
    publish([("a", stored)], "1", columns, **partition(value))
    publish([("b", stored)], "2", columns, **partition(value))
    publish([("c", stored)], "3", columns)
    assert bigquery.rows("key, day::VARCHAR") == [("b", value), ("c", value)]
    assert ("PARTITION BY" in bigquery.run[0]) == (kind == "DATE")


def test_an_odd_run_key_is_a_text(bigquery, publish):
    odd = "x'; DROP TABLE `t`; -- \"\\ \n é 😀 \u2028 ;"
    for number in range(2):
        publish([("a", "1")], odd)
        publish([("b", "2")], odd + "2")
        assert bigquery.rows("key, run_key") == [("a", odd), ("b", odd + "2")], number


@pytest.mark.parametrize("forgotten", ["batchpredict", "batchpredict-publish"])
@pytest.mark.parametrize("mode", ["append", "overwrite_partition", "merge"])
def test_a_run_is_known_by_its_rows_when_its_job_is_forgotten(bigquery, publish, mode, forgotten):
    publish([("a", "1"), ("b", "1")], "1", **partition("2026-01-30"))
    options = {**partition("2026-01-30"), "mode": mode}
    publish([("c", "2"), ("a", "2")], "2", **options)
    state = bigquery.rows("key, label, run_key")
    bigquery.jobs = {n: job for n, job in bigquery.jobs.items() if not n.startswith(forgotten)}
    publish([("c", "2"), ("a", "2")], "2", **options)
    assert bigquery.rows("key, label, run_key") == state
    assert bigquery.staging() == []


def test_a_forgotten_run_does_not_undo_a_newer_one(bigquery, publish):
    publish([("a", "1"), ("b", "1")], "1")
    publish([("a", "2"), ("b", "2")], "2", mode="merge")
    publish([("a", "3")], "3", mode="merge")
    bigquery.jobs.clear()
    publish([("a", "2"), ("b", "2")], "2", mode="merge")
    assert bigquery.rows() == [("a", "3"), ("b", "2")]


@pytest.fixture
def cut(monkeypatch):
    """Ends the step at its n-th call, before or after the service has done what it asks."""

    class Cut:
        left = 0
        done = False

    def request(*arguments, **named):
        Cut.left -= 1
        if Cut.left == 0 and not Cut.done:
            raise KeyboardInterrupt
        reply = google_request(*arguments, **named)
        if Cut.left == 0:
            raise KeyboardInterrupt
        return reply

    google_request = vertex_api.google_request
    monkeypatch.setattr(publishing_bigquery, "google_request", request)
    return Cut


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("mode", ["append", "overwrite_partition", "merge"])
def test_whatever_call_it_ends_at_the_repeated_step_publishes_once(
    bigquery, publish, cut, mode, existing
):
    kept = {"append": [("a", "old"), ("b", "old")], "merge": [("b", "old")]}.get(mode, [])
    added = [("a", "new"), ("c", "new")]
    new = sorted([*(kept if existing else []), *added])
    # There are nine calls; the last two publications are whole.
    for number in range(20):
        table = f"t{number}"
        options = {"destination": f"bq://my-project.results.{table}", **partition("2026-01-30")}
        if existing:
            publish([("a", "old"), ("b", "old")], "0", **options)
        old = bigquery.rows(table=table)
        cut.left, cut.done = 1 + number // 2, bool(number % 2)
        if number < 18:
            with pytest.raises(KeyboardInterrupt):
                publish(added, "1", **{**options, "mode": mode})
        assert bigquery.rows(table=table) in (old, new)
        cut.left = 0
        publish(added, "1", **{**options, "mode": mode})
        assert bigquery.rows(table=table) == new
        assert len(bigquery.staging()) <= 1, "of an attempt that ended before it was removed"
        bigquery.tables.execute("".join(f'DROP TABLE "{it}";' for it in bigquery.staging()))


def test_a_job_that_failed_is_told_and_tried_anew_by_the_next_attempt(bigquery, publish):
    publish([("a", "1")], "1")
    for kind in ("load", "publish"):
        bigquery.failures = [kind, kind]
        for _ in range(2):
            with pytest.raises(RuntimeError, match=rf"^E252 .*-{kind}-.* failed: made up: {kind}"):
                publish([("b", "2")], f"run {kind}")
            assert bigquery.rows("key") == [(key,) for key in ("a", "b")[: 1 + (kind != "load")]]
        assert publish([("b", "2")], f"run {kind}").changed
        assert not publish([("b", "2")], f"run {kind}").changed
        names = [name for name in bigquery.jobs if f"-{kind}-" in name and name.endswith("-3")]
        assert len(names) == 1
    assert bigquery.rows("key") == [("a",), ("b",), ("b",)]


def test_a_job_is_waited_for(bigquery, publish):
    bigquery.still_running = 5
    assert publish([("a", "1")], "1").changed
    assert sum("jobs/batchpredict-load" in call for call in bigquery.asked) == 6


def test_a_job_that_never_ends_is_given_up(bigquery, publish, monkeypatch):
    bigquery.still_running = 10**9
    clock = iter(range(0, 10**9, 3600))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    with pytest.raises(RuntimeError, match=r"^E254 the BigQuery job batchpredict-load-.*-1 was"):
        publish([("a", "1")], "1")


def test_a_job_that_is_gone(bigquery, publish, monkeypatch):
    monkeypatch.setattr(publishing_bigquery, "find_job", lambda *_: None)
    with pytest.raises(RuntimeError, match=r"^E252 .*-1 failed: the job is gone"):
        publish([("a", "1")], "1")
    for name in [name for name in bigquery.jobs if name.endswith("-1")]:
        bigquery.jobs |= {f"{name[:-2]}-{n}": {} for n in range(2, 1000)}
    with pytest.raises(RuntimeError, match=r"^E252 .* failed 999 times"):
        publish([("a", "1")], "1")
    assert bigquery.rows() is None


def test_a_thousand_failures_are_no_success(monkeypatch):
    failed = {"status": {"state": "DONE", "errorResult": {"message": "no"}}}
    monkeypatch.setattr(publishing_bigquery, "find_job", lambda *_: failed)
    assert publishing_bigquery.finished_job("p", "EU", "stem") is None


def test_the_same_key_with_other_rows_is_refused(bigquery, publish):
    publish([("a", "1")], "1")
    with pytest.raises(ValueError, match=r"^E267 the run '1'"):
        publish([("a", "2")], "1")
    assert bigquery.rows() == [("a", "1")]


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        (COLUMNS[:3], {}, "'boxes' is missing"),
        (("key VARCHAR", "label BIGINT", *COLUMNS[2:]), {}, "'label' is INT64, not STRING"),
        (
            (*COLUMNS[:3], "boxes STRUCT(x DOUBLE, y DOUBLE)[]"),
            {},
            "ARRAY<STRUCT<x FLOAT64, y FLOAT64>>, not ARRAY<STRUCT<x FLOAT64, y INT64>>",
        ),
        (COLUMNS, {"partition_column": "day", "partition_value": "x"}, "'day' is new"),
    ],
)
def test_other_columns_than_are_published(bigquery, publish, columns, options, words):
    publish([("a", "1")], "1")
    with pytest.raises(ValueError, match=rf"^E265 .*{words}"):
        publish([("a", "1")], "2", columns, **options)
    assert bigquery.rows() == [("a", "1")]


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        (("key VARCHAR", '"a b" VARCHAR'), {}, "no column 'a b'"),
        (("key VARCHAR", "frames STRUCT(x DOUBLE)[][]"), {}, "'frames' is a list of lists"),
        (
            ("key VARCHAR", "day DOUBLE"),
            {"partition_column": "day", "partition_value": "1.0"},
            "'day' is DOUBLE",
        ),
    ],
)
def test_what_bigquery_does_not_have(bigquery, publish, columns, options, words):
    rows = [("a", 1.0)] if options else []
    with pytest.raises(ValueError, match=rf"^E268 .*{words}"):
        publish(rows, "1", columns, **options)
    assert bigquery.asked == []


def test_predictions_that_are_not_in_cloud_storage(bigquery, tmp_path):
    duckdb.sql("SELECT 'a' AS key").write_parquet(str(tmp_path / "p.parquet"))
    with pytest.raises(ValueError, match=r"^E268 .*Cloud Storage"):
        publish_predictions.python_func(
            predictions=dsl.Dataset(uri=str(tmp_path / "p.parquet")),
            destination="bq://my-project.results.predictions",
            run_key="1",
        )
    assert bigquery.asked == []


def test_the_files_of_a_folder():
    with tempfile.TemporaryDirectory() as folder:
        for name in ("b.parquet", "a.parquet", "_SUCCESS"):
            (Path(folder) / name).write_bytes(b"PAR1")
        uris = ["gs://bucket/x/a.parquet", "gs://bucket/x/b.parquet"]
        assert part_uris("gs://bucket/x/", folder) == uris
        assert part_uris("gs://b/c", f"{folder}/a.parquet") == ["gs://b/c"]


def test_a_dataset_that_is_not_there(bigquery, publish):
    with pytest.raises(
        RuntimeError, match=r"^E252 GET projects/my-project/datasets/other answered 404"
    ):
        publish([("a", "1")], "1", destination="bq://my-project.other.predictions")
    assert bigquery.rows() is None


def test_a_service_that_does_not_answer(bigquery, publish, monkeypatch):
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9")
    with pytest.raises(
        RuntimeError, match=r"^E252 GET projects/my-project/datasets/results was not answ"
    ):
        publish([("a", "1")], "1")
    assert bigquery.asked == []


def test_google_is_asked_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    url = "https://bigquery.googleapis.com/bigquery/v2/projects/p/jobs"
    assert publishing_bigquery.bigquery_url("p/jobs") == url


def test_without_credentials_google_is_not_asked(publish, monkeypatch):
    def default(scopes):
        raise DefaultCredentialsError(f"none for {scopes}")

    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST")
    monkeypatch.setattr(google.auth, "default", default)
    with pytest.raises(RuntimeError, match=r"^E281 there are no credentials .*: none for .*cloud"):
        publish([("a", "1")], "1")


def test_an_emulator_elsewhere_gets_nothing(publish, monkeypatch):
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://bigquery.example:9050")
    with pytest.raises(ValueError, match=r"^E284 'http://bigquery.example:9050.*EMULATOR_HOST"):
        publish([("a", "1")], "1")

"""Publications to BigQuery, against the BigQuery of this machine."""

import datetime
import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import google.auth
import pytest
from google.api_core.exceptions import NotFound
from google.auth.exceptions import DefaultCredentialsError
from google.cloud import bigquery as bigquery_client
from kfp import dsl
from local.bigquery.support import Service

from batchpredict.components.publish_predictions import publish_predictions
from batchpredict.local.network.http import json_response
from batchpredict.runtime import publishing_bigquery, vertex_api
from batchpredict.runtime.publishing_part import part_uris

COLUMNS = ("key VARCHAR", "label VARCHAR", "scores DOUBLE[]", "boxes STRUCT(x DOUBLE, y BIGINT)[]")


def plain(value):
    return str(value) if isinstance(value, datetime.date) else value


class BigQuery(Service):
    """The local service, with what the tests ask of it: who called, failures, forgotten jobs."""

    def __init__(self, home):
        super().__init__(home)
        self.asked = []
        self.run = []
        self.still_running = 0
        self.failures = []
        self.taken = ""
        self.seen = set()
        self.store.create_bucket("bucket")
        dataset = bigquery_client.Dataset("my-project.results")
        dataset.location = "EU"
        self.google = self.client("my-project")
        self.google.create_dataset(dataset)
        self.asked.clear()

    def answer(self, request):
        path = request.path.removeprefix("/bigquery/v2/projects/")
        query = "".join(f"?{name}={value}" for name, value in request.query)
        if "user-agent" in request.headers and "gccl" not in request.headers["user-agent"]:
            self.asked.append(f"{request.method} {path}{query}")
            request = self.changed(request)
        reply = self.api.handle(request)
        if self.still_running and reply.status == 200 and "/jobs/" in path:
            self.still_running -= 1
            job = {**json.loads(reply.body), "status": {"state": "RUNNING"}}
            return json_response(job)
        return reply

    def changed(self, request):
        """Return the request, made to fail where a test wants it."""
        if request.method != "POST" or not request.path.endswith("/jobs"):
            return request
        job = json.loads(request.body)
        job_id = job["jobReference"]["jobId"]
        assert job["jobReference"]["location"] == "EU"
        if self.taken and re.fullmatch(self.taken, job_id):
            job["jobReference"]["jobId"] = self.known
        elif self.failures and self.failures[0] in job_id and job_id not in self.seen:
            made_up = f"SELECT CAST('made up: {self.failures.pop(0)}' AS INT64)"
            job["configuration"] = {"query": {"query": made_up, "useLegacySql": False}}
        elif "query" in job["configuration"]:
            self.run.append(job["configuration"]["query"]["query"])
        self.seen.add(job_id)
        return replace(request, body=json.dumps(job).encode())

    @property
    def jobs(self):
        return [job.job_id for job in self.google.list_jobs()]

    def forget(self, prefix=""):
        """Forget jobs, as BigQuery does after six months."""
        with self.api.service().warehouse.writing() as catalogue:
            for name in self.jobs:
                if name.startswith(prefix):
                    catalogue.drop_job("my-project", "EU", name)

    def rows(self, columns="key, label", table="predictions"):
        """What a reader sees."""
        try:
            found = [dict(row) for row in self.google.list_rows(f"results.{table}")]
        except NotFound:
            return None
        names = columns.split(", ")
        return sorted([tuple(map(plain, map(row.get, names))) for row in found], key=str)

    def staging(self):
        return [
            it.table_id for it in self.google.list_tables("results") if "__staging_" in it.table_id
        ]

    def clean(self):
        for name in self.staging():
            self.google.delete_table(f"results.{name}")


@pytest.fixture
def bigquery(tmp_path, monkeypatch) -> Iterator[BigQuery]:
    service = BigQuery(tmp_path)
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", service.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # An emulator gets no token, so nobody may look for one.
    monkeypatch.setattr(google.auth, "default", None)
    monkeypatch.setattr("time.sleep", lambda _: None)
    yield service
    service.close()


@pytest.fixture
def publish(bigquery, monkeypatch):
    """Publish rows of (key, label) that are in Cloud Storage."""
    mount = f"{bigquery.store.root}/"
    monkeypatch.setattr("kfp.dsl.types.artifact_types._GCS_LOCAL_MOUNT_PREFIX", mount)

    def publish(rows, run_key, columns=COLUMNS, **options):
        path = bigquery.store.path("gs://bucket/predictions.parquet")
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
    assert bigquery.rows("key, label, day, run_key") == [
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
    kind_of = int if kind == "BIGINT" else str
    stored = stored or value
    publish([("a", stored)], "1", columns, **partition(value))
    publish([("b", stored)], "2", columns, **partition(value))
    publish([("c", stored)], "3", columns)
    assert bigquery.rows("key, day") == [("b", kind_of(value)), ("c", kind_of(value))]
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
    bigquery.forget(forgotten)
    publish([("c", "2"), ("a", "2")], "2", **options)
    assert bigquery.rows("key, label, run_key") == state
    assert bigquery.staging() == []


def test_a_forgotten_run_does_not_undo_a_newer_one(bigquery, publish):
    publish([("a", "1"), ("b", "1")], "1")
    publish([("a", "2"), ("b", "2")], "2", mode="merge")
    publish([("a", "3")], "3", mode="merge")
    bigquery.forget()
    publish([("a", "2"), ("b", "2")], "2", mode="merge")
    assert bigquery.rows() == [("a", "3"), ("b", "2")]


@pytest.fixture
def cut(monkeypatch):
    """Ends the step after its n-th call, which is as much as before the next one."""

    class Cut:
        left = 0

    def request(*arguments, **named):
        Cut.left -= 1
        reply = google_request(*arguments, **named)
        if Cut.left == 0:
            raise KeyboardInterrupt
        return reply

    google_request = vertex_api.google_request
    monkeypatch.setattr(publishing_bigquery, "google_request", request)
    return Cut


@pytest.mark.parametrize(
    ("mode", "existing"),
    [("append", True), ("overwrite_partition", True), ("merge", True), ("merge", False)],
)
def test_whatever_call_it_ends_at_the_repeated_step_publishes_once(
    bigquery, publish, cut, mode, existing
):
    kept = {"append": [("a", "old"), ("b", "old")], "merge": [("b", "old")]}.get(mode, [])
    added = [("a", "new"), ("c", "new")]
    new = sorted([*(kept if existing else []), *added])
    # There are nine calls; the last publication is whole.
    for number in range(10):
        table = f"t{number}"
        options = {"destination": f"bq://my-project.results.{table}", **partition("2026-01-30")}
        if existing:
            publish([("a", "old"), ("b", "old")], "0", **options)
        old = bigquery.rows(table=table)
        cut.left = 1 + number
        if number < 9:
            with pytest.raises(KeyboardInterrupt):
                publish(added, "1", **{**options, "mode": mode})
        assert bigquery.rows(table=table) in (old, new)
        cut.left = 0
        publish(added, "1", **{**options, "mode": mode})
        assert bigquery.rows(table=table) == new
        assert len(bigquery.staging()) <= 1, "of an attempt that ended before it was removed"
        bigquery.clean()


def test_a_job_that_failed_is_told_and_tried_anew_by_the_next_attempt(bigquery, publish):
    publish([("a", "1")], "1")
    for kind in ("load", "publish"):
        bigquery.failures = [kind, kind]
        for _ in range(2):
            with pytest.raises(
                RuntimeError, match=rf"^E252 .*-{kind}-.* failed: .*made up: {kind}"
            ):
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
    [bigquery.known] = [name for name in bigquery.jobs if name.endswith("-1")]
    bigquery.taken = r".*-\d+"
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

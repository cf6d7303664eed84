import json
import math
import random
import time

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery as google_bigquery
from runtime.results.test_bigquery_server import DATASET, PROJECT, Tables, field

from batchpredict.runtime.results.bigquery import (
    download_errors,
    download_table,
    error_tables,
    locate_table,
)
from batchpredict.runtime.results.bigquery_api import (
    dataset_address,
    table_pages,
)

STAMP = "2022_09_20T00_56_54_924Z"
TABLE = f"predictions_{STAMP}_747"


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with Tables() as server:
        yield server


def lines(path):
    return path.read_text().splitlines()


def download(tables, path, table=TABLE):
    return download_table(PROJECT, DATASET, table, str(path), tables.api)


JOB = {"bigqueryOutputDataset": "bq://p-1.data", "bigqueryOutputTable": TABLE}
META = {"projectId": "p-1", "datasetId": "data", "tableId": TABLE}
REST = f"https://bigquery.googleapis.com/bigquery/v2/projects/p-1/datasets/data/tables/{TABLE}"


@pytest.mark.parametrize(
    "given",
    [
        (JOB, {}),
        ({}, META),
        ({}, {}, f"bq://p-1.data.{TABLE}"),
        ({}, {}, REST),
        ({}, META, REST),
        (JOB, META, "gs://bucket/else"),
        ({"bigqueryOutputDataset": None, "gcsOutputDirectory": "gs://b"}, META),
    ],
)
def test_a_table_is_found_in_what_the_artifacts_say(given):
    assert locate_table(*given) == ("p-1", "data", TABLE)


def test_a_project_of_a_domain_has_dots_and_a_custom_table_any_letters():
    job = {"bigqueryOutputDataset": "bq://example.com:p.d", "bigqueryOutputTable": "ग्राहक 01-é"}
    assert locate_table(job, {}) == ("example.com:p", "d", "ग्राहक 01-é")
    rest = REST.replace("p-1", "example.com%3Ap")
    assert locate_table({}, {}, rest) == ("example.com:p", "data", TABLE)


@pytest.mark.parametrize(
    "given",
    [
        ({}, {}),
        ({"bigqueryOutputDataset": "bq://p.d"}, {}),
        ({"bigqueryOutputTable": "t"}, {}),
        ({"bigqueryOutputDataset": "bq://p", "bigqueryOutputTable": "t"}, {}),
        ({}, {"projectId": "p", "tableId": "t"}),
        ({}, {}, "bq://p.d"),
        ({}, {}, "gs://p.d.t"),
        ({}, {}, REST.replace("googleapis.com", "example.com")),
    ],
)
def test_an_artifact_without_a_whole_name_is_refused(given):
    with pytest.raises(ValueError, match=r"^E226 the artifact names no table; give the artifact"):
        locate_table(*given)


def test_artifacts_that_name_two_tables_are_refused():
    with pytest.raises(
        ValueError, match=r"^E226 .*different tables, bq://q.d.t and bq://p-1.data"
    ):
        locate_table(JOB, {"projectId": "q", "datasetId": "d", "tableId": "t"})


@pytest.mark.parametrize(
    "names",
    [
        ("p/../x", "d", "t"),
        ("..", "d", "t"),
        ("p?x", "d", "t"),
        ("p", "d/x", "t"),
        ("p", "d", "t/x"),
        ("p", "d", "t?x=1"),
        ("p", "d", "t$20220101"),
        ("p", "d", "../t"),
        ("p", "d", "t\n"),
        ("p", "d\n", "t"),
        ("p" * 129, "d", "t"),
        ("p", "d", "t" * 1025),
    ],
)
def test_a_name_that_breaks_an_address_is_refused(names, tmp_path):
    project, dataset, table = names
    meta = {"projectId": project, "datasetId": dataset, "tableId": table}
    with pytest.raises(ValueError, match=r"^E226 .* is no name"):
        locate_table({}, meta)
    with pytest.raises(ValueError, match=r"^E226 .* is no name"):
        download_table(*names, str(tmp_path / "x"), "http://127.0.0.1:1")
    with pytest.raises(ValueError, match=r"^E226 .* is no name"):
        download_errors(*names, str(tmp_path / "x"), api="http://127.0.0.1:1")


SCHEMA = [
    field("i", "INTEGER"),
    field("f", "FLOAT"),
    field("n", "NUMERIC"),
    field("big", "BIGNUMERIC"),
    field("b", "BOOLEAN"),
    field("s"),
    field("raw", "BYTES"),
    field("ts", "TIMESTAMP"),
    field("d", "DATE"),
    field("t", "TIME"),
    field("dt", "DATETIME"),
    field("j", "JSON"),
    field("place", "GEOGRAPHY"),
    field("p", "RECORD", fields=[field("classes", mode="REPEATED"), field("score", "FLOAT64")]),
    field("l", "RECORD", "REPEATED", [field("at", "TIMESTAMP"), field("k", "INT64", "REPEATED")]),
]
ROW = [
    9007199254740993,
    "1.0E-5",
    "1.10",
    "12345678901234567890123456789.123456789",
    True,
    'é "quoted"\n\u2028',
    "AP8=",
    1546387199999999,
    "2019-01-01",
    "23:59:59.5",
    "2019-01-01T23:59:59.999999",
    '{"a": 1.10,\n "b": 9007199254740993}',
    "POINT(1 2)",
    {"classes": ["x", "y"], "score": "0.5"},
    [{"at": 0, "k": [1, 2]}, {"at": None, "k": []}],
]
TEXT = (
    '{"i": 9007199254740993, "f": 1.0E-5, "n": 1.10, '
    '"big": 12345678901234567890123456789.123456789, "b": true, '
    '"s": "é \\"quoted\\"\\n\u2028", "raw": "AP8=", "ts": "2019-01-01 23:59:59.999999+00:00", '
    '"d": "2019-01-01", "t": "23:59:59.5", "dt": "2019-01-01T23:59:59.999999", '
    '"j": {"a": 1.10,  "b": 9007199254740993}, "place": "POINT(1 2)", '
    '"p": {"classes": ["x", "y"], "score": 0.5}, '
    '"l": [{"at": "1970-01-01 00:00:00+00:00", "k": [1, 2]}, {"at": null, "k": []}]}'
)


def test_every_type_keeps_its_value(tables, tmp_path):
    nothing = [None] * 14 + [[]]
    tables.add(TABLE, SCHEMA, [ROW, nothing, ROW])
    found = download(tables, tmp_path / "rows")
    assert found == {
        "name": f"bq://{PROJECT}.{DATASET}.{TABLE}",
        "rows": 3,
        "generation": "etag-1",
        "bytes": 1234,
        "nonfinite": 0,
    }
    rows = (tmp_path / "rows").read_text(encoding="utf-8").split("\n")
    assert rows[0] == rows[2] == TEXT
    assert json.loads(rows[1]) == {**dict.fromkeys([f["name"] for f in SCHEMA]), "l": []}
    assert rows[3:] == [""]
    assert all("formatOptions.useInt64Timestamp=true" in a for a in tables.asked if "/data?" in a)


def test_a_null_list_is_empty(tables, tmp_path):
    tables.add(TABLE, [field("l", "STRING", "REPEATED")], [[None]])
    download(tables, tmp_path / "rows")
    assert lines(tmp_path / "rows") == ['{"l": []}']


@pytest.mark.parametrize(
    ("kind", "sent", "text"),
    [
        ("FLOAT", "NaN", "NaN"),
        ("FLOAT", "Infinity", "Infinity"),
        ("FLOAT64", "-inf", "-Infinity"),
        ("FLOAT", "seven", '"seven"'),
        ("INT64", "-7", "-7"),
        ("BOOL", "FALSE", "false"),
        ("TIMESTAMP", "2019-01-01T00:00:00.123456789012Z", '"2019-01-01T00:00:00.123456789012Z"'),
        ("TIMESTAMP", "9" * 30, f'"{"9" * 30}"'),
        ("TIMESTAMP", -62135596800000000, '"0001-01-01 00:00:00+00:00"'),
        ("JSON", "null", "null"),
        ("JSON", "{cut", '"{cut"'),
        ("JSON", "[" * 10**5, f'"{"[" * 10**5}"'),
        ("RANGE", "[2020-01-01, UNBOUNDED)", '"[2020-01-01, UNBOUNDED)"'),
        ("INTERVAL", "1-2 3 4:5:6", '"1-2 3 4:5:6"'),
        ("STRING", "\ud800", '"\\ud800"'),
        ("OF THE FUTURE", "x", '"x"'),
    ],
)
def test_odd_values_are_kept(kind, sent, text, tables, tmp_path):
    tables.add(TABLE, [field("x", kind)], [[sent]])
    found = download(tables, tmp_path / "rows")
    assert (tmp_path / "rows").read_text(encoding="utf-8") == f'{{"x": {text}}}\n'
    assert found["nonfinite"] == (text in ("NaN", "Infinity", "-Infinity"))


def test_googles_own_client_reads_the_same_from_the_same_server(tables, tmp_path):
    """The client knows how the real service writes values: our server must write so too."""
    chance = random.Random(7)
    fields = [
        field("i", "INTEGER"),
        field("f", "FLOAT"),
        field("n", "NUMERIC"),
        field("b", "BOOLEAN"),
        field("s"),
        field("ts", "TIMESTAMP"),
        field("p", "RECORD", fields=[field("scores", "FLOAT", "REPEATED"), field("c")]),
    ]
    rows = [
        [
            chance.choice([None, chance.randrange(-(2**63), 2**63)]),
            chance.choice(["NaN", repr(chance.gauss(0, 1e10))]),
            f"{chance.randrange(10**28)}.{chance.randrange(1, 10**9):09}",
            chance.random() < 0.5,
            "".join(chance.choices('aé"\\\n\u2028😀', k=8)),
            chance.choice([None, chance.randrange(-(10**15), 10**16)]),
            {"scores": [repr(chance.random()) for _ in range(chance.randrange(3))], "c": None},
        ]
        for _ in range(101)
    ]
    tables.page = 7
    tables.add(TABLE, fields, rows)
    assert download(tables, tmp_path / "rows")["rows"] == 101
    client = google_bigquery.Client(
        PROJECT, AnonymousCredentials(), client_options={"api_endpoint": tables.api}
    )
    table = client.get_table(f"{PROJECT}.{DATASET}.{TABLE}")
    pairs = zip((tmp_path / "rows").read_text().split("\n"), client.list_rows(table), strict=False)
    seen = 0
    for line, row in pairs:
        ours = json.loads(line, parse_float=str)
        assert ours["i"] == row["i"]
        assert float(ours["f"]) == row["f"] or math.isnan(row["f"])
        assert ours["n"] == format(row["n"], "f")
        assert (ours["b"], ours["s"]) == (row["b"], row["s"])
        assert ours["ts"] == (row["ts"] and str(row["ts"]))
        assert [float(x) for x in ours["p"]["scores"]] == row["p"]["scores"]
        seen += 1
    assert seen == 101
    client.close()


def test_a_table_without_rows_or_columns_is_empty(tables, tmp_path):
    tables.add(TABLE, [field("x")], [], etag=None)
    found = download(tables, tmp_path / "rows")
    assert (found["rows"], found["generation"]) == (0, "1700000000000")
    assert lines(tmp_path / "rows") == []


@pytest.mark.parametrize(
    "trouble",
    [
        (500, {"error": {"message": "try later"}}),
        (503, b"<html>"),
        (429, {"error": "odd"}),
        (403, {"error": {"errors": [{"reason": "rateLimitExceeded"}]}}),
        (0, None),
        (200, b'{"rows": ['),
        (500, []),
    ],
)
def test_what_passes_is_tried_again(trouble, tables, tmp_path):
    tables.add(TABLE, [field("x")], [["1"], ["2"], ["3"]])
    tables.troubles = [trouble, None, trouble, trouble, None, trouble]
    assert download(tables, tmp_path / "rows")["rows"] == 3
    assert len(lines(tmp_path / "rows")) == 3


def test_it_is_not_tried_for_ever(tables, tmp_path, monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    tables.troubles = [(503, {"error": {"message": "down"}})] * 99
    with pytest.raises(RuntimeError, match=r"^E281 .*: GET projects/.* answered 503: down; see"):
        download(tables, tmp_path / "rows")
    assert sum(slept) == 31
    assert len(tables.asked) == 6


@pytest.mark.parametrize("status", [301, 400, 401, 403])
def test_a_refusal_is_final_and_in_the_words_of_the_service(status, tables, tmp_path):
    error = {"message": "Access Denied: no bigquery.tables.get", "errors": [{"reason": "no"}, 7]}
    tables.troubles = [(status, {"error": error})]
    with pytest.raises(RuntimeError, match=rf"^E281 .* {status}: Access Denied: no bigq.*Viewer"):
        download(tables, tmp_path / "rows")
    assert len(tables.asked) == 1


def test_a_table_that_changes_while_it_is_read_is_refused(tables, tmp_path):
    tables.add(TABLE, [field("x")], [["1"], ["2"], ["3"]])
    before = {k: v for k, v in tables.tables[TABLE].items() if k != "rows"}
    tables.troubles = [(200, {**before, "lastModifiedTime": "1"})]
    with pytest.raises(RuntimeError, match=r"^E282 3 rows of bq://.* was changed meanwhile; run"):
        download(tables, tmp_path / "rows")
    tables.tables[TABLE]["numRows"] = "4"
    with pytest.raises(RuntimeError, match=r"^E282 3 rows of .* were read, and it has 4; run the"):
        download(tables, tmp_path / "rows")


def test_a_table_that_grows_page_by_page_is_left(tables, tmp_path):
    tables.add(TABLE, [field("x")], [["1"]])
    page = {"totalRows": "1", "rows": [{"f": [{"v": "1"}]}] * 2}
    tables.troubles = [None] + [(200, {**page, "pageToken": f"t{i}"}) for i in range(99)]
    with pytest.raises(RuntimeError, match=r"^E282 2 rows of .* were read, and it has 1"):
        download(tables, tmp_path / "rows")


def test_rows_in_the_streaming_buffer_count_as_the_pages_say(tables, tmp_path):
    tables.add(TABLE, [field("x")], [["1"], ["2"], ["3"]], numRows="1", streamingBuffer={})
    assert download(tables, tmp_path / "rows")["rows"] == 3
    page = {"totalRows": "3", "rows": [{"f": [{"v": "1"}]}]}
    tables.troubles = [None, (200, page)]
    with pytest.raises(RuntimeError, match=r"^E282 1 rows of .* were read, and it has 3"):
        download(tables, tmp_path / "rows")


def test_pages_that_lead_nowhere_end(tables):
    tables.troubles = [(200, {"totalRows": "9", "pageToken": f"t{i}"}) for i in range(99)]
    with pytest.raises(RuntimeError, match=r"^E282 the pages of .* lead nowhere"):
        list(table_pages(requests.Session(), tables.api))
    same = (200, {"totalRows": "9", "rows": [{}], "pageToken": "t"})
    tables.troubles = [same] * 99
    with pytest.raises(RuntimeError, match=r"^E282 the pages of .* lead nowhere"):
        list(table_pages(requests.Session(), tables.api))


def test_a_table_that_vanishes_or_gets_another_schema_is_named(tables, tmp_path):
    tables.add(TABLE, [field("x")], [["1"]])
    tables.troubles = [None, (404, {})]
    with pytest.raises(RuntimeError, match=r"^E282 the pages of .* ended in the middle"):
        download(tables, tmp_path / "rows")
    tables.troubles = [None, (200, {"totalRows": "1", "rows": [{"f": [{"v": "1"}] * 2}]})]
    with pytest.raises(RuntimeError, match=r"^E282 BigQuery sent a row of 2 values for 1 columns"):
        download(tables, tmp_path / "rows")


ERRORS = [
    field("x", "FLOAT"),
    field("id"),
    field("errors", "RECORD", fields=[field("code", "INTEGER"), field("message")]),
]


def test_a_job_that_left_only_errors_says_which(tables, tmp_path):
    other = f"errors_validation_{STAMP[:-3]}5Z_686"
    tables.add(other, ERRORS, [["1", "a", {"code": 3, "message": "of another job"}]])
    tables.add(f"errors_{STAMP}_747", ERRORS, [])
    row = ["0.5", "a", {"code": 3, "message": "The value 7 is out of range"}]
    tables.add(f"errors_validation_{STAMP}_747", ERRORS, [row, ["1", "b", row[2]]])
    with pytest.raises(RuntimeError, match=r"^E226 there is no table bq://my-pro.*") as caught:
        download(tables, tmp_path / "rows")
    for part in (f"only errors_{STAMP}_747, errors_validation_{STAMP}_747:", "'The value 7 is"):
        assert part in str(caught.value)
    assert "another job" not in str(caught.value)


def test_an_error_table_that_vanishes_meanwhile_does_not_hide_the_rest(tables, tmp_path):
    name = f"errors_{STAMP}_747"
    tables.add(name, ERRORS, [])
    tables.troubles = [(404, {}), None, (404, {})]
    with pytest.raises(RuntimeError, match=r"^E226 .*only errors_.*the first message is ''"):
        download(tables, tmp_path / "rows")
    tables.troubles = [None, (404, {})]
    path = str(tmp_path / "rows")
    assert download_errors(PROJECT, DATASET, TABLE, path, api=tables.api) == []


def test_no_table_at_all_is_named(tables, tmp_path):
    for name in (TABLE, "my table"):
        with pytest.raises(RuntimeError, match=r"^E226 there is no table .*, nor one of errors"):
            download(tables, tmp_path / "rows", name)


@pytest.mark.parametrize(
    ("table", "names", "found"),
    [
        (
            "predictions",
            ["errors", "errors_x", "errors_validation"],
            ["errors", "errors_validation"],
        ),
        (TABLE, [f"errors_{STAMP}_9", "errors"], [f"errors_{STAMP}_9"]),
        (TABLE, [f"errors_{STAMP}_9", f"errors_{STAMP}_747"], [f"errors_{STAMP}_747"]),
        ("predictions_run.1", ["errors_run.1", "errors_runx1"], ["errors_run.1"]),
        ("table", ["errors", "errors_table"], []),
    ],
)
def test_tables_of_errors_are_those_of_the_same_job(table, names, found, tables):
    for name in names:
        tables.add(name, ERRORS, [])
    home = dataset_address(tables.api, PROJECT, DATASET)
    assert error_tables(requests.Session(), home, table) == found


def test_listing_an_absent_dataset_or_one_that_lists_in_circles_ends(tables):
    tables.troubles = [(404, {})]
    assert error_tables(requests.Session(), tables.api, TABLE) == []
    tables.troubles = [(200, {"nextPageToken": "x"})] * 99
    assert error_tables(requests.Session(), tables.api, TABLE) == []
    assert len(tables.asked) == 3


def test_rows_of_errors_become_failures(tables, tmp_path):
    target = [
        *ERRORS[:2],
        {**ERRORS[2], "name": "errors_species"},
        field("errors_seen", "INTEGER"),
    ]
    tables.add(TABLE, ERRORS, [])
    tables.add(
        f"errors_validation_{STAMP}_1",
        ERRORS,
        [["NaN", "a", {"code": 3, "message": "né"}], ["1", None, {"code": None, "message": "m"}]],
    )
    row = ["1.10", "c", {"code": 13, "message": ""}, "5"]
    tables.add(f"errors_{STAMP}_1", target, [row, [*row[:2], None, "5"]])
    path = tmp_path / "failures"
    saved = download_errors(PROJECT, DATASET, TABLE, str(path), "id", tables.api)
    assert [(s["name"].split(".")[-1], s["rows"]) for s in saved] == [
        (f"errors_{STAMP}_1", 2),
        (f"errors_validation_{STAMP}_1", 2),
    ]
    reason = "the row gives no reason"
    assert lines(path) == [
        '{"key": "c", "instance": {"x": 1.10, "id": "c", "errors_seen": 5}, '
        f'"error": {{"code": "13", "message": "{reason}"}}}}',
        '{"key": "c", "instance": {"x": 1.10, "id": "c", "errors_species": null, '
        f'"errors_seen": 5}}, "error": {{"code": "ERROR", "message": "{reason}"}}}}',
        '{"key": "a", "instance": {"x": NaN, "id": "a"}, "error": {"code": "3", "message": "né"}}',
        '{"instance": {"x": 1, "id": null}, "error": {"code": "ERROR", "message": "m"}}',
    ]
    assert [entry.name for entry in tmp_path.iterdir()] == ["failures"]

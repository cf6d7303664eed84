"""BigQuery tables, fetched and parsed (section 8): the two steps as a pipeline runs them."""

import json

import duckdb
import pytest
from kfp import dsl
from runtime.results.test_bigquery_server import DATASET, PROJECT, Tables, field

from batchpredict.components.fetch_bigquery_output import fetch_bigquery_output

STAMP = "2022_09_20T00_56_54_924Z"
TABLE = f"predictions_{STAMP}_747"
ERRORS = field("errors", "RECORD", fields=[field("code", "INTEGER"), field("message")])


@pytest.fixture
def tables():
    with Tables() as server:
        yield server


@pytest.fixture
def fetch(tables, tmp_path):
    """Fetch the job's table from the local server; return the step's outputs and its folder."""

    def run(**parameters):
        folder = dsl.Artifact(uri=str(tmp_path / "output"))
        parameters.setdefault("api", tables.api)
        metadata = {"bigqueryOutputDataset": f"bq://{PROJECT}.{DATASET}"}
        job = dsl.Artifact(metadata={**metadata, "bigqueryOutputTable": TABLE})
        outputs = fetch_bigquery_output.python_func(
            output_directory=folder, batchpredictionjob=job, **parameters
        )
        return outputs, folder

    return run


def texts(parsed, name):
    """Return the JSON texts of a column by key, every number as it is written."""
    found = parsed.column(name)
    return {k: json.loads(v, parse_int=str, parse_float=str) for k, v in found.items()}


def test_custom_model(tables, fetch, parse):
    rows = [
        ["a", "1.5", "0.75"],
        ["b", "2.0", '"Adelie"'],
        ["c", "3.0", "Gentoo"],
        ["d", "4.0", "[0.125, 0.875]"],
        ["e", "5.0", "[0.125, 0.8"],
        ["f", "6.0", '{"label": "Chinstrap", "score": 0.5}'],
    ]
    tables.add(TABLE, [field("key"), field("x", "FLOAT"), field("prediction")], rows)
    outputs, folder = fetch()
    assert outputs == (6, 0)
    assert folder.metadata == {
        "rows": 6,
        "failed": 0,
        "table": f"bq://{PROJECT}.{DATASET}.{TABLE}",
        "generation": "etag-1",
    }
    parsed = parse({}, output_directory=folder, max_failed=1)
    assert parsed.counts == (5, 1, 0)
    assert parsed.summary["kind"] == "custom"
    assert parsed.column("value") == {"a": 0.75, "b": None, "c": None, "d": None, "f": None}
    assert {k: v for k, v in parsed.column("label").items() if v} == {
        "b": "Adelie",
        "c": "Gentoo",
        "f": "Chinstrap",
    }
    assert parsed.by_key["d"]["vector"] == [0.125, 0.875]
    assert texts(parsed, "instance")["a"] == {"key": "a", "x": "1.5"}
    assert parsed.by_key["a"]["source"] == "predictions_1.jsonl"
    assert (parsed.failure["key"], parsed.failure["code"]) == ("e", "E222")
    assert "cut or broken JSON: [0.125, 0.8" in parsed.failure["message"]


CLASSES = field(
    "predicted_species",
    "RECORD",
    fields=[field("classes", mode="REPEATED"), field("scores", "FLOAT", "REPEATED")],
)


def test_struct_of_classes(tables, fetch, parse):
    scores = ["0.31250002980232239", "0.6874999701976776"]
    rows = [
        ["007", {"classes": ["Adelie", "Gentoo"], "scores": scores}],
        ["7", {"classes": ["Gentoo", "Adelie"], "scores": ["0.25", "0.75"]}],
    ]
    tables.add(TABLE, [field("id"), CLASSES], rows)
    parsed = parse({}, output_directory=fetch(key_field="id")[1], key_field="id")
    assert parsed.summary["kind"] == "classification"
    assert parsed.column("label") == {"007": "Gentoo", "7": "Adelie"}
    assert parsed.column("score") == {"007": 0.6874999701976776, "7": 0.75}
    assert texts(parsed, "prediction")["007"] == {
        "classes": ["Adelie", "Gentoo"],
        "scores": scores,
    }
    assert parsed.column("note") == {"007": None, "7": None}


def test_struct_of_a_regression_and_a_forecast(tables, fetch, parse):
    bounds = [field(name, "FLOAT") for name in ("value", "lower_bound", "upper_bound")]
    value = field("predicted_sales", "RECORD", fields=bounds)
    row = ["a", {"value": "2.5", "lower_bound": "1.25", "upper_bound": "3.75"}, "2024-01-02"]
    tables.add(TABLE, [field("key"), value, field("predicted_on_day", "DATE")], [row])
    parsed = parse({}, output_directory=fetch()[1])
    assert parsed.summary["kind"] == "regression"
    assert (parsed.row["value"], parsed.row["lower_bound"], parsed.row["upper_bound"]) == (
        2.5,
        1.25,
        3.75,
    )
    assert json.loads(parsed.row["extra"]) == {"predicted_on_day": "2024-01-02"}
    quantiles = [field(f"quantile_{n}", "FLOAT", "REPEATED") for n in ("values", "predictions")]
    value = field("predicted_sales", "RECORD", fields=[bounds[0], *quantiles])
    cells = {"value": "7", "quantile_values": ["0.5"], "quantile_predictions": ["6.5"]}
    tables.add(
        TABLE, [field("key"), value, field("predicted_on_day", "DATE")], [["a", cells, None]]
    )
    parsed = parse({}, output_directory=fetch()[1])
    assert parsed.summary["kind"] == "forecast"
    assert (parsed.row["value"], parsed.row["quantiles"]) == (7.0, [0.5])
    assert parsed.row["quantile_predictions"] == [6.5]


def test_explanation(tables, fetch, parse):
    shares = field(
        "featureAttributions", "RECORD", fields=[field("mass", "FLOAT"), field("bill", "FLOAT")]
    )
    numbers = ("baselineOutputValue", "instanceOutputValue", "approximationError")
    parts = [*(field(n, "FLOAT") for n in numbers), shares, field("outputDisplayName")]
    explanation = field(
        "explanation", "RECORD", fields=[field("attributions", "RECORD", "REPEATED", parts)]
    )
    attribution = {
        "baselineOutputValue": "0.25",
        "instanceOutputValue": "0.75",
        "approximationError": "0.0625",
        "featureAttributions": {"mass": "0.625", "bill": "-0.125"},
        "outputDisplayName": "Gentoo",
    }
    row = ["1.50", {"classes": ["Gentoo"], "scores": ["0.75"]}, {"attributions": [attribution]}]
    tables.add(TABLE, [field("mass", "FLOAT"), CLASSES, explanation], [row])
    parsed = parse({}, output_directory=fetch()[1])
    assert parsed.row["attributions"] == {"mass": 0.625, "bill": -0.125}
    assert parsed.row["baseline_output"] == 0.25
    assert parsed.row["instance_output"] == 0.75
    assert parsed.row["approximation_error"] == 0.0625
    assert parsed.row["instance"] == '{"mass": 1.50}'
    assert parsed.row["label"] == "Gentoo"


def test_rows_of_errors_beside_predictions(tables, fetch, parse):
    tables.add(
        TABLE,
        [field("id"), field("x"), CLASSES],
        [["a", "1", {"classes": ["G"], "scores": ["1"]}]],
    )
    error = {"code": 3, "message": "no number: 'one'"}
    of_target = {**ERRORS, "name": "errors_species"}
    tables.add(f"errors_{STAMP}_747", [field("id"), field("x"), of_target], [["b", "one", error]])
    tables.add("errors_2021_01_01T00_00_00_000Z_1", [field("id"), ERRORS], [["other", error]])
    outputs, folder = fetch(key_field="id")
    assert outputs == (1, 1)
    instances = '{"id": "a", "x": "1"}\n{"id": "b", "x": "one"}\n{"id": "c", "x": "2"}\n'
    parsed = parse(
        {},
        output_directory=folder,
        instances=instances,
        key_field="id",
        max_failed=1,
        max_missing=1,
    )
    assert parsed.counts == (1, 1, 1)
    assert parsed.summary["counts"]["unexpected"] == 0
    failed = {row["key"]: row for row in parsed.failures}
    assert failed.keys() == {"b", "c"}
    assert failed["b"] == {
        "key": "b",
        "instance": '{"id": "b", "x": "one"}',
        "code": "3",
        "message": "no number: 'one'",
        "source": "errors_1.jsonl",
    }
    assert failed["c"]["code"] == "MISSING"


def test_a_job_that_left_only_errors(tables, fetch, parse):
    """The table of predictions is absent although the job succeeded (python-aiplatform#1431)."""
    error = {"code": 3, "message": "Missing struct property: bill"}
    name = "errors_validation_2022_09_20T00_56_54_924Z_686"
    tables.add(name, [field("key"), field("x", "FLOAT"), ERRORS], [["a", "1.10", error]] * 2)
    outputs, folder = fetch()
    assert outputs == (0, 2)
    assert (folder.metadata["rows"], folder.metadata["generation"]) == (0, "")
    parsed = parse({}, output_directory=folder)
    assert parsed.error.startswith("E223 2 of 2 rows failed, max_failed allows 0")
    assert [row["message"] for row in parsed.failures] == [error["message"]] * 2
    assert [row["instance"] for row in parsed.failures] == ['{"key": "a", "x": 1.10}'] * 2
    assert parsed.rows == []
    assert parse({}, output_directory=folder, max_failed=2).counts == (0, 2, 0)


def test_no_table_and_no_failed_row_is_an_error(tables, fetch):
    with pytest.raises(RuntimeError, match=r"^E226 there is no table bq://.*, nor one of errors"):
        fetch()
    tables.add(f"errors_validation_{STAMP}_686", [field("key"), ERRORS], [])
    with pytest.raises(RuntimeError, match=r"^E226 .*, only errors_validation_.*_686: "):
        fetch()


def test_numbers_and_keys_survive_the_whole_chain(tables, fetch, parse):
    names = [("id", "INTEGER"), ("n", "NUMERIC"), ("zip", "STRING"), ("prediction", "STRING")]
    numeric = "12345678901234567890123456789.123456789"
    rows = [
        ["9007199254740993", numeric, "00501", "9007199254740993"],
        ["9223372036854775807", "1.10", "0e1", "[0.12345678901234567, 1.10]"],
        ["-9007199254740995", "-0.000000001", "", "0.30000000000000004"],
    ]
    tables.add(TABLE, [field(name, kind) for name, kind in names], rows)
    folder = fetch(key_field="id")[1]
    instances = "".join(f'{{"id": {row[0]}}}\n' for row in rows)
    parsed = parse({}, output_directory=folder, key_field="id", instances=instances)
    assert parsed.counts == (3, 0, 0)
    assert texts(parsed, "instance") == {
        row[0]: {"id": row[0], "n": row[1], "zip": row[2]} for row in rows
    }
    assert parsed.column("prediction") == {row[0]: row[3] for row in rows}
    assert parsed.by_key["-9007199254740995"]["value"] == 0.30000000000000004
    assert "more digits" in parsed.by_key["9007199254740993"]["note"]


def test_a_number_that_is_none_fails_its_row_alone(tables, fetch, parse):
    value = field("predicted_y", "RECORD", fields=[field("value", "FLOAT")])
    rows = [["a", "1", {"v": "NaN"}], ["b", "NaN", {"v": "2.5"}], ["c", "3", {"v": "3.5"}]]
    tables.add(TABLE, [field("key"), field("x", "FLOAT"), value], rows)
    parsed = parse({}, output_directory=fetch()[1], max_failed=1)
    assert parsed.counts == (2, 1, 0)
    assert (parsed.failure["key"], parsed.failure["code"]) == ("a", "E222")
    assert parsed.column("value") == {"b": 2.5, "c": 3.5}
    assert json.loads(parsed.by_key["b"]["instance"]) == {"key": "b", "x": "NaN"}


def test_embeddings_and_generated_texts(tables, fetch, parse):
    predictions = '[{"embeddings": {"statistics": {"token_count": 3}, "values": [0.5, -0.25]}}]'
    names = ("content", "predictions", "status")
    rows = [["hello", predictions, ""], ["", None, "INVALID_ARGUMENT: empty"]]
    tables.add(TABLE, [field(name) for name in names], rows)
    parsed = parse({}, output_directory=fetch()[1], max_failed=1)
    assert (parsed.counts, parsed.summary["kind"]) == ((1, 1, 0), "embedding")
    assert (parsed.row["vector"], parsed.row["tokens"]) == ([0.5, -0.25], 3)
    part = '{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}'
    names = ("key", "request", "response", "status")
    rows = [["a", '{"contents": []}', f'{{"candidates": [{part}]}}', ""]]
    rows += [["b", '{"contents": [1]}', "{}", "Bad Request: no role"]]
    tables.add(TABLE, [field(name) for name in names], rows)
    parsed = parse({}, output_directory=fetch()[1], max_failed=1)
    assert (parsed.counts, parsed.summary["kind"]) == ((1, 1, 0), "gemini")
    assert (parsed.row["key"], parsed.row["text"]) == ("a", "Hi")
    assert (parsed.failure["key"], parsed.failure["message"]) == ("b", "Bad Request: no role")


def test_an_empty_table_is_an_empty_output(tables, fetch, parse):
    tables.add(TABLE, [field("key"), field("prediction")], [])
    outputs, folder = fetch()
    assert outputs == (0, 0)
    assert parse({}, output_directory=folder).counts == (0, 0, 0)
    missing = parse({}, output_directory=folder, instances='{"key": "a"}\n', max_missing=1)
    assert missing.counts == (0, 0, 1)


def test_exported_files_give_the_same_predictions(tables, fetch, parse, tmp_path):
    scores = "{'classes': ['A', 'G'], 'scores': [0.25::DOUBLE, 0.75::DOUBLE]}"
    (tmp_path / "export").mkdir()
    for n, key in enumerate(("007", "7")):
        query = f"SELECT '{key}' AS id, 9007199254740993 AS big, {scores} AS predicted_species"
        duckdb.sql(query).write_parquet(f"{tmp_path}/export/{n:012}.parquet")
    error = "SELECT '8' AS id, {'code': 3::BIGINT, 'message': 'no'} AS errors"
    duckdb.sql(error).write_parquet(f"{tmp_path}/export/errors_validation-000.parquet")
    cells = {"classes": ["A", "G"], "scores": ["0.25", "0.75"]}
    rows = [[key, "9007199254740993", cells] for key in ("007", "7")]
    tables.add(TABLE, [field("id"), field("big", "INTEGER"), CLASSES], rows)
    refused = [["8", {"code": 3, "message": "no"}]]
    tables.add(f"errors_{STAMP}_747", [field("id"), ERRORS], refused)
    exported = dsl.Artifact(uri=str(tmp_path / "export"))
    folder = dsl.Artifact(uri=str(tmp_path / "output-2"))
    outputs = fetch_bigquery_output.python_func(
        output_directory=folder, exported=exported, key_field="id"
    )
    by_api, read = fetch(key_field="id")
    assert outputs == by_api == (2, 1)
    first, second = (
        parse({}, output_directory=it, key_field="id", max_failed=1) for it in (folder, read)
    )
    assert first.by_key == second.by_key
    assert first.failures == second.failures
    assert first.column("label") == {"007": "G", "7": "G"}
    assert texts(first, "instance")["007"]["big"] == "9007199254740993"

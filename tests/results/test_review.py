"""Rows that an earlier reader lost, doubled or gave to another, found by reviews."""

import json

import pytest
from kfp import dsl

from batchpredict.components.split_shards import split_shards

ONE = "prediction.results-00000-of-00001"


def row(key, **members):
    return json.dumps({"key": key, **members}) + "\n"


@pytest.mark.parametrize("last", ["whole", "cut"])
def test_a_long_last_line_is_not_left_out(parse, last):
    lines = "".join(row(f"k{n}", prediction="m" * 900) for n in range(22_000))
    long = json.dumps({"key": "long", "prediction": "m" * 13_000_000})
    parsed = parse({ONE: lines + (long if last == "whole" else long[:-20])}, max_failed=1)
    good = 22_001 if last == "whole" else 22_000
    assert parsed.counts == (good, 22_001 - good, 0)


def test_of_the_rows_of_one_key_the_one_without_an_answer_is_named(parse):
    asked = [{"key": "a", "x": n} for n in range(3)]
    lines = "".join(
        json.dumps({"instance": asked[n], "prediction": float(n)}) + "\n" for n in (2, 1)
    )
    instances = "".join(json.dumps(instance) + "\n" for instance in asked)
    parsed = parse({ONE: lines}, instances=instances, max_missing=1)
    assert [json.loads(failure["instance"])["x"] for failure in parsed.failures] == [0]


def test_many_fields_beside_the_prediction_do_not_take_for_ever(parse):
    fields = {f"f{n}": n for n in range(300)}
    parsed = parse({ONE: "".join(row(f"k{n}", **fields, prediction=1.5) for n in range(20))})
    assert parsed.counts == (20, 0, 0)
    assert json.loads(parsed.rows[0]["extra"]) == fields


@pytest.mark.parametrize("error", [{}, "", None])
def test_an_empty_error_is_none(parse, error):
    parsed = parse({ONE: row("a", prediction=7, error=error)})
    assert parsed.column("value") == {"a": 7.0}


def test_a_failed_row_keeps_its_prediction(parse):
    line = row("a", prediction=7, error={"status": "INTERNAL", "message": "m"})
    [failure] = parse({ONE: line}, max_failed=1).failures
    assert (failure["code"], failure["raw"]) == ("INTERNAL", line.rstrip("\n"))


@pytest.mark.parametrize(
    "names",
    [
        ("predictions_1.jsonl", "predictions_0001.jsonl"),
        ("predictions_00001.jsonl", ONE),
        ("explanation.results-00000-of-00001", "predictions_1.jsonl"),
    ],
)
def test_two_families_of_files_are_two_runs(parse, names):
    error = parse({name: row("a", prediction=1) for name in names}).error
    assert error.startswith("E221 ")
    assert "two runs share the folder" in error


@pytest.mark.parametrize("key", [["é", 1], {"b": 1}])
def test_a_key_that_is_no_scalar_is_matched(parse, key):
    text = json.dumps(key, ensure_ascii=False, separators=(",", ":"))
    lines = f'{{"key":{text},"prediction":1}}\n'
    parsed = parse({ONE: lines}, instances=json.dumps({"key": key}) + "\n")
    assert parsed.counts == (1, 0, 0)


@pytest.mark.parametrize(
    ("echo", "kind"),
    [
        ({"a": "1", "b": "x", "c": "0.10"}, "classification"),
        ({"a": 1, "b": "x"}, "custom"),
        ({"data": {"a": 1, "b": "x", "c": 0.1}}, "custom"),
        ([1.0, "x", 0.1], "custom"),
    ],
)
def test_an_instance_is_matched_however_it_is_repeated(parse, echo, kind):
    prediction = {"classes": ["p"], "scores": [0.5]} if kind == "classification" else 1
    other = json.loads(json.dumps(echo).replace('"x"', '"y"'))
    lines = "".join(
        json.dumps({"instance": instance, "prediction": prediction}) + "\n"
        for instance in (echo, other)
    )
    instances = "".join(json.dumps({"a": 1, "b": b, "c": 0.1}) + "\n" for b in ("y", "x", "z"))
    parsed = parse({ONE: lines}, instances=instances, max_missing=1)
    assert parsed.counts == (2, 0, 1)
    assert json.loads(parsed.failures[0]["instance"])["b"] == "z"


def test_a_request_to_gemini_is_matched_without_the_nulls_that_were_added(parse):
    request = {"contents": [{"role": "user", "parts": [{"text": "hi", "file_data": None}]}]}
    answer = {"candidates": [{"content": {"parts": [{"text": "ho"}]}}]}
    line = {"status": "", "processed_time": "t", "request": request, "response": answer}
    given = {"contents": [{"parts": [{"text": "hi"}], "role": "user"}]}
    asked = json.dumps({"request": given})
    parsed = parse({"predictions.jsonl": json.dumps(line) + "\n"}, instances=asked + "\n")
    assert parsed.counts == (1, 0, 0)


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (
            {"predictions_1.csv": "a,predicted_t\n", "predictions_2.csv": "a,predicted_t\n1,2\n"},
            None,
        ),
        (
            {
                "predictions_1.csv": "a,predicted_t\n1,2\n",
                "predictions_2.csv": 'a,predicted_t\n1,"{""value"": 1, ""quantile_values"": [0.5],'
                ' ""quantile_predictions"": [1]}"\n' * 1,
            },
            None,
        ),
        (
            {
                f"prediction.results-{n:05}-of-00040": row("e", error={"code": 3})
                if n % 3 == 0
                else row(f"k{n}", prediction={"classes": ["a"], "scores": [0.5]})
                for n in range(40)
            },
            "classification",
        ),
    ],
)
def test_several_steps_read_by_the_plan_of_one(parse, tmp_path, files, kind):
    parsed = parse(files, max_failed=40)
    folder = tmp_path / "again"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    done = split_shards.python_func(parallelism=2, output_directory=dsl.Artifact(uri=str(folder)))
    plan = json.loads(done.plan)
    assert plan["kind"] == parsed.summary["kind"] == (kind or plan["kind"])
    assert plan["kind"] != "custom"


def test_rows_with_a_prediction_tell_whether_there_are_keys(parse):
    files = {
        "predictions_1.jsonl": "".join(row(f"k{n}", prediction=n) for n in range(3)),
        "errors_1.jsonl": "".join(
            json.dumps({"instance": {"x": n}, "error": {"code": 3, "message": "m"}}) + "\n"
            for n in range(10)
        ),
    }
    instances = "".join(json.dumps({"key": f"k{n}", "x": n}) + "\n" for n in range(13))
    parsed = parse(files, instances=instances, max_failed=10)
    assert parsed.summary["matched_by"] == "key"
    assert parsed.counts == (3, 10, 0)


def test_a_score_is_no_feature_of_the_input(parse):
    header = "default_risk_score,default_no_score,default_yes_score"
    parsed = parse(
        {"predictions_1.csv": f"{header}\n700,0.25,0.75\n"}, target_column="default", max_failed=1
    )
    assert parsed.counts == (0, 1, 0)


def test_codes_are_counted_once(parse):
    text = row("a", prediction=1) + "no json\nno json either\n"
    instances = "".join(json.dumps({"key": key}) + "\n" for key in "abcd")
    parsed = parse({ONE: text}, instances=instances, max_failed=2, max_missing=1)
    assert parsed.counts == (1, 2, 1)
    assert parsed.summary["failure_codes"]["E222"] == 2

"""Parameters and instances that cannot be used, and fields named like our columns."""

import json

import pytest


def line(key, prediction):
    return f'{{"key": "{key}", "prediction": {prediction}}}\n'


@pytest.mark.parametrize(
    "parameters",
    [
        {"kind": "tabular"},
        {"kind": ""},
        {"labels": ["a", "a"]},
        {"labels": ["a", ""]},
        {"max_failed": -1},
        {"max_missing": -0.5},
        {"max_failed": float("nan")},
    ],
)
def test_a_parameter_out_of_range(parse, parameters):
    error = parse(line("a", 1), **parameters).error
    assert error.startswith("E207 ")
    assert next(iter(parameters)) in error


def test_no_output_of_a_job_is_given(parse):
    assert parse(line("a", 1), output_directory=None).error


@pytest.mark.parametrize("asked", ["not json\n", '{"key": "a"}\n{"key": "a\n', "[1, 2\n", "\x00"])
def test_instances_that_cannot_be_read(parse, asked):
    parsed = parse(line("a", 1), instances=asked)
    assert parsed.error.startswith(("E201 ", "E202 "))


def test_instances_without_the_key(parse):
    parsed = parse(line("a", 1), instances='{"key": "a"}\n{"x": 1}\n', max_missing=1)
    assert parsed.error.startswith(("E206 ", "E224 ")) or parsed.counts == (1, 0, 1)


NAMES = [
    "label", "score", "value", "note", "source", "predicted", "extra", "class", "response",
    "predictions", "request", "status", "processed_time", "line", "fits", "filename", "t", "match",
    "Prediction", "Instance", "a b", 'a"b', "a'b", "é", "", "id",
]  # fmt: skip


@pytest.mark.parametrize("value", ['"own"', "{}", "null", "[]"])
def test_a_field_that_is_called_like_something_of_ours(parse, value):
    files = {
        f"prediction.results-{n:05d}-of-{len(NAMES):05d}": (
            f'{{"key": "{n}", {json.dumps(name)}: {value}, "prediction": 2.5}}\n'
        )
        for n, name in enumerate(NAMES)
    }
    parsed = parse(files, kind="custom", key_field="id")
    assert parsed.counts == (len(NAMES), 0, 0)
    assert set(parsed.column("value").values()) == {2.5}
    found = {NAMES[int(key)]: json.loads(row.get("extra", "{}")) for key, row in
             parsed.by_key.items()}  # fmt: skip
    assert found == {name: {name: json.loads(value)} for name in NAMES}


@pytest.mark.parametrize("name", ["response", "predictions", "request", "status"])
def test_a_column_of_the_input_beside_every_prediction(parse, name):
    lines = "".join(
        f'{{"instance": {{"key": "{n}"}}, "{name}": {n}, "prediction": 0.5}}\n' for n in range(9)
    )
    parsed = parse(lines)
    assert parsed.counts == (9, 0, 0)
    assert set(parsed.column("value").values()) == {0.5}
    assert parsed.summary["kind"] == "custom"


@pytest.mark.parametrize(
    "field", ["a.b", 'a"b', "a'b", "ключ", "*", "$", "0", "a b", "a\\b", "[0]", "#", "KEY", ""]
)
def test_any_name_of_the_key(parse, field):
    name = json.dumps(field, ensure_ascii=False)
    rows = [f'{{"a": {{"b": "no"}}, "key": "no", {name}: "k{n}"}}' for n in range(3)]
    parsed = parse(
        "".join(f'{{"instance": {row}, "prediction": {n}}}\n' for n, row in enumerate(rows)),
        instances="".join(f"{row}\n" for row in rows[::-1]),
        key_field=field,
    )
    assert parsed.counts == (3, 0, 0)
    assert parsed.column("value") == {"k0": 0.0, "k1": 1.0, "k2": 2.0}

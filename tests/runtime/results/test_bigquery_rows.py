import json
import random

import pytest

from batchpredict.runtime.results.bigquery_lines import standard_lines
from batchpredict.runtime.results.bigquery_rows import arrange_row, row_plan


def members(row, key_field="", target_column=""):
    """Rows are given as values, or as the JSON text itself in a one-element set."""
    texts = {n: v.copy().pop() if isinstance(v, set) else json.dumps(v) for n, v in row.items()}
    return arrange_row(texts, row_plan(tuple(texts), key_field, target_column))


@pytest.mark.parametrize(
    ("stored", "prediction"),
    [
        ("[0.25, 0.75]", "[0.25, 0.75]"),
        ("1.10", "1.10"),
        ("9007199254740993", "9007199254740993"),
        ("true", "true"),
        ("null", "null"),
        ('"Adelie"', '"Adelie"'),
        ("Adelie", '"Adelie"'),
        ("", '""'),
        ('{"b64": "AP8="}', '{"b64": "AP8="}'),
        (" [1,\n 2]\r\n", "[1,  2]"),
        ("[NaN, 1]", "[NaN, 1]"),
        ('{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        ("1" * 5000, "1" * 5000),
        ("[" * 10**5, "[" * 10**5),
        ('"cut', '"\\"cut"'),
        ("[Note] see below", '"[Note] see below"'),
        ("{'a': 1}", "\"{'a': 1}\""),
        (None, "null"),
        (0.5, "0.5"),
        ({"1.10"}, "1.10"),
        ({'{"a": 1.10}'}, '{"a": 1.10}'),
    ],
)
def test_a_custom_models_column_holds_json_or_a_text(stored, prediction):
    row = {"x": 1, "prediction": stored}
    assert members(row) == {"instance": '{"x": 1}', "prediction": prediction}


@pytest.mark.parametrize(
    "stored", ["[0.1, 0.2", '{"a": ', "[", "{", " [\n1", "[truex", "{}x", "[[a"]
)
def test_json_that_is_cut_never_passes_as_a_label(stored):
    found = members({"x": 1, "prediction": stored})
    assert "prediction" not in found
    error = json.loads(found["error"])
    assert error["status"] == "E222"
    assert error["message"].endswith(f"cut or broken JSON: {stored.strip()}")


STRUCT = '{"classes": ["a", "b"], "scores": [0.10, 0.90]}'


def test_a_struct_of_automl_is_the_prediction():
    row = {"x": {"1.10"}, "predicted_species": {STRUCT}, "explanation": {'{"attributions": []}'}}
    assert members(row) == {
        "instance": '{"x": 1.10}',
        "explanation": '{"attributions": []}',
        "prediction": STRUCT,
    }


def test_a_forecast_keeps_its_time_beside_the_instance():
    value = '{"value": 1.5, "quantile_values": [0.1, 0.9], "quantile_predictions": [1.0, 2.0]}'
    row = {"store": "s", "predicted_sales": {value}, "predicted_on_date": "2024-01-01"}
    assert members(row) == {
        "instance": '{"store": "s"}',
        "prediction": value,
        "predicted_on_date": '"2024-01-01"',
    }
    alone = members({"x": 1, "predicted_on_sale": {value}})
    assert alone == {"instance": '{"x": 1}', "prediction": value}


def test_the_target_says_which_column_is_the_prediction():
    row = {"x": 1, "predicted_a": {"[1]"}, "predicted_b": {"[2]"}, "prediction": "[3]"}
    other = '"predicted_a": [1], "predicted_b": [2]'
    assert members(row, "", "a") == {
        "instance": '{"x": 1, "predicted_b": [2], "prediction": "[3]"}',
        "prediction": "[1]",
    }
    assert members(row, "", "predicted_b")["prediction"] == "[2]"
    expected = {"instance": f'{{"x": 1, {other}}}', "prediction": "[3]"}
    assert members(row, "", "prediction") == expected
    assert members(row, "", "species") == expected


@pytest.mark.parametrize(
    ("columns", "target", "said"),
    [
        (
            ["predicted_a", "predicted_b"],
            "",
            "predicted_a, predicted_b could hold .*target_column$",
        ),
        (["prediction", "predicted_b"], "", "prediction, predicted_b could hold"),
        (["predicted_a", "predicted_b"], "c", "target_column, which is not 'c'$"),
        (["predicted_a"], "c", "target_column, which is not 'c'$"),
    ],
)
def test_an_ambiguous_or_absent_target_is_named(columns, target, said):
    with pytest.raises(ValueError, match=f"^E227 the columns {'' if said[0] == 't' else said}"):
        members(dict.fromkeys(columns, 1), "", target)
    with pytest.raises(ValueError, match=said):
        members(dict.fromkeys(columns, 1), "", target)


@pytest.mark.parametrize(
    ("key", "text"),
    [("007", '"007"'), (7, "7"), ({"1.10"}, "1.10"), (None, None), ([1], None), ({"{}"}, None)],
)
def test_a_column_is_the_key_when_it_is_plain(key, text):
    found = members({"id": key, "prediction": "1"}, "id")
    assert found.get("key") == text
    assert found["instance"].startswith('{"id": ')


def test_a_key_instead_of_the_instance():
    assert members({"key": "a", "prediction": "1"}, "key") == {"key": '"a"', "prediction": "1"}
    assert members({"key": None, "prediction": "1"}, "key")["instance"] == '{"key": null}'
    assert members({"key": "a", "prediction": "1"}) == {
        "instance": '{"key": "a"}',
        "prediction": "1",
    }
    assert members({"prediction": "1"}) == {"prediction": "1"}


def test_an_embedding_has_its_status():
    vector = '[{"embeddings": {"values": [0.10]}}]'
    row = {"content": "hello", "predictions": vector, "status": ""}
    assert members(row) == {
        "instance": '{"content": "hello"}',
        "predictions": vector,
        "status": '""',
    }
    failed = {"content": "", "predictions": None, "status": "too short", "errors": None}
    assert members(failed) == {
        "instance": '{"content": "", "errors": null}',
        "predictions": "null",
        "status": '"too short"',
    }


def test_a_row_of_gemini_is_as_in_its_files():
    row = {
        "custom_id": "r1",
        "request": '{"contents": [{"parts": [{"text": "hi"}]}]}',
        "response": {'{"candidates": []}'},
        "status": "",
        "processed_time": "2025-01-01",
        "instance": 7,
    }
    assert members(row, "custom_id") == {
        "key": '"r1"',
        "request": row["request"],
        "response": '{"candidates": []}',
        "status": '""',
        "custom_id": '"r1"',
        "processed_time": '"2025-01-01"',
        "column_instance": "7",
    }
    failed = members({"request": "plain", "status": "Bad Request"})
    assert failed == {"request": '"plain"', "status": '"Bad Request"'}
    assert members({"response": "{}", "status": ""}) == {"response": "{}", "status": '""'}


ERROR = '{"code": 3, "message": "m"}'


@pytest.mark.parametrize(
    ("column", "text", "error"),
    [
        ("errors", ERROR, ERROR),
        ("errors_species", ERROR, ERROR),
        ("errors", f"[{ERROR}, {ERROR}]", ERROR),
        ("errors", '{"code": 3, "message": null}', '{"code": 3, "message": null}'),
        ("errors", '{"code": null, "message": "m"}', '{"code": null, "message": "m"}'),
        ("errors", '{"code": null, "message": null}', None),
        ("errors", '{"code": 0, "message": ""}', None),
        ("errors", "[]", None),
        ("errors", "3", None),
        ("errors", '"none"', None),
        ("errors_seen", '{"total": 3}', None),
        ("explanation", '"because"', None),
        ("explanation", "null", None),
    ],
)
def test_only_what_looks_like_an_error_is_one(column, text, error):
    found = members({"x": 1, column: {text}, "prediction": "1"})
    assert found.get("error") == error
    whole = '{"x": 1}' if error else f'{{"x": 1, "{column}": {text}}}'
    assert (found["instance"], found["prediction"]) == (whole, "1")
    assert "explanation" not in found


def test_what_automl_leaves_null_is_no_part_of_the_instance():
    row = {"x": 1, "errors_y": None, "explanation": None, "predicted_y": {STRUCT}}
    assert members(row) == {"instance": '{"x": 1}', "prediction": STRUCT}


def convert(tmp_path, text, key_field="", target_column=""):
    (tmp_path / "in").write_bytes(text if isinstance(text, bytes) else text.encode())
    count = standard_lines(str(tmp_path / "in"), str(tmp_path / "out"), key_field, target_column)
    found = (tmp_path / "out").read_bytes().split(b"\n")
    assert found.pop() == b""
    assert len(found) == count
    return [line.decode() for line in found]


def test_lines_keep_every_character(tmp_path):
    text = (
        '{"a": 1.10, "é\\"": "\\u00e9 \u2028", "l": [1, {"b": [9007199254740993]}], "z": NaN, '
        '"prediction": "[1.10]"}'
    )
    spaced = ' { "a" :1.10 ,"é\\"": "x","l" : [ 1 ] , "z":null,"prediction":"2" }\r\n'
    nested = '{"l": [1], "prediction": "3"}\n\n \t\n'
    empty = "{}\n{ }\n"
    assert convert(tmp_path, f"\ufeff{text}\n{spaced}{nested}{text}\n{empty}{text}") == [
        expected := '{"instance": {"a": 1.10, "é\\"": "\\u00e9 \u2028", '
        '"l": [1, {"b": [9007199254740993]}], "z": NaN}, "prediction": [1.10]}',
        '{"instance": {"a": 1.10, "é\\"": "x", "l": [ 1 ], "z": null}, "prediction": 2}',
        '{"instance": {"l": [1]}, "prediction": 3}',
        expected,
        "{}",
        "{}",
        expected,
    ]


@pytest.mark.parametrize(
    "line",
    [
        '{"x": 1, "prediction": "1"',
        '{"x": 1, "prediction": "1"} 2',
        '{"x": 1, "prediction": "1"}}',
        '{"x": 1, "prediction": "1",}',
        '{"x": 1 "prediction": "1"}',
        '{"x": +1}',
        '{"x": }',
        '{"x"}',
        "{x: 1}",
        '{"x": [1, "prediction": "1"}',
        '{"x": [1]x, "prediction": "1"}',
        '{"x": 1, "x": 2, "prediction": "1"}',
        '{"x": ' + "[" * 10**5 + "}",
        '{"x": [1]',
        "[1]",
        "7",
        ",",
    ],
)
def test_a_line_that_is_no_row_is_passed_on(line, tmp_path):
    good = '{"x": 1, "prediction": "1"}'
    expected = '{"instance": {"x": 1}, "prediction": 1}'
    assert convert(tmp_path, f"{good}\n{line}\n{good}\n") == [expected, line, expected]
    assert convert(tmp_path, f"{line}\n{good}") == [line, expected]


def test_bytes_that_are_no_text_and_half_a_surrogate_are_passed_on(tmp_path):
    (tmp_path / "in").write_bytes(b'{"x": "\xff"}\n{"prediction": "\\"\\ud800\\""}\n')
    assert standard_lines(str(tmp_path / "in"), str(tmp_path / "out"), "", "") == 2
    found = (tmp_path / "out").read_bytes()
    assert found == b'{"x": "\xff"}\n{"prediction": "\\ud800"}\n'


def test_a_row_that_is_too_long_is_named(tmp_path, monkeypatch):
    from batchpredict.runtime.results import bigquery_lines

    good = b'{"prediction": "1"}\n'
    monkeypatch.setattr(bigquery_lines, "read_lines", lambda _: iter([good, None, good]))
    found = convert(tmp_path, "")
    assert json.loads(found[1]) == {
        "error": {"status": "E222", "message": "the row exceeds 64 MiB"}
    }
    assert found[0] == found[2] == '{"prediction": 1}'


def test_a_table_without_a_prediction_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^E227 the table has no column prediction .* are x, y$"):
        convert(tmp_path, '{"x": 1, "y": 2}\n{"x": 1}\n')
    assert convert(tmp_path, "") == []
    assert convert(tmp_path, "not json\n") == ["not json"]
    only_errors = f'{{"x": 1, "errors": {ERROR}}}\n'
    assert convert(tmp_path, only_errors) == [f'{{"error": {ERROR}, "instance": {{"x": 1}}}}']


def test_rows_may_lack_what_is_null(tmp_path):
    """BigQuery's own export to JSON leaves nulls out, so that every row may have other columns."""
    chance = random.Random(3)
    rows = [{n: i for n in chance.sample("abcdefghijklm", 8)} for i in range(3000)]
    text = "".join(json.dumps({**row, "prediction": "[1]"}) + "\n" for row in rows)
    found = [json.loads(line) for line in convert(tmp_path, text)]
    assert found == [{"instance": row, "prediction": [1]} for row in rows]


def test_random_rows_keep_their_texts(tmp_path):
    chance = random.Random(11)

    def text(depth):
        kind = chance.randrange(6 if depth else 4)
        if kind == 0:
            return chance.choice(["null", "true", "false", "NaN", "-Infinity"])
        if kind == 1:
            return f"{chance.randrange(-(10**30), 10**30)}.{chance.randrange(10**9):09}0"
        if kind < 4:
            letters = 'a,:{}[]"\\é\u2028\U0001f600\n '
            value = "".join(chance.choices(letters, k=chance.randrange(9)))
            return json.dumps(value, ensure_ascii=chance.random() < 0.5)
        if kind == 4:
            return "[" + ", ".join(text(depth - 1) for _ in range(chance.randrange(3))) + "]"
        return (
            "{" + ", ".join(f'"m{i}": {text(depth - 1)}' for i in range(chance.randrange(3))) + "}"
        )

    lines, wanted = [], []
    for _ in range(2000):
        columns = ", ".join(f'"column {i}": {text(2)}' for i in range(8))
        inner = text(2)
        lines.append(f'{{{columns}, "prediction": {json.dumps(inner)}}}\n')
        wanted.append(f'{{"instance": {{{columns}}}, "prediction": {inner}}}')
    found = convert(tmp_path, "".join(lines))
    assert found == wanted

import json

import pytest

from batchpredict.runtime.predictions import (
    class_scores,
    failure_of,
    flatten,
    json_codec,
    read_row,
    recover_key,
    row_key,
    text_of,
    write_keys,
    write_rows,
)

NOTHING = {"label": None, "score": None, "scores": None, "value": None}
PAIR, THREE = ["no", "yes"], ["a", "b", "c"]


@pytest.mark.parametrize(
    ("key", "text"),
    [("a", "a"), (17, "17"), (1.5, "1.5"), (True, "true"), (None, None), (["é"], '["é"]')],
)
def test_a_key_is_text(key, text):
    assert text_of(key) == text


def test_the_key_stands_in_the_row_or_in_its_instance():
    assert row_key({"key": 1, "instance": {"key": 2}}, "key") == "1"
    assert row_key({"instance": {"id": 2}}, "id") == "2"
    assert row_key({"instance": {"id": 2}}, "key") is None
    assert row_key({"instance": [1]}, "key") is None
    assert row_key({}, "key") is None


@pytest.mark.parametrize(
    ("prediction", "labels", "flat"),
    [
        ("yes", [], {"label": "yes"}),
        ("", PAIR, {"label": ""}),
        (False, [], {"label": "false"}),
        (True, PAIR, {"label": "true"}),
        (0, [], {"value": 0.0}),
        (2.5, [], {"value": 2.5}),
        (0.25, PAIR, {"label": "no", "score": 0.75, "scores": [0.75, 0.25]}),
        (0.5, PAIR, {"label": "yes", "score": 0.5, "scores": [0.5, 0.5]}),
        (1, PAIR, {"label": "yes", "score": 1.0, "scores": [0.0, 1.0]}),
        (1.5, PAIR, {}),
        (-0.1, PAIR, {}),
        (1, THREE, {}),
        ([0.5, 0.5], PAIR, {"label": "no", "score": 0.5, "scores": [0.5, 0.5]}),
        ([1, 7, 2.5], THREE, {"label": "b", "score": 7.0, "scores": [1.0, 7.0, 2.5]}),
        ([0.5], PAIR, {}),
        ([0.1, 0.9], [], {}),
        ([True, False], PAIR, {}),
        (["0.1", 1], PAIR, {}),
        ([], [], {}),
        ({"a": 1}, [], {}),
        (None, [], {}),
        (None, PAIR, {}),
    ],
)
def test_the_form_of_a_prediction_tells_what_it_means(prediction, labels, flat):
    assert flatten(prediction, labels) == {**NOTHING, **flat}


def test_scores_are_none_when_they_do_not_fit():
    assert class_scores([1, 2], THREE) is None
    assert class_scores(True, PAIR) is None


@pytest.mark.parametrize(
    ("row", "code", "message"),
    [
        ({"error": {"status": "INTERNAL", "message": "m"}}, "INTERNAL", "m"),
        ({"error": {"code": 3, "message": "m"}}, "3", "m"),
        ({"error": {"other": 1}}, "ERROR", '{"other": 1}'),
        ({"error": "text"}, "ERROR", "text"),
        ({"error": ""}, "ERROR", ""),
        ({"error": {"status": "X", "message": "é" * 3000}}, "X", "é" * 2000),
        ({}, "E222", "the row has neither a prediction nor an error"),
        ({"error": None}, "E222", "the row has neither a prediction nor an error"),
    ],
)
def test_a_row_without_a_prediction_says_why(row, code, message):
    assert failure_of(row) == {"instance": None, "code": code, "message": message}


def test_a_failure_keeps_its_instance():
    error = b'"error": {"status": "S", "message": "m"}'
    line = b'{"instance": {"key": "k", "x": [1, "\xc3\xa9"]}, ' + error + b"}\n"
    failure = {"key": "k", "instance": '{"key": "k", "x": [1, "é"]}', "code": "S", "message": "m"}
    assert read_row(line, "key", [], json_codec()) == (False, failure)


@pytest.mark.parametrize("raw", ["0", "false", '""', "[]", "null", "{}", '"\\u0000é"', "1e3"])
def test_every_json_value_is_a_prediction(raw):
    good, row = read_row(f'{{"key": 5, "prediction": {raw}}}'.encode(), "key", [], json_codec())
    assert good
    assert row["key"] == "5"
    assert json.loads(row["prediction"]) == json.loads(raw)


def test_a_prediction_counts_when_its_error_is_null():
    assert read_row(b'{"key": "a", "prediction": 1, "error": null}', "key", [], json_codec())[0]
    assert not read_row(b'{"key": "a", "prediction": 1, "error": {}}', "key", [], json_codec())[0]


@pytest.mark.parametrize(
    ("line", "key", "reason"),
    [
        (b'{"key": "a", "prediction": NaN}\n', "a", "NaN is not JSON"),
        (b'{"key": "a", "prediction": 1e999}\n', "a", "Out of range float"),
        (b'{"key": "a", "prediction": ' + b"9" * 400 + b"}\n", "a", "too large"),
        (b'{"key": 7, "prediction": ' + b"9" * 4400 + b"}\n", "7", "4300 digits"),
        (b'{"key": "a", "prediction": 1, "prediction": 2}\n', "a", "same key twice"),
        (b'{"prediction": {"x": NaN}, "instance": {"key": "b"}}\n', "b", "NaN"),
        (b'{"key": "a\\ud800", "prediction": 1}\n', "a?", "half of a surrogate pair"),
        (b'{"key": "a\\"b", "predic', 'a"b', "the file ends inside this line, "),
        (b'{"key": "a', None, "the file ends inside this line, "),
        (b'{"key": "\\x", "prediction": 1}\n', None, "escape"),
        (b'{"key": "a", "prediction": "\xff"\n', "a", "can't decode"),
        (b'{"x": {"key": "a"}, NOT\n', None, "E"),
        (b"[" * 100_000 + b"\n", None, "nested too deeply"),
        (b"[1]\n", None, "not a JSON object"),
        (None, None, "the line is too long"),
    ],
)
def test_e222_a_line_that_cannot_be_read_is_a_failure(line, key, reason):
    good, row = read_row(line, "key", [], json_codec())
    assert not good
    assert (row["key"], row["code"], row["instance"]) == (key, "E222", None)
    assert reason in row["message"]
    assert row["message"].isprintable()
    assert len(row["message"]) < 2500
    assert recover_key(line or b"", "key") == key


def test_a_last_line_without_a_newline_counts_when_it_parses():
    assert read_row(b'{"key": "a", "prediction": 1}', "key", [], json_codec())[0]


def test_shards_are_streamed_into_flat_rows(tmp_path):
    (tmp_path / "one").write_bytes(b'\xef\xbb\xbf{"key":"a","prediction":1}\r\n\n  \n{"key":"b"')
    (tmp_path / "two").touch()
    written = write_rows(str(tmp_path), ["one", "two"], str(tmp_path), "key", [])
    assert written["files"] == [
        {"name": "one", "bytes": 45, "rows": 2},
        {"name": "two", "bytes": 0, "rows": 0},
    ]
    predicted = (tmp_path / "predicted.jsonl").read_text()
    failed = (tmp_path / "failed.jsonl").read_text()
    assert json.loads(predicted)["source"] == "one"
    assert json.loads(failed)["code"] == "E222"
    assert written["longest"] == max(len(predicted), len(failed))


def test_keys_of_the_instances(tmp_path):
    path = tmp_path / "instances.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": 1, "x": "\xc3\xa9"}\r\n\n{"id": "b"}')
    longest = write_keys(str(path), "id", str(tmp_path))
    lines = (tmp_path / "inputs.jsonl").read_text().splitlines(keepends=True)
    assert [json.loads(line) for line in lines] == [
        {"key": "1", "instance": '{"id": 1, "x": "é"}'},
        {"key": "b", "instance": '{"id": "b"}'},
    ]
    assert longest == len(lines[0])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"key": 1}\n{"kye": 2}\n', "E206 line 2 of the instances"),
        (b'{"key": null}\n', "E206 line 1 of the instances"),
        (b'{"key": 1}\n[1]\n', "E202 line 2 of the instances"),
        (b'{"key": 1', "E202 line 1 of the instances"),
    ],
)
def test_instances_without_keys_are_refused(tmp_path, content, said):
    path = tmp_path / "instances.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{said}"):
        write_keys(str(path), "key", str(tmp_path))


def test_e201_no_instances(tmp_path):
    with pytest.raises(ValueError, match=r"^E201 there are no instances"):
        write_keys(str(tmp_path / "none"), "key", str(tmp_path))

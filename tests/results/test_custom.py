"""Custom models: JSON Lines with any JSON as the prediction (section 5)."""

SHARD = "prediction.results-00000-of-00001"
COLUMNS = {
    "key": "VARCHAR",
    "instance": "VARCHAR",
    "prediction": "VARCHAR",
    "label": "VARCHAR",
    "score": "DOUBLE",
    "labels": "VARCHAR[]",
    "scores": "DOUBLE[]",
    "value": "DOUBLE",
    "vector": "DOUBLE[]",
    "extra": "VARCHAR",
    "note": "VARCHAR",
    "source": "VARCHAR",
}


def test_a_scalar(parse):
    parsed = parse('{"instance": [6.1, 0.25, 3.0], "prediction": 2.7182818284590451}\n')
    assert parsed.row == {
        "instance": "[6.1, 0.25, 3.0]",
        "prediction": "2.7182818284590451",
        "value": 2.718281828459045,
        "source": SHARD,
    }
    assert list(parsed.types.items()) == list(COLUMNS.items())
    assert parsed.counts == (1, 0, 0)
    assert parsed.summary["kind"] == "custom"


def test_a_boolean(parse):
    parsed = parse(
        '{"instance": [31, "Federal-gov", 0], "prediction": false}\n'
        '{"instance": [58, "Private", 7298], "prediction": true}\n'
    )
    found = {row["instance"]: (row["label"], row["prediction"]) for row in parsed.rows}
    assert found == {
        '[31, "Federal-gov", 0]': ("false", "false"),
        '[58, "Private", 7298]': ("true", "true"),
    }
    assert all("value" not in row and "score" not in row for row in parsed.rows)
    assert parsed.summary["labels"] == {"false": 1, "true": 1}


def test_a_list_without_labels_is_a_vector(parse):
    line = '{"instance": {"bytes_inputs": {"b64": "AAEC/w=="}}, "prediction": [0.125, 5e-1, -3]}\n'
    parsed = parse(line)
    assert parsed.row == {
        "instance": '{"bytes_inputs": {"b64": "AAEC/w=="}}',
        "prediction": "[0.125, 5e-1, -3]",
        "vector": [0.125, 0.5, -3.0],
        "source": SHARD,
    }


def test_a_list_with_labels_is_scores(parse):
    parsed = parse(
        '{"instance": {"key": "a"}, "prediction": [0.25, 0.5, 0.25]}\n'
        '{"instance": {"key": "tie"}, "prediction": [0.125, 0.375, 0.375]}\n'
        '{"instance": {"key": "one"}, "prediction": [1, 0, 0]}\n',
        labels=["low", "mid", "high"],
    )
    assert parsed.column("label") == {"a": "mid", "tie": "mid", "one": "low"}
    assert parsed.column("score") == {"a": 0.5, "tie": 0.375, "one": 1.0}
    assert parsed.column("scores")["tie"] == [0.125, 0.375, 0.375]
    assert set(parsed.column("vector").values()) == {None}
    assert set(parsed.column("labels").values()) == {None}
    assert parsed.summary["labels"] == {"low": 1, "mid": 2}


def test_a_list_of_another_length_than_the_labels(parse):
    parsed = parse(
        '{"key": "a", "prediction": [0.25, 0.75]}\n{"key": "b", "prediction": [0.1, 0.2, 0.7]}\n',
        labels=["no", "yes"],
    )
    assert parsed.column("label") == {"a": "yes", "b": None}
    assert parsed.column("prediction")["b"] == "[0.1, 0.2, 0.7]"
    assert parsed.by_key["b"]["note"]
    assert parsed.summary["counts"]["noted"] == 1


def test_the_probability_of_the_second_label(parse):
    wanted = {
        "0.25": ("no", 0.75, [0.75, 0.25]),
        "0.5": ("yes", 0.5, [0.5, 0.5]),
        "0.875": ("yes", 0.875, [0.125, 0.875]),
        "0": ("no", 1.0, [1.0, 0.0]),
        "1": ("yes", 1.0, [0.0, 1.0]),
    }
    text = "".join(f'{{"key": "{number}", "prediction": {number}}}\n' for number in wanted)
    parsed = parse(text, labels=["no", "yes"])
    found = {k: (row["label"], row["score"], row["scores"]) for k, row in parsed.by_key.items()}
    assert found == wanted
    assert parsed.column("prediction") == {number: number for number in wanted}
    assert set(parsed.column("value").values()) == {None}


def test_a_number_that_is_no_probability(parse):
    text = "".join(f'{{"key": "{n}", "prediction": {n}}}\n' for n in ("1.5", "-0.25", "0.5"))
    parsed = parse(text, labels=["no", "yes"])
    assert parsed.column("value") == {"1.5": 1.5, "-0.25": -0.25, "0.5": None}
    assert parsed.column("label") == {"1.5": None, "-0.25": None, "0.5": "yes"}
    three = parse('{"key": "a", "prediction": 0.5}\n', labels=["a", "b", "c"])
    assert three.row["value"] == 0.5


def test_an_object_of_named_members(parse):
    parsed = parse(
        '{"instance": {"values": [4, 5], "key": 7}, "prediction": {"result": 3}}\n'
        '{"instance": {"key": 8}, "prediction": {"label": "cat", "score": 0.75}}\n'
        '{"instance": {"key": 9}, "prediction": {"value": 1.5, "unit": "kg"}}\n'
        '{"instance": {"key": 10}, "prediction": {"labels": ["x", "y"], "scores": [0.5, 0.25]}}\n'
        '{"instance": {"key": 11}, "prediction": {"label": 5, "score": "high", "value": true}}\n'
    )
    typed = {
        key: {k: v for k, v in row.items() if k in ("label", "score", "labels", "scores", "value")}
        for key, row in parsed.by_key.items()
    }
    assert typed["7"] == typed["11"] == {}
    assert typed["8"] == {"label": "cat", "score": 0.75}
    assert typed["9"] == {"value": 1.5}
    assert (typed["10"]["labels"], typed["10"]["scores"]) == (["x", "y"], [0.5, 0.25])
    assert parsed.column("prediction")["7"] == '{"result": 3}'
    assert parsed.column("prediction")["9"] == '{"value": 1.5, "unit": "kg"}'


def test_label_to_score_as_pytorch_answers(parse):
    text = '{"heron": 0.59, "stork": 0.41}'
    row = parse(f'{{"instance": {{"data": {{"b64": "iVBORw"}}}}, "prediction": {text}}}\n').row
    assert row["prediction"] == text
    assert "label" not in row


def test_a_text(parse):
    parsed = parse(
        '{"key": "short", "prediction": "setosa"}\n'
        '{"key": "empty", "prediction": ""}\n'
        '{"key": "umlaut", "prediction": "gr\\u00fcn \\"x\\""}\n'
        f'{{"key": "most", "prediction": "{"m" * 1000}"}}\n'
        f'{{"key": "film", "prediction": "{"QUJD" * 5000}"}}\n'
    )
    assert parsed.column("label") == {
        "short": "setosa",
        "empty": "",
        "umlaut": 'grün "x"',
        "most": "m" * 1000,
        "film": None,
    }
    assert parsed.column("prediction")["umlaut"] == '"gr\\u00fcn \\"x\\""'
    assert parsed.column("prediction")["film"] == '"' + "QUJD" * 5000 + '"'


def test_what_is_false_is_a_result_too(parse):
    parsed = parse(
        '{"key": "null", "prediction": null}\n'
        '{"key": "zero", "prediction": 0}\n'
        '{"key": "list", "prediction": []}\n'
        '{"key": "dict", "prediction": {}}\n'
        '{"key": "false", "prediction": false}\n'
        '{"key": "text", "prediction": ""}\n'
    )
    assert parsed.counts == (6, 0, 0)
    assert parsed.column("prediction") == {
        "null": "null",
        "zero": "0",
        "list": "[]",
        "dict": "{}",
        "false": "false",
        "text": '""',
    }
    assert parsed.column("value")["zero"] == 0.0
    assert parsed.column("value")["null"] is None
    assert parsed.column("label")["null"] is None


def test_a_base64_instance_is_kept_as_it_is(parse):
    instance = '{"image": {"b64": "/9j/4AAQSkZJRgABAQ+8Zz=="}}'
    assert parse(f'{{"instance": {instance}, "prediction": 1}}\n').row["instance"] == instance


def test_a_file_list_gives_the_uri(parse):
    parsed = parse(
        '{"instance": "gs://own-bucket/in/0001.png", "prediction": [0.9, 0.1]}\n',
        labels=["day", "night"],
    )
    assert parsed.row == {
        "instance": '"gs://own-bucket/in/0001.png"',
        "prediction": "[0.9, 0.1]",
        "label": "day",
        "score": 0.9,
        "scores": [0.9, 0.1],
        "source": SHARD,
    }


def test_key_field_replaces_the_instance(parse):
    row = parse('{"key": "row-0042", "prediction": 0.375}\n').row
    assert row == {
        "key": "row-0042",
        "prediction": "0.375",
        "value": 0.375,
        "source": SHARD,
    }


def test_the_key_may_stand_in_three_places(parse):
    parsed = parse(
        '{"instance": {"order_id": "in-1"}, "prediction": 1}\n'
        '{"instance": {"x": 1}, "order_id": "beside-2", "prediction": 2}\n'
        '{"key": "own-3", "prediction": 3}\n',
        key_field="order_id",
    )
    assert parsed.column("value") == {"in-1": 1.0, "beside-2": 2.0, "own-3": 3.0}


def test_excluded_fields_beside_the_prediction_are_passed_on(parse):
    row = parse(
        '{"instance": {"x": 1}, "prediction": 2, "region": "eu", "big": 9007199254740993, '
        '"nested": {"a": [1.10]}}\n'
    ).row
    assert "9007199254740993" in row["extra"]
    assert "1.10" in row["extra"]
    assert row["extra"].replace(" ", "") == (
        '{"region":"eu","big":9007199254740993,"nested":{"a":[1.10]}}'
    )


def test_several_outputs(parse):
    text = '{"probabilities": [0.25, 0.75], "class": "b", "embedding": [1.5, -2.0]}'
    row = parse(f'{{"instance": {{"key": "k"}}, "prediction": {text}}}\n', labels=["a", "b"]).row
    assert row["prediction"] == text
    assert "vector" not in row


def test_a_video_model_of_the_model_garden(parse):
    instance = (
        '{"content": "gs://own/a.mp4", "timeSegmentStart": "0.0s", "timeSegmentEnd": "Infinity"}'
    )
    parsed = parse(
        f'{{"instance": {instance}, "prediction": []}}\n{{"instance": {instance}}}\n',
        max_failed=1,
    )
    assert parsed.counts == (1, 1, 0)
    assert parsed.row["instance"] == instance
    assert parsed.failure["instance"] == instance
    assert parsed.failure["code"] == "E222"


ERRORS = [
    ('{"status": "NOT_FOUND", "message": "no such image"}', "NOT_FOUND", "no such image"),
    ('{"code": 3, "message": "bad shape"}', "3", "bad shape"),
    ('{"status": 13, "message": "crashed"}', "13", "crashed"),
    ('{"message": "no code at all"}', "ERROR", "no code at all"),
    ('"only a text"', "ERROR", "only a text"),
]


def test_an_error_in_place_of_the_prediction(parse):
    lines = [
        f'{{"instance": {{"key": "k{n}", "x": 1}}, "error": {error}}}\n'
        for n, (error, _, _) in enumerate(ERRORS)
    ]
    good = '{"instance": {"key": "b", "x": 2}, "error": null, "prediction": 1}\n'
    parsed = parse("".join([*lines, good]), max_failed=len(lines))
    assert parsed.row["key"] == "b"
    assert sorted(parsed.failures, key=lambda row: row["key"]) == [
        {
            "key": f"k{n}",
            "instance": f'{{"key": "k{n}", "x": 1}}',
            "code": code,
            "message": message,
            "source": SHARD,
        }
        for n, (_, code, message) in enumerate(ERRORS)
    ]
    assert parsed.summary["failure_codes"] == {
        "NOT_FOUND": 1,
        "3": 1,
        "13": 1,
        "ERROR": 2,
    }


def test_a_long_message_is_cut(parse):
    line = f'{{"key": "a", "error": {{"status": "INTERNAL", "message": "{"é" * 9000}"}}}}\n'
    assert parse(line, max_failed=1).failure["message"] == "é" * 2000


def test_a_forced_kind(parse):
    line = '{"key": "a", "prediction": {"value": 2.5, "lower_bound": 1}}\n'
    assert parse(line).row["lower_bound"] == 1.0
    forced = parse(line, kind="custom")
    assert forced.row["value"] == 2.5
    assert "lower_bound" not in forced.types
    assert forced.summary["kind"] == "custom"

"""AutoML tabular models and forecasts as JSON Lines (sections 6.6 and 6.7)."""

FILE = "prediction.results-00000-of-00001.jsonl"


def line(prediction, instance='{"Age":"41","Job":"clerk"}'):
    return f'{{"instance":{instance},"prediction":{prediction}}}\n'


def test_classification(parse):
    prediction = '{"scores":[0.31250002980232239,0.6874999701976776],"classes":["stay","leave"]}'
    parsed = parse({FILE: line(prediction)})
    assert parsed.row == {
        "instance": '{"Age":"41","Job":"clerk"}',
        "prediction": prediction,
        "label": "leave",
        "score": 0.6874999701976776,
        "labels": ["stay", "leave"],
        "scores": [0.31250002980232239, 0.6874999701976776],
        "source": FILE,
    }
    assert parsed.summary["kind"] == "classification"


def test_the_order_of_the_classes_is_each_rows_own(parse):
    parsed = parse(
        {
            FILE: line('{"scores":[0.25,0.75],"classes":["no","yes"]}', '{"key":"a"}')
            + line('{"classes":["yes","no"],"scores":[0.125,0.875]}', '{"key":"b"}')
            + line('{"classes":["maybe","no"],"scores":[0.5,0.5]}', '{"key":"c"}')
            + line('{"classes":[],"scores":[]}', '{"key":"d"}')
        }
    )
    assert parsed.column("label") == {"a": "yes", "b": "no", "c": "maybe", "d": None}
    assert parsed.column("score") == {"a": 0.75, "b": 0.875, "c": 0.5, "d": None}
    assert parsed.column("labels")["b"] == ["yes", "no"]
    assert parsed.column("scores")["d"] == []


def noted_rows(parse, good, odd):
    """Parse odd predictions among good ones; return the odd rows, which must all be noted."""
    text = line(good) * 20 + "".join(line(it, '{"key":"odd"}') for it in odd)
    rows = [row for row in parse({FILE: text}).rows if row.get("key") == "odd"]
    assert sorted(row["prediction"] for row in rows) == sorted(odd)
    assert [row["prediction"] for row in rows if "note" not in row] == []
    return rows


def test_lists_that_do_not_fit(parse):
    odd = [
        '{"scores":[0.75],"classes":["no","yes"]}',
        '{"scores":["0.75","0.25"],"classes":["no","yes"]}',
        '{"scores":[0.75,null],"classes":["no","yes"]}',
        '{"scores":[0.75,0.25],"classes":["no",1]}',
        '{"scores":[0.75,0.25],"classes":["no",null]}',
        '{"scores":{"no":1},"classes":["no"]}',
        '{"scores":[0.75,0.25]}',
        "[0.75,0.25]",
        "0.75",
        "null",
    ]
    rows = noted_rows(parse, '{"scores":[0.25,0.75],"classes":["no","yes"]}', odd)
    assert [row for row in rows if "label" in row or "scores" in row or "labels" in row] == []


def test_regression_with_an_interval(parse):
    prediction = '{"value":2.6457513110645907,"lower_bound":1.25,"upper_bound":2.5E0}'
    parsed = parse({FILE: line(prediction)})
    assert parsed.row == {
        "instance": '{"Age":"41","Job":"clerk"}',
        "prediction": prediction,
        "value": 2.6457513110645907,
        "lower_bound": 1.25,
        "upper_bound": 2.5,
        "source": FILE,
    }
    assert parsed.summary["kind"] == "regression"
    assert list(parsed.types)[8:] == ["lower_bound", "upper_bound", "extra", "note", "source"]


def test_regression_without_one(parse):
    parsed = parse(
        {FILE: line('{"value":-3}', '{"key":"a"}') + line('{"value":0}', '{"key":"b"}')}
    )
    assert parsed.column("value") == {"a": -3.0, "b": 0.0}
    assert parsed.column("lower_bound") == {"a": None, "b": None}
    assert parsed.summary["values"] == {"count": 2, "min": -3.0, "mean": -1.5, "max": 0.0}


def test_a_value_that_is_no_number(parse):
    values = ('"2.5"', "true", "null", "[2.5]", '{"v":1}')
    odd = [f'{{"value":{value},"lower_bound":1,"upper_bound":3}}' for value in values]
    rows = noted_rows(parse, '{"value":2,"lower_bound":1,"upper_bound":3}', [*odd, "2.5", "[]"])
    assert [row for row in rows if "value" in row] == []


def test_forecast_with_quantiles(parse):
    prediction = (
        '{"value":104.5,"quantile_values":[0.1,0.5,0.9],'
        '"quantile_predictions":[88.25,104.5,131.0]}'
    )
    parsed = parse({FILE: line(prediction, '{"store":"7","day":"2031-02-01"}')})
    assert parsed.row == {
        "instance": '{"store":"7","day":"2031-02-01"}',
        "prediction": prediction,
        "value": 104.5,
        "quantiles": [0.1, 0.5, 0.9],
        "quantile_predictions": [88.25, 104.5, 131.0],
        "source": FILE,
    }
    assert parsed.summary["kind"] == "forecast"
    assert parsed.types["quantiles"] == parsed.types["quantile_predictions"] == "DOUBLE[]"


def test_forecast_of_a_point(parse):
    row = parse({FILE: line('{"value":12.25}', '{"store":"7"}')}, kind="forecast").row
    assert row == {
        "instance": '{"store":"7"}',
        "prediction": '{"value":12.25}',
        "value": 12.25,
        "source": FILE,
    }


def test_a_forecast_keeps_the_importance_of_features(parse):
    prediction = (
        '{"value":1,"quantile_values":[0.5],"quantile_predictions":[1],'
        '"tft_feature_importance":{"context_columns":["a"],"context_weights":[1]}}'
    )
    row = parse({FILE: line(prediction)}).row
    assert row["prediction"] == prediction
    assert row["quantiles"] == [0.5]


def test_quantiles_that_do_not_fit(parse):
    def prediction(them):
        return f'{{"value":1,"quantile_values":[0.1,0.5],"quantile_predictions":{them}}}'

    odd = [prediction(it) for it in ("[88.25]", '["88.25","104.5"]', "[88.25,null]", "7")]
    rows = noted_rows(parse, prediction("[88.25,104.5]"), odd)
    assert [row for row in rows if "quantile_predictions" in row] == []


def test_a_forecast_answers_only_the_future(parse):
    past = '{"key":"p1","sales":"5"}\n{"key":"p2","sales":"6"}\n'
    future = '{"key":"f1","sales":null}\n{"key":"f2","sales":null}\n'
    output = "".join(
        line('{"value":7.5,"quantile_values":[],"quantile_predictions":[]}', row)
        for row in future.splitlines()
    )
    parsed = parse({FILE: output}, instances=past + future, max_missing=0.5)
    assert parsed.counts == (2, 0, 2)
    assert sorted(row["key"] for row in parsed.failures) == ["p1", "p2"]
    assert {row["code"] for row in parsed.failures} == {"MISSING"}

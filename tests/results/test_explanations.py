"""Explanations beside the prediction (section 5.5)."""

FILE = "explanation.results-00000-of-00001"


def line(prediction, attributions, instance='{"key": "a"}'):
    return (
        f'{{"instance": {instance}, "prediction": {prediction}, '
        f'"explanation": {{"attributions": {attributions}}}}}\n'
    )


def test_tabular(parse):
    attributions = (
        '[{"baselineOutputValue": 0.125, "instanceOutputValue": 0.875, "featureAttributions": '
        '{"age": 0.5, "job": 0.25, "zip": -0}, "outputIndex": [1], "outputDisplayName": "yes", '
        '"approximationError": 0.0625, "outputName": "scores"}]'
    )
    scores = '{"classes": ["no", "yes"], "scores": [0.125, 0.875]}'
    parsed = parse({FILE + ".jsonl": line(scores, attributions)})
    assert parsed.row == {
        "key": "a",
        "instance": '{"key": "a"}',
        "prediction": scores,
        "label": "yes",
        "score": 0.875,
        "labels": ["no", "yes"],
        "scores": [0.125, 0.875],
        "attributions": {"age": 0.5, "job": 0.25, "zip": 0.0},
        "baseline_output": 0.125,
        "instance_output": 0.875,
        "approximation_error": 0.0625,
        "explanation": f'{{"attributions": {attributions}}}',
        "source": FILE + ".jsonl",
    }
    assert list(parsed.types)[8:] == [
        "ids",
        "attributions",
        "baseline_output",
        "instance_output",
        "approximation_error",
        "explanation",
        "extra",
        "note",
        "source",
    ]
    assert parsed.types["attributions"] == "MAP(VARCHAR, DOUBLE)"
    assert parsed.summary["kind"] == "classification"


def test_an_image_keeps_its_lists_in_the_json(parse):
    attributions = (
        '[{"baselineOutputValue": 0.5, "instanceOutputValue": 0.75, "featureAttributions": '
        '{"pixels": [[0.01, 0.02], [0.03, 0.04]], "size": 1.5}, "outputIndex": [0]}]'
    )
    row = parse({FILE: line("[0.75, 0.25]", attributions)}, labels=["cat", "dog"]).row
    assert row["attributions"] == {"pixels": None, "size": 1.5}
    assert row["explanation"] == f'{{"attributions": {attributions}}}'
    assert row["label"] == "cat"
    assert "approximation_error" not in row


def test_a_forecast_gives_lists_of_one(parse):
    attributions = (
        '[{"baselineOutputValue": 3.5, "instanceOutputValue": 4.0, "featureAttributions": '
        '{"price": [0.0079], "day": [0.4921]}, "outputIndex": [2], "outputName": "value"}, '
        '{"featureAttributions": {"price": [9]}}]'
    )
    prediction = '{"value": 4.0, "quantile_values": [], "quantile_predictions": []}'
    row = parse({FILE: line(prediction, attributions)}).row
    assert row["attributions"] == {"price": 0.0079, "day": 0.4921}
    assert (row["baseline_output"], row["instance_output"]) == (3.5, 4.0)
    assert row["value"] == 4.0


def test_a_default_that_was_left_out_is_not_made_up(parse):
    attributions = '[{"instanceOutputValue": 0.75, "featureAttributions": {"x": 1}}]'
    row = parse({FILE: line("0.75", attributions)}).row
    assert row["instance_output"] == 0.75
    assert row.get("baseline_output") in (None, 0.0)
    assert row["value"] == 0.75


def test_an_explanation_of_another_form(parse):
    good = line("0.5", '[{"instanceOutputValue": 0.5, "featureAttributions": {"x": 1}}]')
    forms = ["[]", "null", "{}", "[null]", '[{"featureAttributions": null}]', '"none"', "[[1]]"]
    odd = [line("0.25", form, f'{{"key": "odd {n}"}}') for n, form in enumerate(forms)]
    rows = [row for row in parse({FILE: good * 20 + "".join(odd)}).rows if row["key"] != "a"]
    wanted = sorted(f'{{"attributions": {form}}}' for form in forms)
    assert sorted(row["explanation"] for row in rows) == wanted
    assert {row["value"] for row in rows} == {0.25}
    assert [row for row in rows if row.get("attributions")] == []


def test_an_attribution_that_is_no_number(parse):
    odd = '[{"featureAttributions": {"x": "1.5", "y": null, "z": true, "w": [], "v": [2, 3]}}]'
    good = '[{"featureAttributions": {"x": 1, "y": 2, "z": 3, "w": 4, "v": 5}}]'
    parsed = parse({FILE: line("1", good, '{"key": "good"}') + line("1", odd)})
    assert parsed.by_key["good"]["attributions"] == {"x": 1, "y": 2, "z": 3, "w": 4, "v": 5}
    assert set(parsed.by_key["a"]["attributions"].values()) == {None}


def test_rows_without_an_explanation_beside_those_with_one(parse):
    explained = line("0.5", '[{"instanceOutputValue": 0.5, "featureAttributions": {"x": 1}}]')
    plain = '{"instance": {"key": "b"}, "prediction": 0.25}\n'
    parsed = parse({FILE: explained + plain})
    assert parsed.column("attributions") == {"a": {"x": 1.0}, "b": None}
    assert parsed.column("value") == {"a": 0.5, "b": 0.25}


def test_the_explanations_contain_the_predictions(parse):
    explained = line("0.5", '[{"instanceOutputValue": 0.5, "featureAttributions": {"x": 1}}]')
    plain = '{"instance": {"key": "a"}, "prediction": 0.5}\n'
    both = {FILE: explained, "prediction.results-00000-of-00001": plain}
    parsed = parse(both, instances='{"key": "a"}\n')
    assert parsed.counts == (1, 0, 0)
    assert parsed.row["source"] == FILE
    both["prediction.results-00000-of-00001"] = plain + plain.replace('"a"', '"b"')
    unequal = parse(both)
    assert unequal.error.startswith(("E221 ", "E224 "))

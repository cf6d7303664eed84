"""pandas reads the same small files and finds the same numbers and texts."""

import io

import pandas as pd  # type: ignore[import-untyped]
import pytest

FILE = "predictions_00001.jsonl"
KEYS = [f"{i:03d}" for i in range(40)]
CLASSES = ["no", "yes", "maybe"]


def numbers(count):
    """Doubles between 0 and 1 with 17 digits, some very small; the same at every run."""
    state, texts = 20_310_304, []
    for index in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        double = (state >> 11) / 2**53 * 10.0 ** -(index % 7 * index % 13)
        texts.append(format(double, ".17g"))
    return texts


def output(form, field="prediction"):
    """Return a line for each key, with three numbers put into the form of the prediction."""
    drawn = iter(numbers(3 * len(KEYS)))
    lines = []
    for key in KEYS:
        prediction = form
        for place in "XYZ":
            prediction = prediction.replace(place, next(drawn))
        lines.append(f'{{"instance":{{"key":"{key}"}},"{field}":{prediction}}}\n')
    return "".join(lines)


def frame(text):
    """Read JSON Lines with pandas, told to change nothing."""
    table = pd.read_json(io.StringIO(text), lines=True, precise_float=True, dtype=False)
    table.index = pd.Index([instance["key"] for instance in table["instance"]])
    return table


def theirs(text, field="prediction"):
    """Return what pandas finds in a field, by key."""
    return dict(frame(text)[field])


def largest(labels, scores):
    """Return the label and the score of the first of the largest scores."""
    best = pd.Series(scores, dtype=float).argmax()
    return labels[best], scores[best]


def test_the_numbers_are_not_trivial():
    drawn = [float(text) for text in numbers(120)]
    assert len(set(drawn)) == 120
    assert min(drawn) < 1e-9
    assert sum(len(repr(double)) > 17 for double in drawn) > 60


def test_numbers_of_a_custom_model(parse):
    text = output("X")
    assert parse(text).column("value") == theirs(text)


def test_scores_of_a_custom_model(parse):
    text = output("[X, Y, Z]")
    parsed = parse(text, labels=CLASSES)
    found = theirs(text)
    assert parsed.column("scores") == found
    assert parsed.column("label") == {k: largest(CLASSES, v)[0] for k, v in found.items()}
    assert parsed.column("score") == {k: largest(CLASSES, v)[1] for k, v in found.items()}
    assert parse(text).column("vector") == found


def test_probabilities_of_a_custom_model(parse):
    text = output("X")
    parsed = parse(text, labels=CLASSES[:2])
    for key, second in theirs(text).items():
        row = parsed.by_key[key]
        assert row["scores"] == [1 - second, second]
        assert (row["label"], row["score"]) == (
            ("yes", second) if second >= 0.5 else ("no", 1 - second)
        )


def test_texts_of_a_custom_model(parse):
    text = output('"Xé\\u00e9\\n\\"Y"')
    assert parse(text).column("label") == theirs(text)


@pytest.mark.parametrize(
    ("form", "names", "numbers_"),
    [
        ('{"scores":[X,Y,Z],"classes":["no","yes","maybe"]}', "classes", "scores"),
        (
            '{"ids":["7","8","9"],"displayNames":["no","yes","maybe"],"confidences":[X,Y,Z]}',
            "displayNames",
            "confidences",
        ),
    ],
)
def test_classification(parse, form, names, numbers_):
    text = output(form)
    parsed = parse({FILE: text})
    for key, prediction in theirs(text).items():
        row = parsed.by_key[key]
        assert row["labels"] == prediction[names] == CLASSES
        assert row["scores"] == prediction[numbers_]
        assert (row["label"], row["score"]) == largest(prediction[names], prediction[numbers_])


def test_detection(parse):
    text = output('{"ids":["7"],"displayNames":["nut"],"confidences":[X],"bboxes":[[0,Y,Z,1]]}')
    parsed = parse({FILE: text})
    for key, prediction in theirs(text).items():
        (box,) = parsed.by_key[key]["boxes"]
        assert [box["x_min"], box["x_max"], box["y_min"], box["y_max"]] == prediction["bboxes"][0]
        assert parsed.by_key[key]["score"] == prediction["confidences"][0]


def test_regression(parse):
    text = output('{"value":X,"lower_bound":Y,"upper_bound":Z}')
    parsed = parse({FILE: text})
    for name in ("value", "lower_bound", "upper_bound"):
        assert parsed.column(name) == {k: p[name] for k, p in theirs(text).items()}


def test_forecast(parse):
    text = output('{"value":X,"quantile_values":[0.1,0.9],"quantile_predictions":[Y,Z]}')
    parsed = parse({FILE: text})
    found = theirs(text)
    assert parsed.column("value") == {k: p["value"] for k, p in found.items()}
    assert parsed.column("quantiles") == {k: p["quantile_values"] for k, p in found.items()}
    assert parsed.column("quantile_predictions") == {
        k: p["quantile_predictions"] for k, p in found.items()
    }


def test_video(parse):
    text = output(
        '[{"id":"5","displayName":"run","timeSegmentStart":"1.066666s",'
        '"timeSegmentEnd":"2.5s","confidence":Y}]'
    )
    parsed = parse({FILE: text})
    for key, (segment,) in theirs(text).items():
        row = parsed.by_key[key]
        assert row["scores"] == [segment["confidence"]]
        assert row["labels"] == [segment["displayName"]]
        assert row["starts"] == [float(segment["timeSegmentStart"].rstrip("s"))]


def test_embedding(parse):
    text = output(
        '[{"embeddings":{"statistics":{"token_count":4.0,"truncated":false},"values":[X,Y,Z]}}]',
        "predictions",
    )
    found = theirs(text, "predictions")
    assert parse({FILE: text}).column("vector") == {
        key: one["embeddings"]["values"] for key, (one,) in found.items()
    }


def test_attributions(parse):
    explanation = (
        '{"attributions":[{"baselineOutputValue":X,"featureAttributions":{"a":Y,"b":[Z]}}]}'
    )
    text = output(f'0.5,"explanation":{explanation}')
    parsed = parse({"explanation.results-00000-of-00001": text})
    for key, found in theirs(text, "explanation").items():
        (first,) = found["attributions"]
        features = first["featureAttributions"]
        assert parsed.by_key[key]["attributions"] == {"a": features["a"], "b": features["b"][0]}
        assert parsed.by_key[key]["baseline_output"] == first["baselineOutputValue"]


def cells(text):
    """Read CSV with pandas, every cell as its text."""
    return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False).set_index("key")


def test_csv_of_a_regression(parse):
    rows = zip(KEYS, numbers(len(KEYS)), strict=True)
    text = "key,memo,predicted_y\n" + "".join(f'{k},"a\nb, ""{k}""",{n}\n' for k, n in rows)
    parsed, found = parse({"predictions_1.csv": text}), cells(text)
    assert parsed.column("value") == {k: float(v) for k, v in found["predicted_y"].items()}
    for key, memo in found["memo"].items():
        instance = pd.read_json(
            io.StringIO(parsed.by_key[key]["instance"]), typ="series", dtype=False
        )
        assert instance["memo"] == memo


def test_csv_of_a_classification(parse):
    drawn = iter(numbers(2 * len(KEYS)))
    body = "".join(f"{key},{next(drawn)},{next(drawn)}\n" for key in KEYS)
    text = f"key,y_no_scores,y_yes_scores\n{body}"
    parsed, found = parse({"predictions_1.csv": text}), cells(text)
    for key, row in found.iterrows():
        scores = [float(cell) for cell in row]
        assert parsed.by_key[key]["scores"] == scores
        assert parsed.by_key[key]["label"] == largest(["no", "yes"], scores)[0]

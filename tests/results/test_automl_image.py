"""AutoML image models: classification, detection, segmentation (sections 6.1 to 6.3)."""

import base64

FILE = "predictions_00001.jsonl"


def line(prediction, name="a"):
    instance = f'{{"content":"gs://own/{name}.jpg","mimeType":"image/jpeg"}}'
    return f'{{"instance":{instance},"prediction":{prediction}}}\n'


def test_classification(parse):
    prediction = (
        '{"ids":["7219340018293817345","48"],"displayNames":["rust","healthy"],'
        '"confidences":[0.8125,1.8750001E-1]}'
    )
    parsed = parse({FILE: line(prediction)})
    assert parsed.row == {
        "instance": '{"content":"gs://own/a.jpg","mimeType":"image/jpeg"}',
        "prediction": prediction,
        "label": "rust",
        "score": 0.8125,
        "labels": ["rust", "healthy"],
        "scores": [0.8125, 0.18750001],
        "ids": ["7219340018293817345", "48"],
        "source": FILE,
    }
    assert parsed.summary["kind"] == "classification"
    assert list(parsed.types)[8:] == ["ids", "extra", "note", "source"]
    assert parsed.types["ids"] == "VARCHAR[]"


def test_the_largest_wins_wherever_it_stands(parse):
    parsed = parse(
        {
            FILE: line('{"ids":[],"displayNames":[],"confidences":[]}', "none")
            + line(
                '{"ids":["1","2","3"],"displayNames":["x","y","z"],"confidences":[0.1,0.7,0.2]}'
            )
            + line('{"ids":["1","2"],"displayNames":["y","x"],"confidences":[0.5,0.5]}', "tie")
        }
    )
    found = {row["instance"].split(".jpg")[0].split("/")[-1]: row for row in parsed.rows}
    assert set(found) == {"none", "a", "tie"}
    assert [found[name].get("label") for name in ("none", "a", "tie")] == [None, "y", "y"]
    assert [found[name].get("score") for name in ("none", "a", "tie")] == [None, 0.7, 0.5]
    assert found["none"]["labels"] == found["none"]["scores"] == found["none"]["ids"] == []
    assert parsed.counts == (3, 0, 0)
    assert parsed.summary["labels"] == {"y": 2}


def test_only_empty_lists(parse):
    line_ = line('{"ids":[],"displayNames":[],"confidences":[]}')
    parsed = parse(
        {FILE: line_ * 2}, instances='{"content":"gs://own/a.jpg","mimeType":"image/jpeg"}\n' * 2
    )
    assert parsed.counts == (2, 0, 0)
    assert [row["labels"] for row in parsed.rows] == [[], []]
    assert parsed.summary["matched_by"] == "instance"


def test_ids_are_texts_whatever_they_were(parse):
    rows = parse(
        {
            FILE: line('{"ids":[1,2],"displayNames":["x","y"],"confidences":[0.75,0.25]}')
            + line('{"ids":[9223372036854775807],"displayNames":["x"],"confidences":[1]}', "b")
            + line('{"displayNames":["x"],"confidences":[0.5]}', "c")
        }
    ).rows
    assert sorted(row.get("ids", []) for row in rows) == [[], ["1", "2"], ["9223372036854775807"]]
    assert sorted(row["score"] for row in rows) == [0.5, 0.75, 1.0]


MISFITS = [
    '{"ids":["1"],"displayNames":["x","y"],"confidences":[0.75]}',
    '{"ids":["1","2"],"displayNames":["x","y"],"confidences":[0.75]}',
    '{"ids":["1"],"displayNames":["x"],"confidences":["0.75"]}',
    '{"ids":["1"],"displayNames":["x"],"confidences":[true]}',
    '{"ids":["1"],"displayNames":["x"],"confidences":[null]}',
    '{"ids":["1"],"displayNames":[7],"confidences":[0.75]}',
    '{"ids":["1"],"displayNames":[null],"confidences":[0.75]}',
    '{"ids":["1"],"displayNames":"x","confidences":0.75}',
    '{"ids":["1"],"displayNames":null,"confidences":null}',
]


def test_lists_that_do_not_fit_are_kept_raw_and_noted(parse):
    good = '{"ids":["1"],"displayNames":["z"],"confidences":[0.25]}'
    text = line(good) * 20 + "".join(line(odd, "odd") for odd in MISFITS)
    parsed = parse({FILE: text})
    odd = {row["prediction"]: row for row in parsed.rows if "odd" in row["instance"]}
    assert sorted(odd) == sorted(MISFITS)
    typed = ("label", "score", "labels", "scores", "ids")
    assert [p for p, row in odd.items() if any(name in row for name in typed)] == []
    assert [p for p, row in odd.items() if "note" not in row] == []
    assert parsed.counts == (20 + len(MISFITS), 0, 0)
    assert parsed.summary["counts"]["noted"] == len(MISFITS)
    assert parsed.summary["labels"] == {"z": 20}


def test_detection(parse):
    prediction = (
        '{"ids":["7219340018293817345","48"],"displayNames":["bolt","nut"],'
        '"confidences":[0.5,0.875],'
        '"bboxes":[[0.25,0.5,0.125,0.75],[0.0,1,1.75E-3,0.5]]}'
    )
    parsed = parse({FILE: line(prediction)})
    assert parsed.row == {
        "instance": '{"content":"gs://own/a.jpg","mimeType":"image/jpeg"}',
        "prediction": prediction,
        "label": "nut",
        "score": 0.875,
        "labels": ["bolt", "nut"],
        "scores": [0.5, 0.875],
        "ids": ["7219340018293817345", "48"],
        "boxes": [
            {"x_min": 0.25, "x_max": 0.5, "y_min": 0.125, "y_max": 0.75},
            {"x_min": 0.0, "x_max": 1.0, "y_min": 0.00175, "y_max": 0.5},
        ],
        "source": FILE,
    }
    box = "STRUCT(x_min DOUBLE, x_max DOUBLE, y_min DOUBLE, y_max DOUBLE)[]"
    assert parsed.types["boxes"] == box
    assert parsed.summary["kind"] == "detection"


def test_detection_of_nothing(parse):
    row = parse({FILE: line('{"ids":[],"displayNames":[],"confidences":[],"bboxes":[]}')}).row
    assert row["boxes"] == row["labels"] == []
    assert "label" not in row


def test_a_box_that_is_none(parse):
    def row(boxes):
        return f'{{"ids":["1"],"displayNames":["nut"],"confidences":[0.5],"bboxes":{boxes}}}'

    odd = [
        row(boxes)
        for boxes in (
            "[[0.1,0.2,0.3]]",
            "[]",
            '[["a",0.1,0.2,0.3]]',
            "[[0.1,0.2,0.3,0.4,0.5]]",
            "[null]",
            "[[null,0.1,0.2,0.3]]",
        )
    ]
    text = line(row("[[0.1,0.2,0.3,0.4]]")) * 20 + "".join(line(it, "odd") for it in odd)
    rows = [it for it in parse({FILE: text}).rows if "odd" in it["instance"]]
    assert sorted(it["prediction"] for it in rows) == sorted(odd)
    assert [it["prediction"] for it in rows if "note" not in it or "boxes" in it] == []


def test_segmentation(parse):
    category, confidence = b"\x89PNG\r\n\x1a\n\x00\x01\xff", b"\x89PNG\r\n\x1a\n\xfe"
    prediction = (
        f'{{"categoryMask":"{base64.b64encode(category).decode()}",'
        f'"confidenceMask":"{base64.b64encode(confidence).decode()}"}}'
    )
    parsed = parse({FILE: line(prediction)})
    assert parsed.row == {
        "instance": '{"content":"gs://own/a.jpg","mimeType":"image/jpeg"}',
        "prediction": prediction,
        "category_mask": category,
        "confidence_mask": confidence,
        "source": FILE,
    }
    assert parsed.types["category_mask"] == parsed.types["confidence_mask"] == "BLOB"
    assert parsed.summary["kind"] == "segmentation"


def test_a_mask_that_is_no_base64(parse):
    good = '{"categoryMask":"iVBORw0=","confidenceMask":"iVBORw0="}'
    odd = '{"categoryMask":"iVBO*w0=","confidenceMask":"iVBORw0="}'
    parsed = parse({FILE: line(good) + line(good, "b") + line(odd, "odd")})
    (found,) = [row for row in parsed.rows if "odd" in row["instance"]]
    assert found["prediction"] == odd
    assert found["note"]
    assert "category_mask" not in found


def test_the_same_image_twice_is_two_rows(parse):
    text = line('{"ids":["1"],"displayNames":["rust"],"confidences":[0.5]}')
    instance = '{"mimeType": "image/jpeg", "content": "gs://own/a.jpg"}\n'
    parsed = parse({FILE: text * 2}, instances=instance * 2)
    assert parsed.counts == (2, 0, 0)
    once = parse({FILE: text}, instances=instance * 2, max_missing=1)
    assert once.counts == (1, 0, 1)

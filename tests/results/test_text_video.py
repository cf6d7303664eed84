"""AutoML text and video models (sections 6.4 and 6.5)."""

import pytest

FILE = "predictions_00001.jsonl"
TEXT = '{"content":"gs://own/t.txt","mimeType":"text/plain"}'
VIDEO = (
    '{"content":"gs://own/v.avi","mimeType":"video/avi","timeSegmentStart":"0.0s",'
    '"timeSegmentEnd":"inf"}'
)


def text_line(prediction):
    return f'{{"instance":{TEXT},"prediction":{prediction}}}\n'


def video_line(prediction):
    return f'{{"instance":{VIDEO},"prediction":{prediction}}}\n'


def test_text_classification(parse):
    prediction = (
        '{"ids":["901","902"],"displayNames":["joy","awe"],"confidences":[6.25E-2,3.25E-4]}'
    )
    row = parse({FILE: text_line(prediction)}).row
    assert row == {
        "instance": TEXT,
        "prediction": prediction,
        "label": "joy",
        "score": 0.0625,
        "labels": ["joy", "awe"],
        "scores": [0.0625, 0.000325],
        "ids": ["901", "902"],
        "source": FILE,
    }


def test_sentiment(parse):
    parsed = parse({FILE: text_line('{"sentiment":3}')})
    assert parsed.row == {
        "instance": TEXT,
        "prediction": '{"sentiment":3}',
        "value": 3.0,
        "source": FILE,
    }
    assert parsed.summary["kind"] == "sentiment"


@pytest.mark.parametrize("offsets", ['["4","17"]', "[4,17]", "[4.0,17.0]"])
def test_extraction(parse, offsets):
    ends = offsets.replace("4", "9").replace("17", "21")
    prediction = (
        '{"ids":["7219340018293817345","32"],"displayNames":["drug","dose"],"confidences":[0.5,0.75],'
        f'"textSegmentStartOffsets":{offsets},"textSegmentEndOffsets":{ends}}}'
    )
    parsed = parse({FILE: text_line(prediction)})
    assert parsed.row == {
        "instance": TEXT,
        "prediction": prediction,
        "label": "dose",
        "score": 0.75,
        "labels": ["drug", "dose"],
        "scores": [0.5, 0.75],
        "ids": ["7219340018293817345", "32"],
        "starts": [4, 17],
        "ends": [9, 21],
        "source": FILE,
    }
    assert parsed.types["starts"] == parsed.types["ends"] == "BIGINT[]"
    assert parsed.summary["kind"] == "extraction"


def test_an_offset_that_is_none(parse):
    def prediction(offsets):
        return (
            '{"ids":["31"],"displayNames":["drug"],"confidences":[0.5],'
            f'"textSegmentStartOffsets":{offsets},"textSegmentEndOffsets":["9"]}}'
        )

    starts = ('["4.5"]', "[4.5]", '["x"]', "[]", "[null]", "[true]", '["1e2000"]', '["NaN"]')
    odd = [prediction(it) for it in starts]
    text = text_line(prediction('["4"]')) * 20 + "".join(map(text_line, odd))
    rows = [row for row in parse({FILE: text}).rows if row["prediction"] in odd]
    assert len(rows) == len(odd)
    assert [row["prediction"] for row in rows if "note" not in row or "starts" in row] == []


SHOT = (
    '[{"id":"7219340018293817345","displayName":"vault","type":"shot-classification",'
    '"timeSegmentStart":"0.125s","timeSegmentEnd":"1.066666s","confidence":0.5},'
    '{"id":"641","displayName":"run","type":"segment-classification",'
    '"timeSegmentStart":"2s","timeSegmentEnd":"3.50s","confidence":0.875}]'
)


def test_video_classification(parse):
    parsed = parse({FILE: video_line(SHOT), "predictions_00002.jsonl": video_line("[]")})
    full, empty = sorted(parsed.rows, key=lambda row: row["source"])
    assert full["instance"] == empty["instance"] == VIDEO
    assert full["prediction"] == SHOT
    assert full["labels"] == ["vault", "run"]
    assert full["scores"] == [0.5, 0.875]
    assert full["ids"] == ["7219340018293817345", "641"]
    assert full["types"] == ["shot-classification", "segment-classification"]
    assert full["starts"] == [0.125, 2.0]
    assert full["ends"] == [1.066666, 3.5]
    assert empty["prediction"] == "[]"
    assert empty["labels"] == empty["scores"] == empty["starts"] == empty["ids"] == []
    assert "label" not in empty
    assert "note" not in full
    assert "note" not in empty
    assert parsed.summary["kind"] == "video"
    frame = "STRUCT(time DOUBLE, x_min DOUBLE, x_max DOUBLE, y_min DOUBLE, y_max DOUBLE)"
    wanted = {
        "ids": "VARCHAR[]",
        "types": "VARCHAR[]",
        "starts": "DOUBLE[]",
        "ends": "DOUBLE[]",
        "frames": f"{frame}[][]",
    }
    assert {name: parsed.types[name].replace('"', "") for name in wanted} == wanted


def test_the_surest_segment_gives_the_label(parse):
    row = parse({FILE: video_line(SHOT)}).row
    assert (row["label"], row["score"]) == ("run", 0.875)


def test_object_tracking(parse):
    prediction = (
        '[{"id":"77","displayName":"lorry","timeSegmentStart":"12.300s",'
        '"timeSegmentEnd":"12.500s","confidence":0.625,"frames":['
        '{"timeOffset":"12.300s","xMin":0.5,"xMax":1.0,"yMin":0.25,"yMax":0.75},'
        '{"timeOffset":"12.400s","xMin":0.4375,"xMax":1,"yMin":0.125,"yMax":0.625}]}]'
    )
    row = parse({FILE: video_line(prediction)}).row
    assert row["prediction"] == prediction
    assert row["labels"] == ["lorry"]
    assert row["starts"] == [12.3]
    assert row["ends"] == [12.5]
    assert row["frames"] == [
        [
            {"time": 12.3, "x_min": 0.5, "x_max": 1.0, "y_min": 0.25, "y_max": 0.75},
            {"time": 12.4, "x_min": 0.4375, "x_max": 1.0, "y_min": 0.125, "y_max": 0.625},
        ]
    ]


def test_action_recognition(parse):
    prediction = (
        '[{"id":"5","displayName":"swing","timeSegmentStart":"1.5s",'
        '"timeSegmentEnd":"1.5s","confidence":0.25}]'
    )
    row = parse({FILE: video_line(prediction)}).row
    assert (row["labels"], row["scores"]) == (["swing"], [0.25])
    assert (row["starts"], row["ends"]) == ([1.5], [1.5])
    assert row.get("types", [None]) == [None]
    assert "note" not in row


def test_the_first_videos_show_nothing(parse):
    parsed = parse({FILE: video_line("[]") * 3 + video_line(SHOT)})
    assert parsed.counts == (4, 0, 0)
    assert sorted(row["prediction"] for row in parsed.rows) == sorted(["[]"] * 3 + [SHOT])
    assert parsed.summary["kind"] == "video"


def test_only_videos_that_show_nothing(parse):
    parsed = parse({FILE: video_line("[]") * 3}, kind="video")
    assert [row["labels"] for row in parsed.rows] == [[], [], []]
    assert parsed.summary["labels"] == {}


def test_a_time_that_is_none(parse):
    times = ['"soon"', '"1.5m"', "[1.5]", '""', '"NaNs"', '"infs"', '"1e999s"', "true"]
    odd = [SHOT.replace('"0.125s"', time) for time in times]
    text = video_line(SHOT) * 20 + "".join(map(video_line, odd))
    rows = [row for row in parse({FILE: text}).rows if row["prediction"] in odd]
    assert len(rows) == len(odd)
    assert [row["prediction"] for row in rows if "note" not in row] == []
    assert {str(row.get("starts")) for row in rows} <= {"None", "[None, 2.0]"}

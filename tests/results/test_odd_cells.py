"""A cell that does not fit its column costs the cell or the row, never the step."""

import pytest

FILE = "predictions_00001.jsonl"
CELLS = [
    "null", "true", '"x"', '""', '"7"', "[]", "{}", "[1]", '{"a":1}', "-1", "1.5", "1e30", "1e308",
    "9223372036854775807", "9223372036854775808", "123456789012345678901234567890", '"1e400"',
    '"NaN"', '"99999999999999999999"', '"\\u0000"', '"' + "9" * 400 + '"', '"' + "9" * 5000 + '"',
]  # fmt: skip
SEGMENT = (
    '[{{"id":{},"displayName":{},"type":{},"timeSegmentStart":{},"timeSegmentEnd":{},'
    '"confidence":{},"frames":{}}}]'
)
FORMS = {
    "gemini": (
        '"status":"","request":{{"n":{n}}},"processed_time":{},"response":{{"candidates":{},'
        '"modelVersion":{},"usageMetadata":{}}}'
    ),
    "candidates": (
        '"status":"","request":{{"n":{n}}},"response":{{"candidates":[{{"finishReason":{},'
        '"content":{}}}],"usageMetadata":{{"promptTokenCount":{},"candidatesTokenCount":{}}}}}'
    ),
    "parts": (
        '"status":"","request":{{"n":{n}}},"response":{{"candidates":[{{"content":{{"parts":'
        '[{{"text":{}}},{}]}}}}]}}'
    ),
    "embedding": (
        '"instance":{{"n":{n}}},"predictions":[{{"embeddings":{{"statistics":'
        '{{"token_count":{},"truncated":{}}},"values":{}}}}}],"status":{}'
    ),
    "statistics": '"instance":{{"n":{n}}},"predictions":[{{"embeddings":{},"other":{}}},{}]',
    "video": f'"instance":{{{{"n":{{n}}}}}},"prediction":{SEGMENT}',
    "frames": (
        '"instance":{{"n":{n}}},"prediction":[{{"displayName":"a","confidence":0.5,"frames":'
        '[{{"timeOffset":{},"xMin":{},"xMax":{}}},{}]}}]'
    ),
    "extraction": (
        '"instance":{{"n":{n}}},"prediction":{{"ids":[{}],"displayNames":[{}],"confidences":[{}],'
        '"textSegmentStartOffsets":[{}],"textSegmentEndOffsets":{}}}'
    ),
    "detection": (
        '"instance":{{"n":{n}}},"prediction":{{"ids":{},"displayNames":["a"],"confidences":[{}],'
        '"bboxes":[[{},1,0,1]]}}'
    ),
    "segmentation": (
        '"instance":{{"n":{n}}},"prediction":{{"categoryMask":{},"confidenceMask":{}}}'
    ),
    "forecast": (
        '"instance":{{"n":{n}}},"prediction":{{"value":{},"quantile_values":[{}],'
        '"quantile_predictions":[{}]}}'
    ),
    "custom": (
        '"instance":{{"n":{n}}},"prediction":{{"label":{},"score":{},"labels":{},"scores":{},'
        '"value":{}}}'
    ),
    "explanation": (
        '"instance":{{"n":{n}}},"prediction":1,"explanation":{{"attributions":'
        '[{{"baselineOutputValue":{},"instanceOutputValue":{},"featureAttributions":'
        '{{"":{},"b":{}}}}}]}}'
    ),
    "error": '"instance":{{"n":{n}}},"error":{{"status":{},"code":{},"message":{}}}',
    "status": '"status":{},"request":{},"response":{}',
    "key": '"key":{},"instance":{},"prediction":1',
}
KINDS = {"candidates": "gemini", "parts": "gemini", "statistics": "embedding", "frames": "video"}


def odd_lines(form):
    """Return the form once for each cell and each of its places; ``null`` fills the others."""
    places = form.replace("{{", "").replace("}}", "").count("{}")
    for place in range(places):
        for number, cell in enumerate(CELLS):
            cells = ["null"] * places
            cells[place] = cell
            yield "{" + form.format(*cells, n=place * 100 + number) + "}\n"


@pytest.mark.parametrize("name", FORMS)
def test_every_row_is_counted(parse, name):
    lines = list(odd_lines(FORMS[name]))
    kind = KINDS.get(name, name)
    kind = "custom" if kind in ("explanation", "error", "status", "key") else kind
    parsed = parse({FILE: "".join(lines)}, kind=kind, max_failed=len(lines))
    assert not parsed.error
    assert sum(parsed.counts) == len(lines) == len(parsed.rows) + len(parsed.failures)
    raw = [row["prediction"] for row in parsed.rows]
    assert [text for text in raw if not any(text in line for line in lines)] == []


def test_tokens_may_stand_as_text(parse):
    usage = '{"promptTokenCount":"12","candidatesTokenCount":"3"}'
    line = f'{{"status":"","request":{{}},"response":{{"candidates":[],"usageMetadata":{usage}}}}}'
    row = parse({FILE: line + "\n"}).row
    assert (row.get("input_tokens"), row.get("output_tokens")) in ((12, 3), (None, None))

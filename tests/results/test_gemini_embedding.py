"""Gemini and embedding models (section 9)."""

import pytest

FILE = "predictions.jsonl"
REQUEST = '{"contents":[{"parts":[{"text":"Ping"}],"role":"user"}]}'
RESPONSE = (
    '{"candidates":[{"avgLogprobs":-0.25,"content":{"parts":[{"text":"Pong!"}],"role":"model"},'
    '"finishReason":"STOP"}],"modelVersion":"gemini-9.9-nano","usageMetadata":'
    '{"candidatesTokenCount":3,"promptTokenCount":12,"totalTokenCount":15}}'
)
TIME = "2031-03-04T05:06:07.890+00:00"


def success(request=REQUEST, response=RESPONSE, **siblings):
    more = "".join(f',"{name}":{value}' for name, value in siblings.items())
    return (
        f'{{"status":"","processed_time":"{TIME}","request":{request},'
        f'"response":{response}{more}}}\n'
    )


def test_success(parse):
    parsed = parse({FILE: success()})
    assert parsed.row == {
        "instance": REQUEST,
        "prediction": RESPONSE,
        "text": "Pong!",
        "finish_reason": "STOP",
        "model_version": "gemini-9.9-nano",
        "input_tokens": 12,
        "output_tokens": 3,
        "processed_time": TIME,
        "source": FILE,
    }
    assert parsed.summary["kind"] == "gemini"
    assert list(parsed.types.items())[8:-3] == [
        ("text", "VARCHAR"),
        ("finish_reason", "VARCHAR"),
        ("model_version", "VARCHAR"),
        ("input_tokens", "BIGINT"),
        ("output_tokens", "BIGINT"),
        ("processed_time", "VARCHAR"),
    ]


BAD = (
    'Bad Request: {\\"error\\": {\\"code\\": 400, \\"message\\": \\"Role xyz is unknown.\\",'
    ' \\"status\\": \\"INVALID_ARGUMENT\\"}}'
)


@pytest.mark.parametrize("response", [',"response":{}', "", ',"response":null'])
def test_failed_rows_stand_in_the_same_file(parse, response):
    line = f'{{"status":"{BAD}","processed_time":"{TIME}","request":{REQUEST}{response}}}\n'
    parsed = parse({FILE: success() + line}, max_failed=1)
    assert parsed.counts == (1, 1, 0)
    assert parsed.failure["instance"] == REQUEST
    assert parsed.failure["code"] == "INVALID_ARGUMENT"
    assert "Role xyz is unknown." in parsed.failure["message"]
    assert parsed.failure["source"] == FILE


def test_a_status_of_plain_text(parse):
    line = f'{{"status":"agents are being provisioned","request":{REQUEST},"response":{{}}}}\n'
    parsed = parse({FILE: line}, max_failed=1)
    assert parsed.failure["code"] == "ERROR"
    assert parsed.failure["message"] == "agents are being provisioned"


def test_no_status_no_response(parse):
    line = f'{{"status":"","processed_time":"{TIME}","request":{REQUEST},"response":{{}}}}\n'
    parsed = parse({FILE: success() + line}, max_failed=1)
    assert sum(parsed.counts) == 2
    assert all("text" in row or row["note"] for row in parsed.rows)


def test_nulls_added_to_the_request_do_not_hinder_the_keys(parse):
    request = '{"contents":[{"parts":[{"text":"Ping","file_data":null}],"role":"user"}]}'
    asked = f'{{"custom_id":"r-1","request":{REQUEST}}}\n'
    parsed = parse(
        {FILE: success(request, custom_id='"r-1"')}, instances=asked, key_field="custom_id"
    )
    assert parsed.counts == (1, 0, 0)
    assert parsed.row["instance"] == request
    assert parsed.row["key"] == "r-1"
    assert parsed.summary["matched_by"] == "key"


def test_nulls_added_to_the_request_without_keys(parse):
    request = '{"contents":[{"parts":[{"text":"Ping","file_data":null}],"role":"user"}]}'
    parsed = parse({FILE: success(request)}, instances=f'{{"request":{REQUEST}}}\n')
    assert parsed.counts == (1, 0, 0) or parsed.error.startswith("E224 ")
    assert [row["instance"] for row in parsed.rows] == [request]


def test_shuffled(parse):
    order = [7, 2, 9, 0, 4, 1, 8, 3, 6, 5]
    lines = [
        success(response=RESPONSE.replace("Pong!", f"Pong {i}"), custom_id=f'"r{i}"')
        for i in order
    ]
    asked = "".join(f'{{"custom_id":"r{i}","request":{REQUEST}}}\n' for i in range(10))
    parsed = parse({FILE: "".join(lines)}, instances=asked, key_field="custom_id")
    assert parsed.counts == (10, 0, 0)
    assert parsed.column("text") == {f"r{i}": f"Pong {i}" for i in range(10)}


def test_a_coerced_id(parse):
    line = success(custom_id="0")
    assert parse({FILE: line}, key_field="custom_id").row["key"] == "0"
    asked = f'{{"custom_id":"000000","request":{REQUEST}}}\n'
    parsed = parse({FILE: line}, instances=asked, key_field="custom_id", max_missing=1)
    assert parsed.error.startswith("E224 ")
    assert [row["key"] for row in parsed.failures if row["code"] == "MISSING"] == ["000000"]


def test_an_unknown_sibling_is_extra(parse):
    row = parse({FILE: success(batch="17")}).row
    assert row["extra"].replace(" ", "") == '{"batch":17}'


def test_several_parts_and_candidates(parse):
    response = (
        '{"candidates":[{"content":{"parts":[{"text":"One, "},{"text":"two"}]},'
        '"finishReason":"MAX_TOKENS"},{"content":{"parts":[{"text":"other"}]}}]}'
    )
    row = parse({FILE: success(response=response)}).row
    assert row["text"] == "One, two"
    assert row["finish_reason"] == "MAX_TOKENS"
    assert "input_tokens" not in row


def test_a_response_without_a_text(parse):
    responses = [
        '{"promptFeedback":{"blockReason":"SAFETY"}}',
        '{"candidates":[]}',
        '{"candidates":[{"finishReason":"SAFETY"}]}',
        '{"candidates":[{"content":{"role":"model"},"finishReason":"SAFETY"}]}',
        '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]}}]}',
        '{"candidates":null}',
        '{"candidates":[null]}',
        '{"candidates":[{"content":"text"}]}',
        '{"candidates":[{"content":{"parts":"text"}}],"usageMetadata":null}',
        '{"candidates":[{"content":{"parts":[{"text":7}]}}],"usageMetadata":[1]}',
    ]
    rows = parse({FILE: success() + "".join(success(response=it) for it in responses)}).rows
    found = {row["prediction"]: row for row in rows}
    assert sorted(found) == sorted([RESPONSE, *responses])
    assert [it for it in responses[:-1] if "text" in found[it]] == []
    reasons = {found[it].get("finish_reason") for it in responses}
    assert reasons == {None, "SAFETY"}


EMBEDDING = (
    '[{"embeddings":{"statistics":{"token_count":4.0,"truncated":false},'
    '"values":[0.5,-0.25,1e-3]}}]'
)


def test_embedding(parse):
    line = f'{{"instance":{{"content":"hi"}},"predictions":{EMBEDDING},"status":""}}\n'
    parsed = parse({FILE: line})
    assert parsed.row == {
        "instance": '{"content":"hi"}',
        "prediction": EMBEDDING,
        "vector": [0.5, -0.25, 0.001],
        "tokens": 4,
        "truncated": False,
        "source": FILE,
    }
    assert parsed.summary["kind"] == "embedding"
    kinds = {"vector": "DOUBLE[]", "tokens": "BIGINT", "truncated": "BOOLEAN"}
    assert {name: parsed.types[name] for name in kinds} == kinds


@pytest.mark.parametrize("predictions", [',"predictions":[]', ""])
def test_an_embedding_that_failed(parse, predictions):
    good = f'{{"instance":{{"key":"a"}},"predictions":{EMBEDDING},"status":""}}\n'
    bad = f'{{"instance":{{"key":"b"}}{predictions},"status":"Internal error occurred."}}\n'
    parsed = parse({FILE: good + bad}, max_failed=1)
    assert parsed.row["key"] == "a"
    assert parsed.failure == {
        "key": "b",
        "instance": '{"key":"b"}',
        "code": "ERROR",
        "message": "Internal error occurred.",
        "source": FILE,
    }


def test_a_vector_that_is_none(parse):
    good = f'{{"instance":{{"key":"a"}},"predictions":{EMBEDDING},"status":""}}\n'
    vectors = ['["0.5"]', "[null]", "null", '"0.5"', "[true]", "[[0.5]]"]
    odd = [
        good.replace('"a"', f'"odd {n}"').replace("[0.5,-0.25,1e-3]", values)
        for n, values in enumerate(vectors)
    ]
    rows = [row for row in parse({FILE: good * 20 + "".join(odd)}).rows if row["key"] != "a"]
    assert len(rows) == len(odd)
    assert [row["prediction"] for row in rows if "note" not in row or "vector" in row] == []


def test_multimodal_embeddings_keep_their_json(parse):
    prediction = '[{"imageEmbedding":[0.5,0.25],"textEmbedding":[1.0,2.0]}]'
    line = f'{{"instance":{{"key":"a"}},"predictions":{prediction},"status":""}}\n'
    assert parse({FILE: line}).row["prediction"] == prediction

"""What the model gets for a line of input, and what the output line begins with."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.instances import check_instance_config, convert, read_instances

ROW = {"id": 7, "a": 1.5, "b": "x", "c": None}


def config(**fields: Any) -> Any:
    return types.BatchPredictionJob.InstanceConfig(**fields)


@pytest.mark.parametrize(
    ("value", "fields", "sent", "echo"),
    [
        ([1, 2], {}, [1, 2], {"instance": [1, 2]}),
        ("text", {}, "text", {"instance": "text"}),
        (0, {"instance_type": "array"}, 0, {"instance": 0}),
        (ROW, {}, ROW, {"instance": ROW}),
        (ROW, {"instance_type": "object"}, ROW, {"instance": ROW}),
        (ROW, {"key_field": "id"}, {"a": 1.5, "b": "x", "c": None}, {"key": "7"}),
        (ROW, {"key_field": "b"}, {"id": 7, "a": 1.5, "c": None}, {"key": "x"}),
        (ROW, {"included_fields": ["b", "a"]}, {"b": "x", "a": 1.5}, None),
        (
            ROW,
            {"included_fields": ["b", "a"], "instance_type": "array"},
            ["x", 1.5],
            {"instance": ["x", 1.5]},
        ),
        (
            ROW,
            {"included_fields": ["c", "a"], "instance_type": "array", "key_field": "id"},
            [None, 1.5],
            {"key": "7"},
        ),
        (
            ROW,
            {"excluded_fields": ["id", "nope"]},
            {"a": 1.5, "b": "x", "c": None},
            {"instance": {"a": 1.5, "b": "x", "c": None}, "id": 7},
        ),
        (ROW, {"excluded_fields": ["b"], "key_field": "id"}, {"a": 1.5, "c": None}, {"key": "7"}),
    ],
)
def test_a_value_is_converted(
    value: Any, fields: dict[str, Any], sent: Any, echo: dict[str, Any] | None
) -> None:
    found = convert(value, config(**fields))
    assert found.sent == sent
    assert found.echo == ({"instance": sent} if echo is None else echo)
    if isinstance(sent, dict):
        assert list(found.sent) == list(sent)


@pytest.mark.parametrize(("key", "text"), [(7, "7"), (1.5, "1.5"), ("7", "7"), (True, "true")])
def test_a_key_becomes_text(key: Any, text: str) -> None:
    assert convert({"k": key}, config(key_field="k")).echo == {"key": text}


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ([1], {"key_field": "id"}),
        ([1], {"included_fields": ["a"]}),
        ([1], {"excluded_fields": ["a"]}),
        (ROW, {"key_field": "nope"}),
        (ROW, {"key_field": "c"}),
        ({"k": [1]}, {"key_field": "k"}),
        (ROW, {"included_fields": ["a", "nope"]}),
        (ROW, {"instance_type": "array"}),
    ],
)
def test_a_value_that_does_not_fit_is_refused(value: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(ServiceError) as caught:
        convert(value, config(**fields))
    assert caught.value.status == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "fields",
    [{"included_fields": ["a"], "excluded_fields": ["b"]}, {"instance_type": "list"}],
)
def test_a_config_that_contradicts_itself_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ServiceError):
        check_instance_config(config(**fields))


def test_lines_come_in_order_and_blank_ones_are_skipped(tmp_path: Path) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_bytes('[1]\r\n\n  \n{"a": "x\u2028y"}\n'.encode())
    two.write_bytes(b"[3]")
    found = [it.sent for it in read_instances([one, two], config())]
    assert found == [[1], {"a": "x\u2028y"}, [3]]


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "input.jsonl"
    path.write_text(json.dumps([1]) + "\n[1, \n")
    with pytest.raises(ServiceError, match=r"input\.jsonl line 2"):
        list(read_instances([path], config()))

"""What the model gets for a JSON value, and what the output line begins with."""

import json
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from batchpredict.local.vertex.batch.instances import (
    Instance,
    InstanceRules,
    check_instance_config,
    convert,
)
from batchpredict.local.vertex.errors import ServiceError

ROW = {"id": 7, "a": 1.5, "b": "x", "c": None}


def config(**fields: Any) -> Any:
    return types.BatchPredictionJob.InstanceConfig(**fields)


def rules(**fields: Any) -> InstanceRules:
    return InstanceRules.of(config(**fields))


def repeated(instance: Instance) -> Any:
    return json.loads(f"{{{instance.echo(json.dumps(instance.sent))}}}")


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
        (ROW, {"included_fields": ["id", "a"], "key_field": "id"}, {"a": 1.5}, {"key": "7"}),
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
    found = convert(value, rules(**fields))
    assert found.sent == sent
    assert repeated(found) == ({"instance": sent} if echo is None else echo)
    if isinstance(sent, dict):
        assert list(found.sent) == list(sent)


@pytest.mark.parametrize(("key", "text"), [(7, "7"), (1.5, "1.5"), ("7", "7"), (True, "true")])
def test_a_key_becomes_text(key: Any, text: str) -> None:
    assert repeated(convert({"k": key}, rules(key_field="k"))) == {"key": text}


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ([1], {"key_field": "id"}),
        ([1], {"included_fields": ["a"]}),
        ([1], {"excluded_fields": ["a"]}),
        ([1], {"instance_type": "object"}),
        (ROW, {"key_field": "nope"}),
        (ROW, {"key_field": "c"}),
        ({"k": [1]}, {"key_field": "k"}),
        (ROW, {"included_fields": ["a", "nope"]}),
        (ROW, {"instance_type": "array"}),
    ],
)
def test_a_value_that_does_not_fit_is_refused(value: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(ServiceError) as caught:
        convert(value, rules(**fields))
    assert caught.value.status == "INVALID_ARGUMENT"


INVALID, UNIMPLEMENTED = "INVALID_ARGUMENT", "UNIMPLEMENTED"


@pytest.mark.parametrize(
    ("kind", "fields", "field", "status"),
    [
        ("jsonl", {"included_fields": ["a"], "excluded_fields": ["b"]}, "included", INVALID),
        ("jsonl", {"instance_type": "list"}, "instance_type", INVALID),
        ("jsonl", {"excluded_fields": ["prediction"]}, "excluded_fields", INVALID),
        ("csv", {"instance_type": "array"}, "instance_type", INVALID),
        ("csv", {"included_fields": ["a"]}, "included_fields", INVALID),
        ("csv", {"excluded_fields": ["a"], "key_field": "k"}, "excluded_fields", INVALID),
        ("file-list", {"instance_type": "object"}, "instance_type", INVALID),
        ("file-list", {"key_field": "k"}, "key_field", INVALID),
        ("tf-record", {"instance_type": "object"}, "instance_type", INVALID),
        ("tf-record", {"key_field": "k"}, "key_field", UNIMPLEMENTED),
        ("tf-record-gzip", {"included_fields": ["a"]}, "included_fields", UNIMPLEMENTED),
    ],
)
def test_a_config_that_does_not_fit_is_refused_by_the_name_of_the_field(
    kind: str, fields: dict[str, Any], field: str, status: str
) -> None:
    with pytest.raises(ServiceError, match=f"instance_config.*{field}") as caught:
        check_instance_config(config(**fields), kind)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("csv", {"key_field": "k"}),
        ("csv", {}),
        ("tf-record", {}),
        ("file-list", {}),
        ("jsonl", {"excluded_fields": ["prediction"], "key_field": "k"}),
    ],
)
def test_a_config_that_fits_is_taken(kind: str, fields: dict[str, Any]) -> None:
    check_instance_config(config(**fields), kind)

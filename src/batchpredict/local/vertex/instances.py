"""What a batch prediction job sends to the model for one instance, and how its output repeats it.

Source of the rules: ``InstanceConfig`` of google/cloud/aiplatform/v1/batch_prediction_job.proto.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from batchpredict.local.vertex.errors import invalid, unimplemented

RESERVED = ("instance", "prediction", "explanation")
NEEDS_FIELDS = "key_field, included_fields and excluded_fields"


@dataclass(frozen=True)
class Instance:
    """One instance.

    Attributes:
        sent: What the model gets.
        echo: What the output line begins with: the key, or the instance and the excluded fields.
    """

    sent: Any
    echo: dict[str, Any]


@dataclass(frozen=True)
class InstanceRules:
    """An ``InstanceConfig`` with plain values, which are read for every instance.

    Attributes:
        instance_type: ``array``, ``object`` or "".
        key_field: The field that tells an instance apart, or "".
        included_fields: What the model gets, in this order; all when empty.
        excluded_fields: What the model does not get.
    """

    instance_type: str = ""
    key_field: str = ""
    included_fields: Sequence[str] = ()
    excluded_fields: Sequence[str] = ()

    @classmethod
    def of(cls, config: Any) -> "InstanceRules":
        """Return the rules that a message states."""
        return cls(
            config.instance_type,
            config.key_field,
            tuple(name for name in config.included_fields if name != config.key_field),
            tuple(config.excluded_fields),
        )

    @property
    def any_value_fits(self) -> bool:
        """Whether every value goes to the model, and is repeated, as it is."""
        return self == InstanceRules()

    @property
    def names(self) -> tuple[str, ...]:
        """The fields of an instance that is sent as an array, when they are known."""
        return tuple(self.included_fields) if self.instance_type == "array" else ()


def check_instance_config(config: Any, instances_format: str) -> None:
    """Refuse what the service refuses: contradictions, and what the format does not have."""
    if config.included_fields and config.excluded_fields:
        raise invalid("instance_config: included_fields and excluded_fields must not both be set")
    if config.instance_type not in ("", "array", "object"):
        kind = config.instance_type
        raise invalid(f"instance_config.instance_type {kind!r} is neither array nor object")
    taken = [name for name in config.excluded_fields if name in RESERVED]
    if taken and not config.key_field:
        name = taken[0]
        raise invalid(f"instance_config.excluded_fields: the output has a member {name!r} already")
    if instances_format != "jsonl":
        _check_without_objects(config, instances_format)


def _check_without_objects(config: Any, instances_format: str) -> None:
    """Refuse what only instances that are objects can have."""
    where = f"does not apply to instances_format {instances_format!r}"
    if config.instance_type:
        raise invalid(f"instance_config.instance_type {where}")
    fields = ("included_fields", "excluded_fields", "key_field")
    used = [name for name in fields if getattr(config, name)]
    if used and instances_format in ("tf-record", "tf-record-gzip"):
        # The service takes them, but how it finds a field in a record is written nowhere.
        raise unimplemented(f"instance_config.{used[0]} with {instances_format}")
    if used and (used != ["key_field"] or instances_format != "csv"):
        raise invalid(f"instance_config.{used[0]} {where}")


def convert(value: Any, rules: InstanceRules) -> Instance:
    """Apply key field, included and excluded fields, and the instance type to one JSON value."""
    if not isinstance(value, dict):
        if rules.key_field or rules.included_fields or rules.excluded_fields:
            raise invalid(f"{NEEDS_FIELDS} need JSON objects")
        if rules.instance_type == "object":
            raise invalid("instance_type object needs JSON objects")
        return Instance(value, {"instance": value})
    fields = dict(value)
    key = _take_key(fields, rules.key_field)
    left_out = {name: fields.pop(name) for name in rules.excluded_fields if name in fields}
    if rules.included_fields:
        fields = {name: _required(fields, name) for name in rules.included_fields}
    sent: Any = fields
    if rules.instance_type == "array":
        if not rules.included_fields:
            raise invalid("instance_type array needs included_fields for JSON objects")
        sent = list(fields.values())
    return Instance(sent, {"instance": sent, **left_out} if key is None else {"key": key})


def _take_key(fields: dict[str, Any], name: str) -> str | None:
    if not name:
        return None
    key = _required(fields, name)
    del fields[name]
    if isinstance(key, dict | list) or key is None:
        raise invalid(f"the key field {name!r} must hold a string or number")
    return key if isinstance(key, str) else json.dumps(key)


def _required(fields: dict[str, Any], name: str) -> Any:
    if name not in fields:
        raise invalid(f"an instance has no field {name!r}")
    return fields[name]

"""What a batch prediction job sends to the model for one instance, and how its output repeats it.

Source of the rules: ``InstanceConfig`` of google/cloud/aiplatform/v1/batch_prediction_job.proto.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from batchpredict.local.vertex.errors import invalid, unimplemented

RESERVED = ("instance", "prediction", "explanation")
NEEDS_FIELDS = "key_field, included_fields and excluded_fields"


class Instance(NamedTuple):
    """One instance.

    Attributes:
        sent: What the model gets.
        key: What the output shows instead, or None.
        left_out: The excluded fields, which the output shows beside it.
    """

    sent: Any
    key: str | None
    left_out: Mapping[str, Any]

    def echo(self, sent: str) -> str:
        """Return the JSON members that the output line begins with.

        Args:
            sent: The JSON of what the model gets.
        """
        if self.key is not None:
            return f'"key": {json.dumps(self.key)}'
        members = f", {json.dumps(self.left_out)[1:-1]}" if self.left_out else ""
        return f'"instance": {sent}{members}'


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
    if instances_format not in ("jsonl", "bigquery"):
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
        return Instance(value, None, {})
    try:
        key = _key(value, rules.key_field) if rules.key_field else None
        sent = _sent(value, rules)
    except KeyError as error:
        raise invalid(f"an instance has no field {error.args[0]!r}") from None
    left_out = {name: value[name] for name in rules.excluded_fields if name in value}
    return Instance(sent, key, left_out)


def _key(fields: Mapping[str, Any], name: str) -> str:
    key = fields[name]
    if isinstance(key, dict | list) or key is None:
        raise invalid(f"the key field {name!r} must hold a string or number")
    return key if isinstance(key, str) else json.dumps(key)


def _sent(fields: Mapping[str, Any], rules: InstanceRules) -> Any:
    included = rules.included_fields
    if rules.instance_type == "array":
        if not included:
            raise invalid("instance_type array needs included_fields for JSON objects")
        return [fields[name] for name in included]
    if included:
        return {name: fields[name] for name in included}
    unsent = {rules.key_field, *rules.excluded_fields}
    return {name: value for name, value in fields.items() if name not in unsent}

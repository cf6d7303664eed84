"""What a batch prediction job sends to the model for each line of its input.

Source of the rules: ``InstanceConfig`` of google/cloud/aiplatform/v1/batch_prediction_job.proto.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchpredict.local.vertex.errors import invalid


@dataclass(frozen=True)
class Instance:
    """One line of input.

    Attributes:
        sent: What the model gets.
        echo: What the output line begins with: the key, or the instance and the excluded fields.
    """

    sent: Any
    echo: dict[str, Any]


def check_instance_config(config: Any) -> None:
    """Refuse combinations that the service refuses."""
    if config.included_fields and config.excluded_fields:
        raise invalid("included_fields and excluded_fields must not both be set")
    if config.instance_type not in ("", "array", "object"):
        raise invalid(f"instance_type {config.instance_type!r} is neither array nor object")


def read_instances(paths: Sequence[Path], config: Any) -> Iterator[Instance]:
    """Yield the instances of JSON Lines files in order; blank lines are skipped."""
    for path in paths:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield convert(_parse(line, path, number), config)


def _parse(line: bytes, path: Path, number: int) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise invalid(f"{path.name} line {number} is not JSON: {error}") from error


def convert(value: Any, config: Any) -> Instance:
    """Apply key field, included and excluded fields, and the instance type to one value."""
    if not isinstance(value, dict):
        if config.key_field or config.included_fields or config.excluded_fields:
            raise invalid("key_field, included_fields and excluded_fields need JSON objects")
        return Instance(value, {"instance": value})
    fields = dict(value)
    key = _take_key(fields, config.key_field)
    left_out = {name: fields.pop(name) for name in config.excluded_fields if name in fields}
    if config.included_fields:
        fields = {name: _required(fields, name) for name in config.included_fields}
    sent: Any = fields
    if config.instance_type == "array":
        if not config.included_fields:
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

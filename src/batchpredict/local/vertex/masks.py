"""Cut resources down to the fields of a read mask, also inside JSON such as a pipeline's."""

import operator
import re
from collections.abc import Sequence
from typing import Any

from google.protobuf import field_mask_pb2
from google.protobuf.descriptor import Descriptor

from batchpredict.local.vertex.errors import invalid

STRUCT = "google.protobuf.Struct"


def cut(message: Any, paths: Sequence[str]) -> Any:
    """Return a copy of a protobuf message with only these fields.

    Raises:
        ServiceError: INVALID_ARGUMENT; the message names the path that is no field.
    """
    kept = type(message)()
    fields = field_mask_pb2.FieldMask()
    for path in paths:
        field, key = _split(path, message.DESCRIPTOR)
        if key:
            _copy_key(message, kept, field, key)
        elif field_mask_pb2.FieldMask(paths=[field]).IsValidForDescriptor(message.DESCRIPTOR):
            fields.paths.append(field)
        else:
            raise invalid(
                f"read_mask {path!r} names what is no field of {message.DESCRIPTOR.name}"
            )
    fields.MergeMessage(message, kept)
    return kept


def _split(path: str, kind: Descriptor) -> tuple[str, str]:
    """Return the path up to a field of JSON, and the key in it, or the path and ""."""
    names, found = path.split("."), kind
    for position, name in enumerate(names):
        field = found.fields_by_name.get(name)
        if field is None or field.message_type is None:
            break
        found = field.message_type
        if found.full_name == STRUCT and position + 2 == len(names):
            return ".".join(names[: position + 1]), names[-1]
    return path, ""


def _copy_key(message: Any, kept: Any, field: str, key: str) -> None:
    """Copy one entry of a field of JSON; masks write its name in snake case."""
    given = operator.attrgetter(field)(message).fields
    camel = re.sub(r"_(\w)", lambda match: match[1].upper(), key)
    for name in {key, camel} & set(given):
        operator.attrgetter(field)(kept).fields[name].CopyFrom(given[name])

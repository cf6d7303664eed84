"""Checks of fields that the requests of several services share."""

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import field_mask_pb2
from google.rpc import code_pb2

from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.vertex.errors import ServiceError, invalid

LONGEST_NAME = 128
LONGEST_LABEL = 64


def check_display_name(text: str) -> None:
    """Refuse a display name that is empty or too long."""
    if not 0 < len(text) <= LONGEST_NAME:
        raise invalid(f"display_name must have 1 to {LONGEST_NAME} characters, not {len(text)}")


def check_labels(labels: Mapping[str, str]) -> None:
    """Refuse labels with other characters than lowercase letters, digits, _ and -."""
    for key, value in labels.items():
        if not key or not all(map(_is_label, (key, value))):
            raise invalid(
                f"label {key!r}: {value!r} may have at most {LONGEST_LABEL} lowercase letters, "
                "digits, underscores and dashes"
            )


def _is_label(text: str) -> bool:
    plain = text.replace("-", "").replace("_", "")
    return len(text) <= LONGEST_LABEL and text == text.lower() and (plain.isalnum() or not plain)


def check_etag(sent: str, current: str) -> None:
    """Refuse a change that was made from an older state than the current one."""
    if sent and sent != current:
        message = f"etag {sent!r} is not the current one; read the resource again and repeat"
        raise ServiceError(code_pb2.ABORTED, message)


def masked_paths(mask: field_mask_pb2.FieldMask, allowed: Iterable[str]) -> list[str]:
    """Return the paths of an update mask; refuse an empty one and fields that stay as they are."""
    paths = list(mask.paths)
    if not paths:
        raise invalid("update_mask is required: name the fields to change")
    for path in paths:
        if path not in allowed:
            raise invalid(f"update_mask: {path!r} cannot be changed; {', '.join(allowed)} can")
    return paths


def copy_paths(paths: Iterable[str], source: Any, target: Any) -> None:
    """Set the fields of ``target`` that the paths name to what they are in ``source``."""
    for path in paths:
        *parents, last = path.split(".")
        giver, taker = protobuf(source), protobuf(target)
        for name in parents:
            giver, taker = getattr(giver, name), getattr(taker, name)
        taker.ClearField(last)
        update = type(taker)()
        update.MergeFrom(giver)
        for field, _ in update.ListFields():
            if field.name != last:
                update.ClearField(field.name)
        taker.MergeFrom(update)

"""Applies what ``surface.fields`` says to requests: nothing is dropped or refused unannounced."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.vertex.endpoints import MUTATED, UPDATED
from batchpredict.local.vertex.errors import unimplemented
from batchpredict.local.vertex.models import MODEL_FIELDS, VERSION_FIELDS
from batchpredict.local.vertex.schedules.runs import UPDATED as SCHEDULE_FIELDS
from batchpredict.local.vertex.surface.fields import FIELDS, RESOURCES, SELF_REFUSING
from batchpredict.local.vertex.surface.other_fields import OTHERS

STATUSES = ("used", "kept", "ignored", "set", "empty", "refused")
DROPPED = ("set", "empty")
CHANGED = {
    "UpdateModel": tuple(dict.fromkeys((*MODEL_FIELDS, *VERSION_FIELDS))),
    "UpdateEndpoint": UPDATED,
    "MutateDeployedModel": MUTATED,
    "UpdateSchedule": SCHEDULE_FIELDS,
}
"""The fields that an update mask may name, by method."""


@dataclass(frozen=True)
class Field:
    """What happens to one field; the statuses are explained in ``surface.fields``."""

    status: str
    note: str


UNKNOWN = Field("refused", "")
"""A field that a later client brings along: it may mean anything."""


@cache
def fields_of(method: str) -> Mapping[str, Field]:
    """Return the fields of an emulated method's request by path; none of other methods."""
    found: dict[str, Field] = {}
    for line in (FIELDS.get(method) or OTHERS.get(method, "")).strip().splitlines():
        status, path, *note = line.split(None, 2)
        path = RESOURCES[method] + path if path.startswith(".") else path
        if status not in STATUSES or path in found:
            raise ValueError(f"{method}: {line!r} has no known status, or its path stands twice")
        found[path] = Field(status, *note or [""])
    return found


@cache
def _groups(method: str) -> frozenset[str]:
    """Return the paths whose parts are annotated one by one."""
    paths = [path.split(".") for path in fields_of(method)]
    return frozenset(".".join(path[:end]) for path in paths for end in range(1, len(path)))


def admit(method: str, request: Any) -> None:
    """Drop from a request what only the service says, and refuse what is not emulated.

    Raises:
        ServiceError: UNIMPLEMENTED; the message names the field.
    """
    if fields_of(method):
        _admit(method, protobuf(request), "")


def _admit(method: str, message: Any, prefix: str) -> None:
    for field, value in message.ListFields():
        path = f"{prefix}{field.name}"
        if path in _groups(method):
            for part in value if field.is_repeated else [value]:
                _admit(method, part, f"{path}.")
            continue
        known = fields_of(method).get(path, UNKNOWN)
        if known.status in DROPPED:
            message.ClearField(field.name)
        elif _is_refused(method, known) and not _is_blank(field, value):
            raise unimplemented(f"{method}: {path}")


def _is_refused(method: str, field: Field) -> bool:
    return field is UNKNOWN or (field.status == "refused" and method not in SELF_REFUSING)


def _is_blank(field: Any, value: Any) -> bool:
    """Whether a message is there but says nothing, as launchers send them."""
    single = field.message_type is not None and not field.is_repeated
    return single and value.ByteSize() == 0

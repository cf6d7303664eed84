"""What a comparison of a list filter means for a resource.

A field is known when the resource has it: texts with ``=``, ``!=`` and ``:``, where ``*`` stands
for any characters; ``state`` with ``=`` and ``!=``; times with all comparisons; labels by key.
Anything else is refused by name, never guessed.
"""

import datetime
import operator
import re
from collections.abc import Callable
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor

from batchpredict.local.vertex.errors import invalid
from batchpredict.local.vertex.filters import Compare, Test, unquoted

TEXTS = (
    "name",
    "display_name",
    "schedule_name",
    "schema_title",
    "uri",
    "training_task_definition",
    "template_uri",
    "template_metadata.version",
)
TIMES = ("create_time", "update_time", "start_time", "end_time", "next_run_time")
ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def comparisons(kind: Descriptor) -> Compare:
    """Return what makes a test of a comparison for resources of one kind."""

    def compare(field: str, sign: str, value: str) -> Test:
        text, name = unquoted(value), _snake(field)
        if name.partition(".")[0] == "labels" and "labels" in kind.fields_by_name:
            return _label(field.partition(".")[2], sign, text)
        if name == "state" and name in kind.fields_by_name:
            return _state(kind, sign, text)
        if (sign, text) == (":", "*") and _has_presence(kind, name):
            return lambda message: bool(message.HasField(name))
        if name in TIMES and name in kind.fields_by_name:
            return _time(name, sign, text)
        return _text(_reader(kind, name), name, sign, text)

    return compare


def _has_presence(kind: Descriptor, name: str) -> bool:
    return name in kind.fields_by_name and kind.fields_by_name[name].has_presence


def _snake(field: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field).lower()


def _check_sign(field: str, sign: str, allowed: str) -> None:
    if sign not in allowed.split():
        raise invalid(f"filter: {field} is compared with {allowed}, not with {sign}")


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)


def _label(key: str, sign: str, text: str) -> Test:
    _check_sign("labels", sign, "= != :")
    if not key:
        if sign != ":" or "*" in text:
            raise invalid(
                "filter: labels is asked for as labels.KEY=VALUE, labels.KEY:* or labels:KEY"
            )
        return lambda message: text in message.labels
    key, pattern = unquoted(key), _pattern(text)
    if sign == "!=":
        return lambda message: not _has_label(message, key, pattern)
    return lambda message: _has_label(message, key, pattern)


def _has_label(message: Any, key: str, pattern: re.Pattern[str]) -> bool:
    return key in message.labels and bool(pattern.fullmatch(message.labels[key]))


def _state(kind: Descriptor, sign: str, text: str) -> Test:
    _check_sign("state", sign, "= !=")
    values = cast(EnumDescriptor, kind.fields_by_name["state"].enum_type).values_by_name
    if text not in values:
        raise invalid(f"filter: {text!r} is no state; {', '.join(values)} are")
    wanted, compare = values[text].number, ORDERINGS[sign]
    return lambda message: compare(message.state, wanted)


def _time(field: str, sign: str, text: str) -> Test:
    _check_sign(field, sign, "= != < <= > >=")
    wanted, compare = _nanoseconds(field, text), ORDERINGS[sign]

    def test(message: Any) -> bool:
        if not message.HasField(field):
            return sign == "!="
        return compare(getattr(message, field).ToNanoseconds(), wanted)

    return test


def _nanoseconds(field: str, text: str) -> int:
    """Return an RFC 3339 time as nanoseconds since 1970."""
    match = re.fullmatch(
        r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", text
    )
    try:
        if match is None:
            raise ValueError("not in RFC 3339 format")
        moment = datetime.datetime.fromisoformat(f"{match[1]}{match[3]}".upper())
    except ValueError as error:
        message = (
            f"filter: {field} needs a time such as 2021-05-18T00:00:00Z, not {text!r}: {error}"
        )
        raise invalid(message) from error
    return int(moment.timestamp()) * 10**9 + int((match[2] or "").ljust(9, "0"))


def _text(read: Callable[[Any], tuple[str, ...]], field: str, sign: str, text: str) -> Test:
    _check_sign(field, sign, "= != :")
    pattern = _pattern(text)

    def test(message: Any) -> bool:
        return any(pattern.fullmatch(found) for found in read(message)) is (sign != "!=")

    return test


def _reader(kind: Descriptor, field: str) -> Callable[[Any], tuple[str, ...]]:
    """Return what reads the texts that a field stands for; a resource goes by name and by ID."""
    if field == "name":
        return lambda message: (message.name, _identifier(message))
    if field == _snake(kind.name) or (field, kind.name) == ("pipeline_job_user_id", "PipelineJob"):
        return lambda message: (_identifier(message),)
    if (field, kind.name) == ("pipeline_name", "PipelineJob"):
        return _pipeline_name
    if field in TEXTS and field.partition(".")[0] in kind.fields_by_name:
        return lambda message: (str(operator.attrgetter(field)(message)),)
    raise invalid(f"filter: {field!r} of {kind.name} is not known on this machine")


def _pipeline_name(message: Any) -> tuple[str, ...]:
    information = message.pipeline_spec.fields.get("pipelineInfo")
    name = information and information.struct_value.fields.get("name")
    return (name.string_value,) if name else ()


def _identifier(message: Any) -> str:
    return str(message.name.rpartition("/")[2].partition("@")[0])

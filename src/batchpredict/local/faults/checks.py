"""Whether what a test asks for makes sense: a plan with a typing error would never be hit."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from google.rpc import code_pb2

from batchpredict.errors import UsageError
from batchpredict.local.faults.plans import Fault
from batchpredict.pipeline_files import unknown

OPTIONS: dict[str, frozenset[str]] = {
    "status": frozenset({"status", "message", "retry_after"}),
    "lost-reply": frozenset(),
    "reset": frozenset(),
    "delay": frozenset({"seconds"}),
    "truncate": frozenset({"after"}),
    "count": frozenset(),
}
KINDS = tuple(OPTIONS)
EACH = "each"


def checked_method(method: Any, known: Sequence[str]) -> str:
    """Return the name or pattern of methods.

    Raises:
        UsageError: It stands for no method of the services (E381).
    """
    if not isinstance(method, str) or not any(fnmatchcase(name, method) for name in known):
        services = sorted({name.rpartition(".")[0] for name in known})
        near = unknown("method", str(method), known).partition(" There are:")[0]
        raise UsageError("E381", f"{near} Methods begin with one of: {', '.join(services)}")
    return method


def checked_calls(calls: Any) -> frozenset[int] | None:
    """Return the numbers of the calls, or None for each of them.

    Raises:
        UsageError: They are not whole numbers from 1 on (E382).
    """
    if calls == EACH:
        return None
    numbers = [calls] if isinstance(calls, int) else calls
    if not isinstance(numbers, Iterable) or isinstance(numbers, str | Mapping):
        raise _wrong(f"calls {calls!r}", 'a number, a list of numbers or "each"')
    found = list(numbers)
    if not found or any(type(number) is not int or number < 1 for number in found):
        raise _wrong(f"calls {calls!r}", "whole numbers from 1 on")
    return frozenset(found)


def checked_fault(kind: Any, options: Mapping[str, Any]) -> Fault:
    """Return the fault.

    Raises:
        UsageError: There is no such fault, or an option is not one of it (E382).
    """
    if kind not in OPTIONS:
        raise UsageError("E382", unknown("fault", str(kind), KINDS))
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in OPTIONS[kind]:
            raise UsageError("E382", unknown(f"option of {kind}", name, sorted(OPTIONS[kind])))
    if kind == "truncate" and "after" not in given:
        raise _wrong("truncate without after", "the number of bytes to send")
    for name, value in given.items():
        _check_value(name, value)
    return Fault(kind, **given)


def _check_value(name: str, value: Any) -> None:
    if name == "message":
        fits = isinstance(value, str)
    elif name == "status":
        fits = value in code_pb2.Code.keys()[1:] or (_is_number(value) and 400 <= value <= 599)
    elif name == "seconds":
        fits = _is_number(value) and 0 <= value < float("inf")
    else:
        fits = type(value) is int and value >= 0
    if not fits:
        raise _wrong(f"{name} {value!r}", _MEANINGS[name])


_MEANINGS = {
    "message": "a text",
    "status": "an HTTP status from 400 to 599 or a name such as UNAVAILABLE",
    "seconds": "a number from 0 on",
    "retry_after": "whole seconds from 0 on",
    "after": "a number of bytes from 0 on",
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(what: str, wanted: str) -> UsageError:
    return UsageError("E382", f"a fault cannot be planned with {what}: give {wanted}")

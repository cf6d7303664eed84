"""Filter and page a list as the services do."""

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from batchpredict.local.vertex.errors import invalid

TERM = re.compile(r'\s*([\w.]+)\s*(!=|=)\s*("[^"]*"|[\w@./:-]+)\s*')
ORDER = re.compile(r"(create_time|update_time|display_name)(?:\s+(asc|desc))?")
DEFAULT_PAGE = 100


def select(messages: Sequence[Any], request: Any) -> tuple[list[Any], str]:
    """Return the page of ``messages`` that ``request`` asks for, and the next page's token.

    The filter knows ``field = value`` and ``!=`` on ``display_name``, ``state`` and
    ``labels.key``, joined by AND, the order one field; anything else is refused, not guessed.
    """
    tests = _tests(request.filter)
    try:
        found = [message for message in messages if all(test(message) for test in tests)]
    except AttributeError as error:  # a model has no state
        raise invalid(f"filter {request.filter!r}: {error}") from error
    if order_by := getattr(request, "order_by", ""):
        found = _ordered(found, order_by)
    if not re.fullmatch(r"[0-9]{0,9}", request.page_token) or request.page_size < 0:
        raise invalid("page_token and page_size must be those of an earlier page")
    start = int(request.page_token or 0)
    end = start + (request.page_size or DEFAULT_PAGE)
    return found[start:end], str(end) if end < len(found) else ""


def _ordered(messages: Sequence[Any], order_by: str) -> list[Any]:
    match = ORDER.fullmatch(order_by.strip())
    if match is None:
        raise invalid(f"order_by {order_by!r} is not understood on this machine")
    key = operator.attrgetter(match[1])
    return sorted(messages, key=key, reverse=match[2] == "desc")


def _tests(expression: str) -> list[Callable[[Any], bool]]:
    terms = re.split(r"\s+AND\s+", expression.strip()) if expression.strip() else []
    return [_test(term) for term in terms]


def _test(term: str) -> Callable[[Any], bool]:
    match = TERM.fullmatch(term)
    if match is None:
        raise invalid(f"filter term {term!r} is not understood on this machine")
    field, sign, value = match[1], match[2], match[3].strip('"')
    compare = operator.eq if sign == "=" else operator.ne
    if field.startswith("labels."):
        return lambda message: compare(message.labels.get(field[7:]), value)
    if field == "state":
        return lambda message: compare(message.state.name, value)
    if field in ("display_name", "displayName"):
        return lambda message: compare(message.display_name, value)
    raise invalid(f"filtering by {field!r} is not emulated on this machine")

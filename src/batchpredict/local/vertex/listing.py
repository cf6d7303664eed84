"""Filter, order, page and cut a list as the services do.

A page token holds where the page ended, not how many came before: what is added or deleted between
two calls neither repeats nor skips a resource, and a token outlives the service.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf.descriptor import Descriptor

from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.vertex.errors import invalid
from batchpredict.local.vertex.filters import Test, parse_filter, unquoted
from batchpredict.local.vertex.filters_fields import TIMES, comparisons
from batchpredict.local.vertex.masks import cut

Relation = Callable[[Any, str], bool]
DEFAULT_PAGE = 100
LARGEST_PAGE = 1000
ORDERED_BY = ("display_name", *TIMES)
REQUEST = re.compile(r"List(\w+?)(Version)?sRequest")


def select(
    messages: Sequence[Any],
    request: Any,
    *,
    order: str = "create_time desc",
    synonyms: Mapping[str, str] | None = None,
    relations: Mapping[str, Relation] | None = None,
) -> tuple[list[Any], str]:
    """Return the page of ``messages`` that ``request`` asks for, and the next page's token.

    Args:
        messages: The resources, of one kind.
        request: A List request: filter, order_by, page_size, page_token and read_mask.
        order: The order when the request has none.
        synonyms: Fields that are meant when others are ordered by.
        relations: What a filter may ask for with ``:`` beside the fields.

    Raises:
        ServiceError: INVALID_ARGUMENT; the message names what is not understood.
    """
    kind = _kind(messages, request)
    if kind is None:
        return [], ""
    keys = _order(getattr(request, "order_by", "") or order, kind, synonyms or {})
    found = _filtered(messages, request.filter, kind, relations or {})
    found.sort(key=lambda message: _Place(_values(message, keys), keys))
    page, token = _page(found, request, keys)
    return [_masked(message, request) for message in page], token


def _kind(messages: Sequence[Any], request: Any) -> Descriptor | None:
    """Return what is listed: also an empty list refuses a filter that is not understood."""
    match = REQUEST.fullmatch(type(request).__name__)
    named = getattr(types, match[1], None) if match else None
    if named is not None:
        return named.pb(named()).DESCRIPTOR  # type: ignore[no-any-return]
    return protobuf(messages[0]).DESCRIPTOR if messages else None


def _filtered(
    messages: Sequence[Any], expression: str, kind: Descriptor, relations: Mapping[str, Relation]
) -> list[Any]:
    if not expression.strip():
        return list(messages)
    of_fields = comparisons(kind)

    def compare(field: str, sign: str, value: str) -> Test:
        if field not in relations or sign != ":":
            return of_fields(field, sign, value)
        return lambda message: relations[field](message, unquoted(value))

    test = parse_filter(expression, compare)
    return [message for message in messages if test(protobuf(message))]


def _order(text: str, kind: Descriptor, synonyms: Mapping[str, str]) -> list[tuple[str, bool]]:
    """Return the fields to order by, each with whether the last comes first."""
    keys = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\w+)(?:\s+(asc|desc))?\s*", part)
        field = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", match[1]).lower() if match else ""
        if match is None or field not in ORDERED_BY or field not in kind.fields_by_name:
            known = ", ".join(name for name in ORDERED_BY if name in kind.fields_by_name)
            raise invalid(f"order_by {part.strip()!r} is not known on this machine; {known} are")
        keys.append((synonyms.get(field, field), match[2] == "desc"))
    return keys


class _Place:
    """Where a resource stands; ``values`` end in its name, so that no two are equal."""

    def __init__(self, values: Sequence[Any], keys: Sequence[tuple[str, bool]]) -> None:
        self._values = values
        self._downwards = [desc for _, desc in keys]

    def __lt__(self, other: "_Place") -> bool:
        for mine, its, downwards in zip(
            self._values, other._values, [*self._downwards, False], strict=True
        ):
            if mine != its:
                return bool(its < mine if downwards else mine < its)
        return False


def _values(message: Any, keys: Sequence[tuple[str, bool]]) -> list[Any]:
    plain = protobuf(message)
    return [*(_value(plain, field) for field, _ in keys), plain.name]


def _value(plain: Any, field: str) -> str | int:
    if field == "display_name":
        return str(plain.display_name)
    return int(getattr(plain, field).ToNanoseconds()) if plain.HasField(field) else 0


def _page(
    found: Sequence[Any], request: Any, keys: Sequence[tuple[str, bool]]
) -> tuple[Sequence[Any], str]:
    if request.page_size < 0:
        raise invalid(f"page_size {request.page_size} is less than 0")
    asked = [request.filter, *map(list, keys)]
    digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]
    if request.page_token:
        last = _Place(_read_token(request.page_token, digest, keys), keys)
        found = [it for it in found if last < _Place(_values(it, keys), keys)]
    size = min(request.page_size or DEFAULT_PAGE, LARGEST_PAGE)
    if len(found) <= size:
        return found, ""
    ends = json.dumps([digest, *_values(found[size - 1], keys)])
    return found[:size], base64.urlsafe_b64encode(ends.encode()).decode()


def _read_token(token: str, digest: str, keys: Sequence[tuple[str, bool]]) -> list[Any]:
    """Return the values of the last resource of the page that gave the token."""
    try:
        made_for, *values = json.loads(base64.urlsafe_b64decode(token))
        kinds = [*(str if field == "display_name" else int for field, _ in keys), str]
        if made_for == digest and list(map(type, values)) == kinds:
            return list(values)
    except (ValueError, TypeError):
        pass
    raise invalid("page_token must be that of the page before, with the same filter and order_by")


def _masked(message: Any, request: Any) -> Any:
    mask = protobuf(request).read_mask if hasattr(request, "read_mask") else None
    if mask is None or not mask.paths or list(mask.paths) == ["*"]:
        return message
    return type(message).wrap(cut(protobuf(message), mask.paths))

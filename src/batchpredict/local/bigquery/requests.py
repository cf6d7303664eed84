"""What a request may say: its path, its query, its JSON; the rest is refused by name."""

import json
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple
from urllib.parse import unquote

from batchpredict.local.bigquery.errors import BigQueryError, invalid, not_emulated
from batchpredict.local.network.http import HttpRequest, HttpResponse

SYSTEM = {"alt", "key", "prettyPrint", "quotaUser", "userIp", "uploadType", "access_token"}
OF_THE_USER = {"labels", "json", "structValues", "struct_values", "resourceTags"}
Handler = Callable[..., HttpResponse]


class Route(NamedTuple):
    """One method of the API.

    Attributes:
        verb: Of HTTP.
        path: Below ``/bigquery/v2/``; ``{}`` is one encoded segment.
        name: Of the method, such as ``tables.get``.
        handler: Gets the request and the segments.
        query: Parameters that it knows.
    """

    verb: str
    path: str
    name: str
    handler: Handler
    query: Collection[str] = ()


def segments(path: str) -> list[str]:
    """Return the decoded segments of a path."""
    return [unquote(part) for part in path.split("/")]


def find(routes: Iterable[Route], verb: str, path: str) -> tuple[Route, list[str]] | None:
    """Return the route of a request and the values of its ``{}``, or None."""
    parts = path.split("/")
    for route in routes:
        template = route.path.split("/")
        if route.verb != verb or len(template) != len(parts):
            continue
        pairs = list(zip(template, parts, strict=True))
        if all(slot in ("{}", part) for slot, part in pairs):
            return route, [unquote(part) for slot, part in pairs if slot == "{}"]
    return None


def check_query(request: HttpRequest, known: Collection[str]) -> None:
    """Refuse a parameter that the method has not.

    Raises:
        BigQueryError: There is one.
    """
    for name, _ in request.query:
        if name not in SYSTEM and name not in known and not name.startswith("$"):
            raise invalid(f'Invalid JSON payload received. Unknown name "{name}"', name)


def body(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object that a request holds.

    Raises:
        BigQueryError: It holds something else.
    """
    return json_object(request.body)


def json_object(data: bytes) -> dict[str, Any]:
    """Return ``data`` as a JSON object."""
    try:
        content = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        raise BigQueryError(400, "parseError", "Parse Error: the body is not JSON") from None
    if not isinstance(content, dict):
        raise BigQueryError(400, "parseError", "Parse Error: the body is no JSON object")
    found: dict[str, Any] = _camel(content)
    return found


def _camel(content: Any) -> Any:
    """Return JSON with the names of fields as they are documented.

    As all of Google's APIs do, BigQuery takes the names of its protos too: the pipeline component
    for queries sends ``query_parameters``. Names that are the user's stay.
    """
    if isinstance(content, list):
        return [_camel(it) for it in content]
    if not isinstance(content, dict):
        return content
    return {
        re.sub(r"(?<=[a-z0-9])_([a-z])", lambda it: it[1].upper(), name): (
            value if name in OF_THE_USER else _camel(value)
        )
        for name, value in content.items()
    }


def check_body(
    content: Any,
    known: Collection[str],
    refused: Collection[str] = (),
    ignored: Collection[str] = (),
    where: str = "",
) -> dict[str, Any]:
    """Return the known members of an object.

    Args:
        content: The object.
        known: Members that have an effect, or come back as they were sent.
        refused: Members that BigQuery has and this machine has not.
        ignored: What only the service says.
        where: The name of the object, for messages.

    Raises:
        BigQueryError: It is no object, or there is another member, or a refused one.
    """
    if not isinstance(content, dict):
        raise invalid(f"Invalid value for {where or 'the body'}: an object is needed", where)
    for name, value in content.items():
        path = f"{where}.{name}" if where else name
        if name in refused:
            if value not in (None, False, "", [], {}):
                raise not_emulated(path)
        elif name not in known and name not in ignored:
            raise invalid(
                f'Invalid JSON payload received. Unknown name "{path}": Cannot find field.', path
            )
    return {name: content[name] for name in content if name in known}


def page(request: HttpRequest, size: int = 1000) -> tuple[int, int]:
    """Return where a page starts and how many items it may have.

    Raises:
        BigQueryError: The token or the number is none.
    """
    token, most = request.param("pageToken"), request.param("maxResults")
    start = request.param("startIndex")
    if token and not re.fullmatch(r"p\d{1,18}", token):
        raise invalid(f"Invalid page token: {token}", "pageToken")
    for value in (most, start):
        if value and not re.fullmatch(r"\d{1,18}", value):
            raise invalid(f"Invalid value for a number: {value}", "maxResults")
    first = int(token[1:]) if token else int(start or 0)
    return first, min(int(most), size) if most else size


def page_token(first: int, total: int) -> dict[str, str]:
    """Return the member that leads to the next page, if there is one."""
    return {"nextPageToken": f"p{first}"} if first < total else {}


def flag(request: HttpRequest, name: str) -> bool:
    """Return a parameter that is true or false."""
    return request.param(name).lower() == "true"

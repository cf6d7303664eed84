"""From a request to the function that answers it."""

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from batchpredict.local.network.http import HttpRequest, HttpResponse
from batchpredict.local.storage.errors import StorageError

Handler = Callable[..., HttpResponse]
Route = tuple[str, str, Handler]


class Router:
    """Routes such as ``("GET", "/storage/v1/b/{}", handler)``; ``{}`` is one encoded segment."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(method, path.split("/"), handler) for method, path, handler in routes]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer by the handler of the route; it gets the decoded ``{}`` segments."""
        parts = request.path.split("/")
        for method, template, handler in self._routes:
            if method == request.method and _fits(template, parts):
                pairs = zip(template, parts, strict=True)
                return handler(request, *[_decoded(part) for slot, part in pairs if slot == "{}"])
        raise StorageError(
            501, f"{request.method} {request.path} is not supported by the local Cloud Storage"
        )


def json_body(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object in the body; an empty body is an empty object."""
    return json_object(request.body)


def json_object(data: bytes) -> dict[str, Any]:
    """Return ``data`` as a JSON object."""
    try:
        content = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        raise StorageError(400, "The body is not valid JSON", "parseError") from None
    if not isinstance(content, dict):
        raise StorageError(400, "The body is not a JSON object", "parseError")
    return content


def _fits(template: list[str], parts: list[str]) -> bool:
    return len(template) == len(parts) and all(
        slot in ("{}", part) for slot, part in zip(template, parts, strict=True)
    )


def _decoded(part: str) -> str:
    try:
        return unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise StorageError(400, f"The path has a segment that is not UTF-8: {part}") from None

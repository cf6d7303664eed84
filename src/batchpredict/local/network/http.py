"""One HTTP request and its reply as values: a service is a function from one to the other."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REAL_TOKEN = "this is a local emulator: it does not take a real access token"


@dataclass(frozen=True)
class HttpRequest:
    """What a client sent.

    Attributes:
        method: Upper-case verb.
        path: Path as it came, still percent-encoded, without the query.
        query: Query parameters in order, decoded; a name may come twice.
        headers: Header values by lower-case name.
        body: Whole body, de-chunked.
        base_url: Scheme, host and port that the client used; links in a reply start with it.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    base_url: str = ""

    def param(self, name: str, default: str = "") -> str:
        """Return the last query parameter of this name."""
        return next((value for key, value in reversed(self.query) if key == name), default)


@dataclass(frozen=True)
class HttpResponse:
    """What goes back.

    Attributes:
        status: HTTP status.
        body: Whole body.
        headers: Headers beside the length.
        cut: The connection ends after so many bytes of the body; None sends all of it.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None


class ConnectionBrokenError(ConnectionError):
    """Raised by a service to end the connection without a reply."""


def json_response(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return ``content`` as a JSON reply."""
    body = json.dumps(content, allow_nan=False).encode()
    return HttpResponse(status, body, {"Content-Type": "application/json", **(headers or {})})


def carries_real_token(headers: Mapping[str, str], parameter: str = "") -> bool:
    """Whether a request comes with what looks like an access token of Google."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return bearer.startswith("ya29.") or parameter.startswith("ya29.")

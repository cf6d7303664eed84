"""Many requests in one: the ``multipart/mixed`` endpoint."""

import re
import uuid
from collections.abc import Callable
from email.parser import BytesHeaderParser
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from batchpredict.local.network.http import HttpRequest, HttpResponse
from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.multipart import parts

_LIMIT = 1000
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
Handle = Callable[[HttpRequest], HttpResponse]


def answer_batch(request: HttpRequest, handle: Handle) -> HttpResponse:
    """Answer each request in a batch by ``handle``; one that fails does not stop the others."""
    found = parts(request.headers.get("content-type", ""), request.body)
    if len(found) > _LIMIT:
        raise StorageError(400, f"A batch has at most {_LIMIT} requests, not {len(found)}")
    inner = [_parsed(content, request.base_url) for _, content in found]
    separator = f"batch_{uuid.uuid4().hex}"
    body = b"".join(
        _rendered(handle(each), headers.get("Content-ID", ""), separator)
        for each, (headers, _) in zip(inner, found, strict=True)
    )
    content_type = f"multipart/mixed; boundary={separator}"
    return HttpResponse(200, body + f"--{separator}--".encode(), {"Content-Type": content_type})


def _parsed(content: bytes, base_url: str) -> HttpRequest:
    head, *rest = _BLANK_LINE.split(content.lstrip(b"\r\n"), maxsplit=1)
    line, _, header_lines = head.partition(b"\n")
    words = line.decode("latin-1").split()
    if len(words) != 3:
        raise StorageError(400, f"Not a request line in a batch: {line[:200]!r}")
    url = urlsplit(words[1])
    if not url.path.startswith("/storage/v1/"):
        raise StorageError(400, f"A batch cannot hold uploads, downloads or batches: {url.path}")
    query = parse_qsl(url.query, keep_blank_values=True)
    message = BytesHeaderParser().parsebytes(header_lines)
    headers = {name.lower(): str(value) for name, value in message.items()}
    return HttpRequest(words[0], url.path, tuple(query), headers, b"".join(rest), base_url)


def _rendered(response: HttpResponse, content_id: str, separator: str) -> bytes:
    phrase = HTTPStatus(response.status).phrase
    lines = [
        f"--{separator}",
        "Content-Type: application/http",
        f"Content-ID: <response-{content_id.strip('<>')}>",
        "",
        f"HTTP/1.1 {response.status} {phrase}",
        *(f"{name}: {value}" for name, value in response.headers.items()),
        f"Content-Length: {len(response.body)}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + response.body + b"\r\n"

"""Bodies of several parts: ``multipart/related`` of an upload."""

from email.message import Message
from email.parser import BytesHeaderParser

from batchpredict.local.storage.errors import StorageError


def boundary(content_type: str) -> bytes:
    """Return the boundary that a ``Content-Type`` names."""
    message = Message()
    message["Content-Type"] = content_type
    found = message.get_boundary()
    if not found:
        raise StorageError(400, f"Content-Type names no boundary: {content_type!r}")
    return found.strip("'").encode()


def parts(content_type: str, body: bytes) -> list[tuple[Message, bytes]]:
    """Return headers and content of each part; binary content stays as it is."""
    delimiter = b"--" + boundary(content_type)
    if not body.startswith(delimiter):
        body = body[body.find(b"\n" + delimiter) + 1 :]
    newline = b"\r\n" if body.startswith(delimiter + b"\r\n") else b"\n"
    if not body.startswith(delimiter + newline):
        raise StorageError(400, "The body does not start with its boundary")
    pieces = (newline + body).split(newline + delimiter)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise StorageError(400, "The body does not end with its boundary")
    return [_part(piece, newline) for piece in pieces[1:-1]]


def _part(piece: bytes, newline: bytes) -> tuple[Message, bytes]:
    head, _, content = piece.partition(newline * 2)
    return BytesHeaderParser().parsebytes(head.lstrip(b"\r\n")), content

"""Downloads: the bytes of an object, or a range of them."""

import re
from dataclasses import replace

from batchpredict.local.network.http import HttpRequest, HttpResponse
from batchpredict.local.storage.checksums import Checksums
from batchpredict.local.storage.conditions import Conditions, integer_parameter
from batchpredict.local.storage.errors import StorageError, error_response
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.storage.stored import StoredObject

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_HEADER_OF_FIELD = {
    "cacheControl": "Cache-Control",
    "contentDisposition": "Content-Disposition",
    "contentEncoding": "Content-Encoding",
    "contentLanguage": "Content-Language",
}


def download(store: ObjectStore, request: HttpRequest, bucket: str, name: str) -> HttpResponse:
    """Return the data of an object, exactly as stored."""
    generation = integer_parameter(request, "generation")
    with store.open(bucket, name, generation) as (found, file):
        Conditions.of(request, reading=True).check(found)
        headers = _headers(found, store.checksums(found))
        wanted = requested_range(request.headers.get("range", ""), found.size)
        if wanted is None:
            return HttpResponse(200, file.read(), headers)
        if not wanted:
            return _not_satisfiable(found)
        file.seek(wanted.start)
        data = file.read(len(wanted))
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{found.size}"
        return HttpResponse(206, data, headers)


def requested_range(header: str, size: int) -> range | None:
    """Return the bytes that a ``Range`` asks for, empty for none that exist, None for all."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None  # absent, several ranges or malformed: HTTP says to ignore it
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


def _not_satisfiable(found: StoredObject) -> HttpResponse:
    error = StorageError(416, f"{found.bucket}/{found.name} has only {found.size} bytes")
    response = error_response(error)
    return replace(
        response, headers={**response.headers, "Content-Range": f"bytes */{found.size}"}
    )


def _headers(found: StoredObject, checksums: Checksums) -> dict[str, str]:
    attributes = found.attributes
    headers = {
        "Content-Type": found.content_type,
        "Accept-Ranges": "bytes",
        "ETag": found.etag,
        "X-Goog-Generation": str(found.generation),
        "X-Goog-Metageneration": str(found.metageneration),
        "X-Goog-Hash": f"crc32c={checksums.crc32c}",
        "X-Goog-Storage-Class": str(attributes.get("storageClass", "STANDARD")),
        "X-Goog-Stored-Content-Length": str(found.size),
        "X-Goog-Stored-Content-Encoding": str(attributes.get("contentEncoding", "identity")),
    }
    if "componentCount" not in attributes:
        headers["X-Goog-Hash"] += f",md5={checksums.md5}"
    headers |= {h: attributes[key] for key, h in _HEADER_OF_FIELD.items() if key in attributes}
    # Headers are Latin-1 on the wire; Google sends UTF-8 through them.
    return {header: value.encode().decode("latin-1") for header, value in headers.items()}

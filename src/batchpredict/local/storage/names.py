"""Names of buckets and objects, and which of them can be files."""

import hashlib
import re
from functools import lru_cache

from batchpredict.local.storage.errors import StorageError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_OBJECT_BYTES = 1024
_SEGMENT_BYTES = 255
_JSON_SEGMENT_BYTES = _SEGMENT_BYTES - len(".json")


def check_bucket(name: str) -> str:
    """Return ``name`` or raise when no bucket may have it."""
    if not _BUCKET.fullmatch(name):
        raise StorageError(400, f"Invalid bucket name: {name!r}")
    return name


def check_object(name: str) -> str:
    """Return ``name`` or raise when an object of that name cannot be a file here."""
    problem = object_name_problem(name)
    if problem:
        raise StorageError(400, f"Invalid object name {name[:200]!r}: {problem}")
    return name


@lru_cache(8192)
def object_name_problem(name: str) -> str:
    """Return why an object of this name cannot be a file, or an empty string."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    if not 0 < size <= _OBJECT_BYTES:
        return f"it must have 1 to {_OBJECT_BYTES} bytes in UTF-8"
    if any(character in name for character in "\0\r\n"):
        return "it contains NUL, CR or LF"
    return next(filter(None, map(_segment_problem, segments(name))), "")


def segments(name: str) -> list[str]:
    """Return the folders and the file of an object name; a folder marker ends in its folder."""
    return name.removesuffix("/").split("/")


def parse_uri(uri: str) -> tuple[str, str]:
    """Return bucket and object name of ``gs://bucket/object``; the object may be empty."""
    if not uri.startswith("gs://"):
        raise StorageError(400, f"Not a gs:// URI: {uri!r}")
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return check_bucket(bucket), check_object(name) if name else ""


def sidecar_segments(name: str) -> list[str]:
    """Return where the metadata of an object lies: ``<object>.json`` below its bucket's folder.

    A folder ``a.json`` becomes ``a.json~``, as the object ``a`` keeps its metadata in ``a.json``.
    """
    *folders, leaf = name.split("/")
    return [_sidecar_folder(folder) for folder in folders] + [f"{_fit(leaf)}.json"]


def _segment_problem(segment: str) -> str:
    if segment in ("", ".", ".."):
        return f"the segment {segment!r} of a path cannot be a file or folder on this machine"
    if len(segment.encode()) > _SEGMENT_BYTES:
        return f"a segment longer than {_SEGMENT_BYTES} bytes cannot be a file on this machine"
    return ""


def _sidecar_folder(folder: str) -> str:
    return _fit(f"{folder}~" if re.search(r"\.json~*\Z", folder) else folder)


def _fit(segment: str) -> str:
    encoded = segment.encode()
    if len(encoded) <= _JSON_SEGMENT_BYTES:
        return segment
    return hashlib.sha256(encoded).hexdigest()

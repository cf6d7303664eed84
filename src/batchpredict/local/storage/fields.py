"""Fields of objects and buckets in the JSON API: what a client may set and what it gets back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from batchpredict.local.storage.buckets import StoredBucket
from batchpredict.local.storage.checksums import Checksums
from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.stored import StoredObject

_TEXT = (
    "cacheControl",
    "contentDisposition",
    "contentEncoding",
    "contentLanguage",
    "contentType",
    "customTime",
    "storageClass",
)
# They promise that nothing is deleted or lost; nothing here keeps that promise.
_UNSUPPORTED_OF_OBJECT = ("eventBasedHold", "temporaryHold", "retention")
_UNSUPPORTED_OF_BUCKET = ("defaultEventBasedHold", "objectRetention", "retentionPolicy")
_OUTPUT_OF_BUCKET = (
    *("kind", "id", "name", "selfLink", "etag", "metageneration", "timeCreated", "updated"),
    *("projectNumber", "generation", "acl", "defaultObjectAcl"),
)


def editable(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an object resource that a client may set, checked."""
    _refuse(body, _UNSUPPORTED_OF_OBJECT)
    fields = {key: _text(key, body[key]) for key in _TEXT if body.get(key) is not None}
    metadata = _custom_metadata(body.get("metadata") or {})
    return {**fields, "metadata": metadata} if metadata else fields


def patched(attributes: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``attributes`` after a PATCH, in which null removes a field."""
    merged = {**attributes, **changes}
    if isinstance(changes.get("metadata"), Mapping):
        both = {**attributes.get("metadata", {}), **changes["metadata"]}
        merged["metadata"] = {key: value for key, value in both.items() if value is not None}
    kept = {key: attributes[key] for key in ("componentCount",) if key in attributes}
    return {**editable(merged), **kept}


def bucket_attributes(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a bucket resource that a client may set."""
    _refuse(body, _UNSUPPORTED_OF_BUCKET)
    if not all(isinstance(body.get(key) or {}, dict) for key in ("labels", "versioning")):
        raise StorageError(400, "labels and versioning of a bucket are JSON objects")
    if (body.get("versioning") or {}).get("enabled"):
        raise StorageError(501, "The local Cloud Storage keeps no versions of objects")
    fields = {k: v for k, v in body.items() if k not in _OUTPUT_OF_BUCKET and v is not None}
    labels = {key: label for key, label in fields.pop("labels", {}).items() if label is not None}
    return {**fields, "labels": labels} if labels else fields


def object_resource(
    found: StoredObject, base_url: str, checksums: Checksums | None
) -> dict[str, Any]:
    """Return an object as the JSON API shows it."""
    generation = str(found.generation)
    path = f"storage/v1/b/{found.bucket}/o/{quote(found.name, safe='')}"
    resource = {
        "kind": "storage#object",
        "id": f"{found.bucket}/{found.name}/{generation}",
        "selfLink": f"{base_url}/{path}",
        "mediaLink": f"{base_url}/download/{path}?generation={generation}&alt=media",
        "bucket": found.bucket,
        "name": found.name,
        "generation": generation,
        "metageneration": str(found.metageneration),
        "etag": found.etag,
        "size": str(found.size),
        "timeCreated": _rfc3339(found.generation),
        "updated": _rfc3339(found.updated_ns),
        "storageClass": "STANDARD",
        "contentType": found.content_type,
    }
    return {**resource, **_checksum_fields(found, checksums), **found.attributes}


def bucket_resource(found: StoredBucket, base_url: str) -> dict[str, Any]:
    """Return a bucket as the JSON API shows it."""
    return {
        "kind": "storage#bucket",
        "id": found.name,
        "selfLink": f"{base_url}/storage/v1/b/{found.name}",
        "name": found.name,
        "projectNumber": "123456789012",
        "metageneration": str(found.metageneration),
        "etag": found.etag,
        "timeCreated": _rfc3339(found.created_ns),
        "updated": _rfc3339(found.updated_ns),
        "location": "US-CENTRAL1",
        "locationType": "region",
        "storageClass": "STANDARD",
        **found.attributes,
    }


def _checksum_fields(found: StoredObject, checksums: Checksums | None) -> dict[str, str]:
    if checksums is None:
        return {}
    if "componentCount" in found.attributes:  # as in the cloud, a composite has no MD5
        return {"crc32c": checksums.crc32c}
    return {"crc32c": checksums.crc32c, "md5Hash": checksums.md5}


def _refuse(body: Mapping[str, Any], unsupported: tuple[str, ...]) -> None:
    for key in unsupported:
        if body.get(key):
            raise StorageError(501, f"{key} is not supported by the local Cloud Storage")


def _text(key: str, value: Any) -> str:
    # The values come back as HTTP headers, where a line break would start another one.
    if not isinstance(value, str) or any(ord(character) < 32 for character in value):
        raise StorageError(400, f"Invalid value for {key}: {value!r}")
    return value


def _custom_metadata(metadata: Any) -> dict[str, str]:
    if not isinstance(metadata, Mapping):
        raise StorageError(400, f"Invalid value for metadata: {metadata!r}")
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise StorageError(400, f"Invalid value for metadata.{key}: {value!r} is no string")
    return dict(metadata)


@lru_cache(8192)  # who lists a folder asks for the same times again and again
def _rfc3339(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

"""Uploads: simple, multipart, and resumable in chunks."""

import re
import threading
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response
from batchpredict.local.storage.checksums import Checksums
from batchpredict.local.storage.conditions import Conditions
from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.fields import editable, object_resource
from batchpredict.local.storage.multipart import parts
from batchpredict.local.storage.names import check_object
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.storage.routing import Route, json_body, json_object
from batchpredict.local.storage.staging import Staged
from batchpredict.local.storage.stored import StoredObject

_OBJECTS = "/upload/storage/v1/b/{}/o"
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)")
_CHUNK_MULTIPLE = 256 * 1024
_FINISHED_KEPT = 1000  # a client that missed the last reply asks for it again
_CLIENT_CLOSED = 499  # what Cloud Storage answers to a cancelled upload


@dataclass
class Session:
    """One resumable upload."""

    bucket: str
    metadata: Mapping[str, Any]
    conditions: Conditions
    staged: Staged
    finished: StoredObject | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Chunk:
    """What a ``Content-Range`` says: first byte, or None for a question; total, if known."""

    first: int | None
    total: int | None


class UploadApi:
    """The routes below ``/upload``."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._sessions: dict[str, Session] = {}
        self._finished: deque[str] = deque()

    def routes(self) -> list[Route]:
        """Return what this answers."""
        return [
            ("POST", _OBJECTS, self.insert),
            ("PUT", _OBJECTS, self.resume),
            ("DELETE", _OBJECTS, self.cancel),
        ]

    def insert(self, request: HttpRequest, bucket: str) -> HttpResponse:
        """Store an object, or begin to."""
        if request.param("upload_id"):
            return self.resume(request, bucket)
        ways = {"media": self._simple, "multipart": self._multipart, "resumable": self._start}
        upload = ways.get(request.param("uploadType"))
        if upload is None:
            raise StorageError(400, f"Unknown uploadType: {request.param('uploadType')!r}")
        self._store.buckets.require(bucket)
        return upload(request, bucket)

    def resume(self, request: HttpRequest, bucket: str) -> HttpResponse:
        """Take the next chunk of a resumable upload, or tell how far it is."""
        upload_id = request.param("upload_id")
        session = self._session(upload_id, bucket)
        with session.lock:
            self._session(upload_id, bucket)  # it may have failed while this waited
            if session.finished is None:
                chunk = _parsed_range(request)
                self._append(upload_id, session, chunk, request.body)
                if chunk.total is None or session.staged.size < chunk.total:
                    return _incomplete(session.staged.size)
                self._finish(upload_id, session, request)
            return self._reply(session.finished, request)

    def cancel(self, request: HttpRequest, bucket: str) -> HttpResponse:
        """Forget a resumable upload."""
        upload_id = request.param("upload_id")
        session = self._session(upload_id, bucket)
        with session.lock:
            self._drop(upload_id, session)
        return HttpResponse(_CLIENT_CLOSED)

    def _simple(self, request: HttpRequest, bucket: str) -> HttpResponse:
        metadata = {"contentType": request.headers.get("content-type")}
        return self._store_at_once(request, bucket, metadata, request.body)

    def _multipart(self, request: HttpRequest, bucket: str) -> HttpResponse:
        found = parts(request.headers.get("content-type", ""), request.body)
        if len(found) != 2:
            raise StorageError(400, f"A multipart upload has 2 parts, not {len(found)}")
        metadata = json_object(found[0][1])
        headers, data = found[1]
        metadata.setdefault("contentType", headers.get("Content-Type"))
        return self._store_at_once(request, bucket, metadata, data)

    def _start(self, request: HttpRequest, bucket: str) -> HttpResponse:
        metadata = json_body(request)
        metadata.setdefault("contentType", request.headers.get("x-upload-content-type"))
        name = _named(metadata, request)
        conditions = Conditions.of(request)
        conditions.check(self._store.find(bucket, name))
        upload_id = uuid.uuid4().hex
        self._sessions[upload_id] = Session(
            bucket, metadata, conditions, self._store.staging.begin()
        )
        query = f"uploadType=resumable&upload_id={upload_id}"
        location = f"{request.base_url}{_OBJECTS.format(bucket)}?{query}"
        return HttpResponse(200, b"", {"Location": location, "X-GUploader-UploadID": upload_id})

    def _store_at_once(
        self, request: HttpRequest, bucket: str, metadata: dict[str, Any], data: bytes
    ) -> HttpResponse:
        name = _named(metadata, request)
        with self._store.staging.staged(data) as staged:
            _verify(staged.checksums(), metadata, request)
            conditions = Conditions.of(request)
            stored = self._store.commit(staged, bucket, name, editable(metadata), conditions)
        return self._reply(stored, request)

    def _append(self, upload_id: str, session: Session, chunk: Chunk, data: bytes) -> None:
        if chunk.first is None:
            return
        missing = session.staged.size - chunk.first
        if missing < 0:
            raise StorageError(400, f"The next chunk starts at byte {session.staged.size}")
        if data[missing:]:
            try:
                session.staged.write(data[missing:])
            except OSError:
                self._drop(upload_id, session)
                raise

    def _finish(self, upload_id: str, session: Session, request: HttpRequest) -> None:
        try:
            _verify(session.staged.checksums(), session.metadata, request)
            session.finished = self._store.commit(
                session.staged,
                session.bucket,
                session.metadata["name"],
                editable(session.metadata),
                session.conditions,
            )
        except (StorageError, OSError):
            self._drop(upload_id, session)
            raise
        session.staged.discard()
        self._finished.append(upload_id)
        if len(self._finished) > _FINISHED_KEPT:
            self._sessions.pop(self._finished.popleft(), None)

    def _session(self, upload_id: str, bucket: str) -> Session:
        session = self._sessions.get(upload_id)
        if session is None or session.bucket != bucket:
            raise StorageError(404, f"No such upload: {upload_id}")
        return session

    def _drop(self, upload_id: str, session: Session) -> None:
        self._sessions.pop(upload_id, None)
        session.staged.discard()

    def _reply(self, stored: StoredObject | None, request: HttpRequest) -> HttpResponse:
        if stored is None:
            raise StorageError(404, "The upload was not finished")
        checksums = self._store.checksums(stored)
        return json_response(object_resource(stored, request.base_url, checksums))


def _named(metadata: dict[str, Any], request: HttpRequest) -> str:
    name = check_object(str(metadata.get("name") or request.param("name")))
    encoding = request.param("contentEncoding")
    metadata.update({"name": name, **({"contentEncoding": encoding} if encoding else {})})
    editable(metadata)  # to refuse bad fields before any data is sent
    return name


def _parsed_range(request: HttpRequest) -> Chunk:
    header = request.headers.get("content-range", "")
    if not header:
        return Chunk(0, len(request.body))
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None:
        raise StorageError(400, f"Invalid Content-Range: {header!r}")
    first, last, total_text = match.groups()
    total = None if total_text == "*" else int(total_text)
    if first is None:
        return Chunk(None, total)
    _check_chunk(len(request.body), int(first), int(last), total)
    return Chunk(int(first), total)


def _check_chunk(size: int, first: int, last: int, total: int | None) -> None:
    if size != last - first + 1 or (total is not None and last >= total):
        raise StorageError(400, f"Content-Range {first}-{last}/{total} on {size} bytes")
    if last + 1 != total and size % _CHUNK_MULTIPLE:
        raise StorageError(
            400, f"All chunks but the last must be multiples of {_CHUNK_MULTIPLE} bytes"
        )


def _incomplete(size: int) -> HttpResponse:
    return HttpResponse(308, b"", {"Range": f"bytes=0-{size - 1}"} if size else {})


def _verify(checksums: Checksums, metadata: Mapping[str, Any], request: HttpRequest) -> None:
    header = request.headers.get("x-goog-hash", "")
    sent = dict(item.strip().partition("=")[::2] for item in header.split(","))
    for field_name, header_name, actual in (
        ("md5Hash", "md5", checksums.md5),
        ("crc32c", "crc32c", checksums.crc32c),
    ):
        expected = sent.get(header_name) or metadata.get(field_name)
        if expected and expected != actual:
            raise StorageError(
                400, f"Provided {field_name} {expected!r} doesn't match calculated {actual!r}"
            )

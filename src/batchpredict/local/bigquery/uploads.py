"""Load jobs whose file comes with the request: in parts of one body, or in chunks."""

import re
import secrets
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchpredict.local.bigquery.errors import BigQueryError, invalid, not_found
from batchpredict.local.bigquery.jobs import JobApi
from batchpredict.local.bigquery.requests import Route, body, json_object
from batchpredict.local.bigquery.warehouse import Warehouse
from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response
from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.multipart import parts

RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)")
FINISHED_KEPT = 100  # a client that missed the last reply asks for it again
QUERY = ("uploadType", "upload_id", "name")


@dataclass
class _Upload:
    """A file that comes in chunks."""

    project: str
    content: dict[str, Any]
    path: Path
    job: dict[str, Any] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class UploadApi:
    """Uploads to load jobs."""

    def __init__(self, warehouse: Warehouse, jobs: JobApi) -> None:
        self._warehouse = warehouse
        self._jobs = jobs
        self._uploads: dict[str, _Upload] = {}
        self._finished: deque[str] = deque()

    def routes(self) -> list[Route]:
        """Return what this answers below ``/upload``."""
        path = "projects/{}/jobs"
        return [
            Route("POST", path, "jobs.insert", self.insert, QUERY),
            Route("PUT", path, "jobs.insert", self.resume, QUERY),
        ]

    def insert(self, request: HttpRequest, project: str) -> HttpResponse:
        """Take a whole file, or begin to."""
        if request.param("upload_id"):
            return self.resume(request, project)
        kind = request.param("uploadType")
        if kind == "multipart":
            return self._multipart(request, project)
        if kind != "resumable":
            raise invalid(f"Unknown uploadType: {kind!r}", "uploadType")
        upload_id = secrets.token_hex(16)
        self._uploads[upload_id] = _Upload(project, body(request), self._path())
        query = f"uploadType=resumable&upload_id={upload_id}"
        location = f"{request.base_url}{request.path}?{query}"
        return HttpResponse(200, b"", {"Location": location, "X-GUploader-UploadID": upload_id})

    def _path(self) -> Path:
        path = self._warehouse.exchange / f"{secrets.token_hex(16)}.upload"
        path.touch()
        return path

    def _multipart(self, request: HttpRequest, project: str) -> HttpResponse:
        try:
            found = parts(request.headers.get("content-type", ""), request.body)
        except StorageError as error:
            raise invalid(error.message) from None
        if len(found) != 2:
            raise invalid(f"A multipart upload has 2 parts, not {len(found)}")
        path = self._path()
        path.write_bytes(found[1][1])
        return json_response(self._start(project, json_object(found[0][1]), path))

    def _start(self, project: str, content: dict[str, Any], path: Path) -> dict[str, Any]:
        try:
            return self._jobs.start(project, content, path)
        except BigQueryError:
            path.unlink(missing_ok=True)
            raise

    def resume(self, request: HttpRequest, project: str) -> HttpResponse:
        """Take the next chunk, or tell how far the upload is."""
        upload_id = request.param("upload_id")
        upload = self._uploads.get(upload_id)
        if upload is None or upload.project != project:
            raise not_found("Upload", upload_id)
        with upload.lock:
            if upload.job is None:
                size, total = _append(upload.path, request)
                if total is None or size < total:
                    headers = {"Range": f"bytes=0-{size - 1}"} if size else {}
                    return HttpResponse(308, b"", headers)
                upload.job = self._start(project, upload.content, upload.path)
                self._finished.append(upload_id)
                if len(self._finished) > FINISHED_KEPT:
                    self._uploads.pop(self._finished.popleft(), None)
        return json_response(upload.job)


def _append(path: Path, request: HttpRequest) -> tuple[int, int | None]:
    """Write a chunk; return how many bytes are there, and how many there will be if known."""
    header = request.headers.get("content-range", "").strip()
    size = path.stat().st_size
    match = RANGE.fullmatch(header) if header else None
    if header and match is None:
        raise invalid(f"Invalid Content-Range: {header!r}")
    first, total = (match[1], match[3]) if match else ("0", str(len(request.body)))
    if first is not None:
        known = size - int(first)
        if known < 0:
            raise invalid(f"The next chunk starts at byte {size}")
        with path.open("ab") as file:
            file.write(request.body[known:])
        size = path.stat().st_size
    return size, None if total == "*" else int(total)

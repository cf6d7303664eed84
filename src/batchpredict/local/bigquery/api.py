"""BigQuery's REST API as one object; everything behind it is loaded by the first request."""

import contextlib
import importlib.util
import logging
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from batchpredict.local.bigquery.errors import BigQueryError, error_response
from batchpredict.local.bigquery.requests import Route, check_query, find
from batchpredict.local.network.http import HttpRequest, HttpResponse
from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.objects import ObjectStore

if TYPE_CHECKING:
    from batchpredict.local.bigquery.service import BigQueryService

log = logging.getLogger("batchpredict.local")
PATH = re.compile(r"/(?:resumable/)?(upload/)?bigquery/v2/(.+)")
HOSTS = re.compile(r"(bigquery|www)\.googleapis\.com(:\d+)?|(127\.0\.0\.1|localhost)(:\d+)?")
NEEDED = ("duckdb", "sqlglot")
MARKS = "running"
_PROJECT = "projects/[^/]+"
_DATASET = f"{_PROJECT}/datasets/[^/]+"
_TABLE = f"{_DATASET}/tables/[^/]+"
_JOB = f"{_PROJECT}/jobs/[^/]+"
METHODS = {
    "bigquery.projects.list": "GET projects",
    "bigquery.projects.getServiceAccount": f"GET {_PROJECT}/serviceAccount",
    "bigquery.datasets.list": f"GET {_PROJECT}/datasets",
    "bigquery.datasets.insert": f"POST {_PROJECT}/datasets",
    "bigquery.datasets.get": f"GET {_DATASET}",
    "bigquery.datasets.patch": f"PATCH {_DATASET}",
    "bigquery.datasets.update": f"PUT {_DATASET}",
    "bigquery.datasets.delete": f"DELETE {_DATASET}",
    "bigquery.tables.list": f"GET {_DATASET}/tables",
    "bigquery.tables.insert": f"POST {_DATASET}/tables",
    "bigquery.tables.get": f"GET {_TABLE}",
    "bigquery.tables.patch": f"PATCH {_TABLE}",
    "bigquery.tables.update": f"PUT {_TABLE}",
    "bigquery.tables.delete": f"DELETE {_TABLE}",
    "bigquery.tabledata.list": f"GET {_TABLE}/data",
    "bigquery.tabledata.insertAll": f"POST {_TABLE}/insertAll",
    "bigquery.jobs.insert": f"(POST|PUT) {_PROJECT}/jobs",
    "bigquery.jobs.list": f"GET {_PROJECT}/jobs",
    "bigquery.jobs.get": f"GET {_JOB}",
    "bigquery.jobs.cancel": f"POST {_JOB}/cancel",
    "bigquery.jobs.delete": f"DELETE {_JOB}/delete",
    "bigquery.jobs.query": f"POST {_PROJECT}/queries",
    "bigquery.jobs.getQueryResults": f"GET {_PROJECT}/queries/[^/]+",
}
"""Verb and path, below ``/bigquery/v2/``, of each method that is emulated."""
_PATTERNS = [(re.compile(route), name) for name, route in METHODS.items()]
EXTRA = (
    "E371 BigQuery on this machine needs packages that are not installed; install the extra "
    "batchpredict[bigquery]"
)


class BigQueryApi:
    """BigQuery as a function from a request to its reply.

    Args:
        root: Folder of the state; made by the first request.
        store: The objects that are loaded and extracted.
        clock: Tells the seconds since 1970.

    Attributes:
        interrupted: How many jobs a killed session has left; the first request ends them.
    """

    def __init__(
        self, root: Path, store: ObjectStore, clock: Callable[[], float] = time.time
    ) -> None:
        self._root = root
        marks = root / MARKS
        self.interrupted = len(list(marks.iterdir())) if marks.is_dir() else 0
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._service: BigQueryService | None = None

    def serves(self, host: str, path: str) -> bool:
        """Tell whether a request belongs to BigQuery."""
        return bool(HOSTS.fullmatch(host) and PATH.fullmatch(path))

    def method(self, request: HttpRequest) -> str:
        """Return the name of the method that a request calls, such as ``bigquery.jobs.insert``."""
        match = PATH.fullmatch(request.path)
        line = f"{request.method} {match[2]}" if match else ""
        return next((name for pattern, name in _PATTERNS if pattern.fullmatch(line)), "")

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; what cannot be done is an error in Google's JSON."""
        try:
            found = self._route(request)
            if found is None:
                host = request.base_url.rpartition("://")[2]
                what = f"{request.method} {host}{request.path}"
                message = f"{what} is not emulated on this machine"
                raise BigQueryError(501, "notImplemented", message)
            route, segments = found
            check_query(request, {*route.query, "fields"})
            return route.handler(request, *segments)
        except BigQueryError as error:
            return error_response(error)
        except StorageError as error:
            return error_response(BigQueryError(error.status, error.reason, error.message))
        except OSError as error:
            message = f"The local BigQuery could not do it: {error.strerror}"
            return error_response(BigQueryError(507, "resourcesExceeded", message))

    def _route(self, request: HttpRequest) -> tuple[Route, list[str]] | None:
        match = PATH.fullmatch(request.path)
        if match is None:
            return None
        service = self.service()
        routes = service.uploads if match[1] else service.routes
        return find(routes, request.method, match[2])

    def service(self) -> "BigQueryService":
        """Return what is behind the API, started if need be.

        Raises:
            BigQueryError: The extra is not installed.
        """
        with self._lock:
            if self._service is None:
                self._service = self._start()
            return self._service

    def _start(self) -> "BigQueryService":
        if not all(map(importlib.util.find_spec, NEEDED)):
            raise BigQueryError(501, "notImplemented", EXTRA)
        from batchpredict.local.bigquery.service import BigQueryService

        service = BigQueryService(self._root, self._store, self._clock)
        if service.recovered:
            log.warning("BigQuery: %d jobs of a killed session are ended", service.recovered)
        return service

    def close(self) -> None:
        """Stop the jobs and write everything down."""
        with self._lock, contextlib.ExitStack() as stack:
            if self._service is not None:
                stack.callback(self._service.close)
                self._service = None

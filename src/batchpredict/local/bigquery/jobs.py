"""The methods of jobs, and the threads that carry them out."""

import contextlib
import logging
import secrets
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from batchpredict.local.bigquery.catalogue import Catalogue
from batchpredict.local.bigquery.configurations import check_job
from batchpredict.local.bigquery.datasets import LINK
from batchpredict.local.bigquery.errors import BigQueryError, duplicate, invalid, not_found
from batchpredict.local.bigquery.requests import Route, body, page, page_token
from batchpredict.local.bigquery.running import USER, Work, dry_run
from batchpredict.local.bigquery.warehouse import Warehouse, stopped
from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response
from batchpredict.local.polling import CLIENT_WAIT, patience
from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.objects import ObjectStore

log = logging.getLogger("batchpredict.local")
INSERT_WAIT = 0.2
AT_A_TIME = 4
LISTING = (
    "allUsers",
    "maxResults",
    "minCreationTime",
    "maxCreationTime",
    "pageToken",
    "projection",
    "stateFilter",
    "parentJobId",
)
INTERRUPTED = "E373 the session ended before the job did; nothing of its last change was kept"


class _Run:
    """A job of this session that has not ended."""

    def __init__(self, data: Path | None, mark: Path) -> None:
        self.data = data
        self.mark = mark
        self.finished = threading.Event()
        self.cancelled = False
        self.connection: Any = None


class JobApi:
    """Jobs of the warehouse.

    Attributes:
        recovered: How many jobs an earlier session had left unfinished.
    """

    def __init__(self, warehouse: Warehouse, store: ObjectStore) -> None:
        self._warehouse = warehouse
        self._store = store
        self._runs: dict[tuple[str, str], _Run] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="bigquery-job")
        self.recovered = self._end_interrupted()

    def routes(self) -> list[Route]:
        """Return what this answers."""
        many, one = "projects/{}/jobs", "projects/{}/jobs/{}"
        where = ("location",)
        return [
            Route("POST", many, "jobs.insert", self.insert),
            Route("GET", many, "jobs.list", self.list, LISTING),
            Route("GET", one, "jobs.get", self.get, (*where, "projection")),
            Route("POST", f"{one}/cancel", "jobs.cancel", self.cancel, where),
            Route("DELETE", f"{one}/delete", "jobs.delete", self.delete, where),
        ]

    def _end_interrupted(self) -> int:
        error = {"reason": "backendError", "message": INTERRUPTED}
        with self._warehouse.writing() as catalogue:
            found = catalogue.unfinished_jobs()
            for job in found:
                job["statistics"]["endTime"] = catalogue.now()
                job["status"] = {"state": "DONE", "errorResult": error, "errors": [error]}
                catalogue.put_job(job)
        return len(found)

    def insert(self, request: HttpRequest, project: str) -> HttpResponse:
        """Start a job."""
        job = self.start(project, body(request))
        return json_response(job)

    def start(
        self, project: str, content: Mapping[str, Any], data: Path | None = None
    ) -> dict[str, Any]:
        """Check a job and start it; return it as it is shortly afterwards.

        Args:
            project: Where it runs.
            content: The job as the client gives it.
            data: The uploaded file of a load; it is the job's from now on.

        Raises:
            BigQueryError: It is refused.
        """
        given, configuration = check_job(content, project, uploaded=data is not None)
        location = str(given.get("location") or self._location(configuration))
        job_id = str(given.get("jobId") or f"job_{secrets.token_urlsafe(21)}")
        job = self._new(project, location, job_id, configuration)
        if configuration.get("dryRun"):
            statistics = dry_run(self._warehouse, project, configuration["query"])
            return _with(job, statistics) | {"status": {"state": "DONE"}}
        run = _Run(data, self._warehouse.marks / secrets.token_hex(8))
        with self._warehouse.writing() as catalogue:
            if catalogue.find_job(project, job_id, location) is not None:
                raise duplicate("Job", f"{project}:{location}.{job_id}")
            run.mark.touch()
            catalogue.put_job(job)
        self._runs[project, job_id] = run
        self._pool.submit(self._run, job, run)
        run.finished.wait(INSERT_WAIT)
        return self.find(project, job_id, location)

    def _location(self, configuration: Mapping[str, Any]) -> str:
        """Return where the dataset is that a job names."""
        kind = configuration[str(configuration["jobType"]).lower()]
        names = ("destinationTable", "defaultDataset", "sourceTable")
        with self._warehouse.reading() as catalogue:
            for reference in filter(None, (kind.get(name) for name in names)):
                project, dataset = reference.get("projectId"), reference.get("datasetId")
                if found := catalogue.find_dataset(str(project), str(dataset)):
                    return str(found["location"])
        return "US"

    def _new(
        self, project: str, location: str, job_id: str, configuration: dict[str, Any]
    ) -> dict[str, Any]:
        moment = str(int(self._warehouse.clock() * 1000))
        return {
            "kind": "bigquery#job",
            "etag": secrets.token_hex(8),
            "id": f"{project}:{location}.{job_id}",
            # The launchers of Google's pipeline components read an address of this form.
            "selfLink": f"{LINK.replace('bigquery.googleapis', 'www.googleapis')}/projects/"
            f"{project}/jobs/{job_id}?location={location}",
            "user_email": USER,
            "jobReference": {"projectId": project, "jobId": job_id, "location": location},
            "configuration": configuration,
            "status": {"state": "RUNNING"},
            "statistics": {"creationTime": moment, "startTime": moment},
        }

    def _run(self, job: dict[str, Any], run: _Run) -> None:
        try:
            with self._warehouse.running() as connection:
                run.connection = connection
                if run.cancelled:
                    raise stopped()
                work = Work(
                    self._warehouse, self._store, connection, run.data, lambda: run.cancelled
                )
                work.run(job, lambda catalogue, found: _end(catalogue, job, found))
        except BigQueryError as error:
            self._fail(job, stopped() if run.cancelled else error)
        except StorageError as error:
            self._fail(job, BigQueryError(error.status, error.reason, error.message))
        except Exception as error:
            log.exception("%s failed", job["id"])
            message = f"{type(error).__name__}: {error}"
            self._fail(job, BigQueryError(500, "internalError", message))
        finally:
            for path in filter(None, (run.data, run.mark)):
                path.unlink(missing_ok=True)
            self._runs.pop((job["jobReference"]["projectId"], job["jobReference"]["jobId"]), None)
            run.finished.set()

    def _fail(self, job: dict[str, Any], error: BigQueryError) -> None:
        proto = error.proto()
        with contextlib.suppress(BigQueryError), self._warehouse.writing() as catalogue:
            job["statistics"]["endTime"] = catalogue.now()
            job["status"] = {"state": "DONE", "errorResult": proto, "errors": [proto]}
            catalogue.put_job(job)

    def wait(self, project: str, job_id: str, seconds: float) -> None:
        """Wait until a job has ended, at most so long."""
        run = self._runs.get((project, job_id))
        if run is not None:
            run.finished.wait(seconds)

    def find(self, project: str, job_id: str, location: str = "") -> dict[str, Any]:
        """Return a job; raise notFound when there is none."""
        with self._warehouse.reading() as catalogue:
            found = catalogue.find_job(project, job_id, location)
        if found is None:
            raise not_found("Job", f"{project}:{location + '.' if location else ''}{job_id}")
        return found

    def get(self, request: HttpRequest, project: str, job_id: str) -> HttpResponse:
        """Return a job; Google's launcher is answered when it has ended."""
        self.wait(project, job_id, patience(request.headers))
        return json_response(self.find(project, job_id, request.param("location")))

    def list(self, request: HttpRequest, project: str) -> HttpResponse:
        """List the jobs of a project, the newest first."""
        with self._warehouse.reading() as catalogue:
            found = catalogue.jobs(project)
        states = [value.upper() for name, value in request.query if name == "stateFilter"]
        low, high = request.param("minCreationTime"), request.param("maxCreationTime")
        kept = [
            job
            for job in found
            if (not states or job["status"]["state"] in states)
            and (not low or int(job["statistics"]["creationTime"]) >= int(low))
            and (not high or int(job["statistics"]["creationTime"]) <= int(high))
        ]
        first, size = page(request)
        items = [it | {"state": it["status"]["state"]} for it in kept[first : first + size]]
        listed = {"kind": "bigquery#jobList", "etag": secrets.token_hex(4)}
        listed |= page_token(first + size, len(kept))
        return json_response({**listed, **({"jobs": items} if items else {})})

    def cancel(self, request: HttpRequest, project: str, job_id: str) -> HttpResponse:
        """Ask a job to stop; one that has ended stays as it is."""
        job = self.find(project, job_id, request.param("location"))
        run = self._runs.get((project, job_id))
        if run is not None:
            run.cancelled = True
            if run.connection is not None:
                run.connection.interrupt()
            run.finished.wait(CLIENT_WAIT)
            job = self.find(project, job_id)
        return json_response({"kind": "bigquery#jobCancelResponse", "job": job})

    def delete(self, request: HttpRequest, project: str, job_id: str) -> HttpResponse:
        """Forget a job that has ended."""
        job = self.find(project, job_id, request.param("location"))
        if job["status"]["state"] != "DONE":
            raise invalid(f"The job {job_id} has not ended")
        with self._warehouse.writing() as catalogue:
            catalogue.drop_job(project, job["jobReference"]["location"], job_id)
        return HttpResponse(200, b"{}", {"Content-Type": "application/json"})

    def close(self) -> None:
        """Stop what runs, and wait for it."""
        for run in [*self._runs.values()]:
            run.cancelled = True
            if run.connection is not None:
                run.connection.interrupt()
        self._pool.shutdown(cancel_futures=True)


def _with(job: dict[str, Any], statistics: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job with what its run found out."""
    found = dict(statistics)
    destination = found.pop("destination", None)
    if destination:
        keys = ("projectId", "datasetId", "tableId")
        table = dict(zip(keys, destination, strict=True))
        job["configuration"]["query"]["destinationTable"] = table
    job["statistics"] |= found
    return job


def _end(catalogue: Catalogue, job: dict[str, Any], statistics: Mapping[str, Any]) -> None:
    _with(job, statistics)
    job["statistics"]["endTime"] = catalogue.now()
    job["status"] = {"state": "DONE"}
    catalogue.put_job(job)

"""Queries in one call, and the pages of their results."""

from typing import Any

from batchpredict.local.bigquery.errors import BigQueryError, invalid
from batchpredict.local.bigquery.jobs import JobApi
from batchpredict.local.bigquery.requests import Route, body, check_body
from batchpredict.local.bigquery.tabledata import FORMAT, rows_page
from batchpredict.local.bigquery.warehouse import Warehouse
from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response

WAIT_MS = 10_000
LONGEST_MS = 200_000
RESULTS = ("location", "maxResults", "pageToken", "startIndex", "timeoutMs", FORMAT)
OF_QUERY = {"query", "defaultDataset", "parameterMode", "queryParameters", "useLegacySql"}
OF_QUERY |= {"useQueryCache", "maximumBytesBilled", "preserveNulls"}
OF_JOB = {"labels", "dryRun", "jobTimeoutMs", "reservation", "maxSlots"}
OF_CALL = {"kind", "maxResults", "timeoutMs", "location", "requestId", "formatOptions"}
OF_CALL |= {"jobCreationMode"}
REFUSED = {"createSession", "connectionProperties", "continuous", "writeIncrementalResults"}
REFUSED |= {"destinationEncryptionConfiguration", "preserveNulls", "maximumBytesBilled"}


class QueryApi:
    """Queries and their results."""

    def __init__(self, warehouse: Warehouse, jobs: JobApi) -> None:
        self._warehouse = warehouse
        self._jobs = jobs

    def routes(self) -> list[Route]:
        """Return what this answers."""
        return [
            Route("POST", "projects/{}/queries", "jobs.query", self.query),
            Route("GET", "projects/{}/queries/{}", "jobs.getQueryResults", self.results, RESULTS),
        ]

    def query(self, request: HttpRequest, project: str) -> HttpResponse:
        """Run a query and return the first page, if it ends in time."""
        given = check_body(body(request), OF_QUERY | OF_JOB | OF_CALL, REFUSED)
        query = {name: given[name] for name in OF_QUERY if name in given}
        configuration = {name: given[name] for name in OF_JOB if name in given} | {"query": query}
        reference = {"projectId": project, "location": given.get("location") or ""}
        content = {"configuration": configuration, "jobReference": reference}
        job = self._jobs.start(project, content)
        if given.get("dryRun"):
            return json_response(_dry(job))
        micros = bool((given.get("formatOptions") or {}).get("useInt64Timestamp"))
        size = given.get("maxResults")
        query_string = [(FORMAT, str(micros).lower())]
        query_string += [("maxResults", str(size))] if size is not None else []
        asked = HttpRequest("GET", request.path, tuple(query_string), request.headers)
        wait = _milliseconds(given.get("timeoutMs", WAIT_MS))
        found = self._found(asked, job["jobReference"], wait)
        return json_response(found | {"kind": "bigquery#queryResponse"})

    def results(self, request: HttpRequest, project: str, job_id: str) -> HttpResponse:
        """Return a page of the rows of a query job."""
        job = self._jobs.find(project, job_id, request.param("location"))
        wait = _milliseconds(request.param("timeoutMs") or WAIT_MS)
        return json_response(self._found(request, job["jobReference"], wait))

    def _found(self, request: HttpRequest, reference: dict[str, str], wait: float) -> Any:
        project, job_id = reference["projectId"], reference["jobId"]
        self._jobs.wait(project, job_id, wait)
        job = self._jobs.find(project, job_id, reference["location"])
        found: dict[str, Any] = {
            "kind": "bigquery#getQueryResultsResponse",
            "etag": job["etag"],
            "jobReference": job["jobReference"],
            "jobComplete": job["status"]["state"] == "DONE",
        }
        if not found["jobComplete"]:
            return found
        _raise_failure(job)
        return found | self._rows(request, job)

    def _rows(self, request: HttpRequest, job: dict[str, Any]) -> dict[str, Any]:
        if "query" not in job["configuration"]:
            raise invalid("Cannot return query results of a job that is no query")
        statistics = job["statistics"]["query"]
        found = {
            "cacheHit": False,
            "totalBytesProcessed": statistics["totalBytesProcessed"],
            "schema": statistics.get("schema", {"fields": []}),
            "creationTime": job["statistics"]["creationTime"],
            "startTime": job["statistics"]["startTime"],
            "endTime": job["statistics"]["endTime"],
        }
        counts = ("numDmlAffectedRows", "dmlStats")
        found |= {name: statistics[name] for name in counts if name in statistics}
        destination = job["configuration"]["query"].get("destinationTable")
        if not destination or "schema" not in statistics:
            return found | {"totalRows": "0"}
        name = (destination["projectId"], destination["datasetId"], destination["tableId"])
        with self._warehouse.reading() as catalogue:
            table = catalogue.table((*name[:2], name[2].partition("$")[0]))
            return found | rows_page(catalogue, table, table.fields, request)


def _dry(job: dict[str, Any]) -> dict[str, Any]:
    statistics = job["statistics"]["query"]
    return {
        "kind": "bigquery#queryResponse",
        "jobComplete": True,
        "jobReference": job["jobReference"],
        "totalBytesProcessed": statistics["totalBytesProcessed"],
        "schema": statistics.get("schema", {"fields": []}),
        "cacheHit": False,
    }


def _milliseconds(value: Any) -> float:
    try:
        return min(max(int(value), 0), LONGEST_MS) / 1000
    except (TypeError, ValueError):
        raise invalid(f"Invalid value for timeoutMs: {value}", "timeoutMs") from None


STATUS = {"notFound": 404, "duplicate": 409, "stopped": 499, "internalError": 500}
STATUS |= {"backendError": 503, "resourcesExceeded": 507}


def _raise_failure(job: dict[str, Any]) -> None:
    error = job["status"].get("errorResult")
    if error:
        status = STATUS.get(error["reason"], 400)
        raise BigQueryError(status, error["reason"], error["message"], error.get("location", ""))

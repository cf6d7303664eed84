"""Cloud Logging's ``entries:list`` over the logs of the steps of pipeline runs, and nothing else.

Vertex AI writes what a step prints as entries of the resource ``ml_job`` with the id of the custom
job that ran the step. Here the lines stand in files without times. A line that is first read while
its step runs gets the time at which the file was last written, any other one the start of the step
and a microsecond for each line before it: the order within a step is right, that between steps
nearly.
"""

import base64
import datetime
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response

HOST = "logging.googleapis.com"
LIST = "logging.entries.list"
FIELDS = ("resourceNames", "filter", "orderBy", "pageSize", "pageToken")
ORDERS = ("timestamp asc", "timestamp desc")
MOST = 1000
TICK = datetime.timedelta(microseconds=1)
TERM = re.compile(
    r'(resource\.type|resource\.labels\.job_id|timestamp)\s*(>=|=)\s*("[^"]*"|\([^()]*\))'
)
JOINT = re.compile(r"\s*(?:\bAND\b|\n)\s*")


class LoggingError(Exception):
    """An answer other than the entries.

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True)
class StepLog:
    """The log of one step.

    Attributes:
        job: The id of the custom job that ran it.
        project: The project of the run.
        path: The file.
        start: When the step started.
        is_over: Whether it has ended.
    """

    job: str
    project: str
    path: Path
    start: datetime.datetime
    is_over: bool


def logs_of(job: Any, folder: Path) -> Iterator[StepLog]:
    """Yield the logs of the steps of a run.

    Args:
        job: The ``PipelineJob``.
        folder: Where its logs are.
    """
    for detail in job.job_detail.task_details:
        custom_job = detail.executor_detail.container_detail.main_job
        if custom_job:
            yield StepLog(
                job=custom_job.rpartition("/")[2],
                project=job.name.split("/")[1],
                path=folder / f"{detail.task_name.replace('/', '.')}.log",
                start=detail.start_time,
                is_over=bool(detail.end_time),
            )


@dataclass
class _Times:
    """The times that the lines of a file were given."""

    of_lines: list[datetime.datetime] = field(default_factory=list)


@dataclass(frozen=True)
class _Filter:
    jobs: frozenset[str]
    since: str


class LoggingApi:
    """The one method as a function from a request to its reply.

    Args:
        logs: Returns the logs of all steps of all runs.
    """

    def __init__(self, logs: Callable[[], Iterator[StepLog]]) -> None:
        self._logs = logs
        self._times: dict[Path, _Times] = {}
        self._lock = threading.Lock()

    def serves(self, host: str) -> bool:
        """Tell whether a request belongs to Cloud Logging."""
        return host.partition(":")[0] == HOST

    def method(self, request: HttpRequest) -> str:
        """Return the name of the method that a request calls, or ""."""
        found = request.method == "POST" and request.path == "/v2/entries:list"
        return LIST if found else ""

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        try:
            if not self.method(request):
                text = f"{request.method} {HOST}{request.path} is not emulated on this machine"
                raise LoggingError(501, text)
            return json_response(self._list(_body(request)))
        except LoggingError as error:
            names = {400: "INVALID_ARGUMENT", 501: "UNIMPLEMENTED"}
            content = {"code": error.status, "message": str(error), "status": names[error.status]}
            return json_response({"error": content}, error.status)

    def _list(self, body: dict[str, Any]) -> dict[str, Any]:
        projects = [_project(name) for name in _texts(body, "resourceNames")]
        if not projects:
            raise LoggingError(400, "resourceNames must name a project")
        wanted = _parsed(_text(body, "filter"))
        order = _text(body, "orderBy") or ORDERS[0]
        if order not in ORDERS:
            raise LoggingError(400, f"orderBy must be one of {', '.join(ORDERS)}")
        size = body.get("pageSize", 50)
        if not isinstance(size, int) or size < 1:
            raise LoggingError(400, "pageSize must be a number above 0")
        entries = [
            entry
            for log in self._logs()
            if log.project in projects and log.job in wanted.jobs
            for entry in self._entries(log)
            if entry["timestamp"] >= wanted.since
        ]
        entries.sort(key=lambda it: (it["timestamp"], it["insertId"]), reverse=order == ORDERS[1])
        return _page(entries, min(size, MOST), _text(body, "pageToken"), _digest(body))

    def _entries(self, log: StepLog) -> Iterator[dict[str, Any]]:
        lines, written = _lines(log)
        with self._lock:
            times = self._times.setdefault(log.path, _Times()).of_lines
            for number in range(len(times), len(lines)):
                least = times[-1] + TICK if times else log.start
                seen = log.start + number * TICK if log.is_over else written
                times.append(max(least, seen))
            stamps = list(times)
        for number, line in enumerate(lines):
            yield _entry(log, number, line, _stamp(stamps[number]))


def _lines(log: StepLog) -> tuple[list[str], datetime.datetime]:
    """Return the whole lines of a log, and when it was last written."""
    try:
        written = datetime.datetime.fromtimestamp(log.path.stat().st_mtime, datetime.UTC)
        text = log.path.read_bytes().decode(errors="replace")
    except OSError:
        return [], log.start  # it has not printed anything
    lines = text.split("\n")
    half = lines.pop()
    return [*lines, half] if half and log.is_over else lines, written


def _entry(log: StepLog, number: int, line: str, stamp: str) -> dict[str, Any]:
    return {
        "insertId": f"{log.job}-{number:09}",
        "jsonPayload": {"message": line, "levelname": "INFO", "attrs": {"tag": "workerpool0-0"}},
        "resource": {
            "type": "ml_job",
            "labels": {
                "job_id": log.job,
                "project_id": log.project,
                "task_name": "workerpool0-0",
            },
        },
        "timestamp": stamp,
        "receiveTimestamp": stamp,
        "severity": "INFO",
        "logName": f"projects/{log.project}/logs/workerpool0-0",
    }


def _stamp(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError as error:
        raise LoggingError(400, f"the body is not JSON: {error}") from error
    other = sorted(set(body) - set(FIELDS)) if isinstance(body, dict) else ["body"]
    if other:
        raise LoggingError(400, f"unknown fields: {', '.join(other)}")
    return dict(body)


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise LoggingError(400, f"{name} must be a text")
    return value


def _texts(body: dict[str, Any], name: str) -> list[str]:
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(it, str) for it in value):
        raise LoggingError(400, f"{name} must be a list of texts")
    return value


def _project(name: str) -> str:
    found = re.fullmatch(r"projects/([^/]+)", name)
    if not found:
        raise LoggingError(501, f"{name}: only projects/PROJECT is known on this machine")
    return found.group(1)


def _parsed(text: str) -> _Filter:
    """Return what a filter asks for; one that is not understood is refused, not ignored."""
    found: dict[str, tuple[str, ...]] = {}
    for part in JOINT.split(text.strip()):
        term = TERM.fullmatch(part)
        name, operator = (term.group(1), term.group(2)) if term else ("", "")
        if term is None or name in found or (operator == ">=") != (name == "timestamp"):
            raise LoggingError(501, f"the filter {part!r} is not understood on this machine")
        found[name] = _values(term.group(3))
    if found.get("resource.type") != ("ml_job",) or "resource.labels.job_id" not in found:
        message = 'a filter must have resource.type="ml_job" and resource.labels.job_id here'
        raise LoggingError(501, message)
    since = "".join(found.get("timestamp", ()))
    try:
        moment = _stamp(datetime.datetime.fromisoformat(since)) if since else ""
    except ValueError as error:
        raise LoggingError(400, f"timestamp: {error}") from error
    return _Filter(frozenset(found["resource.labels.job_id"]), moment)


def _values(text: str) -> tuple[str, ...]:
    parts = re.split(r"\s+OR\s+", text.strip("()").strip())
    if not all(re.fullmatch(r'"[^"]*"', part) for part in parts):
        raise LoggingError(501, f"the filter {text!r} is not understood on this machine")
    return tuple(part.strip('"') for part in parts)


def _digest(body: dict[str, Any]) -> str:
    """Return what tells requests apart: a page token belongs to one."""
    asked = {name: body.get(name) for name in ("resourceNames", "filter", "orderBy")}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def _page(entries: list[dict[str, Any]], size: int, token: str, digest: str) -> dict[str, Any]:
    start = 0
    if token:
        try:
            whose, _, number = base64.urlsafe_b64decode(token).decode().partition(" ")
            start = int(number)
        except ValueError as error:
            raise LoggingError(400, "pageToken is none of this service") from error
        if whose != digest:
            raise LoggingError(400, "pageToken is of another request")
    reply: dict[str, Any] = {"entries": entries[start : start + size]}
    if start + size < len(entries):
        told = f"{digest} {start + size}".encode()
        reply["nextPageToken"] = base64.urlsafe_b64encode(told).decode()
    return reply

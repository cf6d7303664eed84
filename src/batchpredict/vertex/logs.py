"""What the steps of a run print, from Cloud Logging.

Vertex AI runs each step as a custom job, whose id its entries carry. The call is made over REST
with google-auth: the client library of Cloud Logging would be one more dependency for one method.
"""

import datetime
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from batchpredict.errors import UsageError
from batchpredict.pipeline_files import unknown
from batchpredict.vertex import clients
from batchpredict.vertex.runs import get_run
from batchpredict.vertex.states import Run

ADDRESS = "https://logging.googleapis.com/v2/entries:list"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
PAGE = 1000
MOST_JOBS = 50  # in one filter, whose length is limited
POLL_SECONDS = 2.0
OVERLAP = datetime.timedelta(seconds=90)  # entries arrive late, and not in order


@dataclass(frozen=True)
class LogLine:
    """One line that a step printed.

    Attributes:
        step: The step's name.
        time: RFC 3339 in UTC.
        severity: Such as ``INFO``.
        text: What it says.
        id: Tells it apart from other lines of the same time.
    """

    step: str
    time: str
    severity: str
    text: str
    id: str


def log_lines(run: Run, step: str = "", since: str = "") -> Iterator[LogLine]:
    """Yield what the steps of a run printed, in the order of time.

    Args:
        run: The run.
        step: Only this step, by its whole name or its last part; else all.
        since: Only lines from this time on.

    Raises:
        UsageError: The run has no such step (E454).
    """
    steps = _jobs_of(run, step)
    every = sorted(steps)
    for start in range(0, len(every), MOST_JOBS):
        jobs = every[start : start + MOST_JOBS]
        for entry in _entries(run.project, _filter(jobs, since)):
            job = entry.get("resource", {}).get("labels", {}).get("job_id", "")
            yield LogLine(
                step=steps.get(job, ""),
                time=entry.get("timestamp", ""),
                severity=entry.get("severity", "DEFAULT"),
                text=_text(entry),
                id=entry.get("insertId", ""),
            )


def follow_log(
    run: Run, step: str = "", sleep: Callable[[float], None] = time.sleep
) -> Iterator[LogLine]:
    """Yield what the steps of a run print until it has ended, and nothing twice.

    A step that the run does not know yet is waited for.

    Args:
        run: The run.
        step: Only this step, by its whole name or its last part; else all.
        sleep: What waits between two looks.
    """
    shown: set[tuple[str, str]] = set()
    since = ""
    while True:
        quiet = True
        newest = since
        waits = bool(step) and not run.is_over and not _named(run, step)
        for line in () if waits else log_lines(run, step, since):
            newest = max(newest, line.time)
            if (line.step, line.id) not in shown:
                shown.add((line.step, line.id))
                quiet = False
                yield line
        if run.is_over and quiet:
            return
        since = _earlier(newest)
        sleep(POLL_SECONDS)
        run = get_run(run.name)


def _earlier(moment: str) -> str:
    if not moment:
        return ""
    return (datetime.datetime.fromisoformat(moment) - OVERLAP).isoformat()


def _named(run: Run, step: str) -> list[str]:
    """Return the whole names of the steps that a person may mean."""
    return [it.name for it in run.steps if step in (it.name, it.name.rpartition("/")[2])]


def _jobs_of(run: Run, step: str) -> dict[str, str]:
    """Return the steps by the ids of their custom jobs."""
    names = [it.name for it in run.steps]
    wanted = _named(run, step) if step else names
    if step and not wanted:
        raise UsageError("E454", f"run {run.id}: {unknown('step', step, names)}")
    return {
        job.rpartition("/")[2]: it.name
        for it in run.steps
        if it.name in wanted
        for job in it.jobs
        if "/customJobs/" in job
    }


def _filter(jobs: list[str], since: str) -> str:
    ids = " OR ".join(f'"{job}"' for job in jobs)
    parts = ['resource.type="ml_job"', f"resource.labels.job_id=({ids})"]
    return " AND ".join([*parts, *([f'timestamp>="{since}"'] if since else [])])


def _text(entry: Mapping[str, Any]) -> str:
    """Return what an entry says, in whichever of the three ways."""
    if "textPayload" in entry:
        return str(entry["textPayload"]).rstrip("\n")
    payload = entry.get("jsonPayload") or entry.get("protoPayload") or {}
    if isinstance(payload.get("message"), str):
        return str(payload["message"]).rstrip("\n")
    return json.dumps(payload, ensure_ascii=False)


def _entries(project: str, filter: str) -> Iterator[dict[str, Any]]:
    """Yield the entries of all pages."""
    with clients.calling("reading the log"):
        from google.auth import default
        from google.auth.transport.requests import AuthorizedSession

        credentials, _ = default(scopes=[SCOPE])
        session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
        body = {
            "resourceNames": [f"projects/{project}"],
            "filter": filter,
            "orderBy": "timestamp asc",
            "pageSize": PAGE,
        }
        retry = clients.reading()["retry"]
        while True:
            reply = retry(_post)(session, body)
            yield from reply.get("entries", [])
            if not reply.get("nextPageToken"):
                return
            body = {**body, "pageToken": reply["nextPageToken"]}


def _post(session: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """Make one call; what fails is an exception of ``google.api_core``."""
    import requests
    from google.api_core.exceptions import ServiceUnavailable, from_http_response
    from google.auth.exceptions import TransportError

    try:
        response = session.post(ADDRESS, json=body, timeout=clients.CALL_SECONDS)
        if response.status_code != 200:
            raise from_http_response(response)  # type: ignore[no-untyped-call]
        return dict(response.json())
    except (requests.RequestException, TransportError) as error:
        raise ServiceUnavailable(str(error)) from error  # type: ignore[no-untyped-call]

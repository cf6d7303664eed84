"""Every call of a submission with every fault, at its first, second and last time, and always.

The service stands behind ``requests``: a transport adapter that does what is asked, or spoils the
way to it. Time passes only when somebody sleeps.
"""

import io
import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import ReadTimeoutError

from batchpredict.runtime import vertex_api
from batchpredict.runtime.request import calls as module
from batchpredict.runtime.request.calls import job_calls
from batchpredict.runtime.request.outcomes import wait_for_job
from batchpredict.runtime.request.submitting import cancel_strangers, submit_job

PARENT = "projects/p-12345/locations/europe-west4"
FOLDER = "gs://bkt/run/step"
CALLS = ("create", "get", "list", "cancel", "read", "media", "write")
FAULTS = (
    *("429", "500", "503", "reset before", "reset after", "stall", "half", "garbage", "html"),
    "drip",
)
LONGEST = 6 * 3600.0


class Body(io.BytesIO):
    """A body that breaks, stalls or drips."""

    def __init__(self, content: bytes, service: "Service", fault: str) -> None:
        super().__init__(content)
        self.service, self.fault = service, fault

    def read(self, amount: int | None = None, **_: Any) -> bytes:
        if self.fault == "stall":
            raise ReadTimeoutError(None, "", "stalled")  # type: ignore[arg-type]
        if self.fault == "half" and self.tell():
            raise ConnectionResetError
        if self.fault == "drip":
            self.service.sleep(20)
        return super().read(1 if self.fault in ("half", "drip") else amount or -1)


class Service(BaseAdapter):
    """Jobs and notes behind HTTP; ``fault`` strikes ``call`` at the times in ``at``."""

    def __init__(self, call: str = "", fault: str = "", at: tuple[int, ...] | None = ()) -> None:
        super().__init__()
        self.call, self.fault, self.at = call, fault, at
        self.clock, self.hits = 0.0, 0
        self.counts = dict.fromkeys(CALLS, 0)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.notes: dict[str, tuple[int, bytes]] = {}

    def sleep(self, seconds: float) -> None:
        self.clock += seconds

    def send(self, request: Any, *_: Any, **__: Any) -> requests.Response:
        kind = kind_of(request)
        self.counts[kind] += 1
        struck = kind == self.call and (self.at is None or self.counts[kind] in self.at)
        fault = self.fault if struck else ""
        self.hits += struck
        if fault.isdigit():
            return self.reply(request, int(fault), {"error": {"message": "planned"}})
        if fault == "reset before":
            raise requests.ConnectionError("reset")
        status, content = getattr(self, kind)(request)
        if fault == "reset after":
            raise requests.ConnectionError("reset")
        return self.reply(request, status, content, fault)

    def reply(self, request: Any, status: int, content: Any, fault: str = "") -> requests.Response:
        spoiled = {"garbage": b"\x00\xff{", "html": b"<html>502</html>"}
        data = spoiled.get(fault) or json.dumps(content).encode()
        raw = HTTPResponse(
            Body(data, self, fault), status=status, preload_content=False, decode_content=False
        )
        return requests.adapters.HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        """Nothing is held."""

    def create(self, request: Any) -> tuple[int, Any]:
        name = f"{PARENT}/batchPredictionJobs/{len(self.jobs) + 1}"
        made = {"createTime": f"{self.clock:012.3f}", "until": self.clock + 100}
        self.jobs[name] = {**json.loads(request.body), **made, "name": name, "ended": ""}
        if len(self.jobs) == 1:  # somebody made a second one, which must be cancelled
            twin = f"{PARENT}/batchPredictionJobs/99"
            self.jobs[twin] = {**self.jobs[name], "name": twin, "until": LONGEST}
        return self.get(request, name)

    def get(self, request: Any, name: str = "") -> tuple[int, Any]:
        job = self.jobs[name or urlsplit(request.url).path.removeprefix("/v1/")]
        done = "JOB_STATE_SUCCEEDED" if self.clock >= job["until"] else "JOB_STATE_RUNNING"
        return 200, {**job, "state": job["ended"] or done}

    def list(self, request: Any) -> tuple[int, Any]:
        key = parse_qs(urlsplit(request.url).query)["filter"][0].split('"')[1]
        found = [name for name, job in self.jobs.items() if key in job["labels"].values()]
        return 200, {"batchPredictionJobs": [self.get(request, name)[1] for name in found]}

    def cancel(self, request: Any) -> tuple[int, Any]:
        name = urlsplit(request.url).path.removeprefix("/v1/").removesuffix(":cancel")
        self.jobs[name]["ended"] = "JOB_STATE_CANCELLED"
        return 200, {}

    def read(self, request: Any) -> tuple[int, Any]:
        note = urlsplit(request.url).path.rpartition("/")[2]
        if note not in self.notes:
            return 404, {"error": {"code": 404}}
        return 200, {"generation": str(self.notes[note][0])}

    def media(self, request: Any) -> tuple[int, Any]:
        generation, content = self.notes[urlsplit(request.url).path.rpartition("/")[2]]
        query = parse_qs(urlsplit(request.url).query)
        if query["generation"] != [str(generation)]:
            return 404, {"error": {"code": 404}}
        return 200, json.loads(content)

    def write(self, request: Any) -> tuple[int, Any]:
        query = parse_qs(urlsplit(request.url).query)
        note = query["name"][0].replace("/", "%2F")
        generation = self.notes.get(note, (0, b""))[0]
        if query["ifGenerationMatch"] != [str(generation)]:
            return 412, {"error": {"code": 412}}
        self.notes[note] = (generation + 1, request.body)
        return 200, {"generation": str(generation + 1)}


def kind_of(request: Any) -> str:
    """Return which call a request is."""
    url = urlsplit(request.url)
    if "/upload/" in url.path:
        return "write"
    if "storage" in url.netloc:
        return "media" if "alt=media" in url.query else "read"
    if request.method == "POST":
        return "cancel" if url.path.endswith(":cancel") else "create"
    return "get" if url.path.rpartition("/")[2].isdigit() else "list"


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch):
    def connect(service: Service) -> dict[str, Any]:
        def session(_url: str) -> requests.Session:
            made = requests.Session()
            made.mount("https://", service)
            return made

        for place in (vertex_api, module):
            monkeypatch.setattr(place, "google_session", session)
        monkeypatch.setattr(time, "sleep", here(service.sleep, time.sleep))
        monkeypatch.setattr(time, "perf_counter", here(lambda: service.clock, time.perf_counter))
        calls = job_calls(PARENT, "v1", FOLDER)
        return {**calls, "sleep": service.sleep, "now": lambda: service.clock}

    return connect


def here(ours: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is ours in this thread only: others keep the time of the world."""
    thread = threading.get_ident()
    return lambda *given: (ours if threading.get_ident() == thread else real)(*given)


def run(calls: dict[str, Any]) -> dict[str, Any]:
    """Submit and wait as the step does, then once more as its next attempt does."""
    name = submit_job(calls, {"displayName": "x"}, FOLDER, 180.0)
    again = submit_job(calls, {"displayName": "x"}, FOLDER, 180.0)
    assert again == name
    job = wait_for_job(calls, name, LONGEST, 20.0)
    cancel_strangers(calls, name, FOLDER)
    return job


@pytest.fixture
def usual(connect) -> dict[str, int]:
    """How often each call is made when nothing goes wrong."""
    service = Service()
    assert run(connect(service))["state"] == "JOB_STATE_SUCCEEDED"
    assert all(service.counts[call] for call in CALLS)
    return service.counts


@pytest.mark.parametrize("when", ["first", "second", "last", "always"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
def test_a_fault_ends_well_or_is_named(connect, usual, call: str, fault: str, when: str) -> None:
    at = {"first": (1,), "second": (2,), "last": (usual[call],), "always": None}[when]
    service = Service(call, fault, at)
    job, said = outcome_of(connect(service))
    if job:
        assert job["state"] == "JOB_STATE_SUCCEEDED"
        assert [name for name, it in service.jobs.items() if not it["ended"]] == [job["name"]]
    else:
        assert said.startswith(("E252 ", "E290 ", "E291 ", "E293 ")), said
        assert when == "always", said  # one fault must not end the step
    reached = at is None or service.counts[call] >= at[0]
    assert service.hits > 0 if reached else service.hits == 0
    assert service.clock < 2 * LONGEST


def outcome_of(calls: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """Return the job, or the words of the error."""
    try:
        return run(calls), ""
    except RuntimeError as error:
        return None, str(error)

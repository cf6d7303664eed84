"""The calls of a job, against the running services."""

import json
import random
import re
import uuid
from urllib.parse import urlsplit

import pytest
from sklearn.linear_model import LinearRegression

from batchpredict.local import LOCATION
from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex
from batchpredict.runtime.request import calls as module
from batchpredict.runtime.request.calls import (
    job_calls,
    job_to_wait_for,
    jobs_address,
    note_address,
    write_note,
)
from batchpredict.runtime.request.outcomes import wait_for_job
from batchpredict.runtime.request.submitting import live_jobs, submission_key, submit_job
from batchpredict.runtime.vertex_api import send_request

FOLDER = "gs://submissions/run/step"


@pytest.fixture
def folder(services: LocalVertex) -> str:
    if not services.store.bucket_exists("submissions"):
        services.store.create_bucket("submissions")
    return f"{FOLDER}/{uuid.uuid4().hex}"


def body(services: LocalVertex, model: str) -> dict:
    path = services.store.path("gs://submissions/in.jsonl")
    path.write_text("[1.0]\n[2.0]\n")
    return {
        "displayName": "calls",
        "model": model,
        "inputConfig": {
            "instancesFormat": "jsonl",
            "gcsSource": {"uris": ["gs://submissions/in.jsonl"]},
        },
        "outputConfig": {
            "predictionsFormat": "jsonl",
            "gcsDestination": {"outputUriPrefix": "gs://submissions/out"},
        },
        "dedicatedResources": {"machineSpec": {"machineType": "n1-standard-2"}},
    }


@pytest.fixture(scope="session")
def linear(upload_sklearn) -> str:
    return upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]))


def test_a_job_is_submitted_found_again_and_waited_for(services, linear, folder) -> None:
    calls = job_calls(PARENT, "v1", folder)
    name = submit_job(calls, body(services, linear), folder, 1.0)
    assert submit_job(calls, body(services, linear), folder, 1.0) == name
    job = wait_for_job(calls, name, 60, 0.1)
    assert (job["state"], job["completionStats"]["successfulCount"]) == (
        "JOB_STATE_SUCCEEDED",
        "2",
    )
    assert [it["name"] for it in calls["list"](submission_key(folder))] == [name]
    assert live_jobs(calls, folder) == []
    calls["cancel"](name)  # which has ended: nothing to do


def test_a_job_whose_reply_was_lost_is_taken_up(services, linear, folder) -> None:
    calls = job_calls(PARENT, "v1", folder)
    create = calls["create"]

    def without_reply(sent: dict) -> tuple:
        assert create(sent)[0] == 200
        return 0, {}, "was not answered"

    name = submit_job({**calls, "create": without_reply}, body(services, linear), folder, 0.01)
    assert [job["name"] for job in calls["list"](submission_key(folder))] == [name]


def test_the_service_says_why_it_refuses(services, linear, folder) -> None:
    calls = job_calls(PARENT, "v1", folder)
    with pytest.raises(
        RuntimeError, match=r"^E290 the service refused the job: answered 40[04]: "
    ):
        submit_job(calls, {**body(services, linear), "model": f"{linear}9"}, folder, 0.01)


def test_jobs_are_listed_page_by_page(monkeypatch) -> None:
    asked = []
    pages: list[dict] = [
        {"batchPredictionJobs": [1], "nextPageToken": "a/b"},
        {"batchPredictionJobs": [2]},
    ]

    def reply(verb: str, url: str) -> dict:
        asked.append((verb, url))
        return pages[len(asked) - 1]

    monkeypatch.setattr(module, "small_request", reply)
    assert job_calls(PARENT, "v1", FOLDER)["list"]("k") == [1, 2]
    assert asked[1] == ("GET", f"{asked[0][1]}&pageToken=a%2Fb")


def test_notes_are_written_by_one_of_two(folder) -> None:
    calls = job_calls(PARENT, "v1", folder)
    assert calls["read"]("intent") is None
    assert calls["write"]("intent", {"key": "a"}, None)
    assert not calls["write"]("intent", {"key": "b"}, None)
    first = calls["read"]("intent")
    assert first["key"] == "a"
    assert calls["write"]("intent", {"key": "b"}, first)
    assert not calls["write"]("intent", {"key": "c"}, first)
    assert calls["read"]("intent")["key"] == "b"


def test_a_note_whose_reply_was_lost_counts_as_written(folder, monkeypatch) -> None:
    send = send_request
    lost = iter([True])

    def sometimes(session, verb, url, *arguments):
        answer = send(session, verb, url, *arguments)
        if "upload" in url and next(lost, False):
            return 0, None, "was not answered"
        return answer

    monkeypatch.setattr(module, "send_request", sometimes)
    assert write_note(folder, "record", {"name": "x"}, None)
    assert not write_note(folder, "record", {"name": "y"}, None)


@pytest.mark.usefixtures("services")
def test_a_note_that_cannot_be_written_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"^E252 record.json cannot be written to gs://no-such"):
        write_note("gs://no-such-bucket/a", "record", {}, None)


def test_a_note_that_is_replaced_while_it_is_read_is_read_again(folder, monkeypatch) -> None:
    replies = iter([{"generation": "1"}, {"error": {}}, {"generation": "2"}, {"name": "x"}])
    monkeypatch.setattr(module, "small_request", lambda *_args, **_named: next(replies))
    assert module.read_note(folder, "record") == {"name": "x", "generation": "2"}


@pytest.mark.parametrize("folder", ["", "/tmp/a", "gs://bucket", "s3://a/b"])
def test_notes_want_cloud_storage(folder: str) -> None:
    with pytest.raises(ValueError, match=r"^E138 "):
        note_address(folder, "record")


@pytest.mark.parametrize(
    "parent",
    [
        "projects/p/locations/evil.example/",
        "projects/p/locations/x",
        "projects/../locations/us-x1",
    ],
)
def test_a_region_is_a_region(parent: str) -> None:
    with pytest.raises(ValueError, match=r"^E251 "):
        jobs_address(parent, "v1")


NAME = "projects/p-12345/locations/us-central1/batchPredictionJobs/7"


def test_a_job_is_found_by_its_resource() -> None:
    for version in ("v1", "v1beta1"):
        uri = f"https://{LOCATION}-aiplatform.googleapis.com/{version}/{NAME}"
        text = json.dumps({"resources": [{"resourceType": "x", "resourceUri": uri}]})
        expected = ("projects/p-12345/locations/us-central1", version, NAME)
        assert job_to_wait_for(text, "", "") == expected


def test_a_job_is_found_by_its_label(services, linear, folder) -> None:
    calls = job_calls(PARENT, "v1", folder)
    name = submit_job(calls, body(services, linear), folder, 0.01)
    assert job_to_wait_for("", submission_key(folder), PARENT) == (PARENT, "v1", name)
    with pytest.raises(ValueError, match=r"^E138 no job bears the label batchpredict-step=none$"):
        job_to_wait_for("", "none", PARENT)
    wait_for_job(calls, name, 60, 0.1)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"resources": []}',
        "[]",
        json.dumps({"resources": [{"resourceUri": "https://evil.example/v1/projects/p"}]}),
        json.dumps({"resources": [{"resourceUri": "https://a.googleapis.com/v1/models/1"}]}),
        json.dumps({"resources": [{"resourceUri": f"https://evil.example/v1/{NAME}"}]}),
    ],
)
def test_what_names_no_job_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^E138 gcp_resources names no"):
        job_to_wait_for(text, "", "")


@pytest.mark.parametrize("given", [("", ""), ("{}", "label")])
def test_a_job_is_named_one_way(given: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"^E138 no job was started, or two are named"):
        job_to_wait_for(*given, PARENT)


PIECES = ("evil.example", "/", "#", "?", "@", ":", "..", "us-central1", "%2F", "\n", "\\", " ")
GOOGLES = re.compile(r"[a-z]+-[a-z]+[0-9]{1,2}-aiplatform\.googleapis\.com")


def address_of(parent: str) -> str:
    """Return the host that is asked for jobs of ``parent``, "" when none is."""
    try:
        return urlsplit(jobs_address(parent, "v1")).netloc
    except ValueError:
        return ""


def test_hostile_places_reach_no_other_host() -> None:
    """20,000 projects, regions and folders: each is refused, or the host is Google's own."""
    made = random.Random(9)
    hosts = set()
    for _ in range(10_000):
        text = "".join(made.choices(PIECES, k=made.randint(1, 5)))
        hosts.add(address_of(f"projects/{text}/locations/us-central1"))
        hosts.add(address_of(f"projects/p-12345/locations/{text}"))
        bucket, name = note_address(f"gs://{text.strip('/')}x/{text}x", "record")
        assert not set("/#?@\\\n ") & set(f"{bucket}{name}")
    assert "" in hosts
    assert len(hosts) > 1
    assert all(GOOGLES.fullmatch(host) for host in hosts if host)

"""What the doctor asks of Google Cloud, of a server on this machine that answers in its forms.

The services of the local Vertex AI have none of these but the bucket's; the forms of the replies
are those of Google's reference, and were not seen on Google Cloud.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from google.auth.exceptions import RefreshError
from verbs import LOCAL, Verbs

from batchpredict.config.settings import Settings
from batchpredict.doctoring import access, credentials, project
from batchpredict.doctoring.checks import FAIL, OK, SKIP, WARN, Check, Subject, results
from batchpredict.doctoring.cloud import Cloud
from batchpredict.local.session import LocalVertex

ACCOUNT = "steps@my-project.iam.gserviceaccount.com"
SETTINGS = Settings(
    project="my-project",
    location="europe-west4",
    pipeline_root="gs://my-bucket/runs",
    service_account=ACCOUNT,
)
Replies = Mapping[str, tuple[int, Any]]


@pytest.fixture
def serve() -> Iterator[Callable[[Replies], Subject]]:
    """Start a server that answers a part of a path by a status and JSON; else 404."""
    servers = []

    def start(replies: Replies, settings: Settings = SETTINGS) -> Subject:
        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                line = f"{self.command} {self.path} {body.decode()}"
                found = [it for part, it in replies.items() if part in line]
                status, content = found[0] if found else (404, {"error": {"message": line}})
                text = content if isinstance(content, str) else json.dumps(content)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = _answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        servers.append((server, thread))
        base = f"http://127.0.0.1:{server.server_port}/{{service}}"
        return Subject(settings, Cloud(base, anonymous=True))

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def found_by(checks: tuple[Check, ...], subject: Subject) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, it in results(checks, subject):
        found.setdefault(name, []).append(it.status)
    return found


def services(**states: str) -> tuple[int, Any]:
    names = {**project.NEEDED, **project.WANTED}
    states = {name: states.get(name.partition(".")[0], "ENABLED") for name in names}
    rows = [
        {"name": f"projects/12/services/{name}", "state": state}
        for name, state in states.items()
        if state
    ]
    return 200, {"services": rows}


GRANTED: dict[str, tuple[int, Any]] = {
    "/serviceusage/v1/projects/my-project/services:batchGet?": services(),
    "/storage/v1/b/my-bucket/iam/testPermissions?": (
        200,
        {"permissions": list(access.BUCKET_PERMISSIONS)},
    ),
    "/storage/v1/b/my-bucket?": (200, {"location": "EUROPE-WEST4", "locationType": "region"}),
    "POST /cloudresourcemanager/v1/projects/my-project:testIamPermissions": (
        200,
        {"permissions": list(access.PROJECT_PERMISSIONS)},
    ),
    f"POST /iam/v1/projects/-/serviceAccounts/{ACCOUNT}:testIamPermissions": (
        200,
        {"permissions": [access.ACT_AS]},
    ),
}
ALL = (*project.CHECKS, *access.CHECKS[:3])


def test_all_is_well(serve: Callable[..., Subject]) -> None:
    found = found_by(ALL, serve(GRANTED))
    assert len(found) == 5
    assert set(map(tuple, found.values())) == {(OK,)}


def test_one_refusal_stops_nothing_else(serve: Callable[..., Subject]) -> None:
    refusals: list[tuple[int, Any]] = [
        (403, {"error": {"message": "denied"}}),
        (200, "<html>"),
        (200, []),
    ]
    for part in GRANTED:
        for reply in refusals:
            found = found_by(ALL, serve({**GRANTED, part: reply}))
            assert sorted(map(tuple, found.values())) == sorted([(OK,)] * 4 + [(SKIP,)]), part


def test_the_reason_is_said(serve: Callable[..., Subject]) -> None:
    denied = {"/": (403, {"error": {"message": "the API is disabled"}})}
    told = [it.what for _, it in results(ALL, serve(denied))]
    assert all(it.endswith(" answered 403: the API is disabled") for it in told), told
    gone = Subject(SETTINGS, Cloud("http://127.0.0.1:9/{service}", anonymous=True))
    told = [it.what for _, it in results(ALL, gone)]
    assert all("did not answer: ConnectionError" in text for text in told)


def test_what_the_settings_lack_is_said() -> None:
    for _, it in results(ALL, Subject(Settings())):
        assert it.status == SKIP
        assert "is not set" in it.what


def test_apis(serve: Callable[..., Subject]) -> None:
    reply = services(aiplatform="DISABLED", bigquery="DISABLED", secretmanager="")
    found = list(project.check_apis(serve({"services:batchGet": reply})))
    assert [it.status for it in found] == [FAIL, WARN, SKIP]
    assert found[0].todo == "gcloud services enable aiplatform.googleapis.com --project my-project"


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ({"location": "EUROPE-WEST4", "locationType": "region"}, OK),
        ({"location": "US-CENTRAL1", "locationType": "region"}, FAIL),
        ({"location": "EU", "locationType": "multi-region"}, WARN),
        ({"location": "EUR4", "locationType": "dual-region"}, WARN),
        ({}, SKIP),
    ],
)
def test_the_place_of_the_bucket(
    serve: Callable[..., Subject], reply: dict[str, str], status: str
) -> None:
    [found] = project.check_bucket(serve({"/storage/v1/b/my-bucket?": (200, reply)}))
    assert found.status == status


@pytest.mark.parametrize("root", ["", "my-bucket/runs", "gs://", "gs:///x", "s3://b"])
def test_a_pipeline_root_without_a_bucket(root: str) -> None:
    with pytest.raises(ValueError, match="is not gs://BUCKET"):
        project.bucket_of(root)


def test_each_missing_permission_is_named(serve: Callable[..., Subject]) -> None:
    checks = [
        (access.check_project, ":testIamPermissions", access.PROJECT_PERMISSIONS),
        (access.check_bucket, "/iam/testPermissions", access.BUCKET_PERMISSIONS),
        (access.check_act_as, ":testIamPermissions", (access.ACT_AS,)),
    ]
    for check, path, needed in checks:
        for name in needed:
            granted = [it for it in needed if it != name]
            [found] = check(serve({path: (200, {"permissions": granted} if granted else {})}))
            assert (found.status, f"the caller lacks {name} on" in found.what) == (FAIL, True)
            assert found.todo.startswith("ask for roles/")


def test_what_others_may_do_is_not_called_good() -> None:
    found = list(access.list_others(Subject(SETTINGS)))
    assert {it.status for it in found} == {SKIP}
    assert ACCOUNT in found[0].what


class Login(Cloud):
    """Credentials of a test."""

    def __init__(self, **fields: Any) -> None:
        super().__init__()
        object.__setattr__(self, "found", SimpleNamespace(**fields))

    def credentials(self) -> Any:
        return self.found  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"quota_project_id": None}, WARN),
        ({"quota_project_id": "other"}, WARN),
        ({"quota_project_id": "my-project"}, OK),
        ({"service_account_email": ACCOUNT}, OK),
    ],
)
def test_the_quota_project(fields: dict[str, Any], status: str) -> None:
    [found] = credentials.check_quota_project(Subject(SETTINGS, Login(**fields)))
    assert found.status == status


def test_expired_credentials_fail_and_working_ones_are_named() -> None:
    def refuse(_: Any) -> None:
        raise RefreshError("invalid_grant: expired\nor revoked")

    [found] = credentials.check_token(Subject(SETTINGS, Login(refresh=refuse)))
    assert (found.status, found.todo) == (FAIL, credentials.LOG_IN)
    assert "invalid_grant: expired or revoked" in found.what
    working = Login(refresh=lambda _: None, account="a@example.com", token="very-secret")
    [found] = credentials.check_token(Subject(SETTINGS, working))
    assert (found.status, found.what) == (OK, "Google takes the credentials of a@example.com")


def test_the_verb_against_the_local_services(verb: Verbs, vertex: LocalVertex) -> None:
    vertex.store.path("gs://local-pipelines/doctor").mkdir(parents=True, exist_ok=True)
    result = verb("doctor", "--output", "json", env=LOCAL)
    assert result.code == 0, result
    found = {row["check"]: row for row in result.json}
    assert found["credentials"]["status"] == OK
    assert found["bucket"]["status"] == OK, found["bucket"]
    for name in ("APIs", "permissions on the project"):  # not emulated: never called good
        assert found[name]["status"] == SKIP
        assert "could not be checked" in found[name]["what"]
    assert found["permission to act"]["what"].startswith("could not be checked: E411")
    assert result.stderr.count(" OK, ") == 1
    assert "batchpredict-local-token" not in result.stdout + result.stderr


def test_the_verb_fails_with_what_must_be_mended(verb: Verbs) -> None:
    env = {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json"}
    result = verb("doctor", "--offline", env=env)
    assert result.code == 1
    assert "FAIL  credentials file: /nowhere.json cannot be read" in result.stdout
    assert result.stderr.endswith("Error: E465 1 things must be mended; see above\n")

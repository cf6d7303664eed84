"""The steps' own calls to Vertex AI, against the running services.

Only the credentials are ours: google-auth reads the address of the metadata server when it is
imported, which in this process was long ago. The whole pipeline tests the real ones.
"""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import google.auth
import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError, RefreshError
from sklearn.linear_model import LinearRegression

from batchpredict.local import LOCATION, PROJECT
from batchpredict.local.session import LocalVertex
from batchpredict.runtime import vertex_api
from batchpredict.runtime.smoke import first_instance, smoke_predict
from batchpredict.runtime.vertex_api import (
    check_display_name,
    endpoint_id,
    find_model,
    get_or_create_endpoint,
    google_request,
    google_session,
    vertex_request,
    wait_for,
)


@pytest.mark.parametrize(
    "url",
    [
        "http://bigquery.googleapis.com/x",
        "https://evil.example/x",
        "https://googleapis.com.evil.example",
        "https://evilgoogleapis.com",
        "https://user@bigquery.googleapis.com",
        "https://evil.example\\.googleapis.com/x",
        "https://evil.example#.googleapis.com/x",
        "https://bigquery.googleapis.com\n.evil.example",
        "ftp://x.googleapis.com",
        "https://localhost.evil.example",
        "http://127.0.0.1@evil.example",
        "http://127.0.0.1:80@evil.example/",
        "",
    ],
)
def test_a_token_goes_to_google_only(url: str) -> None:
    for verb in ("GET", "POST"):
        with pytest.raises(ValueError, match=r"^E284 .* is no address of Google"):
            google_request(verb, url)


def test_google_gets_the_credentials_of_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = AnonymousCredentials()
    monkeypatch.setattr(google.auth, "default", lambda scopes: (credentials, scopes))
    for url in ("https://bigquery.googleapis.com", "https://a-b.p.googleapis.com:443/x"):
        with google_session(url) as session:
            assert session.credentials is credentials
    monkeypatch.setattr(google.auth, "default", None)
    for url in ("http://localhost:1/x", "https://127.0.0.1", "http://[::1]:80/"):
        with google_session(url) as session:
            assert not hasattr(session, "credentials")
            assert not session.trust_env


def test_a_step_without_credentials_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(scopes: list[str]) -> None:  # noqa: ARG001
        raise DefaultCredentialsError("nothing found")

    monkeypatch.setattr(google.auth, "default", none)
    with pytest.raises(RuntimeError, match=r"^E281 there are no credentials .*nothing found"):
        google_request("GET", "https://bigquery.googleapis.com")


class Replies:
    """A server on this machine that gives its replies one by one."""

    def __init__(self) -> None:
        self.replies: list[tuple[int, bytes]] = []
        self.asked: list[tuple[str, str, str | None]] = []
        self.url = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append((request.command, request.path, request.headers["Authorization"]))
        status, body = self.replies.pop(0)
        if status == 0:
            request.close_connection = True
            return
        request.send_response(status)
        request.send_header("Location", f"{self.url}/elsewhere")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def replies(monkeypatch: pytest.MonkeyPatch) -> Iterator[Replies]:
    found = Replies()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.answer(self)

        do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_port}"
        yield found
        server.shutdown()
        thread.join()


LIMITED = b'{"error": {"message": "slower", "errors": [{"reason": "rateLimitExceeded"}, 7]}}'


@pytest.mark.parametrize(
    "trouble",
    [(500, b"[]"), (503, b"<html>"), (429, b"{}"), (403, LIMITED), (200, b'{"a'), (200, b"[]")],
)
def test_a_get_is_repeated_and_nothing_else(replies: Replies, trouble: tuple[int, bytes]) -> None:
    replies.replies = [trouble, (0, b""), trouble, (200, b'{"a": 1}')]
    assert google_request("GET", f"{replies.url}/v1/x") == {"a": 1}
    for verb in ("POST", "DELETE"):
        replies.replies = [trouble]
        with pytest.raises(RuntimeError, match=rf"^E252 {verb} x answered {trouble[0]}"):
            google_request(verb, f"{replies.url}/v1/x", {})
    assert len(replies.asked) == 6


def test_a_get_is_not_repeated_for_ever(replies: Replies) -> None:
    replies.replies = [(503, b'{"error": "down"}')] * 9
    with pytest.raises(RuntimeError, match=r"^E252 GET x answered 503: down$"):
        google_request("GET", f"{replies.url}/v1/x")
    assert len(replies.asked) == 6


def test_refusals_that_are_accepted_are_told_by_their_error(
    replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    replies.replies = [(404, b'{"error": {"code": 404}}'), (404, b"{}"), (204, b"")]
    url = f"{replies.url}/v1/x"
    assert google_request("GET", url, accepted=(404,)) == {"error": {"code": 404}}
    assert google_request("GET", url, accepted=(404,)) == {"error": {}}
    assert google_request("DELETE", url, accepted=(404,)) == {}
    replies.replies = [(404, b"<html>")] * 6  # the page of some proxy: asked again
    with pytest.raises(RuntimeError, match=r"^E252 GET x answered 404 without JSON: '<html>'"):
        google_request("GET", url, accepted=(404,))


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 300_000])
def test_a_reply_of_any_size_is_read_whole(replies: Replies, size: int) -> None:
    content = {"a": "x" * max(0, size - len('{"a": ""}'))}
    replies.replies = [(200, json.dumps(content).encode())]
    assert google_request("GET", f"{replies.url}/v1/x") == content


def test_a_redirection_carries_the_token_nowhere(replies: Replies) -> None:
    replies.replies = [(302, b"{}"), (200, b"{}")]
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer secret"
        session.trust_env = False
        with pytest.raises(RuntimeError, match=r"^E252 GET x answered 302"):
            google_request("GET", f"{replies.url}/v1/x", session=session)
    assert replies.asked == [("GET", "/v1/x", "Bearer secret")]


def test_credentials_that_are_refused_are_final(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(verb: str, *_: Any, **__: Any) -> None:
        asked.append(verb)
        raise RefreshError("invalid_grant")  # type: ignore[no-untyped-call]

    with requests.Session() as session:
        monkeypatch.setattr(session, "request", refuse)
        with pytest.raises(RuntimeError, match=r"^E252 GET x was not answered: invalid_grant"):
            google_request("GET", "https://a.googleapis.com/v1/x", session=session)
    assert asked == ["GET"]


def test_a_location_that_is_no_region_never_becomes_a_host() -> None:
    for location in ("attacker.example/", "us-central1.evil", "", "us-central1\n", "global"):
        with pytest.raises(ValueError, match=r"^E251 "):
            vertex_request(location, "GET", "x")


def test_a_refusal_carries_the_words_of_the_service(services: LocalVertex) -> None:  # noqa: ARG001
    with pytest.raises(RuntimeError, match=r"^E252 GET projects/p/.* answered 404: .*not found"):
        vertex_request(LOCATION, "GET", f"projects/p/locations/{LOCATION}/models/1")


def test_a_reply_that_is_no_json_is_named(
    services: LocalVertex,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[int] = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setattr(requests.Response, "iter_content", lambda *_: iter([b"<html>"]))
    with pytest.raises(RuntimeError, match=r"^E252 .*without JSON"):
        vertex_request(LOCATION, "GET", f"projects/p/locations/{LOCATION}/models")
    assert slept == [0, 1, 2, 4, 8, 16]


@pytest.mark.parametrize("name", ['say "hi"', "a\nb", "back\\slash", "", "x" * 129, "{{$}}"])
def test_a_display_name_that_breaks_json_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^E253 "):
        check_display_name(name)


@pytest.mark.parametrize("name", ["penguins", "Größe (2) v1.0 - a_b", "x" * 128])
def test_a_plain_display_name_is_accepted(name: str) -> None:
    check_display_name(name)


def test_the_newest_model_of_a_name_is_found(
    services: LocalVertex,  # noqa: ARG001
    upload_sklearn: Callable[..., str],
) -> None:
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    assert find_model(PROJECT, LOCATION, "found by name") == ""
    upload_sklearn(model, display_name="found by name")
    newest = upload_sklearn(model, display_name="found by name")
    assert find_model(PROJECT, LOCATION, "found by name") == newest.partition("@")[0]


def test_an_endpoint_is_made_once(services: LocalVertex) -> None:  # noqa: ARG001
    first = get_or_create_endpoint(PROJECT, LOCATION, "made once")
    assert first.endswith(f"/endpoints/{endpoint_id('made once')}")
    assert get_or_create_endpoint(PROJECT, LOCATION, "made once") == first


def test_identifiers_are_valid_and_differ() -> None:
    names = ["A b", "a-b", "1st", "ünï", "", "x" * 128]
    identifiers = [endpoint_id(name) for name in names]
    assert len(set(identifiers)) == len(names)
    for identifier in identifiers:
        assert identifier[0].isalpha()
        assert len(identifier) <= 63
        assert set(identifier) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_an_operation_is_polled_until_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = iter([{"name": "o"}, {"name": "o", "done": True, "response": {"name": "made"}}])
    monkeypatch.setattr(vertex_api, "vertex_request", lambda *_: next(replies))
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert wait_for(LOCATION, {"name": "o"}) == {"name": "made"}


def test_an_operation_that_failed_is_named() -> None:
    failed: dict[str, Any] = {"name": "o", "done": True, "error": {"message": "no quota"}}
    with pytest.raises(RuntimeError, match=r"^E252 o failed: no quota"):
        wait_for(LOCATION, failed)


def test_an_operation_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 601.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    with pytest.raises(RuntimeError, match=r"^E254 o was not done"):
        wait_for(LOCATION, {"name": "o"})


def test_the_first_instance_in_the_order_of_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('\n{"key": "k", "b": null, "a": 1}\n{"a": 2}\n')
    assert first_instance(str(path), ["a", "b"]) == [1, None]
    with pytest.raises(ValueError, match=r"^E257 .*\['c'\]"):
        first_instance(str(path), ["a", "c"])
    path.write_text("\n")
    with pytest.raises(ValueError, match=r"^E257 there is no instance"):
        first_instance(str(path), ["a"])


def test_a_name_that_is_no_endpoint_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^E258 "):
        smoke_predict("projects/p/locations/evil.example/#/endpoints/1/x", [1])


def test_an_endpoint_without_a_model_answers_with_a_reason(services: LocalVertex) -> None:  # noqa: ARG001
    endpoint = get_or_create_endpoint(PROJECT, LOCATION, "empty")
    with pytest.raises(RuntimeError, match=r"^E252 .*no deployed model"):
        smoke_predict(endpoint, [1.0])


def test_one_prediction_comes_back_with_its_deployed_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from batchpredict.runtime import smoke

    reply: dict[str, Any] = {"predictions": [{"a": 1}], "deployedModelId": "7"}
    monkeypatch.setattr(smoke, "vertex_request", lambda *_: reply)
    endpoint = f"projects/p/locations/{LOCATION}/endpoints/1"
    assert smoke_predict(endpoint, [1]) == ('{"a": 1}', "7")
    reply["predictions"] = []
    with pytest.raises(RuntimeError, match=r"^E259 "):
        smoke_predict(endpoint, [1])

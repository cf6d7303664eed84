"""The steps' own calls to Vertex AI, against the running services.

Only the credentials are ours: google-auth reads the address of the metadata server when it is
imported, which in this process was long ago. The whole pipeline tests the real ones.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials
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
    vertex_request,
    wait_for,
)


@pytest.fixture
def services(vertex: LocalVertex, monkeypatch: pytest.MonkeyPatch) -> LocalVertex:
    for name in ("HTTPS_PROXY", "https_proxy", "REQUESTS_CA_BUNDLE", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, vertex.environment[name])
    monkeypatch.setattr(google.auth, "default", lambda scopes: (AnonymousCredentials(), scopes))
    return vertex


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
    import requests

    monkeypatch.setattr(requests.Response, "json", lambda _: json.loads("<html>"))
    with pytest.raises(RuntimeError, match=r"^E252 .*without JSON"):
        vertex_request(LOCATION, "GET", f"projects/p/locations/{LOCATION}/models")


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

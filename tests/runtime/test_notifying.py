"""What is told of a run, and how it reaches a webhook."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from webhooks import Webhook, running_webhook

from batchpredict.local.session import LocalVertex
from batchpredict.runtime.notifying import (
    chat_text,
    end_of_run,
    failed_steps,
    is_wanted,
    notify_webhook,
    plain_text,
    post_webhook,
    run_page,
    webhook_body,
    webhook_url,
)

RUN = "projects/12/locations/europe-west4/pipelineJobs/score-1"
HOSTILE = '"}]\n<!channel> <users/all> & \x1b[31m\u2028 \\u0041 ${x} {{y}}'
NOTE: dict[str, Any] = {
    "title": "nightly",
    "state": "FAILED",
    "run": RUN,
    "link": run_page(RUN),
    "failed_steps": [{"step": "train", "message": HOSTILE}],
    "failed_steps_total": 1,
}


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with running_webhook() as webhook:
        yield webhook


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, which pass at once."""
    made: list[float] = []
    real = time.monotonic
    monkeypatch.setattr(time, "sleep", made.append)
    monkeypatch.setattr(time, "monotonic", lambda: real() + sum(made))
    return made


@pytest.mark.parametrize(
    ("on", "state", "wanted"),
    [
        ("failure", "SUCCEEDED", False),
        ("failure", "FAILED", True),
        ("failure", "CANCELLED", True),
        ("always", "SUCCEEDED", True),
        ("always", "FAILED", True),
    ],
)
def test_success_is_told_only_when_asked(on: str, state: str, wanted: bool) -> None:
    assert is_wanted(on, state) is wanted


@pytest.mark.parametrize("on", ["", "failed", "Always"])
def test_e480_when_to_tell(on: str) -> None:
    with pytest.raises(ValueError, match=r"^E480 on is .*; give failure or always$"):
        is_wanted(on, "FAILED")


def test_the_page_of_a_run() -> None:
    assert run_page(RUN) == (
        "https://console.cloud.google.com/vertex-ai/locations/europe-west4/pipelines/runs/score-1"
        "?project=12"
    )
    assert run_page("something else") == ""


def test_a_step_is_named_and_not_the_group_around_it() -> None:
    details = [
        {"taskId": "1", "taskName": "root", "state": "FAILED"},
        {"taskId": "2", "parentTaskId": "1", "taskName": "guard", "state": "FAILED"},
        {
            "taskId": "3",
            "parentTaskId": "2",
            "taskName": "train",
            "state": "FAILED",
            "error": {"code": 9, "message": "E204 one class only"},
        },
        {"taskId": "4", "parentTaskId": "2", "taskName": "score", "state": "NOT_TRIGGERED"},
        {"taskId": "5", "parentTaskId": "1", "taskName": "other", "state": "FAILED"},
    ]
    assert failed_steps({"jobDetail": {"taskDetails": details}}) == [
        {"step": "train", "message": "E204 one class only"},
        {"step": "other", "message": ""},
    ]
    assert failed_steps({}) == []


def status(**fields: Any) -> dict[str, Any]:
    return {
        "state": "FAILED",
        "pipeline_job_resource_name": RUN,
        "pipeline_task_name": "exit-handler-1",
        "error_code": 9,
        "error_message": "The failed tasks are: [train].",
        **fields,
    }


@pytest.mark.usefixtures("services")
def test_the_final_status_stands_in_for_a_run_that_cannot_be_looked_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = RUN.replace("europe-west4", "us-central1")
    for run in (name, "something else", "a/b/c/nowhere"):
        note = end_of_run(status(pipeline_job_resource_name=run), "")
        assert note["failed_steps"] == [
            {"step": "exit-handler-1", "message": "The failed tasks are: [train]."}
        ]
        assert "could not be looked up" in capsys.readouterr().out
    assert (note["title"], note["link"]) == ("nowhere", "")
    silent = end_of_run(status(error_message=None, pipeline_job_resource_name="x"), "")
    assert silent["failed_steps"][0]["message"] == "no message was given"


def test_success_names_no_step() -> None:
    note = end_of_run(status(state="SUCCEEDED", error_message=None), "nightly")
    assert (note["title"], note["failed_steps"], note["failed_steps_total"]) == ("nightly", [], 0)
    assert chat_text(note) == f"nightly: SUCCEEDED\n{run_page(RUN)}"


def test_many_steps_are_counted() -> None:
    steps = [{"step": f"s{n}", "message": "m"} for n in range(5)]
    text = chat_text({**NOTE, "failed_steps": steps, "failed_steps_total": 8, "link": ""})
    assert text.splitlines()[-3:] == ["s4: m", "and 3 more failed steps", RUN]


def test_long_and_strange_texts_become_plain() -> None:
    assert plain_text("a\x1b[31m\x00b\nc\u202e", 100) == "a [31m b\nc "
    assert plain_text("abc", 3) == "abc"
    assert plain_text("abcd", 3) == "ab…"


@pytest.mark.parametrize(
    ("form", "url"),
    [
        ("slack", "http://127.0.0.1:1/"),
        ("auto", "https://hooks.slack.com/services/x"),
        ("google_chat", "http://127.0.0.1:1/"),
        ("auto", "https://chat.googleapis.com/v1/spaces/x"),
    ],
)
def test_a_hostile_message_calls_nobody(form: str, url: str) -> None:
    content = json.loads(webhook_body(form, url, NOTE))
    assert set(content) == {"text"}
    assert "<" not in content["text"]
    assert ">" not in content["text"]
    assert content["text"].startswith("nightly: FAILED\ntrain: ")


def test_other_webhooks_get_the_fields() -> None:
    for form in ("json", "auto"):
        content = json.loads(webhook_body(form, "https://example.com/hook", NOTE))
        assert content["failed_steps"] == NOTE["failed_steps"]
        assert content["text"] == chat_text(NOTE)


@pytest.mark.parametrize("required", [True, False])
def test_e480_the_form(required: bool) -> None:
    with pytest.raises(ValueError, match=r"^E480 form is 'Slack'; give auto, slack"):
        notify_webhook("nothing", "Slack", NOTE, 1.0, required)


def test_an_address_is_taken_as_it_is() -> None:
    for url in ("https://hooks.slack.com/services/a/b/c", "http://127.0.0.1:80/x?y=1"):
        assert webhook_url(f" {url}\n") == url


@pytest.mark.parametrize(
    "webhook",
    [
        "",
        "http://example.com/hook",
        "ftp://example.com",
        "https://user@example.com/very-secret",
        "https://example.com/very-secret two",
        "https://example.com/very-secret\r\nX: y",
        "projects/p/secrets",
        "file:///etc/passwd",
    ],
)
def test_e481_no_address_and_it_is_not_repeated(webhook: str) -> None:
    with pytest.raises(RuntimeError, match=r"^E481 the webhook is neither") as caught:
        webhook_url(webhook)
    assert "very-secret" not in str(caught.value)


def test_the_address_comes_from_secret_manager(services: LocalVertex, webhook: Webhook) -> None:
    folder = services.home / "secrets"
    folder.mkdir(exist_ok=True)
    (folder / "hook").write_text(f"{webhook.url}\n")
    for name in ("projects/p/secrets/hook", "projects/p/secrets/hook/versions/2"):
        assert webhook_url(name) == webhook.url
    (folder / "empty").write_bytes(b"\xff")
    for name in ("empty", "absent"):
        with pytest.raises(RuntimeError, match=rf"^E481 projects/p/secrets/{name}/versions/la"):
            webhook_url(f"projects/p/secrets/{name}")


def test_what_may_pass_is_tried_again(webhook: Webhook, pauses: list[float]) -> None:
    webhook.answers = [(503, {}), (429, {})]
    assert post_webhook(webhook.url, b"{}", 60.0) == 3
    assert (pauses, webhook.bodies) == ([1.0, 2.0], [b"{}"] * 3)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((404, {}), "it answered 404: 'no_service /…/…/…/…'"),
        ((302, {"Location": "https://evil.example/"}), "it answered 302"),
    ],
)
def test_e481_a_refusal_is_final(
    webhook: Webhook, pauses: list[float], answer: tuple[int, dict[str, str]], said: str
) -> None:
    webhook.answers = [answer]
    with pytest.raises(RuntimeError, match=r"^E481 the webhook at 127.0.0.1 took no") as caught:
        post_webhook(webhook.url, b"{}", 60.0)
    assert said in str(caught.value)
    assert not [part for part in webhook.SECRET.split("/") if part in str(caught.value)]
    assert (len(webhook.bodies), pauses) == (1, [])


def test_e481_trying_ends(webhook: Webhook, pauses: list[float]) -> None:
    webhook.answers = [(500, {})] * 99
    with pytest.raises(RuntimeError, match=r"^E481 .* it answered 500"):
        post_webhook(webhook.url, b"{}", 70.0)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    assert len(webhook.bodies) == 7


def test_a_server_that_is_not_there(pauses: list[float]) -> None:
    with running_webhook() as gone:
        pass
    with pytest.raises(RuntimeError, match=r"^E481 .* URLError: .*refused") as caught:
        post_webhook(gone.url, b"{}", 0.5)
    assert gone.SECRET not in str(caught.value)
    assert pauses == []


@pytest.mark.usefixtures("services")
def test_a_proxy_s_rule_is_final(pauses: list[float]) -> None:
    with pytest.raises(RuntimeError, match=r"Tunnel connection failed: 403"):
        post_webhook("https://hooks.slack.com/services/x", b"{}", 60.0)
    assert pauses == []


def test_a_failing_webhook_fails_the_step_only_when_asked(
    webhook: Webhook, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook.answers = [(400, {})] * 2
    assert notify_webhook(webhook.url, "json", NOTE, 1.0, False) is False
    assert "the run is not failed for it: E481" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match=r"^E481 "):
        notify_webhook(webhook.url, "json", NOTE, 1.0, True)
    assert notify_webhook(webhook.url, "json", NOTE, 1.0, True) is True
    printed = capsys.readouterr().out
    assert printed == "sent, at try 1\n"
    assert webhook.notes[-1]["failed_steps"] == NOTE["failed_steps"]

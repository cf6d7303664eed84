"""``notify`` as the exit task of whole pipelines, and Google's e-mail step beside it."""

# mypy: disallow-untyped-decorators=False, disable-error-code="no-any-return"

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google_cloud_pipeline_components.v1.vertex_notification_email import (
    VertexNotificationEmailOp,
)
from kfp import dsl
from kfp.compiler import Compiler
from webhooks import Webhook, running_webhook

from batchpredict.components.notify import notify
from batchpredict.local.runs import start_run
from batchpredict.local.session import LocalVertex, local_vertex
from batchpredict.local.settings import LocalSettings
from batchpredict.pipeline_files import read_pipeline

IMAGE = "python:3.11-slim"
TIMEOUT = 120.0
HOSTILE = '"}] <!channel> \x1b[31m \\'
SUCCEEDED, FAILED = "PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED"


@dsl.component(base_image=IMAGE)
def work(message: str) -> None:
    if message:
        raise ValueError(message)


@dsl.pipeline(name="notified")
def notified(webhook: str, message: str = "", on: str = "failure", required: bool = False) -> None:
    told = notify(webhook=webhook, on=on, title="nightly", required=required)
    with dsl.ExitHandler(told, name="guard"):
        work(message=message)


@pytest.fixture(scope="module")
def open_vertex(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalVertex]:
    """Services whose steps share this machine's network: they reach a server of the test."""
    settings = LocalSettings(isolate=False, caching=False)
    with local_vertex(tmp_path_factory.mktemp("home"), settings) as vertex:
        yield vertex


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with running_webhook() as webhook:
        yield webhook


@pytest.fixture
def run(open_vertex: LocalVertex, tmp_path: Path) -> Callable[..., Any]:
    def run(**parameters: Any) -> Any:
        path = tmp_path / "notified.yaml"
        Compiler().compile(notified, str(path))
        name = start_run(open_vertex, read_pipeline(str(path)), parameters)
        assert open_vertex.services.pipelines.wait(name, TIMEOUT)
        return open_vertex.services.pipelines.snapshot(name)

    return run


def test_success_sends_nothing(run: Callable[..., Any], webhook: Webhook) -> None:
    assert run(webhook=webhook.url).state.name == SUCCEEDED
    assert webhook.bodies == []


def test_success_is_told_when_asked(run: Callable[..., Any], webhook: Webhook) -> None:
    job = run(webhook=webhook.url, on="always")
    [note] = webhook.notes
    assert (note["state"], note["run"], note["failed_steps"]) == ("SUCCEEDED", job.name, [])


def test_a_failure_names_the_step_and_its_message(
    run: Callable[..., Any], webhook: Webhook, open_vertex: LocalVertex
) -> None:
    folder = open_vertex.home / "secrets"
    folder.mkdir(exist_ok=True)
    (folder / "hook").write_text(webhook.url)
    job = run(webhook="projects/local-project/secrets/hook", message=HOSTILE)
    assert job.state.name == FAILED
    [note] = webhook.notes
    assert (note["title"], note["state"], note["run"]) == ("nightly", "FAILED", job.name)
    assert note["link"].endswith(f"/runs/{job.name.rpartition('/')[2]}?project=local-project")
    [step] = note["failed_steps"]
    assert step["step"] == "guard/work"
    assert 'ValueError: "}] <!channel>' in step["message"]
    assert "\x1b" not in note["text"]
    [log] = (open_vertex.home / "runs").rglob(f"{job.name.rpartition('/')[2]}/**/notify.log")
    assert webhook.SECRET not in log.read_text()


def test_a_failing_webhook_leaves_the_run_as_it_is(
    run: Callable[..., Any], webhook: Webhook
) -> None:
    webhook.answers = [(404, {})] * 2
    assert run(webhook=webhook.url, on="always").state.name == SUCCEEDED
    job = run(webhook=webhook.url, on="always", required=True)
    assert (job.state.name, len(webhook.bodies)) == (FAILED, 2)
    assert job.error.message.startswith("notify: E481 the webhook at 127.0.0.1 took no message")


def test_the_isolated_step_cannot_send_and_says_so(
    run_pipeline: Callable[..., Any], vertex: LocalVertex
) -> None:
    job = run_pipeline(notified, webhook="https://hooks.slack.com/services/x", message="wrong")
    assert job.state.name == FAILED
    [log] = (vertex.home / "runs").rglob(f"{job.name.rpartition('/')[2]}/**/notify.log")
    assert "403 Forbidden by batchpredict: nothing leaves this machine" in log.read_text()


def test_googles_mail_is_not_sent_but_shown(
    run_pipeline: Callable[..., Any], vertex: LocalVertex
) -> None:
    @dsl.pipeline(name="mailed")
    def mailed(message: str, recipients: list[str]) -> None:
        with dsl.ExitHandler(VertexNotificationEmailOp(recipients=recipients)):
            work(message=message)

    for message, state in (("", SUCCEEDED), ("it is wrong", FAILED)):
        job = run_pipeline(mailed, message=message, recipients=["a@example.com", "b@example.com"])
        assert job.state.name == state, job.error.message
        name = job.name.rpartition("/")[2]
        [log] = (vertex.home / "runs").rglob(f"{name}/**/vertex-pipelines-notification-email.log")
        lines = log.read_text().splitlines()
        assert lines[0].endswith("would have mailed a@example.com, b@example.com:")
        assert lines[1] == f"{job.name} ended: {state.removeprefix('PIPELINE_STATE_')}"
        assert ("it is wrong" in lines[-1]) is bool(message)

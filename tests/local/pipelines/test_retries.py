"""Steps that are tried again: when, how often, and what is kept of each attempt."""

# mypy: disallow-untyped-decorators=False

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from kfp.compiler import Compiler

from batchpredict.local.pipelines.retries import Attempts, Clock, RetryPolicy
from batchpredict.local.pipelines.spec import load_pipeline
from batchpredict.local.runs import run_folder
from batchpredict.local.session import LocalVertex
from batchpredict.pipeline_files import read_pipeline

IMAGE = "python:3.11-slim"
DEADLINE = 60.0
Run = Callable[..., Any]


class FakeClock(Clock):
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.time = 0.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    def wait(self, ended: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.time += seconds
        return ended.is_set()


@pytest.fixture
def clock(vertex: LocalVertex, monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(vertex.services.pipelines, "clock", clock)
    return clock


@dsl.component(base_image=IMAGE)
def fail_first(failures: int, data: dsl.Output[dsl.Artifact]) -> None:
    import os
    import tempfile
    from pathlib import Path

    count = Path(data.path).parent / "count"
    number = int(count.read_text()) + 1 if count.exists() else 1
    count.write_text(str(number))
    left = [*os.listdir("."), *os.listdir(tempfile.gettempdir())]
    Path("left-behind").touch()
    Path(tempfile.gettempdir(), "left-behind").touch()
    if number <= failures:
        raise ValueError(f"attempt {number} is bad")
    Path(data.path).write_text(f"attempt {number}, {left.count('left-behind')} left behind")


@dsl.component(base_image=IMAGE)
def echo(value: str) -> str:
    return value


def detail(job: Any, name: str) -> Any:
    return next(it for it in job.job_detail.task_details if it.task_name == name)


def history(task: Any) -> list[tuple[str, str]]:
    return [(it.state.name, it.error.message) for it in task.pipeline_task_status]


@dsl.pipeline(name="flaky")
def flaky(failures: int) -> None:
    step = fail_first(failures=failures).set_retry(
        2, backoff_duration="10s", backoff_factor=3, backoff_max_duration="100s"
    )
    echo(value="after").after(step)


def test_a_step_is_tried_until_it_succeeds(
    run_pipeline: Run, vertex: LocalVertex, clock: FakeClock
) -> None:
    job = run_pipeline(flaky, failures=2)
    assert job.state.name == "PIPELINE_STATE_SUCCEEDED", job.error.message
    assert clock.waits == [10.0, 30.0]
    step = detail(job, "fail-first")
    text = Path(vertex.store.path(step.outputs["data"].artifacts[0].uri)).read_text()
    assert text == "attempt 3, 0 left behind"
    assert [state for state, _ in history(step)] == [
        "PENDING", "RUNNING", "PENDING", "RUNNING", "PENDING", "RUNNING", "SUCCEEDED",
    ]  # fmt: skip
    assert step.state.name == "SUCCEEDED"
    assert not step.error.message


def test_each_attempt_keeps_its_log_and_is_told(
    run_pipeline: Run, vertex: LocalVertex, clock: FakeClock
) -> None:
    job = run_pipeline(flaky, failures=9)
    logs = run_folder(vertex, job.name) / "logs"
    names = ["fail-first.log.1", "fail-first.log.2", "fail-first.log"]
    for number, name in enumerate(names, 1):
        text = (logs / name).read_text()
        assert text.count("ValueError: attempt ") == 1
        assert f"attempt {number} is bad" in text
    failed = [message for state, message in history(detail(job, "fail-first")) if message]
    assert failed == [
        f"fail-first: ValueError: attempt 1 is bad (exit code 1, log: {logs / names[0]})",
        f"fail-first: ValueError: attempt 2 is bad (exit code 1, log: {logs / names[1]})",
        f"fail-first: ValueError: attempt 3 is bad (exit code 1, log: {logs / names[2]})"
        " in attempt 3",
    ]
    assert job.error.message == detail(job, "fail-first").error.message == failed[2]
    assert clock.waits == [10.0, 30.0]
    assert detail(job, "echo").state.name == "NOT_TRIGGERED"


def test_without_a_policy_a_step_is_tried_once(run_pipeline: Run, clock: FakeClock) -> None:
    @dsl.pipeline(name="once")
    def once() -> None:
        fail_first(failures=1)

    job = run_pipeline(once)
    assert "attempt 1 is bad" in job.error.message
    assert "in attempt" not in job.error.message
    assert clock.waits == []


class Held(Clock):
    """A real wait, of which a test is told when it begins, and after which it is asked."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.released = threading.Event()

    def wait(self, ended: threading.Event, seconds: float) -> bool:
        self.begun.set()
        is_over = super().wait(ended, seconds)
        assert self.released.wait(DEADLINE)
        return is_over


def test_a_wait_ends_when_the_run_is_cancelled(
    start_pipeline: Callable[..., str],
    vertex: LocalVertex,
    gapic: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @dsl.pipeline(name="waiting")
    def waiting() -> None:
        fail_first(failures=1).set_retry(1, backoff_duration="3000s")

    held = Held()
    monkeypatch.setattr(vertex.services.pipelines, "clock", held)
    name = start_pipeline(waiting)
    assert held.begun.wait(DEADLINE)
    step = detail(vertex.services.pipelines.snapshot(name), "fail-first")
    assert step.state.name == "PENDING"
    assert "attempt 1 is bad" in step.pipeline_task_status[-1].error.message
    gapic("pipeline", "grpc").cancel_pipeline_job(name=name)
    snapshot = vertex.services.pipelines.snapshot
    assert snapshot(name).state.name == "PIPELINE_STATE_CANCELLING"
    held.released.set()
    assert vertex.services.pipelines.wait(name, DEADLINE)
    assert snapshot(name).state.name == "PIPELINE_STATE_CANCELLED"
    step = detail(snapshot(name), "fail-first")
    assert step.state.name == "CANCELLED"
    assert "cancelled before it was tried again" in step.error.message


def policy_of(folder: Path, *arguments: Any, **options: Any) -> RetryPolicy:
    @dsl.pipeline(name="one")
    def one() -> None:
        echo(value="x").set_retry(*arguments, **options)

    path = folder / "one.yaml"
    Compiler().compile(one, str(path))
    return RetryPolicy.of(load_pipeline(read_pipeline(str(path)).spec).root.dag.tasks["echo"])


def test_what_is_not_set_is_as_kfp_has_it(tmp_path: Path) -> None:
    assert policy_of(tmp_path, 4) == RetryPolicy(4, 0.0, 2.0, 3600.0)


def test_no_step_is_tried_again_for_longer_than_an_hour(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, 4, "90m", 1.5, "5h")
    assert policy == RetryPolicy(4, 5400.0, 1.5, 3600.0)
    assert Attempts(policy, FakeClock()).next_delay() is None


def delays(policy: RetryPolicy) -> list[float]:
    clock, found = FakeClock(), []
    attempts = Attempts(policy, clock)
    while (delay := attempts.next_delay()) is not None:
        found.append(delay)
        clock.time += delay
    return found


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        (RetryPolicy(0, 1, 2, 100), []),
        (RetryPolicy(3, 0, 2, 100), [0, 0, 0]),
        (RetryPolicy(4, 1, 2, 100), [1, 2, 4, 8]),
        (RetryPolicy(9, 10, 2, 70), [10, 20, 40]),
        (RetryPolicy(9, 10, 2, 69.9), [10, 20]),
        (RetryPolicy(9, 71, 1, 70), []),
    ],
)
def test_the_delays_grow_within_the_window(policy: RetryPolicy, wanted: list[float]) -> None:
    assert delays(policy) == wanted


def test_the_time_of_the_attempts_counts_from_the_first_failure() -> None:
    clock = FakeClock()
    clock.time = 1e6  # a first attempt may take long
    attempts = Attempts(RetryPolicy(5, 1, 1, 100), clock)
    assert attempts.next_delay() == 1
    clock.time += 99
    assert attempts.next_delay() == 1
    clock.time += 1
    assert attempts.next_delay() is None

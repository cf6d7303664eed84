"""How the iterations of ``dsl.ParallelFor`` run: side by side, limited, and if some fail."""

# mypy: disallow-untyped-decorators=False, disable-error-code="valid-type,empty-body,type-arg"

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from batchpredict.local.runs import outputs_of, run_folder
from batchpredict.local.session import LocalVertex

IMAGE = "python:3.11-slim"
DEADLINE = 60.0
Run = Callable[..., Any]
SUCCEEDED, FAILED = "PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED"


@dsl.component(base_image=IMAGE)
def echo(value: str) -> str:
    return value


@dsl.component(base_image=IMAGE)
def give(values: list) -> list:
    return values


@dsl.component(base_image=IMAGE)
def fail_on(value: str, bad: str) -> str:
    if value == bad:
        raise ValueError(f"{value} is bad")
    return value


def states(job: Any) -> dict[str, str]:
    return {task.task_name: task.state.name for task in job.job_detail.task_details}


@pytest.fixture
def written(vertex: LocalVertex) -> Callable[[Any], dict[str, str]]:
    """The texts of all output artifacts of a job by the names of their steps."""

    def written(job: Any) -> dict[str, str]:
        assert job.state.name == SUCCEEDED, job.error.message
        return {step: path.read_text() for step, _, _, path in outputs_of(job, vertex)}

    return written


def test_a_failing_iteration_fails_the_loop_and_is_named(
    run_pipeline: Run, vertex: LocalVertex
) -> None:
    @dsl.pipeline(name="failing")
    def failing() -> None:
        with dsl.ParallelFor(["a", "b", "c", "d"], name="parse", parallelism=1) as letter:
            good = fail_on(value=letter, bad="c")
            echo(value=good.output)
        give(values=dsl.Collected(good.output))

    job = run_pipeline(failing)
    assert job.state.name == FAILED
    log = run_folder(vertex, job.name) / "logs" / "parse-2.fail-on.log"
    message = f"parse-2/fail-on: ValueError: c is bad (exit code 1, log: {log})"
    assert job.error.message == message
    assert "raise ValueError" in log.read_text()
    found = states(job)
    assert found["parse"] == found["parse-2"] == found["parse-2/fail-on"] == "FAILED"
    assert found["parse-2/echo"] == found["give"] == "NOT_TRIGGERED"
    assert found["parse-3/echo"] == "SUCCEEDED"  # the others run to their end


@dsl.component(base_image=IMAGE)
def count_running(value: str, data: dsl.Output[dsl.Artifact]) -> None:
    import time
    from pathlib import Path

    folder = Path(data.path).parents[2] / "running"
    folder.mkdir(exist_ok=True)
    (folder / value).touch()
    time.sleep(0.3)
    Path(data.path).write_text(str(len(list(folder.iterdir()))))
    (folder / value).unlink()


@pytest.mark.parametrize("limit", [1, 2])
def test_no_more_iterations_run_at_a_time_than_allowed(
    run_pipeline: Run, written: Run, limit: int
) -> None:
    @dsl.pipeline(name="limited")
    def limited() -> None:
        with dsl.ParallelFor(["a", "b", "c", "d"], parallelism=limit) as letter:
            count_running(value=letter)

    found = written(run_pipeline(limited))
    assert len(found) == 4
    assert max(int(text) for text in found.values()) <= limit


@dsl.component(base_image=IMAGE)
def meet(mine: str, data: dsl.Output[dsl.Artifact]) -> None:
    import time
    from pathlib import Path

    folder = Path(data.path).parents[2] / "met"
    folder.mkdir(exist_ok=True)
    (folder / mine).touch()
    deadline = time.monotonic() + 60
    while len(list(folder.iterdir())) < 3:
        if time.monotonic() > deadline:
            raise TimeoutError("the others never came")
        time.sleep(0.01)


def test_without_a_limit_the_iterations_run_at_the_same_time(run_pipeline: Run) -> None:
    @dsl.pipeline(name="together")
    def together() -> None:
        with dsl.ParallelFor(["a", "b", "c"]) as letter:
            meet(mine=letter)

    job = run_pipeline(together)
    assert job.state.name == SUCCEEDED, job.error.message


@dsl.container_component
def sleep(started: dsl.OutputPath(str), value: str):  # type: ignore[no-untyped-def]
    return dsl.ContainerSpec(
        image=IMAGE, command=["sh", "-c", 'echo "$1" > "$0"; sleep 600'], args=[started, value]
    )


def test_a_cancelled_loop_starts_no_other_iteration(
    start_pipeline: Callable[..., str], vertex: LocalVertex
) -> None:
    @dsl.pipeline(name="sleeper")
    def sleeper() -> None:
        with dsl.ParallelFor(["a", "b", "c"], name="loop", parallelism=2) as letter:
            sleep(value=letter)

    name = start_pipeline(sleeper)
    folder = Path(vertex.store.path(f"gs://local-pipelines/{name.rpartition('/')[2]}"))
    deadline = time.monotonic() + DEADLINE
    while len(list(folder.glob("*/sleep/started"))) < 2:
        assert time.monotonic() < deadline, "the steps did not start"
        time.sleep(0.02)
    assert states(vertex.services.pipelines.snapshot(name))["loop-2"] == "PENDING"
    vertex.services.pipelines.stop(name)
    job = vertex.services.pipelines.snapshot(name)
    assert job.state.name == "PIPELINE_STATE_CANCELLED"
    found = states(job)
    assert found["loop-0/sleep"] == found["loop-1/sleep"] == found["loop"] == "CANCELLED"
    assert found["loop-2"] == "NOT_TRIGGERED"

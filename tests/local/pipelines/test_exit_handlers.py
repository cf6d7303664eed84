"""Tasks that wait for completion only: exit tasks, and those that ignore a failure before them."""

# mypy: disallow-untyped-decorators=False

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from batchpredict.local.session import LocalVertex

IMAGE = "python:3.11-slim"
DEADLINE = 60.0
Run = Callable[..., Any]
SUCCEEDED, FAILED = "PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED"


@dsl.component(base_image=IMAGE)
def tell(value: str, status: dsl.PipelineTaskFinalStatus, data: dsl.Output[dsl.Artifact]) -> None:
    import dataclasses
    import json

    with open(data.path, "w") as file:
        json.dump([value, dataclasses.asdict(status)], file)


@dsl.component(base_image=IMAGE)
def fail_if(flag: bool, value: str = "x") -> str:
    if flag:
        raise ValueError("it is wrong")
    return value


@dsl.component(base_image=IMAGE)
def show(data: dsl.Output[dsl.Artifact], value: str = "nothing") -> None:
    with open(data.path, "w") as file:
        file.write(value)


@dsl.component(base_image=IMAGE)
def read(data: dsl.Output[dsl.Artifact], given: dsl.Input[dsl.Artifact] | None = None) -> None:
    with open(data.path, "w") as file:
        file.write("nothing" if given is None else open(given.path).read())  # noqa: SIM115


@dsl.component(base_image=IMAGE)
def write_if(flag: bool, data: dsl.Output[dsl.Artifact]) -> None:
    if not flag:
        raise ValueError("not written")
    with open(data.path, "w") as file:
        file.write("written")


def states(job: Any) -> dict[str, str]:
    return {task.task_name: task.state.name for task in job.job_detail.task_details}


def detail(job: Any, name: str) -> Any:
    return next(it for it in job.job_detail.task_details if it.task_name == name)


@pytest.fixture
def written(vertex: LocalVertex) -> Callable[[Any, str], str]:
    """The text that a step wrote."""

    def written(job: Any, name: str) -> str:
        uri = detail(job, name).outputs["data"].artifacts[0].uri
        return Path(vertex.store.path(uri)).read_text()

    return written


@dsl.pipeline(name="guarded")
def guarded(flag: bool) -> None:
    with dsl.ExitHandler(tell(value="bye"), name="guard"):
        first = fail_if(flag=flag)
        fail_if(flag=False, value=first.output).set_display_name("second")


def test_the_exit_task_is_told_of_success(run_pipeline: Run, written: Run) -> None:
    job = run_pipeline(guarded, flag=False)
    assert job.state.name == SUCCEEDED, job.error.message
    assert json.loads(written(job, "tell")) == [
        "bye",
        {
            "state": "SUCCEEDED",
            "pipeline_job_resource_name": job.name,
            "pipeline_task_name": "exit-handler-1",
            "error_code": None,
            "error_message": None,
        },
    ]


def test_the_exit_task_is_told_of_the_failure_and_the_run_fails(
    run_pipeline: Run, written: Run
) -> None:
    job = run_pipeline(guarded, flag=True)
    assert job.state.name == FAILED
    assert states(job) == {
        "guard": "FAILED",
        "guard/fail-if": "FAILED",
        "guard/second": "NOT_TRIGGERED",
        "tell": "SUCCEEDED",
    }
    cause = detail(job, "guard/fail-if").error.message
    assert cause.startswith("guard/fail-if: ValueError: it is wrong (exit code 1, ")
    assert job.error.message == cause
    value, status = json.loads(written(job, "tell"))
    assert value == "bye"
    assert (status["state"], status["error_code"]) == ("FAILED", 9)
    assert status["error_message"].startswith("guard: ")
    assert status["error_message"].endswith(f" failed or not started: {cause}")
    assert detail(job, "tell").start_time >= detail(job, "guard").end_time


def test_a_failing_exit_task_fails_the_run(run_pipeline: Run) -> None:
    @dsl.pipeline(name="bad-exit")
    def bad_exit() -> None:
        with dsl.ExitHandler(fail_if(flag=True)):
            show()

    job = run_pipeline(bad_exit)
    assert job.state.name == FAILED
    assert states(job)["fail-if"] == "FAILED"


def test_an_exit_task_runs_when_its_body_could_not_start(run_pipeline: Run, written: Run) -> None:
    @dsl.pipeline(name="no-body")
    def no_body() -> None:
        first = fail_if(flag=True)
        with dsl.ExitHandler(tell(value="bye"), name="guard"):
            show(value=first.output)

    job = run_pipeline(no_body)
    assert job.state.name == FAILED
    assert states(job) == {"fail-if": "FAILED", "guard": "NOT_TRIGGERED", "tell": "SUCCEEDED"}
    assert json.loads(written(job, "tell"))[1]["state"] == "NOT_TRIGGERED"


def test_two_handlers_are_told_each_of_its_own_body(run_pipeline: Run, written: Run) -> None:
    @dsl.pipeline(name="two-handlers")
    def two_handlers() -> None:
        one, two = tell(value="1"), tell(value="2")
        with dsl.ExitHandler(one, name="first"):
            fail_if(flag=True)
        with dsl.ExitHandler(two, name="second"), dsl.ParallelFor(["a", "b"], name="loop") as item:
            show(value=item)

    job = run_pipeline(two_handlers)
    assert job.state.name == FAILED
    found = [json.loads(written(job, name))[1] for name in ("tell", "tell-2")]
    assert [it["state"] for it in found] == ["FAILED", "SUCCEEDED"]
    assert [it["pipeline_task_name"] for it in found] == ["exit-handler-1", "exit-handler-2"]


def test_the_failure_of_a_loop_says_which_iteration_and_why(
    run_pipeline: Run, written: Run
) -> None:
    @dsl.pipeline(name="bad-loop")
    def bad_loop() -> None:
        with (
            dsl.ExitHandler(tell(value="bye"), name="guard"),
            dsl.ParallelFor([False, True], name="loop") as flag,
        ):
            fail_if(flag=flag)

    job = run_pipeline(bad_loop)
    cause = detail(job, "guard/loop-1/fail-if").error.message
    loop = detail(job, "guard/loop").error.message
    assert loop == f"guard/loop: iterations failed or not started: 1: {cause}"
    told = json.loads(written(job, "tell"))[1]["error_message"]
    assert told.count("it is wrong") == 1


def test_kfp_refuses_handlers_in_handlers() -> None:
    with pytest.raises(ValueError, match="outermost scope"):

        @dsl.pipeline(name="nested")
        def nested() -> None:
            outer, inner = show(), show()
            with dsl.ExitHandler(outer), dsl.ExitHandler(inner):
                show()


@dsl.pipeline(name="ignoring")
def ignoring(flag: bool) -> None:
    text = fail_if(flag=flag, value="text")
    show(value=text.output).ignore_upstream_failure()
    told = tell(value="x").after(text).ignore_upstream_failure()
    show(value="later").after(told).set_display_name("later")


@pytest.mark.parametrize("flag", [False, True])
def test_a_task_that_ignores_a_failure_gets_its_default(
    run_pipeline: Run, written: Run, flag: bool
) -> None:
    job = run_pipeline(ignoring, flag=flag)
    assert job.state.name == (FAILED if flag else SUCCEEDED)
    assert written(job, "show") == ("nothing" if flag else "text")
    assert json.loads(written(job, "tell"))[1]["state"] == ("FAILED" if flag else "SUCCEEDED")
    assert states(job)["later"] == "SUCCEEDED"


@pytest.mark.parametrize("flag", [False, True])
def test_an_artifact_that_was_not_written_is_left_out(
    run_pipeline: Run, written: Run, flag: bool
) -> None:
    @dsl.pipeline(name="artifacts")
    def artifacts(flag: bool) -> None:
        made = write_if(flag=flag)
        read(given=made.outputs["data"]).ignore_upstream_failure()

    job = run_pipeline(artifacts, flag=flag)
    assert written(job, "read") == ("written" if flag else "nothing")


@dsl.container_component
def sleep(started: dsl.OutputPath(str)):  # type: ignore[no-untyped-def,valid-type]
    return dsl.ContainerSpec(
        image=IMAGE, command=["sh", "-c", 'echo > "$0"; sleep 600'], args=[started]
    )


def test_exit_tasks_do_not_start_once_the_run_is_cancelled(
    start_pipeline: Callable[..., str], vertex: LocalVertex, gapic: Run
) -> None:
    @dsl.pipeline(name="cancelled")
    def cancelled() -> None:
        with dsl.ExitHandler(tell(value="bye"), name="guard"):
            sleep()

    name = start_pipeline(cancelled)
    folder = Path(vertex.store.path(f"gs://local-pipelines/{name.rpartition('/')[2]}"))
    deadline = time.monotonic() + DEADLINE
    while not list(folder.glob("guard/sleep/started")):
        assert time.monotonic() < deadline, "the step did not start"
        time.sleep(0.02)
    client = gapic("pipeline", "grpc")
    client.cancel_pipeline_job(name=name)
    assert vertex.services.pipelines.wait(name, DEADLINE)
    job = client.get_pipeline_job(name=name)
    assert job.state.name == "PIPELINE_STATE_CANCELLED"
    assert job.error.code == 1
    assert states(job) == {
        "guard": "CANCELLED",
        "guard/sleep": "CANCELLED",
        "tell": "NOT_TRIGGERED",
    }
    assert detail(job, "guard/sleep").error.code == 1

"""What still starts after a task has failed, and what the details of tasks say."""

# mypy: disallow-untyped-decorators=False

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from kfp import dsl
from kfp.compiler import Compiler

from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex
from batchpredict.pipeline_files import read_pipeline

IMAGE = "python:3.11-slim"
DEADLINE = 60.0
Run = Callable[..., Any]
FAST, SLOW = "PIPELINE_FAILURE_POLICY_FAIL_FAST", "PIPELINE_FAILURE_POLICY_FAIL_SLOW"
UNSET = "PIPELINE_FAILURE_POLICY_UNSPECIFIED"


@dsl.component(base_image=IMAGE)
def fail_if(flag: bool, value: str = "x") -> str:
    if flag:
        raise ValueError("it is wrong")
    return value


@dsl.component(base_image=IMAGE)
def hold(data: dsl.Output[dsl.Artifact]) -> None:
    import time
    from pathlib import Path

    deadline = time.monotonic() + 60
    while not Path(data.path).with_name("go").exists():
        if time.monotonic() > deadline:
            raise TimeoutError("nobody let it go")
        time.sleep(0.01)
    Path(data.path).touch()


@dsl.component(base_image=IMAGE)
def echo(value: str) -> str:
    return value


@dsl.component(base_image=IMAGE)
def count(data: dsl.Input[dsl.Artifact]) -> int:
    with open(data.path) as file:
        return len(file.read())


@dsl.pipeline(name="inner")
def inner() -> None:
    echo(value="end").set_display_name("deep")


@dsl.pipeline(name="policy")
def policy() -> None:
    with dsl.ExitHandler(inner(), name="guard"):  # a pipeline may be an exit task, too
        fail_if(flag=True)
        held = hold()
        echo(value="after").after(held).set_display_name("after")


@dsl.pipeline(name="loop-policy")
def loop_policy() -> None:
    with dsl.ParallelFor([True, False], name="loop", parallelism=1) as flag:
        fail_if(flag=flag)


def states(job: Any) -> dict[str, str]:
    return {task.task_name: task.state.name for task in job.job_detail.task_details}


def detail(job: Any, name: str) -> Any:
    return next(it for it in job.job_detail.task_details if it.task_name == name)


@pytest.fixture
def start(gapic: Run, tmp_path: Path) -> Callable[[Any, str], str]:
    """Start a pipeline with a failure policy and return the job's name."""

    def start(pipeline: Any, policy: str) -> str:
        Compiler().compile(pipeline, str(tmp_path / "pipeline.yaml"))
        runtime = {"gcsOutputDirectory": "gs://local-pipelines", "failurePolicy": policy}
        spec = read_pipeline(str(tmp_path / "pipeline.yaml")).spec
        content = {"pipelineSpec": spec, "runtimeConfig": runtime}
        message = json_format.ParseDict(content, types.PipelineJob.pb(types.PipelineJob()))
        job = types.PipelineJob.wrap(message)
        made = gapic("pipeline", "grpc").create_pipeline_job(parent=PARENT, pipeline_job=job)
        return str(made.name)

    return start


def wait_for(vertex: LocalVertex, name: str, step: str, state: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while states(vertex.services.pipelines.snapshot(name)).get(step) != state:
        assert time.monotonic() < deadline, f"{step} is not {state}"
        time.sleep(0.02)


@pytest.mark.parametrize(("policy_name", "after"), [(FAST, "NOT_TRIGGERED"), (SLOW, "SUCCEEDED"),
                                                    (UNSET, "SUCCEEDED")])  # fmt: skip
def test_what_runs_ends_and_what_is_new_starts_unless_it_fails_fast(
    start: Run, vertex: LocalVertex, policy_name: str, after: str
) -> None:
    name = start(policy, policy_name)
    wait_for(vertex, name, "guard/fail-if", "FAILED")
    wait_for(vertex, name, "guard/hold", "RUNNING")
    folder = f"gs://local-pipelines/{name.rpartition('/')[2]}/guard/hold"
    path = Path(vertex.store.path(folder)) / "go"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert vertex.services.pipelines.wait(name, DEADLINE)
    job = vertex.services.pipelines.snapshot(name)
    assert job.state.name == "PIPELINE_STATE_FAILED"
    assert states(job) == {
        "guard": "FAILED",
        "guard/fail-if": "FAILED",
        "guard/hold": "SUCCEEDED",
        "guard/after": after,
        "inner": "SUCCEEDED",
        "inner/deep": "SUCCEEDED",
    }


@pytest.mark.parametrize(("policy_name", "second"), [(FAST, "NOT_TRIGGERED"), (SLOW, "SUCCEEDED")])
def test_no_iteration_starts_either_when_it_fails_fast(
    start: Run, vertex: LocalVertex, policy_name: str, second: str
) -> None:
    name = start(loop_policy, policy_name)
    assert vertex.services.pipelines.wait(name, DEADLINE)
    found = states(vertex.services.pipelines.snapshot(name))
    assert found["loop-0"] == "FAILED"
    assert found["loop-1"] == second


@dsl.pipeline(name="details")
def details(flag: bool) -> None:
    imported = dsl.importer(artifact_uri="gs://local-inputs/x", artifact_class=dsl.Dataset)
    first = inner()
    fail_if(flag=flag).after(first)
    with dsl.If(flag == False, name="gate"):  # noqa: E712
        count(data=imported.output)


def test_the_details_of_each_task(run_pipeline: Run) -> None:
    job = run_pipeline(details, flag=True)
    found = {it.task_name: it for it in job.job_detail.task_details}
    prefix = f"{PARENT}/metadataStores/default/executions/{job.name.rpartition('/')[2]}-"
    kinds = {name: it.execution.schema_title.removeprefix("system.") for name, it in found.items()}
    assert kinds == {
        "importer": "ImporterExecution",
        "inner": "DagExecution",
        "inner/deep": "ContainerExecution",
        "fail-if": "ContainerExecution",
        "gate": "",
    }
    for name, task in found.items():
        assert job.create_time <= task.create_time <= task.end_time <= job.end_time
        assert task.task_unique_name == name.replace("/", ".")
        assert (task.error.code == 9) == (task.state.name == "FAILED")
        if kinds[name]:
            assert task.execution.name == f"{prefix}{task.task_id}"
            assert task.create_time <= task.start_time <= task.end_time
    assert found["inner/deep"].parent_task_id == found["inner"].task_id
    assert found["inner/deep"].execution.state.name == "COMPLETE"
    assert found["fail-if"].execution.state.name == "FAILED"


def test_the_history_of_each_task(run_pipeline: Run) -> None:
    job = run_pipeline(details, flag=True)
    history = {
        it.task_name: [status.state.name for status in it.pipeline_task_status]
        for it in job.job_detail.task_details
    }
    assert history["inner/deep"] == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert history["fail-if"] == ["PENDING", "RUNNING", "FAILED"]
    assert history["gate"] == ["PENDING", "NOT_TRIGGERED"]
    last = detail(job, "fail-if").pipeline_task_status[-1]
    assert last.error.message == detail(job, "fail-if").error.message
    for task in job.job_detail.task_details:
        times = [status.update_time for status in task.pipeline_task_status]
        assert times == sorted(times)
        assert task.pipeline_task_status[-1].state == task.state

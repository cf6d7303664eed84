"""Runs that go on: what had ended well is not repeated, all else is."""

# mypy: disallow-untyped-decorators=False, disable-error-code="no-untyped-def,valid-type,type-arg"

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from kfp import dsl

from batchpredict.local.runs import PARENT, run_folder, steps
from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.pipeline_contexts import spec_of

IMAGE = "python:3.11-slim"
Run = Callable[..., Any]
DONE, FAILED = "PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED"


@dsl.component(base_image=IMAGE)
def mark(folder: str, name: str, data: dsl.Output[dsl.Dataset], fails: bool = False) -> str:
    """Add a line to a file, and fail as long as another file is not there."""
    import os

    with open(os.path.join(folder, name), "a") as file:
        file.write("ran\n")
    if fails and not os.path.exists(os.path.join(folder, "mended")):
        raise ValueError("not mended")
    with open(data.path, "w") as file:
        file.write(name)
    return name


@dsl.component(base_image=IMAGE)
def use(folder: str, name: str, given: dsl.Input[dsl.Dataset]) -> str:
    import os

    with open(os.path.join(folder, name), "a") as file, open(given.path) as source:
        file.write("ran\n")
        return source.read()


@dsl.component(base_image=IMAGE)
def items(count: int) -> list:
    return [str(number) for number in range(count)]


@dsl.component(base_image=IMAGE)
def tell(folder: str, status: dsl.PipelineTaskFinalStatus) -> None:
    import os

    with open(os.path.join(folder, "told"), "a") as file:
        file.write(f"{status.state}\n")


@dsl.pipeline(name="three")
def three(folder: str) -> None:
    first = mark(folder=folder, name="first")
    second = use(folder=folder, name="second", given=first.outputs["data"])
    mark(folder=folder, name="third", fails=True).after(second)


@dsl.pipeline(name="whole-flow")
def whole_flow(folder: str) -> None:
    with dsl.ExitHandler(tell(folder=folder)):
        listed = items(count=3)
        with dsl.ParallelFor(listed.output, name="loop") as item:
            with dsl.If(item == "1", name="odd"):
                mark(folder=folder, name="odd", fails=True)
            with dsl.Else(name="even"):
                mark(folder=folder, name=item)


class Marks:
    """How often the steps ran."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, name: str) -> int:
        path = self.folder / name
        return len(path.read_text().splitlines()) if path.exists() else 0

    def mend(self) -> None:
        (self.folder / "mended").touch()


@pytest.fixture
def marks(vertex: LocalVertex, request: pytest.FixtureRequest) -> Iterator[Marks]:
    folder = vertex.home / "marks" / request.node.name
    folder.mkdir(parents=True)
    yield Marks(folder)
    shutil.rmtree(folder)


@pytest.fixture
def resume(vertex: LocalVertex) -> Run:
    def resume(name: str) -> Any:
        service = vertex.services.pipelines
        assert service.resume(name).state.name == "PIPELINE_STATE_RUNNING"
        assert service.wait(name, 120.0)
        return service.snapshot(name)

    return resume


def started(job: Any) -> dict[str, Any]:
    return {it.task_name: it.start_time for it in job.job_detail.task_details}


def journal_of(vertex: LocalVertex, job: Any) -> Path:
    return run_folder(vertex, job.name) / "journal.jsonl"


def test_finished_steps_are_not_repeated(
    run_pipeline: Run, resume: Run, marks: Marks, vertex: LocalVertex
) -> None:
    job = run_pipeline(three, folder=str(marks.folder))
    assert job.state.name == FAILED
    before = started(job)
    marks.mend()
    again = resume(job.name)
    assert again.state.name == DONE, again.error.message
    assert (again.name, again.create_time) == (job.name, job.create_time)
    assert again.error.message == ""
    assert (marks["first"], marks["second"], marks["third"]) == (1, 1, 2)
    found = {step.name: (step.state, step.is_kept) for step in steps(again)}
    assert found == {
        "mark": ("SUCCEEDED", True),
        "use": ("SUCCEEDED", True),
        "mark-2": ("SUCCEEDED", False),
    }
    after = started(again)
    assert (after["mark"], after["use"]) == (before["mark"], before["use"])
    assert after["mark-2"] > before["mark-2"]
    gave = vertex.services.pipelines.output_parameters(job.name, "use")
    assert gave == {"Output": "first"}
    logs = sorted(path.name for path in (run_folder(vertex, job.name) / "logs").iterdir())
    assert logs == ["mark-2.log", "mark-2.log.before-1", "mark.log", "use.log"]


def test_loops_branches_and_exit_tasks_go_on_where_they_were(
    run_pipeline: Run, resume: Run, marks: Marks
) -> None:
    job = run_pipeline(whole_flow, folder=str(marks.folder))
    assert job.state.name == FAILED
    assert [marks[name] for name in ("0", "odd", "2", "told")] == [1, 1, 1, 1]
    marks.mend()
    again = resume(job.name)
    assert again.state.name == DONE, again.error.message
    assert [marks[name] for name in ("0", "odd", "2", "told")] == [1, 2, 1, 2]
    assert (marks.folder / "told").read_text() == "FAILED\nSUCCEEDED\n"
    kept = {step.name for step in steps(again) if step.is_kept}
    assert {name.rpartition("/")[0].rpartition("/")[2] for name in kept} >= {"even"}
    assert any(name.endswith("/items") for name in kept)


@dsl.pipeline(name="tidy")
def tidy(folder: str) -> None:
    """The clean-up is not told how the rest ended, and still runs again after it."""
    with dsl.ExitHandler(mark(folder=folder, name="cleaned")):
        mark(folder=folder, name="work", fails=True)


def test_a_step_that_waited_for_a_repeated_one_is_repeated(
    run_pipeline: Run, resume: Run, marks: Marks
) -> None:
    job = run_pipeline(tidy, folder=str(marks.folder))
    assert (marks["work"], marks["cleaned"]) == (1, 1)
    marks.mend()
    assert resume(job.name).state.name == DONE
    assert (marks["work"], marks["cleaned"]) == (2, 2)


def test_a_run_may_be_resumed_more_than_once(run_pipeline: Run, resume: Run, marks: Marks) -> None:
    job = run_pipeline(three, folder=str(marks.folder))
    assert resume(job.name).state.name == FAILED
    marks.mend()
    assert resume(job.name).state.name == DONE
    assert (marks["first"], marks["second"], marks["third"]) == (1, 1, 3)


def test_a_step_whose_outputs_are_gone_is_repeated_with_what_follows(
    run_pipeline: Run, resume: Run, marks: Marks, vertex: LocalVertex
) -> None:
    job = run_pipeline(three, folder=str(marks.folder))
    [data] = [step for step in steps(job) if step.name == "mark"]
    Path(vertex.store.path(data.artifacts["data"].uri)).write_text("not as it was")
    marks.mend()
    assert resume(job.name).state.name == DONE
    assert (marks["first"], marks["second"], marks["third"]) == (2, 2, 2)


def test_what_came_from_the_cache_is_still_said_to(
    run_pipeline: Run,
    resume: Run,
    marks: Marks,
    vertex: LocalVertex,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vertex.services.pipelines, "caching", True)
    first = run_pipeline(three, folder=str(marks.folder))
    job = run_pipeline(three, folder=str(marks.folder))
    marks.mend()
    again = resume(job.name)
    assert (marks["first"], marks["third"]) == (1, 3)
    [step] = [step for step in steps(again) if step.name == "mark"]
    assert step.state == "SKIPPED"
    assert step.origin == {"cached_run": first.name, "cached_task": "mark", "resumed": True}


@dsl.container_component
def launch(folder: str, job: str, gcp_resources: dsl.OutputPath(str)):
    """Note a job as Google's launchers do, and fail as long as a file is not there."""
    note = 'printf \'{"resources": [{"resourceUri": "https://h/v1/%s"}]}\' "$2" > "$0"'
    return dsl.ContainerSpec(
        image=IMAGE,
        command=["sh", "-c", f'cp "$0" "$1/seen"; {note}; test -e "$1/mended"'],
        args=[gcp_resources, folder, job],
    )


@dsl.pipeline(name="launching")
def launching(folder: str, job: str) -> None:
    launch(folder=folder, job=job)


@pytest.mark.parametrize(
    ("state", "is_found"),
    [("JOB_STATE_FAILED", False), ("JOB_STATE_SUCCEEDED", True), (None, False)],
)
def test_a_launcher_finds_the_job_of_before_only_if_it_ended_well(
    run_pipeline: Run,
    resume: Run,
    marks: Marks,
    vertex: LocalVertex,
    state: str | None,
    is_found: bool,
) -> None:
    name = f"{PARENT}/batchPredictionJobs/of-{str(state).lower()}"
    if state is not None:
        job = types.BatchPredictionJob(name=name, display_name="j", state=state)
        vertex.services.resources.put(name, job)
    run = run_pipeline(launching, folder=str(marks.folder), job=name)
    assert run.state.name == FAILED
    assert not (marks.folder / "seen").exists()
    marks.mend()
    assert resume(run.name).state.name == DONE
    assert (marks.folder / "seen").exists() == is_found


def test_a_run_that_has_succeeded_or_runs_has_nothing_to_resume(
    run_pipeline: Run, start_pipeline: Run, vertex: LocalVertex, marks: Marks
) -> None:
    marks.mend()
    done = run_pipeline(three, folder=str(marks.folder))
    with pytest.raises(ServiceError, match=r"E360 .*SUCCEEDED: there is nothing to resume"):
        vertex.services.pipelines.resume(done.name)
    name = start_pipeline(three, folder=str(marks.folder))
    with pytest.raises(ServiceError, match=r"E360 .*RUNNING: there is nothing to resume"):
        vertex.services.pipelines.resume(name)
    assert vertex.services.pipelines.wait(name, 120.0)


def test_a_journal_of_something_else_is_refused(
    run_pipeline: Run, resume: Run, vertex: LocalVertex, marks: Marks
) -> None:
    job = run_pipeline(three, folder=str(marks.folder))
    changed = json.loads(json.dumps(spec_of(job)).replace("first", "begin"))
    for what in ("parameters", "pipeline"):
        other = types.PipelineJob(job)
        if what == "parameters":
            given: Any = {"folder": "/elsewhere"}
            other.runtime_config.parameter_values = given
        else:
            other.pipeline_spec = changed
        vertex.services.resources.put(job.name, other)
        with pytest.raises(ServiceError, match=f"E361 the journal .* is of another {what}"):
            vertex.services.pipelines.resume(job.name)
    vertex.services.resources.put(job.name, job)
    marks.mend()
    assert resume(job.name).state.name == DONE


def test_without_a_journal_every_step_is_repeated(
    run_pipeline: Run, resume: Run, marks: Marks, vertex: LocalVertex
) -> None:
    """The session was killed between the job and the first line of its journal."""
    job = run_pipeline(three, folder=str(marks.folder))
    journal_of(vertex, job).unlink()
    marks.mend()
    assert resume(job.name).state.name == DONE
    assert (marks["first"], marks["third"]) == (2, 2)

"""``dsl.ParallelFor``: what the iterations get, and where what they write goes."""

# mypy: disallow-untyped-decorators=False, disable-error-code="valid-type,empty-body,type-arg"

import json
from collections.abc import Callable
from typing import Any

import pytest
from kfp import dsl

from batchpredict.local.runs import outputs_of, run_folder, steps
from batchpredict.local.session import LocalVertex

IMAGE = "python:3.11-slim"
Run = Callable[..., Any]
SUCCEEDED = "PIPELINE_STATE_SUCCEEDED"


@dsl.component(base_image=IMAGE)
def echo(value: str) -> str:
    return value


@dsl.component(base_image=IMAGE)
def show(value: str, data: dsl.Output[dsl.Dataset]) -> None:
    with open(data.path, "w") as file:
        file.write(value)


@dsl.component(base_image=IMAGE)
def give(values: list) -> list:
    return values


@dsl.component(base_image=IMAGE)
def dump(value: dict, data: dsl.Output[dsl.Artifact]) -> None:
    import json

    with open(data.path, "w") as file:
        json.dump(value, file)


@dsl.component(base_image=IMAGE)
def pair(number: int, text: str, share: float, data: dsl.Output[dsl.Artifact]) -> None:
    import json

    with open(data.path, "w") as file:
        json.dump([number, text, share], file)


def states(job: Any) -> dict[str, str]:
    return {task.task_name: task.state.name for task in job.job_detail.task_details}


@pytest.fixture
def written(vertex: LocalVertex) -> Callable[[Any], dict[str, str]]:
    """The texts of all output artifacts of a job by the names of their steps."""

    def written(job: Any) -> dict[str, str]:
        assert job.state.name == SUCCEEDED, job.error.message
        return {step: path.read_text() for step, _, _, path in outputs_of(job, vertex)}

    return written


def test_a_static_list_gives_each_iteration_its_item(run_pipeline: Run, written: Run) -> None:
    @dsl.pipeline(name="static")
    def static() -> None:
        with dsl.ParallelFor(["a", "b", "c"], name="letters") as letter:
            show(value=letter)

    job = run_pipeline(static)
    found = written(job)
    assert found == {f"letters-{n}/show": text for n, text in enumerate("abc")}
    uris = {artifact.uri for step in steps(job) for artifact in step.artifacts.values()}
    assert len(uris) == 3


def test_the_iterations_are_tasks_of_the_loop(run_pipeline: Run, vertex: LocalVertex) -> None:
    @dsl.pipeline(name="listed")
    def listed() -> None:
        with dsl.ParallelFor(["a", "b"], name="letters") as letter:
            show(value=letter)

    job = run_pipeline(listed)
    details = {it.task_name: it for it in job.job_detail.task_details}
    assert set(details) == {
        "letters", "letters-0", "letters-0/show", "letters-1", "letters-1/show"
    }  # fmt: skip
    assert {it.state.name for it in details.values()} == {"SUCCEEDED"}
    for n in range(2):
        iteration = details[f"letters-{n}"]
        assert iteration.parent_task_id == details["letters"].task_id
        assert details[f"letters-{n}/show"].parent_task_id == iteration.task_id
    assert {step.name for step in steps(job)} == {"letters-0/show", "letters-1/show"}
    logs = sorted(path.name for path in (run_folder(vertex, job.name) / "logs").iterdir())
    assert logs == ["letters-0.show.log", "letters-1.show.log"]


@pytest.mark.parametrize("upstream", [False, True], ids=["parameter", "output"])
def test_items_of_a_list_known_at_run_time(
    run_pipeline: Run, written: Run, upstream: bool
) -> None:
    @dsl.pipeline(name="parameter")
    def of_parameter(items: list[dict]) -> None:
        with dsl.ParallelFor(items) as item:
            dump(value=item)

    @dsl.pipeline(name="output")
    def of_output(items: list) -> None:
        with dsl.ParallelFor(give(values=items).output) as item:
            dump(value=item)

    items = [{"a": 1, "b": [2.5, None]}, {}, {"ü": {"c": True}}]
    found = written(run_pipeline(of_output if upstream else of_parameter, items=items))
    assert [json.loads(found[f"for-loop-1-{n}/dump"]) for n in range(3)] == items
    assert "1.0" not in found["for-loop-1-0/dump"]


def test_the_fields_of_an_item_keep_their_types(run_pipeline: Run, written: Run) -> None:
    @dsl.pipeline(name="fields")
    def fields(rows: list[dict[str, int]]) -> None:
        with dsl.ParallelFor([{"n": 1, "m": 2}, {"n": 3, "m": 4}], name="static") as item:
            pair(number=item.n, text="x", share=1.5)
        with dsl.ParallelFor(rows, name="given") as row:
            pair(number=row.k, text="y", share=0.5)

    found = written(run_pipeline(fields, rows=[{"k": 7}]))
    assert {name: json.loads(text) for name, text in found.items()} == {
        "static-0/pair": [1, "x", 1.5],
        "static-1/pair": [3, "x", 1.5],
        "given-0/pair-2": [7, "y", 0.5],
    }


def test_an_item_without_the_field_fails_its_iteration(run_pipeline: Run) -> None:
    @dsl.pipeline(name="fieldless")
    def fieldless(rows: list[dict[str, str]]) -> None:
        with dsl.ParallelFor(rows, name="rows") as row:
            echo(value=row.word)

    job = run_pipeline(fieldless, rows=[{"word": "x"}, {"mot": "y"}])
    assert job.error.message == ('rows-1/echo: E346 there is no field \'word\' in {"mot": "y"}')
    assert states(job)["rows-0/echo"] == "SUCCEEDED"


def test_a_text_that_is_no_list_fails_the_loop(run_pipeline: Run) -> None:
    @dsl.pipeline(name="no-list")
    def no_list(items: list) -> None:
        with dsl.ParallelFor(items, name="each") as item:
            echo(value=item)

    job = run_pipeline(no_list, items="nothing")
    assert job.error.message.startswith("each: E346 the loop goes over ")
    assert states(job) == {"each": "FAILED"}


def test_loops_in_loops_in_pipelines_in_loops(run_pipeline: Run, written: Run) -> None:
    @dsl.pipeline(name="inner")
    def inner(prefix: str, ends: list[str]) -> None:
        with dsl.ParallelFor(ends, name="end") as end:
            show(value=f"{prefix}{end}")

    @dsl.pipeline(name="outer")
    def outer(ends: list[str]) -> None:
        lists = [["a", "b"], ["c"]]
        with (
            dsl.ParallelFor(lists, name="lists") as letters,
            dsl.ParallelFor(letters, name="letters") as letter,
        ):
            inner(prefix=letter, ends=ends)

    found = written(run_pipeline(outer, ends=["1", "2"]))
    place = "lists-{}/letters-{}/inner/end-{}/show"
    assert found == {
        place.format(0, 0, 0): "a1",
        place.format(0, 0, 1): "a2",
        place.format(0, 1, 0): "b1",
        place.format(0, 1, 1): "b2",
        place.format(1, 0, 0): "c1",
        place.format(1, 0, 1): "c2",
    }


def test_a_condition_inside_a_loop_and_a_loop_inside_a_condition(
    run_pipeline: Run, written: Run
) -> None:
    @dsl.pipeline(name="mixed")
    def mixed(flag: bool) -> None:
        with (
            dsl.ParallelFor(["a", "b"], name="loop") as letter,
            dsl.If(letter == "b", name="is-b"),
        ):
            show(value=letter)
        with (
            dsl.If(flag == True, name="yes"),  # noqa: E712
            dsl.ParallelFor(["c"], name="in-yes") as letter,
        ):
            show(value=letter)
        with (
            dsl.If(flag == False, name="no"),  # noqa: E712
            dsl.ParallelFor(["d"], name="in-no") as letter,
        ):
            show(value=letter)

    job = run_pipeline(mixed, flag=True)
    assert set(written(job).values()) == {"b", "c"}
    found = states(job)
    assert found["loop-0/is-b"] == found["no"] == "NOT_TRIGGERED"
    assert found["loop-1/is-b"] == found["yes"] == found["loop"] == "SUCCEEDED"
    assert not [name for name in found if "in-no" in name]


def test_a_loop_of_one_title_with_another_task_is_not_confused_with_it(
    run_pipeline: Run, written: Run
) -> None:
    @dsl.pipeline(name="titles")
    def titles() -> None:
        show(value="beside").set_display_name("loop-0")
        with dsl.ParallelFor(["inside"], name="loop") as text:
            show(value=text)

    found = written(run_pipeline(titles))
    assert found["loop-0"] == "beside"
    assert sorted(found.values()) == ["beside", "inside"]

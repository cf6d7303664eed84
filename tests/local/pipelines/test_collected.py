"""``dsl.Collected`` and ``dsl.OneOf``: what comes out of loops and branches."""

# mypy: disallow-untyped-decorators=False, disable-error-code="valid-type,empty-body,type-arg"

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kfp import dsl

from batchpredict.local.runs import steps, write_manifest
from batchpredict.local.session import LocalVertex
from batchpredict.pipeline_files import CompiledPipeline

IMAGE = "python:3.11-slim"
Run = Callable[..., Any]
SUCCEEDED = "PIPELINE_STATE_SUCCEEDED"


@dsl.component(base_image=IMAGE)
def give(values: list) -> list:
    return values


@dsl.component(base_image=IMAGE)
def echo(value: str) -> str:
    return value


@dsl.component(base_image=IMAGE)
def square(number: int) -> int:
    import time

    time.sleep(0.2 if number == 1 else 0)  # the first ends last
    return number * number


@dsl.component(base_image=IMAGE)
def write(value: str, data: dsl.Output[dsl.Dataset]) -> None:
    data.metadata["value"] = value
    with open(data.path, "w") as file:
        file.write(value)


@dsl.component(base_image=IMAGE)
def dump(values: list, data: dsl.Output[dsl.Artifact]) -> None:
    import json

    with open(data.path, "w") as file:
        json.dump(values, file)


@dsl.component(base_image=IMAGE)
def read(values: dsl.Input[list[dsl.Dataset]], data: dsl.Output[dsl.Dataset]) -> None:
    import json
    from pathlib import Path

    found = [[Path(it.path).read_text(), it.metadata["value"]] for it in values or []]
    Path(data.path).write_text(json.dumps(found if values is not None else None))


@dsl.component(base_image=IMAGE)
def copy(value: dsl.Input[dsl.Dataset], data: dsl.Output[dsl.Artifact]) -> None:
    from pathlib import Path

    Path(data.path).write_text(Path(value.path).read_text())


def states(job: Any) -> dict[str, str]:
    return {task.task_name: task.state.name for task in job.job_detail.task_details}


@pytest.fixture
def content(vertex: LocalVertex) -> Callable[..., Any]:
    """The output artifact ``data`` of a step, read as JSON."""

    def content(job: Any, name: str) -> Any:
        assert job.state.name == SUCCEEDED, job.error.message
        task = next(it for it in job.job_detail.task_details if it.task_name == name)
        text = Path(vertex.store.path(task.outputs["data"].artifacts[0].uri)).read_text()
        return json.loads(text) if name.rpartition("/")[2].startswith(("dump", "read")) else text

    return content


def both(*texts: str) -> list[list[str]]:
    """What ``read`` finds for these texts: each as content and as metadata."""
    return [[text, text] for text in texts]


def test_parameters_are_collected_in_the_order_of_the_items(
    run_pipeline: Run, content: Run
) -> None:
    @dsl.pipeline(name="squares")
    def squares() -> None:
        with dsl.ParallelFor([1, 2, 3]) as number:
            squared = square(number=number)
        dump(values=dsl.Collected(squared.output))

    job = run_pipeline(squares)
    assert content(job, "dump") == [1, 4, 9]


def test_artifacts_are_collected_with_content_and_metadata(
    run_pipeline: Run, content: Run
) -> None:
    @dsl.pipeline(name="files")
    def files(items: list) -> None:
        with dsl.ParallelFor(give(values=items).output, name="loop") as item:
            written = write(value=item)
        read(values=dsl.Collected(written.outputs["data"]))

    job = run_pipeline(files, items=["a", "b", "c"])
    assert content(job, "read") == both("a", "b", "c")
    loop = next(it for it in job.job_detail.task_details if it.task_name == "loop")
    assert len(loop.outputs["pipelinechannel--write-data"].artifacts) == 3


def test_no_iterations_give_empty_lists(
    run_pipeline: Run, content: Run, vertex: LocalVertex, tmp_path: Path
) -> None:
    @dsl.pipeline(name="none")
    def none(items: list[str], numbers: list[int]) -> None:
        with dsl.ParallelFor(numbers, name="loop") as number:
            squared = square(number=number)
            with dsl.ParallelFor(items) as item:
                written = write(value=item)
        dump(values=dsl.Collected(squared.output))
        read(values=dsl.Collected(written.outputs["data"]))

    job = run_pipeline(none, items=[], numbers=[])
    assert content(job, "dump") == []
    assert content(job, "read") is None  # so does KFP's executor hand on an empty list
    assert states(job) == {name: "SUCCEEDED" for name in ("loop", "dump", "read")}
    assert next(step.name for step in steps(job)) == "loop"
    pipeline = CompiledPipeline("none", tmp_path / "none.yaml", "", {})
    assert '"loop"' in write_manifest(vertex, pipeline, job).read_text()
    job = run_pipeline(none, items=[], numbers=[5, 6])
    assert content(job, "dump") == [25, 36]
    assert content(job, "read") is None


def test_a_container_gets_an_empty_list(run_pipeline: Run, vertex: LocalVertex) -> None:
    @dsl.container_component
    def keep(values: dsl.Input[list[dsl.Dataset]], data: dsl.Output[dsl.Artifact]):  # type: ignore[no-untyped-def]
        del values
        return dsl.ContainerSpec(
            image=IMAGE, command=["sh", "-c", 'printf %s "$0" > "$1"'], args=["{{$}}", data.path]
        )

    @dsl.pipeline(name="kept")
    def kept(items: list[str]) -> None:
        with dsl.ParallelFor(items) as item:
            written = write(value=item)
        keep(values=dsl.Collected(written.outputs["data"]))

    for items in ([], ["a", "b"]):
        job = run_pipeline(kept, items=items)
        assert job.state.name == SUCCEEDED, job.error.message
        task = next(it for it in job.job_detail.task_details if it.task_name == "keep")
        path = Path(vertex.store.path(task.outputs["data"].artifacts[0].uri))
        given = json.loads(path.read_text())["inputs"]["artifacts"]["values"]["artifacts"]
        assert [it["metadata"]["value"] for it in given] == items


def test_loops_in_loops_give_nested_parameters_and_flat_artifacts(
    run_pipeline: Run, content: Run
) -> None:
    @dsl.pipeline(name="nested")
    def nested(words: list[str]) -> None:
        with dsl.ParallelFor(words) as word:
            with dsl.ParallelFor([1, 2]) as number:
                written = write(value=word)
                squared = square(number=number)
            dump(values=dsl.Collected(squared.output))
        dump(values=dsl.Collected(squared.output)).set_display_name("dump-all")
        read(values=dsl.Collected(written.outputs["data"]))

    job = run_pipeline(nested, words=["a", "b"])
    assert content(job, "for-loop-1-1/dump") == [1, 4]
    assert content(job, "dump-all") == [[1, 4], [1, 4]]
    assert content(job, "read") == both("a", "a", "b", "b")


def test_an_iteration_whose_branch_is_not_taken_adds_nothing(
    run_pipeline: Run, content: Run
) -> None:
    @dsl.pipeline(name="some")
    def some(words: list[str]) -> None:
        with dsl.ParallelFor(words) as word, dsl.If(word != "b"), dsl.If(word != "c"):
            written = write(value=word)
        read(values=dsl.Collected(written.outputs["data"]))

    job = run_pipeline(some, words=["a", "b", "c", "d"])
    assert content(job, "read") == both("a", "d")


@dsl.pipeline(name="inner")
def inner(words: list[str]) -> NamedTuple(
    "Outputs",
    [("texts", list[str]), ("files", list[dsl.Dataset])],
):
    from collections import namedtuple

    with dsl.ParallelFor(words) as word:
        written = write(value=word)
        given = echo(value=word)
    Outputs = namedtuple("Outputs", "texts files")
    return Outputs(dsl.Collected(given.output), dsl.Collected(written.outputs["data"]))


def test_lists_come_out_of_a_pipeline_and_are_looped_over(run_pipeline: Run, content: Run) -> None:
    @dsl.pipeline(name="lists")
    def lists(words: list[str]) -> None:
        given = inner(words=words).outputs
        dump(values=given["texts"])
        read(values=given["files"])
        with dsl.ParallelFor(given["files"], name="files", parallelism=1) as file:
            copied = copy(value=file)
        with dsl.ParallelFor(given["texts"], name="texts") as text:
            write(value=text)
        del copied

    job = run_pipeline(lists, words=["a", "b"])
    assert content(job, "dump") == ["a", "b"]
    assert content(job, "read") == both("a", "b")
    for n, text in enumerate("ab"):
        assert content(job, f"files-{n}/copy") == content(job, f"texts-{n}/write") == text


def test_one_of_artifacts_where_one_branch_holds_a_loop(run_pipeline: Run, content: Run) -> None:
    @dsl.pipeline(name="one-of")
    def one_of(flag: bool) -> None:
        with dsl.If(flag == True):  # noqa: E712
            with dsl.ParallelFor(["a", "b"]) as letter:
                written = write(value=letter)
            many = read(values=dsl.Collected(written.outputs["data"]))
        with dsl.Else():
            one = write(value="alone")
        copy(value=dsl.OneOf(many.outputs["data"], one.outputs["data"]))

    job = run_pipeline(one_of, flag=True)
    assert json.loads(content(job, "copy")) == both("a", "b")
    assert content(run_pipeline(one_of, flag=False), "copy") == "alone"


def test_one_of_lists_of_artifacts(run_pipeline: Run, content: Run) -> None:
    @dsl.pipeline(name="one-of-lists")
    def one_of_lists(flag: bool, words: list[str]) -> None:
        with dsl.If(flag == True):  # noqa: E712
            here = inner(words=words)
        with dsl.Else():
            there = inner(words=["z"])
        read(values=dsl.OneOf(here.outputs["files"], there.outputs["files"]))

    job = run_pipeline(one_of_lists, flag=True, words=["x", "y"])
    assert content(job, "read") == both("x", "y")
    assert content(run_pipeline(one_of_lists, flag=False, words=[]), "read") == both("z")


def test_one_of_is_chosen_anew_in_each_iteration(run_pipeline: Run, content: Run) -> None:
    @dsl.pipeline(name="choices")
    def choices(words: list[str]) -> None:
        with dsl.ParallelFor(words, name="loop") as word:
            with dsl.If(word == "a"):
                first = write(value="is a")
            with dsl.Else():
                second = write(value="is not a")
            copied = copy(value=dsl.OneOf(first.outputs["data"], second.outputs["data"]))
        del copied

    job = run_pipeline(choices, words=["a", "b"])
    assert content(job, "loop-0/copy") == "is a"
    assert content(job, "loop-1/copy") == "is not a"

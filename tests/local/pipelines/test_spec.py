"""What is refused before anything starts."""

# mypy: disallow-untyped-decorators=False

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import dsl
from kfp.compiler import Compiler

from batchpredict.local.pipelines.spec import load_pipeline


@dsl.component(base_image="python:3.11-slim")
def say(text: str = "x") -> str:
    return text


@dsl.component(base_image="python:3.11-slim")
def fill(data: dsl.Output[dsl.Dataset]) -> None:
    del data


@dsl.pipeline(name="plain")
def plain() -> None:
    say()
    fill()


@dsl.pipeline(name="loops")
def loops(items: list[str]) -> None:
    with dsl.ParallelFor(items, name="each") as item:
        say(text=item)


def compiled(pipeline: Any, folder: Path) -> dict[str, Any]:
    path = folder / "pipeline.yaml"
    Compiler().compile(pipeline, str(path))
    spec: dict[str, Any] = next(yaml.safe_load_all(path.read_text()))
    return spec


@pytest.fixture
def spec(tmp_path: Path) -> dict[str, Any]:
    return compiled(plain, tmp_path)


def test_a_pipeline_is_read(spec: dict[str, Any]) -> None:
    pipeline = load_pipeline(spec)
    assert pipeline.name == "plain"
    assert set(pipeline.root.dag.tasks) == {"say", "fill"}
    assert pipeline.executors["exec-say"].container.image == "python:3.11-slim"


def test_retries_of_a_pipeline_inside_a_pipeline_are_refused(tmp_path: Path) -> None:
    @dsl.pipeline(name="inner")
    def inner() -> None:
        say()

    @dsl.pipeline(name="outer")
    def outer() -> None:
        inner().set_retry(2)

    with pytest.raises(ValueError, match="E340 task 'inner' uses set_retry, and is a pipeline"):
        load_pipeline(compiled(outer, tmp_path))


def test_a_status_of_a_task_that_is_not_waited_for_is_refused(spec: dict[str, Any]) -> None:
    inputs = {"parameters": {"status": {"taskFinalStatus": {"producerTask": "fill"}}}}
    spec["root"]["dag"]["tasks"]["say"]["inputs"] = inputs
    with pytest.raises(ValueError, match="E341 task 'say' asks how 'fill' ended"):
        load_pipeline(spec)
    spec["root"]["dag"]["tasks"]["say"]["dependentTasks"] = ["fill"]
    load_pipeline(spec)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"pipelineInfo": {"name": "x"}},
        {"root": {"dag": {"tasks": {}}}},
        {"root": 3},
        {"root": {"dag": "x"}},
        {"components": []},
    ],
)
def test_what_is_no_pipeline_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="E341"):
        load_pipeline(content)


UNSAFE = ["../../up", "a/b", "a\\b", "", ".hidden", "a..b", "x" * 200, "new\nline", "nul\0"]


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_pipeline_name_is_refused(spec: dict[str, Any], name: str) -> None:
    spec["pipelineInfo"]["name"] = name
    with pytest.raises(ValueError, match="E342"):
        load_pipeline(spec)


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_task_name_is_refused(spec: dict[str, Any], name: str) -> None:
    tasks = spec["root"]["dag"]["tasks"]
    tasks[name] = tasks.pop("say")
    with pytest.raises(ValueError, match="E342"):
        load_pipeline(spec)


@pytest.mark.parametrize("kind", ["parameters", "artifacts"])
@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_output_name_is_refused(spec: dict[str, Any], kind: str, name: str) -> None:
    for component in spec["components"].values():
        outputs = component["outputDefinitions"].get(kind, {})
        for old in list(outputs):
            outputs[name] = outputs.pop(old)
    with pytest.raises(ValueError, match="E342"):
        load_pipeline(spec)


def test_an_unsafe_name_inside_a_branch_is_refused(tmp_path: Path) -> None:
    @dsl.pipeline(name="branch")
    def branch(flag: bool) -> None:
        with dsl.If(flag == True):  # noqa: E712
            say()

    spec = compiled(branch, tmp_path)
    tasks = spec["components"]["comp-condition-1"]["dag"]["tasks"]
    tasks["../say"] = tasks.pop("say")
    with pytest.raises(ValueError, match="E342"):
        load_pipeline(spec)


def test_a_component_that_is_missing_is_refused(spec: dict[str, Any]) -> None:
    for where in ("components", "executors"):
        lacking = copy.deepcopy(spec)
        place = lacking["deploymentSpec"] if where == "executors" else lacking
        place[where].pop("comp-say" if where == "components" else "exec-say")
        with pytest.raises(ValueError, match="E341"):
            load_pipeline(lacking)


def test_a_file_without_steps_of_its_own_is_refused(spec: dict[str, Any]) -> None:
    del spec["deploymentSpec"]
    with pytest.raises(ValueError, match="E341"):
        load_pipeline(spec)


def test_a_component_that_contains_itself_is_refused(tmp_path: Path) -> None:
    @dsl.pipeline(name="inner")
    def inner() -> None:
        say()

    @dsl.pipeline(name="outer")
    def outer() -> None:
        inner()

    spec = compiled(outer, tmp_path)
    tasks = spec["components"]["comp-inner"]["dag"]["tasks"]
    tasks["again"] = {"componentRef": {"name": "comp-inner"}, "taskInfo": {"name": "again"}}
    with pytest.raises(ValueError, match=r"E341 .*contains itself: comp-inner in comp-inner"):
        load_pipeline(spec)


def test_a_container_without_a_command_is_refused(spec: dict[str, Any]) -> None:
    for executor in spec["deploymentSpec"]["executors"].values():
        executor["container"].pop("command")
    with pytest.raises(ValueError, match=r"E340 task '\w+' relies on the entry point"):
        load_pipeline(spec)


def test_a_step_that_writes_a_list_of_artifacts_is_refused(spec: dict[str, Any]) -> None:
    outputs = spec["components"]["comp-fill"]["outputDefinitions"]["artifacts"]
    outputs["data"]["isArtifactList"] = True
    with pytest.raises(ValueError, match=r"E340 task 'fill' writes a list of artifacts, 'data'"):
        load_pipeline(spec)


@dsl.pipeline(name="texts")
def texts(items: list[str]) -> None:
    with dsl.ParallelFor(items) as outer, dsl.ParallelFor(["a", "b"]) as inner:
        say(text=f"{outer} {inner}")


@dsl.pipeline(name="fields")
def fields(items: list[dict[str, str]]) -> None:
    with dsl.ParallelFor(items) as item:
        say(text=f"{item.x}")


@pytest.mark.parametrize("pipeline", [texts, fields])
def test_an_input_that_the_graph_does_not_have_is_refused(tmp_path: Path, pipeline: Any) -> None:
    """KFP 2.17 compiles so the item of an inner loop, or a field of an item, inside a text."""
    with pytest.raises(ValueError, match=r"E341 task '.*' reads '.*item.*pass the item by itself"):
        load_pipeline(compiled(pipeline, tmp_path))


def test_an_artifact_that_the_graph_does_not_have_is_refused(spec: dict[str, Any]) -> None:
    inputs = {"artifacts": {"x": {"componentInputArtifact": "nope"}}}
    spec["root"]["dag"]["tasks"]["say"]["inputs"] = inputs
    with pytest.raises(ValueError, match=r"E341 task 'say' reads 'nope'"):
        load_pipeline(spec)


@pytest.mark.parametrize(
    "iterator",
    [
        {"parameterIterator": {"items": {"raw": "[1, 2"}}},
        {"parameterIterator": {"items": {"raw": '{"a": 1}'}}},
        {"parameterIterator": {"items": {"inputParameter": "nope"}}},
        {"artifactIterator": {"items": {"inputArtifact": "nope"}}},
    ],
    ids=["broken", "no list", "no parameter", "no artifact"],
)
def test_a_loop_over_nothing_is_refused(tmp_path: Path, iterator: dict[str, Any]) -> None:
    spec = compiled(loops, tmp_path)
    task = spec["root"]["dag"]["tasks"]["for-loop-1"]
    del task["parameterIterator"]
    task |= iterator
    with pytest.raises(ValueError, match="E341 the loop 'for-loop-1' goes over no list"):
        load_pipeline(spec)


def test_an_unknown_expression_is_refused(tmp_path: Path) -> None:
    spec = compiled(loops, tmp_path)
    inputs = spec["components"]["comp-for-loop-1"]["dag"]["tasks"]["say"]["inputs"]
    inputs["parameters"]["text"]["parameterExpressionSelector"] = "size(string_value)"
    with pytest.raises(ValueError, match=r"E340 task 'say' uses the expression 'size"):
        load_pipeline(spec)


def test_a_task_that_is_named_as_an_iteration_is_refused(tmp_path: Path) -> None:
    spec = compiled(loops, tmp_path)
    tasks = spec["root"]["dag"]["tasks"]
    tasks["for-loop-1-7"] = {"componentRef": {"name": "comp-say"}, "taskInfo": {"name": "other"}}
    with pytest.raises(ValueError, match=r"E342 'for-loop-1-7' is also an iteration"):
        load_pipeline(spec)

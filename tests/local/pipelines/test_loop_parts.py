"""The parts of a loop by themselves: items and their fields, how it runs, what it collects."""

# mypy: disallow-untyped-decorators=False

import json
import threading
import time
from typing import Any

import pytest
from google.protobuf import json_format
from kfp import dsl
from kfp.pipeline_spec import pipeline_spec_pb2 as specs

from batchpredict.local.pipelines.arguments import select
from batchpredict.local.pipelines.loops import collected, loop_items, run_side_by_side
from batchpredict.local.pipelines.outputs import absent_outputs, graph_outputs
from batchpredict.local.pipelines.scope import DONE, SKIPPED, Scope
from batchpredict.local.pipelines.states import TaskStates

FIELD = 'parseJson(string_value)["a b"]'


@pytest.mark.parametrize("value", [1, 2.5, "x", None, True, [1], {"deep": 1}])
def test_a_field_of_an_item_is_found(value: Any) -> None:
    assert select({"a b": value, "c": 0}, FIELD) == value
    assert select(json.dumps({"a b": value}), FIELD) == value


def test_without_an_expression_the_value_is_itself() -> None:
    assert select('{"a b": 1}', "") == '{"a b": 1}'


@pytest.mark.parametrize("value", [{}, {"a": 1}, "x", "", "[1]", [1], 3, None, True])
def test_a_field_that_there_is_not_raises(value: Any) -> None:
    with pytest.raises(ValueError, match="E346 there is no field 'a b' in "):
        select(value, FIELD)


@pytest.mark.parametrize("expression", ["x", 'parseJson(string_value)["a"]["b"]', "['a']"])
def test_another_expression_raises(expression: str) -> None:
    with pytest.raises(ValueError, match="E340"):
        select({"a": 1}, expression)


def task(content: dict[str, Any]) -> Any:
    return json_format.ParseDict(content, specs.PipelineTaskSpec())


def over(**items: Any) -> Any:
    return task({"parameterIterator": {"items": items, "itemInput": "item"}})


@pytest.mark.parametrize("items", [[], [1, 2], [0.5, "x", None, {"a": [1]}], [[1], [2, 3]]])
def test_the_items_are_what_is_given(items: list[Any]) -> None:
    assert loop_items(over(inputParameter="x"), {"x": items}) == ("item", items)
    assert loop_items(over(raw=json.dumps(items)), {}) == ("item", items)
    assert loop_items(over(inputParameter="x"), {"x": json.dumps(items)}) == ("item", items)


def test_whole_numbers_of_a_static_list_are_integers() -> None:
    [number] = loop_items(over(raw="[3.0]"), {})[1]
    assert isinstance(number, int)


@pytest.mark.parametrize("value", ["text", "", "3", '{"a": 1}', {"a": 1}, 3, None, True])
def test_what_is_no_list_raises(value: Any) -> None:
    with pytest.raises(ValueError, match="E346 the loop goes over 'x', which is no list"):
        loop_items(over(inputParameter="x"), {"x": value})


def test_artifacts_are_items_too() -> None:
    loop = task({"artifactIterator": {"items": {"inputArtifact": "x"}, "itemInput": "item"}})
    artifacts = [dsl.Dataset(uri="gs://b/1"), dsl.Dataset(uri="gs://b/2")]
    assert loop_items(loop, {"x": artifacts}) == ("item", artifacts)
    with pytest.raises(ValueError, match="E346"):
        loop_items(loop, {"x": artifacts[0]})


@pytest.mark.parametrize("count", [0, 1, 5, 40])
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_each_iteration_runs_once_and_no_more_at_a_time_than_allowed(
    count: int, limit: int
) -> None:
    lock = threading.Lock()
    running, most, ran = 0, 0, []

    def run(index: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1
            ran.append(index)

    run_side_by_side(run, count, limit)
    assert sorted(ran) == list(range(count))
    assert most <= min(limit, count)


def component(**outputs: Any) -> Any:
    """A graph whose outputs come from these tasks: ``p`` is a parameter, others are artifacts."""
    definitions: dict[str, Any] = {"parameters": {}, "artifacts": {}}
    dag: dict[str, Any] = {"parameters": {}, "artifacts": {}}
    for name, tasks in outputs.items():
        if name.startswith("p"):
            selectors = [{"producerSubtask": it, "outputParameterKey": "out"} for it in tasks]
            kind = {"valueFromOneof": {"parameterSelectors": selectors}}
            dag["parameters"][name] = (
                kind if len(tasks) > 1 else {"valueFromParameter": selectors[0]}
            )
            definitions["parameters"][name] = {}
        else:
            selectors = [{"producerSubtask": it, "outputArtifactKey": "out"} for it in tasks]
            dag["artifacts"][name] = {"artifactSelectors": selectors}
            definitions["artifacts"][name] = {}
    content = {"dag": {"outputs": dag}, "outputDefinitions": definitions}
    return json_format.ParseDict(content, specs.ComponentSpec())


def scope(**outputs: Any) -> Scope:
    """A DAG whose tasks gave these values; a task that gave None was skipped."""
    made = Scope("", 0, {})
    for name, value in outputs.items():
        made.ended[name] = SKIPPED if value is None else DONE
        if value is not None:
            made.store.put_task_output(name, "out", value)
    return made


def test_a_loop_gives_lists_in_the_order_of_its_items() -> None:
    a, b, c = (dsl.Dataset(uri=f"gs://b/{n}") for n in range(3))
    graph = component(p=["x"], d=["y"])
    assert collected(graph, []) == {"p": [], "d": []}
    assert collected(graph, [{"p": 2, "d": a}, {"p": 1, "d": b}]) == {"p": [2, 1], "d": [a, b]}
    nested = [{"p": [1, 2], "d": [a, b]}, {"p": [], "d": []}, {"p": [3], "d": [c]}]
    assert collected(graph, nested) == {"p": [[1, 2], [], [3]], "d": [a, b, c]}
    assert collected(graph, [{}, {"p": None, "d": a}]) == {"p": [None], "d": [a]}


def test_the_outputs_of_a_graph_are_those_of_its_tasks() -> None:
    file = dsl.Dataset(uri="gs://b/1")
    graph = component(p=["x"], d=["y"])
    assert graph_outputs(graph, scope(x=0, y=[file])) == {"p": 0, "d": [file]}
    assert graph_outputs(graph, scope(x=1, y=None)) == {"p": 1}
    assert absent_outputs(graph, {"p": 1}) == {"d"}


def test_an_output_that_a_task_did_not_write_raises() -> None:
    graph = component(p=["x"])
    lacking = scope(x=1)
    lacking.store = type(lacking.store)()
    with pytest.raises(ValueError, match="'x'"):
        graph_outputs(graph, lacking)
    lacking.absent.add(("x", "out"))
    assert graph_outputs(graph, lacking) == {}


@pytest.mark.parametrize("name", ["p", "d"])
def test_one_of_takes_the_branch_that_ran(name: str) -> None:
    graph = component(**{name: ["x", "y"]})
    assert graph_outputs(graph, scope(x=None, y="there")) == {name: "there"}
    assert graph_outputs(graph, scope(x="here", y=None)) == {name: "here"}
    for ran in (scope(x=None, y=None), scope(x="here", y="there")):
        with pytest.raises(ValueError, match=r"branches of dsl\.OneOf gave"):
            graph_outputs(graph, ran)


def test_a_loop_takes_its_name_where_a_title_is_like_an_iteration() -> None:
    loop = over(raw="[1]")
    loop.task_info.name = "each"
    tasks = {"for-loop-1": loop, "say": task({"taskInfo": {"name": "say"}})}
    assert Scope("up/", 0, tasks).path_of("for-loop-1") == "up/each"
    tasks["say"].task_info.name = "each-12"
    assert Scope("up/", 0, tasks).path_of("for-loop-1") == "up/for-loop-1"
    assert Scope("up/", 0, tasks).path_of("say") == "up/each-12"


def test_a_list_of_artifacts_is_one_output_of_a_task() -> None:
    states = TaskStates()
    files = [dsl.Dataset(uri=f"gs://b/{n}", metadata={"n": n}) for n in range(2)]
    outputs = {"files": files, "none": [], "numbers": [1], "text": "x", "file": files[0]}
    states.succeed(states.add("loop"), outputs)
    [detail] = states.details()
    found = {name: [it.uri for it in group.artifacts] for name, group in detail.outputs.items()}
    assert found == {"files": ["gs://b/0", "gs://b/1"], "file": ["gs://b/0"]}
    assert states.parameters("loop") == {"none": [], "numbers": [1], "text": "x"}

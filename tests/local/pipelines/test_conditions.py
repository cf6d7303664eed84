"""Conditions that KFP compiles, against what Python says of the same comparison."""

# mypy: disallow-untyped-decorators=False

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import dsl
from kfp.compiler import Compiler

from batchpredict.local.pipelines.conditions import holds

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


@dsl.component(base_image="python:3.11-slim")
def nothing() -> None:
    pass


def compiled(pipeline: Any, folder: Path) -> list[str]:
    """The conditions of a pipeline, outer ones first."""
    path = folder / "pipeline.yaml"
    Compiler().compile(pipeline, str(path))
    spec = next(yaml.safe_load_all(path.read_text()))
    dags = [spec["root"], *spec["components"].values()]
    tasks = [task for it in dags for task in it.get("dag", {}).get("tasks", {}).values()]
    return [it["triggerPolicy"]["condition"] for it in tasks if "triggerPolicy" in it]


def pipeline_with(condition: Callable[[Any], Any], kind: type) -> Any:
    def pipeline(x) -> None:  # type: ignore[no-untyped-def]
        with dsl.If(condition(x)):
            nothing()

    pipeline.__annotations__["x"] = kind
    return dsl.pipeline(name="conditional")(pipeline)


VALUES: list[tuple[type, list[Any], list[Any]]] = [
    (str, ["a", "", "b c", 'say "x"', "true", "and or not", "ünï", "&& || !"], []),
    (int, [0, 1, -3, 10**9], []),
    (float, [0.5, -0.5, 0.0, 3.0, 1e-9], [3, 1]),
    (bool, [True, False], []),
]
CASES = [
    pytest.param(kind, sign, constant, [*own, *others], id=f"{kind.__name__} {sign} {constant}")
    for kind, own, others in VALUES
    for sign, constant in itertools.product(COMPARISONS, own)
    if kind is not bool or sign in ("==", "!=")
]


@pytest.mark.parametrize(("kind", "sign", "constant", "values"), CASES)
def test_a_comparison_is_python_s(
    tmp_path: Path, kind: type, sign: str, constant: Any, values: list[Any]
) -> None:
    compare = COMPARISONS[sign]
    [condition] = compiled(pipeline_with(lambda x: compare(x, constant), kind), tmp_path)
    for value in values:
        found = holds(condition, {"pipelinechannel--x": value})
        assert found is bool(compare(value, constant)), (condition, value)


def test_an_integer_is_compared_with_a_float(tmp_path: Path) -> None:
    [condition] = compiled(pipeline_with(lambda x: x > 0.5, int), tmp_path)
    assert holds(condition, {"pipelinechannel--x": 1})
    assert not holds(condition, {"pipelinechannel--x": 0})


@pytest.mark.parametrize("grade", ["a", "b", "c"])
@pytest.mark.parametrize("size", [1, 5, 9])
def test_one_branch_of_if_elif_else_is_taken(tmp_path: Path, grade: str, size: int) -> None:
    @dsl.pipeline(name="branches")
    def branches(grade: str, size: int) -> None:
        with dsl.If(grade == "a"):
            nothing()
        with dsl.Elif(size < 5):
            nothing()
        with dsl.Elif(size >= 9):
            nothing()
        with dsl.Else():
            nothing()

    given = {"pipelinechannel--grade": grade, "pipelinechannel--size": size}
    conditions = compiled(branches, tmp_path)
    assert len(conditions) == 4
    wanted = [grade == "a", size < 5, size >= 9, True]
    first = wanted.index(True)
    assert [holds(it, given) for it in conditions] == [n == first for n in range(4)]


def test_a_nested_condition_knows_the_outer_names(tmp_path: Path) -> None:
    @dsl.pipeline(name="nested")
    def nested(outer: bool, inner: str) -> None:
        with dsl.If(outer == True), dsl.If(inner != "x"):  # noqa: E712
            nothing()

    given = {"pipelinechannel--outer": True, "pipelinechannel--inner": "x"}
    assert [holds(it, given) for it in compiled(nested, tmp_path)] == [True, False]


@pytest.mark.parametrize(
    "text", ["it's", "a''b", "''", "'", "x' 'y", "'x'", "a' || 'b", "a' == 'a", "end'"]
)
def test_a_quote_that_kfp_does_not_escape_raises(tmp_path: Path, text: str) -> None:
    [condition] = compiled(pipeline_with(lambda x: x == text, str), tmp_path)
    for value in (text, "other", "ab"):
        with pytest.raises(ValueError, match="E344"):
            holds(condition, {"pipelinechannel--x": value})


def test_an_escaped_quote_is_understood() -> None:
    condition = r"inputs.parameter_values['x'] == 'it\'s'"
    assert holds(condition, {"x": "it's"})
    assert not holds(condition, {"x": "its"})


@pytest.mark.parametrize(
    "condition",
    [
        "__import__('os').system('true')",
        "inputs.__class__ == 1",
        "inputs.parameter_values.keys() == 1",
        "inputs.parameter_values[0] == 1",
        "(lambda: 1)() == 1",
        "[x for x in 'a'] == 1",
        "int(inputs.parameter_values['x'], 2) == 1",
        "eval('1') == 1",
        "f'{1}' == '1'",
        "(x := 1) == 1",
        "1 is 1",
        "1 + 1 == 2",
        "1 < 2 < 3",
        "inputs.parameter_values['nope'] == 'a'",
        "inputs.parameter_values['x'] < 3",
        "inputs.parameter_values['x']",
        "1",
        "'true'",
        "null",
        "!'x'",
        "true && 'x'",
        "0 || true",
        "",
        "true true",
        "(" * 5000,
    ],
)
def test_what_is_no_condition_raises_and_is_never_false(condition: str) -> None:
    with pytest.raises(ValueError, match="E344"):
        holds(condition, {"x": "a"})


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("true", True),
        ("!(true)", False),
        ("!false && (false || true)", True),
        ("-1 < 0", True),
        ("inputs.parameter_values['n'] == null", True),
        ("string(1) == '1'", True),
        ("double(1) == 1.0", True),
        ("'!=' != '&&'", True),
    ],
)
def test_the_language_around_the_comparisons(condition: str, wanted: bool) -> None:
    assert holds(condition, {"n": None}) is wanted

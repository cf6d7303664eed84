"""What a step carries is told from its source, and nothing of it runs."""

from pathlib import Path

import kfp.dsl
import pytest

from batchpredict.carrying import MAX_SOURCE_BYTES
from batchpredict.linting.steps import KFP_NAMES, step_findings, undefined_names
from batchpredict.pipeline_files import compiled_folder, read_pipeline

HEAD = "import kfp\nfrom kfp import dsl\nfrom kfp.dsl import *\nfrom typing import *\n"


def test_the_names_of_kfp_are_those_of_the_installed_one() -> None:
    assert set(kfp.dsl.__all__) == KFP_NAMES


@pytest.mark.parametrize("path", sorted(compiled_folder().rglob("*.yaml")), ids=lambda it: it.stem)
def test_what_we_ship_carries_all(path: Path) -> None:
    assert step_findings(read_pipeline(str(path)).spec) == []


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ("def f(x: Input[Dataset], y: Optional[int] = None):\n    return len(x.path)", set()),
        ("def f():\n    return helper(1)", {"helper"}),
        ("def f(x: Path):\n    return x", {"Path"}),
        ("def f(x=LIMIT):\n    return x", {"LIMIT"}),
        ("class A:\n    n = 1\n    m = n\ndef f():\n    return A", set()),
        ("def f():\n    global late\n    late = 1\n    return late", set()),
        ("def f():\n    return [g for g in (later,)]\n", {"later"}),
        ("def f():\n    return __name__, __file__", set()),
        ("from numpy import *\ndef f():\n    return array", set()),
        ("def f():\n    return '\\d' and undefined", {"undefined"}),
    ],
)
def test_names_that_are_not_there(body: str, missing: set[str]) -> None:
    assert undefined_names(HEAD + body) == missing


def spec_with(source: object) -> dict[str, object]:
    container = {"command": ["sh", "-c", source]}
    return {"deploymentSpec": {"executors": {"exec-score": {"container": container}}}}


def test_each_fault_is_named() -> None:
    [lacking] = step_findings(spec_with(f"{HEAD}def f():\n    return helper()"))
    assert (lacking.code, lacking.where) == ("E121", "score")
    assert lacking.message == "does not carry helper; list functions in additional_funcs"
    [broken] = step_findings(spec_with(f"{HEAD}def f(:"))
    assert broken.message.startswith("its source is no Python that this version reads")
    long = f"{HEAD}def f():\n    return '{'x' * MAX_SOURCE_BYTES}'"
    [big] = step_findings(spec_with(long))
    assert "bytes long; a step starts up to 128,000" in big.message


def test_nothing_of_a_source_runs(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    source = f"{HEAD}open({str(trace)!r}, 'w')\ndef f(x=open({str(trace)!r}, 'w')):\n    return x"
    assert step_findings(spec_with(source)) == []
    assert not trace.exists()


@pytest.mark.parametrize(
    "executors", [None, [], {"exec-a": None}, {"exec-a": {"container": {"command": "x"}}}]
)
def test_what_is_no_step(executors: object) -> None:
    assert step_findings({"deploymentSpec": {"executors": executors}}) == []
    assert step_findings(spec_with(3)) == []

"""What is compiled, and what is refused before another machine finds out."""

# mypy: disallow-untyped-decorators=False

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from kfp import dsl

import batchpredict.components
import batchpredict.pipelines
from batchpredict.carrying import MAX_SOURCE_BYTES
from batchpredict.compiler import (
    check_self_contained,
    compile_text,
    differences,
    discover,
    embedded_sources,
    golden_files,
    undefined_names,
    write_compiled,
)
from batchpredict.errors import RunError, UsageError

IMAGE = "python:3.11-slim"
CONSTANT = 3
NAME = "train_and_batch_predict"


def helper(number: int) -> int:
    return number


def helper_with_constant(number: int) -> int:
    return number + CONSTANT


@dsl.component(base_image=IMAGE)
def alone(number: int = 1) -> int:
    import math

    class Local:
        size = math.pi

    def inner() -> int:
        return number + len(str(Local.size))

    return max(inner() for _ in range(3))


@dsl.component(base_image=IMAGE, additional_funcs=[helper])
def with_helper(number: int) -> int:
    return helper(number)


@dsl.component(base_image=IMAGE)
def without_helper(number: int) -> int:
    return helper(number)


@dsl.component(base_image=IMAGE)
def with_constant(number: int) -> int:
    return max(number + CONSTANT for _ in range(1))


@dsl.component(base_image=IMAGE, additional_funcs=[helper_with_constant])
def with_needy_helper(number: int) -> int:
    return helper_with_constant(number)


@dsl.component(base_image=IMAGE)
def with_default(number: int = CONSTANT) -> int:
    return number


@dsl.component(base_image=IMAGE)
def with_annotation() -> int:
    def inner(path: Path) -> int:
        return len(str(path))

    return inner("x")  # type: ignore[arg-type]


@pytest.mark.parametrize("component", [alone, with_helper])
def test_a_step_that_carries_all_it_names_is_compiled(component: Any) -> None:
    assert "def " in compile_text(component)


@pytest.mark.parametrize(
    ("component", "name"),
    [
        (without_helper, "helper"),
        (with_constant, "CONSTANT"),
        (with_needy_helper, "CONSTANT"),
        (with_default, "CONSTANT"),
        (with_annotation, "Path"),
    ],
)
def test_a_step_that_lacks_a_name_is_refused_with_the_name(component: Any, name: str) -> None:
    with pytest.raises(RunError, match="E121") as caught:
        compile_text(component)
    assert f"does not carry {name}" in caught.value.message


def test_every_step_of_a_pipeline_is_checked_and_named() -> None:
    @dsl.pipeline(name="several")
    def several() -> None:
        alone()
        without_helper(number=1)
        with_constant(number=1)

    with pytest.raises(RunError) as caught:
        check_self_contained(several)
    assert set(caught.value.message.split("; ")) == {
        "exec-with-constant does not carry CONSTANT",
        "exec-without-helper does not carry helper",
    }


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("def f(): return missing", {"missing"}),
        ("def f(): return len([])", set()),
        ("def f(): return __name__", set()),
        ("def f():\n import os\n return os", set()),
        ("import os\ndef f(): return os", set()),
        ("def f(x: missing): pass", {"missing"}),
        ("def f(x: 'missing'): pass", set()),
        ("def f(x=missing): pass", {"missing"}),
        ("def f():\n def g(): return missing\n return g", {"missing"}),
        ("def f(): return [missing for _ in 'a']", {"missing"}),
        ("def f(): return lambda: missing", {"missing"}),
        ("def f():\n class C:\n  x = missing\n return C", {"missing"}),
        ("def f():\n class C:\n  x = 1\n  y = x\n return C", set()),
        ("class C:\n def g(self): return missing\ndef f(): return C", {"missing"}),
        ("import functools\n@functools.cache\ndef f(): return missing", {"missing"}),
        ("def f():\n try: missing\n except one: two", {"missing", "one", "two"}),
        ("def f():\n global made\n made = 1\n return made", set()),
        ("def g(): return 1\ndef f(): return g()", set()),
    ],
)
def test_undefined_names(source: str, missing: set[str]) -> None:
    assert undefined_names(source) == missing


def test_a_source_that_is_too_long_to_start_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(next(iter(embedded_sources(alone).values())).encode())
    monkeypatch.setattr("batchpredict.compiler.MAX_SOURCE_BYTES", size)
    check_self_contained(alone)
    monkeypatch.setattr("batchpredict.compiler.MAX_SOURCE_BYTES", size - 1)
    with pytest.raises(RunError, match=f"exec-alone is {size:,} bytes long; a step starts up to"):
        check_self_contained(alone)
    assert MAX_SOURCE_BYTES < 128 * 1024  # what Linux passes in one argument


def test_a_container_without_python_has_no_source() -> None:
    @dsl.container_component
    def shell():  # type: ignore[no-untyped-def]
        return dsl.ContainerSpec(image=IMAGE, command=["echo", "x"])

    assert embedded_sources(shell) == {}


def test_the_pipelines_and_components_of_the_package_are_found() -> None:
    assert NAME in discover(batchpredict.pipelines)
    assert {"split_dataset", "train_model", "gate"} <= set(discover(batchpredict.components))
    for name, component in discover(batchpredict.components).items():
        assert component.name.replace("-", "_") == name


def test_a_module_without_a_component_of_its_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty_package").mkdir()
    (tmp_path / "empty_package" / "nothing.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    package = ModuleType("empty_package")
    package.__path__ = [str(tmp_path / "empty_package")]
    with pytest.raises(RunError, match=r"E120 empty_package\.nothing"):
        discover(package)


def test_an_unknown_name_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(UsageError, match="E101") as caught:
        golden_files(("train_modle",))
    assert "did you mean 'train_model'?" in caught.value.message


def test_names_choose_the_files() -> None:
    assert set(golden_files((NAME, "gate"))) == {
        Path(f"{NAME}.yaml"),
        Path("components/gate.yaml"),
    }
    assert set(golden_files((NAME,))) < set(golden_files())


def test_what_was_just_compiled_shows_no_difference(tmp_path: Path) -> None:
    files = golden_files(("gate",))
    assert write_compiled(tmp_path, files) == [tmp_path / "components" / "gate.yaml"]
    assert differences(tmp_path, files, files) == []
    assert write_compiled(tmp_path, files) == []


def test_a_changed_file_is_shown_as_a_diff(tmp_path: Path) -> None:
    files = golden_files(("gate",))
    [path] = write_compiled(tmp_path, files)
    path.write_text(path.read_text().replace("name: gate", "name: gote", 1))
    [text] = differences(tmp_path, files, files)
    assert f"--- {tmp_path.name}/components/gate.yaml" in text
    assert "-  name: gote\n+  name: gate\n" in text
    assert write_compiled(tmp_path, files) == [path]


def test_a_missing_file_is_a_difference(tmp_path: Path) -> None:
    files = golden_files(("gate",))
    [text] = differences(tmp_path, files, files)
    assert "+# PIPELINE DEFINITION" in text


def test_a_stray_file_is_a_difference(tmp_path: Path) -> None:
    files = golden_files(("gate",))
    write_compiled(tmp_path, files)
    (tmp_path / "components" / "old.yaml").touch()
    expected = [f"{tmp_path.name}/components/old.yaml belongs to no pipeline or component\n"]
    assert differences(tmp_path, files, files) == expected


def test_compiling_twice_gives_the_same_text() -> None:
    component = golden_files((NAME,))[Path(f"{NAME}.yaml")]
    assert compile_text(component) == compile_text(component)

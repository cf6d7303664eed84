"""Pipelines in Python are imported beside each other, and leave nothing behind."""

import sys
from pathlib import Path

import pytest

from batchpredict.errors import RunError, UsageError
from batchpredict.projects.sources import load_sources, own_files

PIPELINE = """
from kfp import dsl
from _shared import IMAGE
from parts.counting import count

@dsl.pipeline(name="{name}")
def {name}():
    count()
"""
COUNT = """
from kfp import dsl
from _shared import IMAGE

@dsl.component(base_image=IMAGE)
def count() -> int:
    return 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "counting.py").write_text(COUNT)
    (folder / "_shared.py").write_text("IMAGE = 'python:3.11-slim'\n")
    for name in ("one", "two"):
        (folder / f"{name}.py").write_text(PIPELINE.format(name=name))
    return folder


def test_files_find_each_other_and_nothing_stays(folder: Path) -> None:
    before, path = set(sys.modules), list(sys.path)
    assert set(own_files(folder)) == {Path("one.yaml"), Path("two.yaml")}
    assert sys.path == path
    left = [name for name in set(sys.modules) - before if name in ("_shared", "parts.counting")]
    assert left == []
    assert set(own_files(folder, ["two"])) == {Path("two.yaml")}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1 / 0\n", "odd.py:1: ZeroDivisionError: division by zero"),
        ("def odd(:\n", "odd.py:1: SyntaxError"),
        ("import sys\nsys.exit(3)\n", "odd.py:2: SystemExit: 3"),
        ("def odd(): pass\n", "has no pipeline called odd; give function and file one name"),
    ],
)
def test_a_file_that_gives_no_pipeline(folder: Path, source: str, said: str) -> None:
    (folder / "odd.py").write_text(source)
    found, [fault] = load_sources(folder, ["odd", "one"])
    assert set(found) == {"one"}
    assert said in fault.message
    with pytest.raises(RunError, match="E415"):
        own_files(folder)


def test_names_and_folders_that_are_not_there(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"E101 .*did you mean 'two'"):
        own_files(folder, ["tow"])
    with pytest.raises(RunError, match="E415 there is no pipeline in"):
        own_files(tmp_path / "none")

"""A new project is whole, or it is not there."""

import glob
import os
import shutil
import tomllib
from pathlib import Path

import pytest
from helpers import ROOT

from batchpredict.config.loading import load_file, load_settings
from batchpredict.errors import UsageError
from batchpredict.projects import creating
from batchpredict.projects.creating import Answers, create_project

FILES = [
    ".gitignore",
    "README.md",
    "batchpredict.yaml",
    "compiled/train_and_score.yaml",
    "data/customers.csv",
    "pipelines/train_and_score.py",
    "requirements.txt",
    "tests/test_train_and_score.py",
]


def content(folder: Path) -> list[str]:
    return sorted(str(it.relative_to(folder)) for it in folder.rglob("*") if it.is_file())


def test_the_files_of_a_project(made: Path) -> None:
    assert content(made) == FILES
    assert [it.name for it in made.parent.iterdir()] == [made.name]
    assert "{{" not in "".join((made / name).read_text() for name in FILES if name[:2] != "co")


def test_the_answers_are_in_it(tmp_path: Path) -> None:
    given = Answers("risk-scores", "p-1", "europe-west4", "bkt-1")
    create_project(tmp_path / "new" / "risk", given)
    found = load_settings("prod", tmp_path / "new" / "risk" / "batchpredict.yaml", {})
    assert (found.project, found.location) == ("p-1", "europe-west4")
    assert found.pipeline_root == "gs://bkt-1/prod/runs"
    assert found.labels == {"app": "risk-scores", "stage": "prod"}
    source = (tmp_path / "new" / "risk" / "pipelines" / "train_and_score.py").read_text()
    assert 'display_name="risk-scores"' in source


def test_every_template_goes_into_the_wheel() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = told["package-data"]["batchpredict.projects"]
    package = ROOT / "src" / "batchpredict" / "projects"
    taken = {name for it in patterns for name in glob.glob(it, root_dir=package)}
    templates = (it for it in (package / "templates").rglob("*") if it.is_file())
    assert {str(it.relative_to(package)) for it in templates} == taken
    assert len(taken) == len(FILES) - 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "A b"},
        {"project": "A b"},
        {"project": ""},
        {"location": "here"},
        {"bucket": "gs://b"},
    ],
)
def test_wrong_answers_write_nothing(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="E410"):
        create_project(tmp_path / "new", Answers(**wrong))
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(UsageError, match="E414"):
            create_project(place, Answers())
    assert content(tmp_path) == ["mine.txt"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, made: Path) -> None:
    """Take the compiled file of the project that was made already."""

    def take(project: Path) -> None:
        shutil.copytree(made / "compiled", project / "compiled")

    monkeypatch.setattr(creating, "_compile", take)


@pytest.mark.usefixtures("quick")
def test_the_working_folder_stays_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino
    create_project(Path(), Answers())
    assert content(tmp_path) == FILES
    assert tmp_path.stat().st_ino == before == Path().stat().st_ino


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("moment", ["_compile", "load_file", "_move"])
def test_half_a_project_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, there: bool
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if there:
        (tmp_path / "new").mkdir()
    monkeypatch.setattr(creating, moment, interrupt)
    with pytest.raises(KeyboardInterrupt):
        create_project(tmp_path / "new", Answers())
    assert [str(it.relative_to(tmp_path)) for it in tmp_path.rglob("*")] == ["new"] * there


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("there", [True, False])
def test_somebody_is_faster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    """The place is taken between the look and the move."""
    place = tmp_path / "new"
    if there:
        place.mkdir()

    def taken(path: Path) -> object:
        place.mkdir(exist_ok=True)
        (place / "compiled").write_text("mine")
        return load_file(path)

    monkeypatch.setattr(creating, "load_file", taken)
    with pytest.raises(UsageError, match=r"E414 .*nothing was written"):
        create_project(place, Answers())
    assert content(tmp_path) == ["new/compiled"]


@pytest.mark.usefixtures("quick")
def test_a_failure_on_the_way_takes_all_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def refuse(source: Path, target: Path) -> None:
        if target.name == "data" and target.parent == tmp_path:
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(OSError, match="Input/output"):
        create_project(tmp_path, Answers())
    assert list(tmp_path.iterdir()) == []

"""A project as ``batchpredict init`` makes it, made once."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from batchpredict.config.settings import SCALARS
from batchpredict.projects.creating import Answers, create_project


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("projects") / "made"
    create_project(folder, Answers())
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, and the working folder."""
    for name in (*SCALARS, "env", "config"):
        monkeypatch.delenv(f"BATCHPREDICT_{name.upper()}", raising=False)
    folder = tmp_path / "project"
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def rewrite(project: Path) -> Callable[[str, str, str], None]:
    """Replace a text in a file of the project."""

    def replace(name: str, old: str, new: str) -> None:
        text = (project / name).read_text()
        assert old in text
        (project / name).write_text(text.replace(old, new))

    return replace

"""A project of schedules in a folder, and what the services keep of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.schedule.support import pipeline
from verbs import LOCAL, Result, Verbs

from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex


class Project:
    """A folder with a pipeline and schedules, in which verbs are run.

    Args:
        verb: Runs verbs.
        folder: An empty folder.
        vertex: The services.
    """

    def __init__(self, verb: Verbs, folder: Path, vertex: LocalVertex) -> None:
        self.folder = folder
        self._verb = verb
        self._vertex = vertex
        self.pipeline()

    def pipeline(self, *arguments: str, **more: Any) -> None:
        """Write the pipeline."""
        (self.folder / "nothing.yaml").write_text(json.dumps(pipeline(*arguments, **more)))

    def write(self, *entries: dict[str, Any]) -> None:
        """Write the schedules."""
        basis = {"pipeline": "nothing.yaml", "cron": "0 * * * *"}
        content = {"schedules": [{**basis, **entry} for entry in entries]}
        (self.folder / "schedules.json").write_text(json.dumps(content))

    def __call__(self, *arguments: str, **more: Any) -> Result:
        """Run a verb of schedules in the folder."""
        env = {**LOCAL, **more.pop("env", {})}
        return self._verb("schedule", *arguments, cwd=self.folder, env=env, **more)

    def done(self, *arguments: str, **more: Any) -> Result:
        """Run a verb that must succeed."""
        result = self(*arguments, **more)
        assert result.code == 0, result.stderr
        return result

    def apply(self, *arguments: str) -> list[dict[str, Any]]:
        """Apply the schedules, and return what came of each."""
        found: list[dict[str, Any]] = self.done(
            "apply", "schedules.json", *arguments, "--output", "json"
        ).json
        return found

    def kept(self, name: str) -> Any:
        """Return what the services keep of a schedule."""
        resources = self._vertex.services.pipelines._resources
        [found] = [it for it in resources.list(PARENT, "schedules") if it.display_name == name]
        return found


@pytest.fixture
def project(verb: Verbs, vertex: LocalVertex, tmp_path: Path) -> Iterator[Project]:
    """A project whose schedules are gone after the test."""
    made = Project(verb, tmp_path, vertex)
    yield made
    resources = vertex.services.pipelines._resources
    names = {it["name"] for it in json.loads(_text(tmp_path))["schedules"]}
    for it in resources.list(PARENT, "schedules"):
        if it.display_name in names:
            made.done("delete", it.name, "--yes")


def _text(folder: Path) -> str:
    path = folder / "schedules.json"
    return path.read_text() if path.exists() else '{"schedules": []}'

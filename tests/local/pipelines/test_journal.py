"""The file that says what a run has finished, whole and damaged."""

import json
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from batchpredict.local.pipelines.journal import Journal

IDENTITY = {"job": "j", "pipeline": "p", "parameters": "q"}
TIMES = ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:01+00:00")


def place(folder: Path) -> Any:
    return lambda uri: folder / str(uri).removeprefix("gs://")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with two finished steps."""
    path = tmp_path / "runs" / "journal.jsonl"
    journal = Journal.begin(path, IDENTITY)
    for name in ("one", "two"):
        journal.note(name, {"n": name}, {"Output": name}, place(tmp_path), TIMES, {})
    return path


def found(path: Path) -> list[str]:
    journal = Journal.reopen(path, IDENTITY)
    names = ("one", "two", "three")
    return [name for name in names if journal.find(name, {"n": name}, place(path.parent))]


def test_what_was_noted_is_found(path: Path) -> None:
    journal = Journal.reopen(path, IDENTITY)
    one = journal.find("one", {"n": "one"}, place(path.parent))
    assert one is not None
    assert one.values() == {"Output": "one"}
    assert (one.start, one.end) == TIMES
    assert journal.find("one", {"n": "other"}, place(path.parent)) is None
    assert journal.find("three", {}, place(path.parent)) is None
    assert (journal.resumed, Journal.reopen(path, IDENTITY).resumed) == (1, 2)


@pytest.mark.parametrize("size", [1, 20, 10**6])
def test_a_journal_cut_at_any_place_holds_what_was_whole(path: Path, size: int) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: -min(size, len(data))])
    assert found(path) == (["one"] if size < 10**6 else [])
    assert all(isinstance(json.loads(line), dict) for line in path.read_text().splitlines())


def test_what_a_kill_left_of_a_line_is_cut_off_before_the_next_is_written(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"done": {"step": "three", "giv')
    assert found(path) == ["one", "two"]
    assert found(path) == ["one", "two"]


@pytest.mark.parametrize("damage", ["{", "[]", '{"done": {"step": "mark"}}', '{"done": 3}'])
def test_another_damaged_line_is_named(path: Path, damage: str) -> None:
    path.write_text(f'{path.read_text()}{damage}\n{{"resumed": 1}}\n')
    with pytest.raises(ValueError, match=r"E362 the journal .*journal\.jsonl is damaged"):
        Journal.reopen(path, IDENTITY)


@pytest.mark.parametrize("name", IDENTITY)
def test_a_journal_of_another_run_is_refused(path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"E361 the journal .* is of another {name}"):
        Journal.reopen(path, {**IDENTITY, name: "other"})


def test_artifacts_are_found_as_long_as_their_files_are_as_they_were(tmp_path: Path) -> None:
    path, at = tmp_path / "journal.jsonl", place(tmp_path)
    (tmp_path / "b" / "folder").mkdir(parents=True)
    (tmp_path / "b" / "folder" / "part").write_text("12345")
    model = dsl.Model(name="m", uri="gs://b/folder", metadata={"a": [1, None]})
    given = {"rows": [dsl.Dataset(name="d", uri="gs://b/d")], "n": 1.5}
    Journal.begin(path, IDENTITY).note("step", given, {"model": model}, at, TIMES, {})
    kept = Journal.reopen(path, IDENTITY).find("step", given, at)
    assert kept is not None
    again = kept.values()["model"]
    assert isinstance(again, dsl.Model)
    assert (again.name, again.uri, again.metadata) == (model.name, model.uri, model.metadata)
    (tmp_path / "b" / "folder" / "part").write_text("123456")
    assert Journal.reopen(path, IDENTITY).find("step", given, at) is None


def test_a_step_that_cannot_be_written_down_is_repeated(tmp_path: Path) -> None:
    path, at = tmp_path / "journal.jsonl", place(tmp_path)
    output = dsl.Metrics(name="m", uri="gs://b/m", metadata={"loss": float("nan")})
    Journal.begin(path, IDENTITY).note("step", {}, {"metrics": output}, at, TIMES, {})
    assert Journal.reopen(path, IDENTITY).find("step", {}, at) is None

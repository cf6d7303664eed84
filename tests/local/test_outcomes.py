"""What a program gets of a run: states, outputs, logs, and errors that say what is wrong."""

from pathlib import Path

import pytest
from kfp import dsl

from batchpredict.errors import RunError, UsageError
from batchpredict.local.outcomes import run_pipeline
from batchpredict.local.session import LocalVertex
from batchpredict.local.testing import LocalVertexFixture


@dsl.component(base_image="python:3.11-slim")
def copy_text(text: str, copied: dsl.Output[dsl.Dataset]) -> int:
    if text == "bad":
        raise ValueError("the text is bad")
    copied.metadata["length"] = len(text)
    with open(copied.path, "w") as file:
        file.write(text)
    return len(text)


@dsl.pipeline(name="copying")
def copying(text: str, rows_uri: str = "") -> None:  # noqa: ARG001
    copy_text(text=text)


@dsl.pipeline(name="copying-uri")
def copying_uri(rows_uri: str) -> None:
    copy_text(text=rows_uri)


def test_a_run_that_succeeded(vertex: LocalVertex) -> None:
    run = run_pipeline(vertex, copying, {"text": "four"}).check()
    assert (run.state, run.error, run.fault) == ("SUCCEEDED", "", None)
    assert run.states == {"copy-text": "SUCCEEDED"}
    copied = run.outputs["copy-text"]["copied"]
    assert copied.path.read_text() == "four"
    assert copied.path == vertex.store.path(copied.uri)
    assert copied.metadata["length"] == 4
    assert run.parameters["copy-text"] == {"Output": 4}
    assert (run.folder / "run.json").is_file()
    assert vertex.services.pipelines.snapshot(run.job.name).state == run.job.state


def test_a_run_that_failed_is_returned_and_check_raises(vertex: LocalVertex) -> None:
    run = run_pipeline(vertex, copying, {"text": "bad"})
    assert run.state == "FAILED"
    assert run.states == {"copy-text": "FAILED"}
    assert "the text is bad" in run.error
    assert "ValueError: the text is bad" in run.log("copy-text")
    assert run.parameters["copy-text"] == {}
    with pytest.raises(RunError, match=r"E110 copy-text: .*the text is bad"):
        run.check()


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_of_this_machine_becomes_an_object(
    vertex: LocalVertex, tmp_path: Path, kind: type
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n")
    run = run_pipeline(vertex, copying_uri, {"rows_uri": kind(path)}).check()
    uri = run.outputs["copy-text"]["copied"].path.read_text()
    assert uri.startswith("gs://")
    assert vertex.store.path(uri).read_text() == "a,b\n"


def test_a_run_that_takes_too_long_is_cancelled(vertex: LocalVertex) -> None:
    run = run_pipeline(vertex, copying, {"text": "four"}, timeout=0.0)
    assert run.state == "CANCELLED"
    assert "it took longer than 0 s" in run.error


@pytest.mark.parametrize(
    ("parameters", "code"),
    [({}, "E106"), ({"txt": "x", "text": "x"}, "E104"), ({"text": "x", "rows_uri": "no"}, "E107")],
)
def test_parameters_are_checked_before_anything_runs(
    vertex: LocalVertex, parameters: dict[str, str], code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        run_pipeline(vertex, copying, parameters)
    assert caught.value.code == code


def test_what_is_no_pipeline(vertex: LocalVertex, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("root: {}")
    with pytest.raises(UsageError, match=r"E102 .* is not a compiled pipeline"):
        run_pipeline(vertex, tmp_path / "bad.yaml")
    with pytest.raises(UsageError, match="E101 there is no pipeline 'train'"):
        run_pipeline(vertex, "train")


def test_each_bucket_of_a_test_is_new(vertex: LocalVertex) -> None:
    fixture = LocalVertexFixture(vertex)
    first, second = fixture.new_bucket(), fixture.new_bucket()
    assert first != second
    assert vertex.store.bucket_exists(first)
    assert fixture.path(f"gs://{second}/a").parent.is_dir()

"""What stands at the end of a run: what came of it, each line with a name of its own."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import ROOT, FinishedRun, run_command

from batchpredict.cli.results import (
    METRICS,
    Line,
    Output,
    _line_of,
    _lines_of_parameters,
    left_behind,
    named,
    short_path,
    superseded,
)
from batchpredict.local.runs import Step
from batchpredict.local.storage.errors import StorageError

SHARD = "prediction.results-00000-of-00001"
PIPELINE = """
from kfp import compiler, dsl

from batchpredict.components.join_predictions import join_predictions
from batchpredict.components.parse_in_parallel import parse_in_parallel
from batchpredict.components.publish_predictions import publish_predictions


@dsl.pipeline(name="parse-and-publish")
def parse_and_publish(job: str, rows: str, max_missing: float, place: str):
    output = dsl.importer(artifact_uri=job, artifact_class=dsl.Artifact)
    given = dsl.importer(artifact_uri=rows, artifact_class=dsl.Dataset)
    parsed = parse_in_parallel(
        output_directory=output.output, instances=given.output, max_missing=max_missing
    )
    joined = join_predictions(predictions=parsed.outputs["predictions"], table=given.output)
    publish_predictions(
        predictions=joined.outputs["joined"], destination=place, run_key="one", mode="append"
    )


compiler.Compiler().compile(parse_and_publish, "parse_and_publish.yaml")
"""


def lines_of(run: FinishedRun) -> dict[str, str]:
    """Return the lines at the end of a run by name; each must have its own."""
    found = [line.partition(": ") for line in run.stdout.splitlines()[:-1]]
    assert len({name for name, _, _ in found}) == len(found), run.stdout
    return {name: text for name, _, text in found}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("pipeline")
    (folder / "pipeline.py").write_text(PIPELINE)
    subprocess.run([sys.executable, "-W", "ignore", "pipeline.py"], cwd=folder, check=True)
    return str(folder / "parse_and_publish.yaml")


def run_over(home: Path, pipeline: str, *parameters: str) -> FinishedRun:
    """Run over an output of three rows, of which one is missing."""
    folder = home / "storage" / "bucket1"
    (folder / "job").mkdir(parents=True, exist_ok=True)
    rows = [{"key": key, "prediction": number} for number, key in enumerate("ab")]
    (folder / "job" / SHARD).write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "rows.jsonl").write_text("".join(f'{{"key": "{key}"}}\n' for key in "abc"))
    values = ("job=gs://bucket1/job", "rows=gs://bucket1/rows.jsonl", *parameters)
    return run_command(home, *(it for value in values for it in ("-p", value)), pipeline=pipeline)


def test_the_end_of_the_main_job_says_what_a_person_wants_next(tmp_path: Path) -> None:
    dataset = ROOT / "examples" / "penguins.csv"
    run = run_command(
        tmp_path / "home", "-p", f"dataset_uri={dataset}", "-p", "target_column=species"
    )
    assert run.exit_code == 0, run.stderr
    lines = lines_of(run)
    parsed, evaluated = "parse-predictions/report", "evaluate-predictions/report"
    assert list(lines) == [
        *("rows", "predictions", "failures", parsed, evaluated, "metrics", "gate", "run"),
    ]
    assert lines["rows"] == "input=86, predicted=86, failed=0, missing=0"
    paths = [lines[name] for name in ("predictions", "failures", parsed, evaluated, "run")]
    assert [Path(path).name for path in paths] == [
        *("predictions.parquet", "failures.parquet", "report.md", "report.html", "run.json"),
    ]
    assert all(Path(path).is_file() for path in paths)
    assert lines["metrics"].startswith("accuracy=0.")
    assert lines["gate"].startswith("pass: ")


def test_what_is_published_is_named_and_the_parts_are_not(tmp_path: Path, pipeline: str) -> None:
    home = tmp_path / "home"
    arguments = ("max_missing=0.5", "place=gs://bucket1/table")
    ends = [lines_of(run_over(home, pipeline, *arguments)) for _ in range(2)]
    names = ["rows", "predictions", "failures", "joined", "published", "report", "run"]
    assert [list(lines) for lines in ends] == [names, names]
    place = f"3 rows in {home / 'storage' / 'bucket1' / 'table'}"
    assert ends[0]["rows"] == "input=3, predicted=2, failed=0, missing=1"
    assert ends[0]["published"] == place
    assert ends[1]["published"] == f"{place} (they stood there before)"
    assert "merge-summaries" in ends[0]["predictions"]


def test_a_step_that_exceeds_a_threshold_leaves_its_tables(tmp_path: Path, pipeline: str) -> None:
    run = run_over(tmp_path / "home", pipeline, "max_missing=0.3", "place=/nowhere")
    assert run.exit_code == 1
    lines = lines_of(run)
    assert list(lines) == ["rows", "predictions", "failures", "report", "run"]
    assert lines["rows"] == "input=3, predicted=2, failed=0, missing=1"
    assert "E223 1 of 3 rows missing, max_missing allows 0; that is 33.3 %" in run.stderr
    assert lines["failures"].removeprefix(str(run.home / "storage") + "/") in run.stderr
    assert all(Path(lines[name]).is_file() for name in list(lines)[1:])
    assert {it["name"] for it in run.manifest["outputs"] if "merge" in it["step"]} == set()


def step(name: str, *taken: str) -> Step:
    return Step(name, "SUCCEEDED", 1.0, "", {}, frozenset(taken))


def table(step: str, uri: str, name: str = "predictions") -> Output:
    return Output(step, name, "system.Dataset", uri, Path(uri), {})


def test_what_another_step_took_up_is_left_out() -> None:
    outputs = [table("part-1", "a"), table("part-2", "b"), table("merge", "c")]
    outputs += [table("other", "d"), table("join", "e", "joined")]
    steps = [step("part-1"), step("part-2"), step("merge", "a", "b", "x"), step("other")]
    assert superseded(outputs, [*steps, step("join", "c", "d")]) == {"part-1", "part-2"}


def test_a_result_that_is_given_on_unchanged_is_said_once() -> None:
    outputs = [table("parse", "a"), table("merge", "a")]
    assert superseded(outputs, [step("parse"), step("merge", "a")]) == {"merge"}


@pytest.mark.parametrize("summary", [None, "", "[]", "{}", '{"counts": 1}', "\x80"])
def test_a_failed_step_without_a_whole_summary_left_nothing(
    tmp_path: Path, summary: str | None
) -> None:
    (tmp_path / "predictions.parquet").write_text("half")
    if summary is not None:
        (tmp_path / "summary.json").write_text(summary, encoding="latin-1")
    assert list(left_behind("parse", "gs://b/parse", tmp_path)) == []


def test_the_lines_of_counts_and_metrics() -> None:
    counts = {"predicted": 2.0, "noted": 1.0, "input": 3.0, "failed": 0.0, "missing": 1.0}
    metadata = {**counts, "duplicate": 0.0}
    line = _line_of(Output("parse", "metrics", METRICS, "", Path(), metadata))
    said = "input=3, predicted=2, failed=0, missing=1, noted=1"
    assert line == Line("rows", "parse", "rows", said)
    line = _line_of(Output("train", "fit", METRICS, "", Path(), {"r2": 0.1 + 0.2, "n": 5.0}))
    assert line == Line("metrics", "train", "fit", "n=5, r2=0.30000000000000004")
    assert _line_of(table("train", "m", "model")) is None


def line(step: str, sort: str = "predictions") -> Line:
    return Line(sort, step, sort, step[-1])


@pytest.mark.parametrize(
    ("steps", "names"),
    [
        (["condition-branches-1/one/parse"], ["predictions"]),
        (["condition-branches-1/one/parse-a", "b"], ["parse-a/predictions", "b/predictions"]),
        (
            ["condition-branches-1/one/parse", "two/parse"],
            ["one/parse/predictions", "two/parse/predictions"],
        ),
    ],
)
def test_the_step_tells_apart_what_has_one_name(steps: list[str], names: list[str]) -> None:
    assert [text.partition(": ")[0] for text in named([line(it) for it in steps])] == names


def test_a_loop_does_not_become_a_wall_of_text() -> None:
    many = [line(f"score-{n}/parse-{n}") for n in range(9)]
    assert named([line("gate", "decision"), *many, line("rows", "rows")]) == [
        "rows: s",
        "parse-6/predictions: 6",
        "parse-7/predictions: 7",
        "parse-8/predictions: 8",
        "predictions: 6 more, of other steps",
        "decision: e",
    ]


def test_paths_below_the_current_folder_are_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert short_path(tmp_path / "a" / "b") == str(Path("a/b"))
    assert short_path(tmp_path.parent / "b") == str(tmp_path.parent / "b")


def no_path(uri: str) -> Path:
    raise StorageError(400, uri)


@pytest.mark.parametrize(
    ("place", "texts"), [("bq://p.d.t", ["2 rows in bq://p.d.t"]), (["x"], []), (None, [])]
)
def test_a_place_that_is_no_folder_here_is_named_as_it_is(place: Any, texts: list[str]) -> None:
    pipelines = SimpleNamespace(
        output_parameters=lambda *_: {"rows": 2.0, "changed": True},
        arguments=lambda *_: {"destination": place},
    )
    services = SimpleNamespace(pipelines=pipelines)
    vertex: Any = SimpleNamespace(services=services, store=SimpleNamespace(path=no_path))
    assert [line.text for line in _lines_of_parameters(vertex, "job", "publish")] == texts

"""`backfill` through the real client over gRPC: killed in the middle, resumed, what failed."""

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from kfp import dsl
from kfp.compiler import Compiler
from verbs import LOCAL, Verbs

from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex

CREATE = "PipelineService.CreatePipelineJob"
LIST = "PipelineService.ListPipelineJobs"
MONTH = ("--from", "2026-11-01", "--to", "2026-11-30")
NUMBERS = itertools.count()

Runs = Callable[[str], list[Any]]


@dsl.container_component
def check_date(run_date: str, failing: str, round: int):  # type: ignore[no-untyped-def]
    script = 'case "$1" in "$0") echo "no data for $0" >&2; exit 1;; esac'
    return dsl.ContainerSpec(
        image="python:3.11-slim",
        command=["sh", "-c", script, run_date, failing, str(round)],
    )


@pytest.fixture(scope="module")
def daily(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A pipeline with one quick step, which fails for the date that ``failing`` names."""

    @dsl.pipeline(name="daily")
    def daily(run_date: str, failing: str = "-", part: int = 0) -> None:
        check_date(run_date=run_date, failing=failing, round=part)

    path = tmp_path_factory.mktemp("daily") / "daily.yaml"
    Compiler().compile(daily, str(path))
    return str(path)


@pytest.fixture
def part() -> tuple[str, str]:
    """A parameter that makes a back-fill one that no other test knows."""
    return ("-p", f"part={next(NUMBERS)}")


@pytest.fixture
def runs_of(vertex: LocalVertex) -> Runs:
    """The runs of a back-fill by its key, as the services have them."""

    def find(key: str) -> list[Any]:
        jobs = vertex.services.pipelines._resources.list(PARENT, "pipelineJobs")
        return [job for job in jobs if dict(job.labels).get("batchpredict-backfill") == key]

    return find


def dates_of(jobs: list[Any]) -> Counter[str]:
    return Counter(dict(job.labels)["batchpredict-date"] for job in jobs)


def test_a_month_killed_in_the_middle_goes_on_without_a_gap_or_a_double(
    verb: Verbs, vertex: LocalVertex, daily: str, part: tuple[str, str], runs_of: Runs
) -> None:
    """The kill comes while the service holds the request for the 12th run, and serves it later."""
    command = ("backfill", daily, *MONTH, *part, "--concurrency", "8", "--output", "json")
    with vertex.faults.plan(CREATE, "delay", [12]) as plan:
        process = verb.spawn(*command, env=LOCAL)
        plan.wait(timeout=60)
        process.kill()
        out, _ = process.communicate()
    assert (process.returncode, out) == (-9, "")
    before = verb(*command, "--dry-run", env=LOCAL).json
    assert before["counts"]["done"] + before["counts"]["running"] in (11, 12)
    with vertex.faults.calls(CREATE) as calls:
        done = verb(*command, env=LOCAL)
    assert done.code == 0, done.stderr
    assert calls.seen <= 19
    jobs = runs_of(before["key"])
    dates = [f"2026-11-{day:02}" for day in range(1, 31)]
    assert dates_of(jobs) == Counter(dates)
    for job in jobs:
        assert job.state == types.PipelineState.PIPELINE_STATE_SUCCEEDED
        date = dict(job.labels)["batchpredict-date"]
        assert job.runtime_config.parameter_values["run_date"] == date
    assert [it["date"] for it in done.json["dates"]] == dates
    assert done.json["counts"] == {"done": 30, "running": 0, "failed": 0, "todo": 0}
    with vertex.faults.calls(CREATE) as calls:
        assert verb(*command, env=LOCAL).json == done.json
    assert calls.seen == 0


def test_a_date_that_failed_is_told_and_runs_again_only_when_asked(
    verb: Verbs, daily: str, part: tuple[str, str], runs_of: Runs
) -> None:
    days = ("--from", "2026-02-27", "--to", "2026-03-01")
    command = ("backfill", daily, *days, *part, "-p", "failing=2026-02-28")
    first = verb(*command, env=LOCAL)
    assert first.code == 1
    assert "Error: E435 1 of 3 dates failed: 2026-02-28; --retry-failed" in first.stderr
    table = [line.split()[:2] for line in first.stdout.splitlines()[-4:-1]]
    assert table == [["2026-02-27", "done"], ["2026-02-28", "failed"], ["2026-03-01", "done"]]
    assert first.stdout.splitlines()[-1] == "2 done, 0 running, 1 failed, 0 todo"
    assert first.stderr.count("SUCCEEDED") == 2
    key = verb(*command, "--dry-run", "--output", "json", env=LOCAL).json["key"]
    assert verb(*command, env=LOCAL).code == 1
    assert len(runs_of(key)) == 3
    again = verb(*command, "--retry-failed", "--output", "json", env=LOCAL)
    assert again.code == 1
    assert dates_of(runs_of(key)) == Counter({"2026-02-27": 1, "2026-02-28": 2, "2026-03-01": 1})
    [failed] = [it for it in again.json["dates"] if it["status"] == "failed"]
    assert failed["attempt"] == 2
    assert failed["run"].endswith(f"{key}-20260228-a2")
    assert failed["state"] == "FAILED"


def test_the_plan_is_shown_and_nothing_is_started(
    verb: Verbs, vertex: LocalVertex, daily: str, part: tuple[str, str]
) -> None:
    command = ("backfill", daily, "--from", "2026-01-05", "--to", "2026-01-31", "--every", "1w")
    with vertex.faults.calls(CREATE) as calls:
        shown = verb(*command, *part, "--dry-run", env=LOCAL)
        told = verb(*command, *part, "--dry-run", "--output", "json", env=LOCAL)
    assert calls.seen == 0
    assert (shown.code, shown.stderr) == (0, "")
    title, *lines = shown.stdout.splitlines()
    assert title.startswith("daily: 4 dates from 2026-01-05 to 2026-01-26, 2 at a time (key ")
    assert lines == [
        "STATUS  DATES  WHICH",
        "todo    4      2026-01-05 to 2026-01-26",
        "0 done, 0 running, 0 failed, 4 todo",
    ]
    assert [it["date"] for it in told.json["dates"]] == [
        f"2026-01-{day:02}" for day in (5, 12, 19, 26)
    ]
    assert told.json["dates"][0]["run"] == (
        f"{PARENT}/pipelineJobs/daily-{told.json['key']}-20260105-a1"
    )
    assert title in told.stderr


def test_without_waiting_what_fits_is_started_and_a_time_limit_ends_with_4(
    verb: Verbs, vertex: LocalVertex, daily: str, part: tuple[str, str]
) -> None:
    command = ("backfill", daily, "--from", "2026-05-01", "--to", "2026-05-05", *part)
    started = verb(*command, "--no-wait", "--output", "json", env=LOCAL)
    assert started.code == 0, started.stderr
    assert started.json["counts"] == {"done": 0, "running": 2, "failed": 0, "todo": 3}
    for it in started.json["dates"][:2]:
        assert vertex.services.pipelines.wait(it["run"], 60.0)
    with vertex.faults.plan(CREATE, "status", "each", status=429):
        late = verb(*command, "--timeout", "1s", "--output", "json", env=LOCAL)
    assert late.code == 4
    assert "Error: E434 3 of 5 dates were not over after 1 s; the same command" in late.stderr
    assert late.json["counts"] == {"done": 2, "running": 0, "failed": 0, "todo": 3}


def test_a_lost_reply_makes_no_second_run(
    verb: Verbs, vertex: LocalVertex, daily: str, part: tuple[str, str], runs_of: Runs
) -> None:
    command = ("backfill", daily, "--from", "2026-06-01", "--to", "2026-06-02", *part)
    with vertex.faults.plan(CREATE, "lost-reply", [1, 2]):
        done = verb(*command, "--output", "json", env=LOCAL)
    assert done.code == 0, done.stderr
    assert dates_of(runs_of(done.json["key"])) == Counter({"2026-06-01": 1, "2026-06-02": 1})


def test_what_another_version_of_the_pipeline_did_is_told_and_done_anew_when_asked(
    verb: Verbs, daily: str, part: tuple[str, str], tmp_path: Path, runs_of: Runs
) -> None:
    command = ("--from", "2026-07-01", "--to", "2026-07-02", *part)
    verb("backfill", daily, *command, env=LOCAL)
    changed = tmp_path / "daily.yaml"
    changed.write_text(Path(daily).read_text().replace("no data for", "nothing for"))
    same = verb("backfill", str(changed), *command, env=LOCAL)
    assert same.code == 0
    assert "2 of these have a run of another version of the pipeline" in same.stdout
    anew = ("backfill", str(changed), *command, "--redo-changed", "--output", "json")
    done = verb(*anew, env=LOCAL)
    assert done.code == 0, done.stderr
    assert dates_of(runs_of(done.json["key"])) == Counter({"2026-07-01": 2, "2026-07-02": 2})
    assert verb(*anew, env=LOCAL).json == done.json


def test_a_run_of_somebody_else_under_our_id_is_not_taken_for_ours(
    verb: Verbs, daily: str, part: tuple[str, str]
) -> None:
    command = ("backfill", daily, "--from", "2026-08-01", "--to", "2026-08-01", *part)
    [date] = verb(*command, "--dry-run", "--output", "json", env=LOCAL).json["dates"]
    run = date["run"].rpartition("/")[2]
    verb("submit", daily, "-p", "run_date=2026-09-09", "--run-id", run, env=LOCAL)
    result = verb(*command, env=LOCAL)
    assert result.code == 1
    assert f"Error: E433 the run {run} lacks the labels" in result.stderr
    assert "the same command goes on from here" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--to", "2026-10-01"), "E430 --to 2026-10-01 comes before --from 2026-11-01"),
        (("--to", "2026-13-01"), "E109 Invalid value for '--to': '2026-13-01' is no date"),
        (("--to", "2026-11-02", "--every", "1h"), "E109 Invalid value for '--every': '1h' is no"),
        (("--to", "2026-11-02", "--date-parameter", "rundate"), "did you mean 'run_date'?"),
        (("--to", "2026-11-02", "--date-parameter", "part"), "E431 daily: 'part' is a NUMBER_INT"),
        (("--to", "2026-11-02", "-p", "run_date=x"), "E432 -p run_date=… is given, but --from"),
    ],
)
def test_usage(verb: Verbs, daily: str, arguments: tuple[str, ...], told: str) -> None:
    result = verb("backfill", daily, "--from", "2026-11-01", *arguments, env=LOCAL)
    assert result.code == 2
    assert told in result.stderr
    assert not result.stdout

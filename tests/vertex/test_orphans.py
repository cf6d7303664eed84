"""Which jobs are left behind, of all that go on."""

import datetime

from hypothesis import given
from hypothesis import strategies as st

from batchpredict.runtime.request.submitting import run_label
from batchpredict.vertex.orphans import RUN_LABEL, Job, orphans_among

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
LONG = "a-run-whose-name-is-longer-than-a-label-" + "x" * 60
RUNS = {
    "failed": "FAILED",
    "cancelled": "CANCELLED",
    "succeeded": "SUCCEEDED",
    "running": "RUNNING",
    "cancelling": "CANCELLING",
    "queued": "QUEUED",
    LONG: "FAILED",
}


def job(name: str, run: str, hours: float = 3.0) -> Job:
    made = NOW - datetime.timedelta(hours=hours)
    return Job(name, "nightly", "RUNNING", made.isoformat(), run)


def test_a_job_is_left_behind_when_its_run_has_ended_or_is_gone() -> None:
    jobs = [job(run, run_label(run)[RUN_LABEL]) for run in [*RUNS, "gone"]] + [job("old", "")]
    told = {it.name: it for it in orphans_among(jobs, RUNS, NOW)}
    assert {name: it.run_state for name, it in told.items()} == {
        "failed": "FAILED",
        "cancelled": "CANCELLED",
        "succeeded": "SUCCEEDED",
        "gone": "GONE",
        "old": "UNKNOWN",
        LONG: "FAILED",
    }
    assert told[LONG].run == LONG
    assert [name for name, it in told.items() if not it.is_abandoned] == ["old", "succeeded"]


def test_a_young_job_is_left_out_and_the_oldest_comes_first() -> None:
    jobs = [job("b", "failed", 2.0), job("c", "failed", 1.9), job("a", "failed", 5.0)]
    before = NOW - datetime.timedelta(hours=2)
    assert [it.name for it in orphans_among(jobs, RUNS, before)] == ["a", "b"]


@given(st.lists(st.sampled_from([*RUNS, "gone", ""]), max_size=20))
def test_no_job_of_a_run_that_goes_on_is_ever_told(runs: list[str]) -> None:
    labels = [run_label(run).get(RUN_LABEL, "") for run in runs]
    jobs = [job(str(number), label) for number, label in enumerate(labels)]
    told = {it.name for it in orphans_among(jobs, RUNS, NOW)}
    going = {str(n) for n, run in enumerate(runs) if run in ("running", "cancelling", "queued")}
    assert told == {str(n) for n in range(len(runs))} - going

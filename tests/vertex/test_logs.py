"""The log of a run that grows, from entries as they arrive."""

from dataclasses import replace
from typing import Any

import pytest

from batchpredict.errors import UsageError
from batchpredict.vertex import logs
from batchpredict.vertex.states import Run, RunStep

PLACE = "projects/p/locations/us-east1"


def entry(job: str, number: int, second: int, **payload: Any) -> dict[str, Any]:
    return {
        "insertId": f"{job}-{number}",
        "resource": {"labels": {"job_id": job}},
        "timestamp": f"2026-03-01T02:{second // 60:02}:{second % 60:02}Z",
        **(payload or {"textPayload": f"{job}.{number}\n"}),
    }


class Arriving:
    """A run of two steps, and what Cloud Logging has of it at each look.

    A line of the first step arrives late, behind those of the second.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = RunStep("first", "RUNNING", jobs=(f"{PLACE}/customJobs/1", f"{PLACE}/jobs/9"))
        second = RunStep("group/second", "RUNNING", jobs=(f"{PLACE}/customJobs/2",))
        run = Run(f"{PLACE}/pipelineJobs/r", "r", "RUNNING", steps=[first])
        both = replace(run, steps=[first, second])
        self.runs = [run, both, both, replace(both, state="SUCCEEDED")]
        lines = [entry("1", 0, 100), entry("2", 0, 170), entry("1", 1, 101)]
        self.looks = [lines[:1], lines[:2], lines, lines]
        self.look = 0
        self.filters: list[str] = []
        monkeypatch.setattr(logs, "get_run", lambda _: self.runs[self.look])
        monkeypatch.setattr(logs, "_entries", self.entries)

    def entries(self, project: str, filter: str) -> list[dict[str, Any]]:
        assert project == "p"
        self.filters.append(filter)
        return [it for it in self.looks[self.look] if f'"{it["insertId"][0]}"' in filter]

    def wait(self, seconds: float) -> None:
        assert seconds > 0
        self.look += 1

    def follow(self, step: str = "") -> list[str]:
        return [it.text for it in logs.follow_log(self.runs[0], step, self.wait)]


def test_late_entries_are_found_and_nothing_comes_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    arriving = Arriving(monkeypatch)
    assert arriving.follow() == ["1.0", "2.0", "1.1"]
    assert arriving.filters == [
        'resource.type="ml_job" AND resource.labels.job_id=("1")',
        'resource.type="ml_job" AND resource.labels.job_id=("1" OR "2") '
        'AND timestamp>="2026-03-01T02:00:10+00:00"',
        *[
            'resource.type="ml_job" AND resource.labels.job_id=("1" OR "2") '
            'AND timestamp>="2026-03-01T02:01:20+00:00"'
        ]
        * 2,
    ]


def test_a_step_that_has_not_begun_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Arriving(monkeypatch).follow("second") == ["2.0"]


def test_a_step_that_never_came_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="E454 run r: there is no step 'third'"):
        Arriving(monkeypatch).follow("third")


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"textPayload": "plain\n"}, "plain"),
        ({"jsonPayload": {"message": "said", "levelname": "INFO"}}, "said"),
        ({"jsonPayload": {"rows": 3}}, '{"rows": 3}'),
        ({"protoPayload": {"status": {}}}, '{"status": {}}'),
    ],
)
def test_an_entry_says_what_it_says_in_any_form(
    monkeypatch: pytest.MonkeyPatch, payload: dict[str, Any], text: str
) -> None:
    arriving = Arriving(monkeypatch)
    arriving.looks[0] = [entry("1", 0, 0, **payload)]
    assert [it.text for it in logs.log_lines(arriving.runs[0])] == [text]


def test_many_steps_are_asked_for_in_several_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter must not be too long."""
    arriving = Arriving(monkeypatch)
    steps = [RunStep(f"s{n}", "RUNNING", jobs=(f"{PLACE}/customJobs/{n}",)) for n in range(120)]
    arriving.looks = [[]]
    assert not list(logs.log_lines(replace(arriving.runs[0], steps=steps)))
    assert [it.count(" OR ") for it in arriving.filters] == [49, 49, 19]

"""What a back-fill does next, and that a kill at any point leaves neither a gap nor a double."""

import datetime
import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vertex.backfill_model import Killed, Model

from batchpredict.errors import RunError, UsageError
from batchpredict.vertex.backfilling import carry_out
from batchpredict.vertex.backfills import (
    Attempt,
    Plan,
    attempt_of,
    dates_between,
    goals_of,
    key_of,
    labels_of,
    plan,
    run_id,
)

NAME = "projects/p/locations/l/pipelineJobs/"
DATES = [f"2026-11-{day:02}" for day in range(1, 10)]


def attempt(date: str, number: int = 1, state: str = "SUCCEEDED", digest: str = "") -> Attempt:
    return Attempt(date, number, f"{date}-a{number}", state, state != "RUNNING", digest=digest)


def complete(model: Model, concurrency: int, *kills: int, retry_failed: bool = False) -> Plan:
    """Carry out a back-fill of ``DATES``, begun anew after each kill."""
    for kill in [*kills, 0]:
        model.events, model.kill_at = 0, kill
        try:
            found = model.attempts()
            goals = goals_of(DATES, found, retry_failed=retry_failed)
            return carry_out(model, goals, found, concurrency, sleep=lambda _: None)
        except Killed:
            continue
        except RunError:
            assert model._refusing
            return complete(model, concurrency, retry_failed=retry_failed)
    raise AssertionError("the last one is not killed")


@given(
    seed=st.integers(0, 2**32),
    concurrency=st.integers(1, 12),
    kills=st.lists(st.integers(1, 60), max_size=8),
    failing=st.booleans(),
    refusing=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_a_run_for_each_date_and_never_too_many_however_often_it_is_killed(
    seed: int, concurrency: int, kills: list[int], failing: bool, refusing: bool
) -> None:
    model = Model(random.Random(seed).randrange, failing=failing, refusing=refusing)
    told = complete(model, concurrency, *kills)
    assert Counter(it.date for it in model.runs.values()) == Counter(DATES)
    assert {it.number for it in model.runs.values()} == {1}
    assert model.most_live <= concurrency
    assert [it.date for it in told.dates] == DATES
    assert told.is_over
    for it in told.dates:
        assert it.attempt == model.runs[f"run-{it.date}-a1"]


@given(seed=st.integers(0, 2**32), kills=st.lists(st.integers(1, 60), max_size=8))
@settings(max_examples=300, deadline=None)
def test_no_date_has_two_runs_though_lists_and_requests_come_late(
    seed: int, kills: list[int]
) -> None:
    model = Model(random.Random(seed).randrange, failing=True, lagging=True, refusing=True)
    told = complete(model, 3, *kills)
    assert Counter(it.date for it in model.runs.values()) == Counter(DATES)
    assert told.is_over


def test_a_kill_at_each_point_of_a_back_fill() -> None:
    whole = Model(random.Random(6).randrange)
    complete(whole, 3)
    points = whole.events
    assert points >= 2 * len(DATES)
    for point in range(1, points + 1):
        model = Model(random.Random(6).randrange)
        assert complete(model, 3, point).is_over
        assert sorted(it.date for it in model.runs.values()) == DATES, f"killed at {point}"
        assert model.most_live <= 3


@given(seed=st.integers(0, 2**32), kills=st.lists(st.integers(1, 60), max_size=8))
@settings(max_examples=300, deadline=None)
def test_only_what_failed_is_tried_again_and_each_time_once(seed: int, kills: list[int]) -> None:
    model = Model(random.Random(seed).randrange, failing=True)
    complete(model, 4)
    before = dict(model.runs)
    failed = {it.date for it in before.values() if it.state == "FAILED"}
    told = complete(model, 4, *kills, retry_failed=True)
    assert {it.date for name, it in model.runs.items() if name not in before} == failed
    assert told.is_over
    for date in DATES:
        tries = sorted(
            (it for it in model.runs.values() if it.date == date), key=lambda it: it.number
        )
        assert [it.number for it in tries] == list(range(1, len(tries) + 1))
        assert [it.state for it in tries[:-1]] == ["FAILED"] * (len(tries) - 1)
        assert len(tries) <= 2 + len(kills)
        assert (len(tries) > 1) == (date in failed)


def test_a_date_that_fails_is_not_tried_again_by_the_same_command() -> None:
    model = Model(lambda n: n - 1, failing=True)
    told = complete(model, 2, retry_failed=True)
    assert [it.status for it in told.dates] == ["failed"] * len(DATES)
    assert len(model.runs) == len(DATES)


def test_the_plan_starts_the_oldest_dates_that_there_is_room_for() -> None:
    have = [attempt(DATES[0]), attempt(DATES[2], state="RUNNING"), attempt(DATES[3], 1, "FAILED")]
    found = plan(goals_of(DATES[:6], have), have, 2)
    assert [it.status for it in found.dates] == [
        "done",
        "todo",
        "running",
        "failed",
        *["todo"] * 2,
    ]
    assert found.starts == ((DATES[1], 1),)
    assert plan(goals_of(DATES[:6], have), have, 1).starts == ()
    assert plan(goals_of(DATES[:6], have), have, 9).starts == tuple(
        (DATES[n], 1) for n in (1, 4, 5)
    )


def test_a_live_run_of_another_date_takes_up_room() -> None:
    other = attempt("2026-10-01", state="RUNNING")
    found = plan(goals_of(DATES, [other]), [other], 1)
    assert (found.starts, found.live) == ((), (other,))


def test_paused_and_cancelling_runs_are_live_and_cancelled_ones_have_failed() -> None:
    states = {"PAUSED": False, "CANCELLED": True}
    have = [replace(attempt(DATES[n], state=s), is_over=states[s]) for n, s in enumerate(states)]
    assert [it.status for it in plan(goals_of(DATES[:2], have), have, 9).dates] == [
        "running",
        "failed",
    ]


@pytest.mark.parametrize(
    ("state", "retry_failed", "redo_unless", "goal"),
    [
        ("SUCCEEDED", False, "", 3),
        ("SUCCEEDED", True, "", 3),
        ("SUCCEEDED", False, "new", 4),
        ("SUCCEEDED", False, "old", 3),
        ("FAILED", False, "", 3),
        ("FAILED", True, "", 4),
        ("CANCELLED", True, "", 4),
        ("FAILED", False, "new", 3),
        ("RUNNING", True, "new", 3),
    ],
)
def test_the_newest_attempt_decides(
    state: str, retry_failed: bool, redo_unless: str, goal: int
) -> None:
    have = [attempt("2026-11-01", 3, state, "old"), attempt("2026-11-01", 2, "FAILED")]
    found = goals_of(["2026-11-01"], have, retry_failed=retry_failed, redo_unless=redo_unless)
    assert found == {"2026-11-01": goal}


def test_dates_from_one_to_the_other() -> None:
    first, last = datetime.date(2024, 2, 27), datetime.date(2024, 3, 2)
    assert dates_between(first, last, 1) == [
        *(f"2024-02-{day}" for day in (27, 28, 29)),
        "2024-03-01",
        "2024-03-02",
    ]
    assert dates_between(first, last, 3) == ["2024-02-27", "2024-03-01"]
    assert dates_between(first, first, 7) == ["2024-02-27"]


def test_e430_no_dates_or_too_many() -> None:
    first, last = datetime.date(2024, 1, 1), datetime.date(2026, 1, 1)
    with pytest.raises(UsageError, match=r"^E430 --to 2024-01-01 comes before --from 2026"):
        dates_between(last, first, 1)
    with pytest.raises(UsageError, match=r"^E430 365,\d+ dates; 10,000 are the most"):
        dates_between(datetime.date(1024, 1, 1), last, 1)


def test_the_key_follows_from_pipeline_and_parameters_but_for_the_date() -> None:
    key = key_of("daily", {"a": 1, "b": [True], "run_date": ""}, "run_date")
    assert key == key_of("daily", {"b": [True], "run_date": "2026-11-01", "a": 1}, "run_date")
    assert key == key_of("daily", {"b": [True], "a": 1}, "run_date")
    others = [
        key_of("weekly", {"a": 1, "b": [True]}, "run_date"),
        key_of("daily", {"a": 2, "b": [True]}, "run_date"),
        key_of("daily", {"a": 1, "b": [True], "run_date": ""}, "day"),
    ]
    assert len({key, *others}) == 4


@given(name=st.text(max_size=200), number=st.integers(1, 999), date=st.dates())
def test_an_id_is_one_that_the_service_takes_and_tells_the_attempt(
    name: str, number: int, date: datetime.date
) -> None:
    key = key_of(name, {}, "run_date")
    made = run_id(name, key, date.isoformat(), number)
    assert len(made) <= 127
    assert made[0].isalpha()
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    labels = labels_of(key, date.isoformat(), "0123")
    found = attempt_of(NAME + made, labels, "FAILED", is_over=True, error="no")
    assert found == Attempt(date.isoformat(), number, NAME + made, "FAILED", True, "no", "0123")


def test_a_run_that_was_started_again_in_the_console_is_not_one_of_ours() -> None:
    """It bears the labels of the run it is a copy of, but may have other parameters."""
    labels = labels_of("k" * 12, "2026-11-01", "")
    for name in ("daily-20261121063000-9f3c", run_id("daily", "j" * 12, "2026-11-01", 1)):
        assert attempt_of(NAME + name, labels, "SUCCEEDED", is_over=True) is None
    assert attempt_of(NAME + "daily--20261101-a1", {}, "SUCCEEDED", is_over=True) is None


def never(_: int) -> int:
    return 0


def test_a_refusal_for_quota_is_waited_for_but_not_for_ever() -> None:
    model = Model(never, refusing=True)
    pauses: list[float] = []
    with pytest.raises(RunError, match="E404"):
        carry_out(model, goals_of(DATES, []), [], 3, sleep=pauses.append)
    assert len(pauses) > 10
    assert not model.runs
    assert max(pauses) == 10.0
    with pytest.raises(RunError, match="E404"):
        carry_out(model, goals_of(DATES, []), [], 3, wait=False)


def test_without_waiting_what_fits_is_started() -> None:
    model = Model(never)
    told = carry_out(model, goals_of(DATES, []), [], 4, wait=False)
    assert [it.status for it in told.dates] == ["running"] * 4 + ["todo"] * 5
    assert len(model.runs) == 4


def test_after_the_time_is_up_it_returns_and_lets_the_runs_go_on() -> None:
    model = Model(never)
    told = carry_out(model, goals_of(DATES, []), [], 4, timeout=0.0, sleep=lambda _: None)
    assert not told.is_over
    assert len(told.live) == 4

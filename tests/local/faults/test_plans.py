"""Plans by themselves: which calls are due, what is refused, and the account."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from batchpredict.errors import RunError, UsageError
from batchpredict.local.faults.registry import Faults

METHOD = "storage.objects.insert"
TIMEOUT = 20.0


@pytest.fixture
def faults() -> Faults:
    faults = Faults()
    faults.learn([METHOD, "storage.objects.get", "JobService.GetBatchPredictionJob"])
    return faults


def meets(faults: Faults, times: int, method: str = METHOD) -> list[bool]:
    """Make so many calls, and say which of them were to be hit."""
    found = []
    for _ in range(times):
        plan = faults.meet(method)
        if plan is not None:
            plan.hit()
        found.append(plan is not None)
    return found


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (1, [True, False, False]),
        (3, [False, False, True]),
        ([1, 3], [True, False, True]),
        (range(1, 3), [True, True, False]),
        ("each", [True, True, True]),
    ],
)
def test_the_calls_that_are_hit(faults: Faults, calls: Any, expected: list[bool]) -> None:
    plan = faults.plan(METHOD, "reset", calls)
    assert not plan.exhausted
    assert meets(faults, 3) == expected
    assert (plan.seen, plan.hits, plan.exhausted) == (3, sum(expected), True)


def test_only_calls_of_the_method_count(faults: Faults) -> None:
    plan = faults.plan("storage.*", "reset", 2)
    assert meets(faults, 2, "JobService.GetBatchPredictionJob") == [False, False]
    assert meets(faults, 1, "storage.objects.get") == [False]
    assert meets(faults, 1) == [True]
    assert plan.seen == 2


def test_calls_count_from_the_plan_on(faults: Faults) -> None:
    meets(faults, 3)
    counted = faults.calls(METHOD)
    plan = faults.plan(METHOD, "reset", 1)
    assert meets(faults, 2) == [True, False]
    assert (counted.seen, plan.hits) == (2, 1)


def test_of_two_plans_for_one_call_the_older_has_its_way(faults: Faults) -> None:
    older, newer = (faults.plan(METHOD, "reset") for _ in range(2))
    meets(faults, 1)
    assert (older.hits, newer.hits, newer.seen, newer.exhausted) == (1, 0, 1, False)


def test_many_threads_hit_exactly_the_planned_calls(faults: Faults) -> None:
    plan = faults.plan(METHOD, "reset", range(1, 101))
    together = threading.Barrier(8)

    def work(_: int) -> int:
        together.wait(TIMEOUT)
        return sum(meets(faults, 100))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 100
    assert (plan.seen, plan.hits) == (800, 100)


def test_without_a_plan_nothing_is_counted_nor_named(faults: Faults) -> None:
    assert not faults.active
    with faults.calls(METHOD):
        assert faults.active
    assert not faults.active


def test_a_plan_that_was_not_hit_raises_at_the_end_of_its_block(faults: Faults) -> None:
    with (
        pytest.raises(
            RunError,
            match=r"E380 .*lost-reply.*calls \[2\] of storage\.objects\.ins.*hit 0: 1 calls",
        ),
        faults.plan(METHOD, "lost-reply", 2),
    ):
        meets(faults, 1)
    assert faults.plans() == ()


def test_an_error_in_the_block_is_not_hidden(faults: Faults) -> None:
    with pytest.raises(KeyError), faults.plan(METHOD, "reset"):
        raise KeyError


def test_verify_names_a_plan_without_a_block_and_withdraws_all(faults: Faults) -> None:
    faults.plan(METHOD, "reset")
    faults.plan("storage.objects.get", "reset")
    meets(faults, 1)
    with pytest.raises(RunError, match=r"E380 .* of storage\.objects\.get "):
        faults.verify()
    assert not faults.active
    faults.verify()


def test_a_held_call_goes_on_when_it_is_released_or_withdrawn(faults: Faults) -> None:
    for end in ("release", "withdraw"):
        plan = faults.plan(METHOD, "delay", "each")
        held = threading.Thread(target=faults.meet, args=(METHOD,), daemon=True)
        held.start()
        assert plan.wait(timeout=TIMEOUT)
        assert held.is_alive()
        getattr(plan, end)()
        held.join(TIMEOUT)
        assert not held.is_alive()
        assert plan.hits == 1
        plan.withdraw()


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("storage.object.insert", "did you mean 'storage.objects.insert'?"),
        ("GetBatchPredictionJob", "did you mean 'JobService.GetBatchPredictionJob'?"),
        ("pubsub.*", "Methods begin with one of: JobService, storage.objects"),
        (3, "there is no method '3'"),
    ],
)
def test_a_method_that_is_none(faults: Faults, method: Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        faults.plan(method, "reset")
    assert caught.value.code == "E381"
    assert said in str(caught.value)
    assert not faults.active


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"fault": "lost_reply"}, "did you mean 'lost-reply'?"),
        ({"fault": "reset", "calls": 0}, "whole numbers from 1 on"),
        ({"fault": "reset", "calls": []}, "whole numbers from 1 on"),
        ({"fault": "reset", "calls": [True]}, "whole numbers from 1 on"),
        ({"fault": "reset", "calls": "first"}, 'a list of numbers or "each"'),
        ({"fault": "reset", "seconds": 1}, "no option of reset 'seconds'"),
        ({"fault": "status", "state": 503}, "did you mean 'status'?"),
        ({"fault": "status", "status": 200}, "from 400 to 599"),
        ({"fault": "status", "status": "OK"}, "a name such as UNAVAILABLE"),
        ({"fault": "status", "retry_after": 0.5}, "whole seconds"),
        ({"fault": "status", "message": 3}, "a text"),
        ({"fault": "delay", "seconds": -1}, "a number from 0 on"),
        ({"fault": "delay", "seconds": float("inf")}, "a number from 0 on"),
        ({"fault": "truncate"}, "the number of bytes to send"),
        ({"fault": "truncate", "after": -1}, "a number of bytes from 0 on"),
    ],
)
def test_a_plan_that_makes_no_sense(faults: Faults, arguments: Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        faults.plan(METHOD, **arguments)
    assert caught.value.code == "E382"
    assert said in str(caught.value)
    assert not faults.active

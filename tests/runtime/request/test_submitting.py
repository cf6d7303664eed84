"""One job comes of a step, however often it is killed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from runtime.request import protocol
from runtime.request.protocol import World, calls_of, job_recorded

from batchpredict.runtime.request.submitting import (
    cancel_strangers,
    run_label,
    submission_key,
    submit_job,
)

BODY = {"displayName": "x", "labels": {"team": "a"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world.json", seed=1)


def submit(world: World, point=lambda: None, faults: bool = False) -> str:
    return submit_job(calls_of(world, point, faults), BODY, "step", 180.0)


def campaign(*arguments: str) -> dict[str, int]:
    """Run ``protocol.py`` and return its counts."""
    command = [sys.executable, protocol.__file__, *arguments]
    printed = subprocess.run(command, check=True, capture_output=True).stdout
    return json.loads(printed.splitlines()[-1])


def test_a_job_is_made_once_and_recorded(world: World) -> None:
    name = submit(world)
    assert submit(world) == name == job_recorded(world)
    assert [job["name"] for job in world.live()] == [name]


def test_every_point_of_the_protocol_may_be_the_last() -> None:
    counts = campaign("every")
    assert counts["kills"] > 100
    assert counts["extra jobs"] == 0


def test_five_hundred_kills_at_random_leave_one_job_each() -> None:
    counts = campaign("random", "500", "0", "180")
    assert counts["kills"] >= 500
    assert counts["extra jobs"] == 0


def test_a_step_that_does_not_wait_is_found_out() -> None:
    """The planted fault: a settle time shorter than a create and a list may take."""
    assert campaign("random", "100", "0", "1")["extra jobs"] > 0


def test_a_step_that_does_not_look_is_found_out() -> None:
    assert campaign("blind", "100", "0", "180")["extra jobs"] > 0


def test_replies_that_are_lost_and_quota_make_no_second_job(tmp_path: Path) -> None:
    for seed in range(60):
        world = World(tmp_path / f"{seed}.json", seed)
        submit(world, faults=True)
        assert [job["name"] for job in world.live()] == [job_recorded(world)]


def test_the_next_attempt_after_a_failed_job_makes_another(world: World) -> None:
    first = submit(world)
    for number, state in enumerate(("FAILED", "CANCELLED", "EXPIRED"), start=2):
        content = world.load()
        content["jobs"][-1]["state"] = f"JOB_STATE_{state}"
        world.save(content)
        again = submit(world)
        assert again != first
        assert world.load()["jobs"][-1]["key"] == submission_key("step", number)
        first = again
    assert len(world.load()["jobs"]) == 4


def test_of_two_attempts_at_a_time_one_wins(world: World) -> None:
    """The other submits at each point of the first one, as after a pause of the machine."""
    for at in range(1, 12):
        two = World(world.path.with_name(f"two-{at}.json"), seed=at)
        names: list[str] = []
        passed = 0

        def point(at: int = at, two: World = two, names: list = names) -> None:
            nonlocal passed
            passed += 1
            if passed == at:
                names.append(submit(two))

        names.append(submit(two, point))
        assert len(set(names[-2:])) == 1
        assert [job["name"] for job in two.live()] == [job_recorded(two)]


def test_what_the_service_refuses_is_said_in_its_words(world: World) -> None:
    calls = {**calls_of(world, lambda: None), "create": lambda _: (400, {}, "answered 400: no")}
    with pytest.raises(
        RuntimeError, match=r"^E290 the service refused the job: answered 400: no$"
    ):
        submit_job(calls, BODY, "step", 180.0)
    assert world.load()["jobs"] == []


def test_a_service_that_never_answers_ends_the_step(world: World) -> None:
    calls = {**calls_of(world, lambda: None), "create": lambda _: (503, {}, "answered 503: busy")}
    with pytest.raises(RuntimeError, match=r"^E291 .* in an hour: answered 503: busy$"):
        submit_job(calls, BODY, "step", 180.0)
    assert world.load()["now"] < 2 * 3600


def test_labels_of_the_request_stay(world: World) -> None:
    sent: list[dict] = []
    calls = calls_of(world, lambda: None)
    create = calls["create"]

    def keep(body: dict) -> tuple:
        sent.append(body)
        return create(body)

    calls["create"] = keep
    submit_job(calls, BODY, "step", 180.0)
    assert sent[0]["labels"] == {"team": "a", "batchpredict-step": submission_key("step")}
    assert len(submission_key("s" * 1000, 999)) <= 63


def test_strangers_are_cancelled_and_counted(world: World) -> None:
    name = submit(world)
    state = world.load()
    other = {**state["jobs"][0], "name": "stranger", "visible": 0.0}
    ended = {**other, "name": "ended", "state": "JOB_STATE_SUCCEEDED"}
    foreign = {**other, "name": "foreign", "key": submission_key("another step")}
    state["jobs"] += [other, ended, foreign]
    state["now"] += 1000
    world.save(state)
    assert cancel_strangers(calls_of(world, lambda: None), name, "step") == 1
    assert {job["name"] for job in world.live()} == {name, "foreign"}


def test_the_oldest_of_several_jobs_is_taken_and_the_others_end(world: World) -> None:
    submit(world)
    state = world.load()
    first = state["jobs"][0]
    younger = {**first, "name": "younger", "createTime": "999999999.999", "visible": 0.0}
    state["jobs"].append(younger)
    del state["notes"]["record"]
    state["now"] += 1000
    world.save(state)
    assert submit(world) == first["name"]
    assert [job["name"] for job in world.live()] == [first["name"]]


@pytest.mark.parametrize(
    ("run", "label"),
    [
        ("daily-20261121063000-9f3c", "daily-20261121063000-9f3c"),
        ("a" * 63, "a" * 63),
        ("a" * 64, "ffe054fe7ae0cb6dc65c3af9b61d5209"),
        ("{{$.pipeline_job_name}}", None),
        ("", None),
    ],
)
def test_a_job_bears_the_name_of_its_run(run, label):
    assert run_label(run) == ({"batchpredict-run": label} if label else {})

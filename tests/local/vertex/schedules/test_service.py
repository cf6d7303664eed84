"""Schedules fire, pause, catch up and end, by a clock that is advanced."""

import datetime
import threading
from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from local.vertex.schedules.support import DAY, HOUR, get, jobs_of, states_of

from batchpredict.local.session import LocalVertex

State = types.Schedule.State


def test_a_schedule_fires_when_its_time_has_come(
    vertex: LocalVertex, client: Any, make: Callable[..., Any]
) -> None:
    made = make("sh", "-c", "echo at {{$.pipeline_job_schedule_time_utc}}")
    assert (made.state, made.started_run_count) == (State.ACTIVE, 0)
    assert made.next_run_time > made.start_time == made.create_time
    assert jobs_of(vertex, made.name) == []
    vertex.clock.advance(made.next_run_time - vertex.clock.now())
    [job] = jobs_of(vertex, made.name)
    assert states_of(vertex, made.name) == ["SUCCEEDED"]
    log = vertex.home / "runs" / job.name.rpartition("/")[2] / "logs" / "a.log"
    assert log.read_text() == f"at {made.next_run_time:%Y-%m-%dT%H:%M:%SZ}\n"
    now = get(client, made)
    assert now.next_run_time - made.next_run_time == HOUR
    assert now.started_run_count == 1
    assert now.last_scheduled_run_response.run_response == "OK"
    assert now.last_scheduled_run_response.scheduled_run_time == made.next_run_time
    assert job.display_name == "hourly"


def test_the_thread_fires_without_being_asked(
    vertex: LocalVertex, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real time passes: the clock is set to just before the run, and nothing calls ``fire``."""
    made, started = make(), threading.Event()
    create = vertex.services.pipelines.create_pipeline_job

    def tell(request: Any) -> Any:
        job = create(request)
        started.set()
        return job

    monkeypatch.setattr(vertex.services.pipelines, "create_pipeline_job", tell)
    before = datetime.timedelta(seconds=0.2)
    vertex.clock.advance(made.next_run_time - vertex.clock.now() - before)
    assert jobs_of(vertex, made.name) == []
    assert started.wait(20)
    assert states_of(vertex, made.name) == ["SUCCEEDED"]


def test_every_run_that_was_due_is_started_and_the_last_completes_it(
    vertex: LocalVertex, client: Any, make: Callable[..., Any]
) -> None:
    made = make(max_run_count=3)
    vertex.clock.advance(DAY)
    assert states_of(vertex, made.name) == ["SUCCEEDED"] * 3
    now = get(client, made)
    assert (now.state, now.started_run_count) == (State.COMPLETED, 3)
    assert now.next_run_time is None
    for refused in (client.pause_schedule, client.resume_schedule):
        with pytest.raises(exceptions.BadRequest, match="COMPLETED"):
            refused(name=made.name)


def test_a_schedule_begins_at_its_start_and_ends_at_its_end(
    vertex: LocalVertex, client: Any, make: Callable[..., Any]
) -> None:
    start = (vertex.clock.now() + DAY).replace(minute=0, second=0, microsecond=0)
    made = make(start_time=start, end_time=start + 2.5 * HOUR)
    assert made.next_run_time == start
    vertex.clock.advance(start - HOUR - vertex.clock.now())
    assert jobs_of(vertex, made.name) == []
    vertex.clock.advance(3 * HOUR)
    assert len(jobs_of(vertex, made.name)) == 3
    now = get(client, made)
    assert (now.state, now.next_run_time) == (State.ACTIVE, None)
    vertex.clock.advance(DAY)
    assert states_of(vertex, made.name) == ["SUCCEEDED"] * 3
    assert get(client, made).state == State.COMPLETED


def test_runs_that_were_due_before_the_end_are_started_after_it(
    vertex: LocalVertex, client: Any, make: Callable[..., Any]
) -> None:
    made = make(end_time=vertex.clock.now() + 3 * HOUR, allow_queueing=True)
    vertex.clock.advance(DAY)
    assert states_of(vertex, made.name) == ["SUCCEEDED"] * 3
    assert get(client, made).state == State.COMPLETED


def test_what_is_missed_in_a_pause_is_skipped_or_caught_up(
    vertex: LocalVertex, client: Any, make: Callable[..., Any]
) -> None:
    skips, catches = make(), make(max_run_count=3)
    for one in (skips, catches):
        client.pause_schedule(name=one.name)
        assert get(client, one).state == State.PAUSED
        with pytest.raises(exceptions.BadRequest, match="PAUSED"):
            client.pause_schedule(name=one.name)
    vertex.clock.advance(DAY)
    assert jobs_of(vertex, skips.name) == jobs_of(vertex, catches.name) == []
    client.resume_schedule(name=skips.name)
    client.resume_schedule(name=catches.name, catch_up=True)
    assert jobs_of(vertex, skips.name) == []
    assert states_of(vertex, catches.name) == ["SUCCEEDED"] * 3
    found = get(client, skips)
    assert (found.state, found.catch_up) == (State.ACTIVE, False)
    assert found.last_resume_time > found.last_pause_time
    assert found.next_run_time > vertex.clock.now()


@pytest.mark.parametrize("queues", [True, False])
def test_runs_beyond_the_limit_wait_or_are_skipped(
    vertex: LocalVertex, gapic: Callable[[str, str], Any], make: Callable[..., Any], queues: bool
) -> None:
    client = gapic("schedule", "grpc")
    made = make("sleep", "600", max_concurrent_active_run_count=1, allow_queueing=queues)
    vertex.clock.advance(2 * HOUR)
    [first] = jobs_of(vertex, made.name)
    behind = get(client, made).next_run_time < vertex.clock.now()
    assert behind is queues
    waiting = [it for it in threading.enumerate() if it.name.endswith("(_fire_after)")]
    vertex.services.pipelines.stop(first.name)
    for thread in waiting:
        thread.join(20)
    assert len(jobs_of(vertex, made.name)) == (2 if queues else 1)
    client.pause_schedule(name=made.name)
    for job in jobs_of(vertex, made.name):
        vertex.services.pipelines.stop(job.name)


def test_what_one_machine_cannot_run_side_by_side_waits(
    vertex: LocalVertex, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchpredict.local.vertex.schedules.firing.MOST_ACTIVE", 2)
    made = make("sleep", "600", max_run_count=3)
    vertex.clock.advance(DAY)
    started = jobs_of(vertex, made.name)
    assert len(started) == 2
    waiting = [it for it in threading.enumerate() if it.name.endswith("(_fire_after)")]
    vertex.services.pipelines.stop(started[0].name)
    vertex.services.pipelines.stop(started[1].name)
    for thread in waiting:
        thread.join(20)
    [third] = jobs_of(vertex, made.name)[2:]
    vertex.services.pipelines.stop(third.name)
    assert states_of(vertex, made.name) == ["CANCELLED"] * 3

"""The clock of a session, and what waits by it."""

import datetime
import threading
from collections.abc import Callable
from typing import Any

import pytest
from kfp import dsl

from batchpredict.local.clock import AttemptClock, SessionClock
from batchpredict.local.session import LocalVertex

HOUR = datetime.timedelta(hours=1)


def test_time_passes_and_can_be_advanced() -> None:
    clock = SessionClock()
    before, seconds = clock.now(), clock.monotonic()
    assert clock.now() >= before
    clock.advance(HOUR)
    assert HOUR <= clock.now() - before < 2 * HOUR
    assert 3600 <= clock.monotonic() - seconds < 7200
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-HOUR)


def test_who_listens_has_been_told_when_the_call_returns() -> None:
    clock, told = SessionClock(), list[datetime.datetime]()
    clock.on_advance(lambda: told.append(clock.now()))
    before = clock.now()
    clock.advance(HOUR)
    assert told[0] - before >= HOUR


def test_a_wait_between_attempts_ends_by_the_clock_or_by_the_event() -> None:
    clock, ended = SessionClock(), threading.Event()
    found = list[bool]()
    thread = threading.Thread(target=lambda: found.append(AttemptClock(clock).wait(ended, 3600)))
    thread.start()
    for _ in range(100):  # it may not have begun to wait when the time is put forward
        clock.advance(HOUR)
        thread.join(0.1)
        if not thread.is_alive():
            break
    assert found == [False]
    ended.set()
    assert AttemptClock(clock).wait(ended, 3600)


@dsl.component(base_image="python:3.11-slim")
def fail_once(marker: str) -> None:
    import os

    if not os.path.exists(marker):
        open(marker, "w").close()
        raise ValueError("the first attempt fails")


@dsl.pipeline(name="patient")
def patient(marker: str) -> None:
    fail_once(marker=marker).set_retry(1, backoff_duration="1800s")


def test_a_step_is_tried_again_when_the_clock_was_advanced(
    vertex: LocalVertex, start_pipeline: Callable[..., Any]
) -> None:
    marker = vertex.store.path("gs://patient/marker")
    marker.parent.mkdir(parents=True)
    mounted = "/gcs/patient/marker" if vertex.sandbox.isolated else str(marker)
    name = start_pipeline(patient, marker=mounted)
    for _ in range(600):
        vertex.clock.advance(datetime.timedelta(minutes=31) if marker.exists() else 0 * HOUR)
        if vertex.services.pipelines.wait(name, 0.1):
            break
    assert vertex.services.pipelines.snapshot(name).state.name == "PIPELINE_STATE_SUCCEEDED"

"""What a schedule makes of killed sessions, and of runs that cannot start."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from local.vertex.schedules.support import DAY, HOUR, get, jobs_of, schedule, states_of

from batchpredict.local.clock import SessionClock
from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.operations import Operations
from batchpredict.local.vertex.schedules.runs import job_id
from batchpredict.local.vertex.schedules.service import ScheduleService
from batchpredict.local.vertex.services import KINDS
from batchpredict.local.vertex.state import Resources

State = types.Schedule.State


def next_session(
    vertex: LocalVertex, home: Path, clock: SessionClock
) -> tuple[Resources, ScheduleService]:
    resources = Resources(home, KINDS)
    service = ScheduleService(resources, Operations(), vertex.services.pipelines, clock)
    return resources, service


@pytest.mark.parametrize("catch_up", [False, True])
def test_runs_missed_between_two_sessions_are_skipped_unless_caught_up(
    vertex: LocalVertex, tmp_path: Path, catch_up: bool
) -> None:
    resources, service = next_session(vertex, tmp_path, SessionClock())
    request = types.CreateScheduleRequest(parent=PARENT, schedule=schedule(max_run_count=2))
    made = service.create_schedule(request)
    resources.update(made.name, lambda it: setattr(it, "catch_up", catch_up))
    service.close()
    later = SessionClock()
    later.advance(DAY)
    resources, service = next_session(vertex, tmp_path, later)
    service.close()
    found = resources.get(made.name)
    assert len(jobs_of(vertex, made.name)) == found.started_run_count == (2 if catch_up else 0)
    assert states_of(vertex, made.name) == ["SUCCEEDED"] * found.started_run_count
    assert found.state == (State.COMPLETED if catch_up else State.ACTIVE)
    assert catch_up or found.next_run_time > later.now()


def test_a_run_that_a_killed_session_could_not_note_is_not_started_again(
    vertex: LocalVertex, tmp_path: Path
) -> None:
    resources, service = next_session(vertex, tmp_path, SessionClock())
    request = types.CreateScheduleRequest(parent=PARENT, schedule=schedule())
    made = service.create_schedule(request)
    service.close()
    name = f"{PARENT}/pipelineJobs/{job_id(made)}"
    resources.put(name, types.PipelineJob(name=name))
    resources, service = next_session(vertex, tmp_path, SessionClock())
    service.close()
    found = resources.get(made.name)
    assert found.started_run_count == 1
    assert found.next_run_time - made.next_run_time == HOUR


def test_a_run_that_is_there_already_counts_as_started(
    vertex: LocalVertex, gapic: Callable[[str, str], Any], make: Callable[..., Any]
) -> None:
    made = make()
    name = f"{PARENT}/pipelineJobs/{job_id(made)}"
    vertex.services.resources.put(name, types.PipelineJob(name=name, create_time=made.create_time))
    vertex.clock.advance(made.next_run_time - vertex.clock.now())
    found = get(gapic("schedule", "grpc"), made)
    assert found.started_run_count == 1
    assert found.last_scheduled_run_response.run_response == "OK"
    assert jobs_of(vertex, made.name) == []
    vertex.services.resources.delete(name)


def test_a_schedule_that_breaks_down_is_not_in_the_way_of_others(
    vertex: LocalVertex, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = make(), make()
    put = vertex.services.resources.put

    def no_room(name: str, message: Any) -> None:
        if name == broken.name:
            raise OSError("no space left")
        put(name, message)

    monkeypatch.setattr(vertex.services.resources, "put", no_room)
    vertex.clock.advance(HOUR)
    assert states_of(vertex, whole.name) == ["SUCCEEDED"]
    monkeypatch.undo()
    vertex.clock.advance(HOUR)
    assert states_of(vertex, broken.name) == ["SUCCEEDED"] * 2
    assert vertex.services.resources.get(broken.name).started_run_count == 2


def test_a_run_that_cannot_start_is_told_and_not_counted(
    vertex: LocalVertex, gapic: Callable[[str, str], Any], make: Callable[..., Any]
) -> None:
    made = make()
    vertex.services.pipelines._resources.update(
        made.name,
        lambda it: setattr(it.create_pipeline_job_request.pipeline_job, "pipeline_spec", {}),
    )
    vertex.clock.advance(HOUR)
    found = get(gapic("schedule", "grpc"), made)
    assert found.started_run_count == 0
    assert found.last_scheduled_run_response.run_response.startswith("INVALID_ARGUMENT: ")
    assert found.state == State.ACTIVE

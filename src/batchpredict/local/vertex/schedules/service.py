"""ScheduleService: schedules that start pipeline jobs when their time has come."""

import datetime
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import empty_pb2
from google.rpc import code_pb2

from batchpredict.local.clock import SessionClock
from batchpredict.local.pipelines.spec import load_pipeline
from batchpredict.local.vertex.errors import ServiceError, invalid
from batchpredict.local.vertex.listing import select
from batchpredict.local.vertex.models import parent_of
from batchpredict.local.vertex.operations import Operations, new_id
from batchpredict.local.vertex.pipeline_contexts import parameters_of, spec_of
from batchpredict.local.vertex.pipeline_jobs import PipelineService
from batchpredict.local.vertex.schedules.firing import COLLECTION, Firing
from batchpredict.local.vertex.schedules.runs import (
    UPDATED,
    State,
    end_if_over,
    first_run_time,
    move_on,
)
from batchpredict.local.vertex.schedules.timing import Cron
from batchpredict.local.vertex.state import Resources
from batchpredict.local.vertex.surface.checks import (
    check_display_name,
    copy_paths,
    masked_paths,
)
from batchpredict.local.vertex.surface.rules import admit


class ScheduleService:
    """Keeps the schedules.

    Args:
        clock: What the schedules go by.
    """

    def __init__(
        self,
        resources: Resources,
        operations: Operations,
        pipelines: PipelineService,
        clock: SessionClock,
    ) -> None:
        self._resources = resources
        self._operations = operations
        self._clock = clock
        self._firing = Firing(resources, pipelines, clock)

    def close(self) -> None:
        """Start no more runs."""
        self._firing.close()

    def create_schedule(self, request: Any) -> Any:
        """Keep a schedule; its first run is the first time that matches, from its start on."""
        schedule, now = request.schedule, self._clock.now()
        schedule.name = f"{request.parent}/{COLLECTION}/{new_id()}"
        schedule.create_time = schedule.update_time = now
        schedule.start_time = schedule.start_time or now
        schedule.state = State.ACTIVE
        _check(schedule)
        self._set_time(schedule, now)
        with self._firing.lock:
            self._resources.create(schedule.name, schedule)
        return self._woken(schedule.name)

    @staticmethod
    def _set_time(schedule: Any, now: datetime.datetime) -> None:
        first = first_run_time(schedule, now)
        if first is None:
            raise invalid(f"cron {schedule.cron!r} never fires")
        move_on(schedule, first)
        end_if_over(schedule, now)

    def _woken(self, name: str) -> Any:
        """Let the thread look at the schedules anew; return one of them."""
        self._clock.wake()
        return self._resources.get(name)

    def get_schedule(self, request: Any) -> Any:
        """Return one schedule."""
        return self._resources.get(request.name)

    def list_schedules(self, request: Any) -> Any:
        """Return the schedules of a location."""
        found = self._resources.list(request.parent, COLLECTION)
        page, token = select(found, request)
        return types.ListSchedulesResponse(schedules=page, next_page_token=token)

    def update_schedule(self, request: Any) -> Any:
        """Change the fields in the mask; runs that are due and have not started are skipped."""
        sent, now = request.schedule, self._clock.now()
        paths = masked_paths(request.update_mask, UPDATED)
        admit("CreatePipelineJob", sent.create_pipeline_job_request)

        def change(schedule: Any) -> None:
            if schedule.state == State.COMPLETED:
                raise _wrong_state(schedule, "updated")
            copy_paths(paths, sent, schedule)
            schedule.start_time = schedule.start_time or schedule.create_time
            _check(schedule)
            schedule.update_time = now
            self._set_time(schedule, now)

        with self._firing.lock:
            self._resources.update(sent.name, change)
        return self._woken(sent.name)

    def pause_schedule(self, request: Any) -> Any:
        """Start no more runs until the schedule is resumed."""
        now = self._clock.now()

        def pause(schedule: Any) -> None:
            if schedule.state != State.ACTIVE:
                raise _wrong_state(schedule, "paused")
            schedule.state = State.PAUSED
            schedule.last_pause_time = schedule.update_time = now

        with self._firing.lock:
            self._resources.update(request.name, pause)
        return empty_pb2.Empty()

    def resume_schedule(self, request: Any) -> Any:
        """Go on; with ``catch_up`` the runs that were missed meanwhile are started first."""
        now = self._clock.now()

        def resume(schedule: Any) -> None:
            if schedule.state != State.PAUSED:
                raise _wrong_state(schedule, "resumed")
            schedule.state, schedule.catch_up = State.ACTIVE, request.catch_up
            schedule.last_resume_time = schedule.update_time = now
            if not request.catch_up:
                self._set_time(schedule, now)

        with self._firing.lock:
            self._resources.update(request.name, resume)
            self._firing.fire()
        self._clock.wake()
        return empty_pb2.Empty()

    def delete_schedule(self, request: Any) -> Any:
        """Delete a schedule; the runs that it started go on."""
        with self._firing.lock:
            self._resources.delete(request.name)
        metadata = types.DeleteOperationMetadata()
        return self._operations.succeeded(parent_of(request.name), empty_pb2.Empty(), metadata)


def _wrong_state(schedule: Any, what: str) -> ServiceError:
    message = f"{schedule.name} is {schedule.state.name} and cannot be {what}."
    return ServiceError(code_pb2.FAILED_PRECONDITION, message)


def _check(schedule: Any) -> None:
    """Refuse a schedule that could not start a run."""
    check_display_name(schedule.display_name)
    Cron(schedule.cron)
    parent = parent_of(schedule.name)
    if schedule.create_pipeline_job_request.parent != parent:
        raise invalid(f"create_pipeline_job_request.parent must be {parent}")
    if schedule.max_concurrent_run_count < 1:
        raise invalid("max_concurrent_run_count is required and must be at least 1")
    if schedule.max_run_count < 0 or schedule.max_concurrent_active_run_count < 0:
        raise invalid("max_run_count and max_concurrent_active_run_count cannot be negative")
    if schedule.end_time and schedule.end_time < schedule.start_time:
        raise invalid(f"end_time {schedule.end_time} is before start_time {schedule.start_time}")
    job = schedule.create_pipeline_job_request.pipeline_job
    try:
        pipeline = load_pipeline(spec_of(job))
    except ValueError as error:
        raise invalid(str(error)) from error
    parameters_of(job, pipeline)

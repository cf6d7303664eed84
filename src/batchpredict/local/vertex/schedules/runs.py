"""What is due of one schedule, and when the next run is."""

import datetime
import re
from typing import Any

from google.cloud.aiplatform_v1 import types

from batchpredict.local.vertex.schedules.timing import Cron

UPDATED = (
    "display_name",
    "cron",
    "create_pipeline_job_request",
    "start_time",
    "end_time",
    "max_run_count",
    "max_concurrent_run_count",
    "max_concurrent_active_run_count",
    "allow_queueing",
)
State = types.Schedule.State
TIME = "%Y%m%d%H%M%S"
SCHEDULED = re.compile(r"/schedule-\d+-run-(\d{14})$")


def move_on(schedule: Any, moment: datetime.datetime | None) -> None:
    """Say when the next run is; a time after the end of the schedule is none."""
    is_late = moment is not None and schedule.end_time and moment > schedule.end_time
    schedule.next_run_time = None if is_late else moment


def first_run_time(schedule: Any, now: datetime.datetime) -> datetime.datetime | None:
    """Return when a new or changed schedule, or one that is active again, fires first."""
    return Cron(schedule.cron).not_before(max(schedule.start_time, now))


def is_due(schedule: Any, now: datetime.datetime) -> bool:
    """Whether a run is to be started."""
    moment = schedule.next_run_time
    return schedule.state == State.ACTIVE and moment is not None and moment <= now


def end_if_over(schedule: Any, now: datetime.datetime) -> None:
    """Complete a schedule that has started all its runs, or whose end has come.

    Runs that were due before its end are started first.
    """
    if schedule.state != State.ACTIVE:
        return
    used_up = 0 < schedule.max_run_count <= schedule.started_run_count
    is_past = schedule.end_time and schedule.end_time <= now and not is_due(schedule, now)
    if used_up or is_past:
        schedule.state = State.COMPLETED
        schedule.next_run_time = None
        schedule.update_time = now


def next_event(schedule: Any) -> datetime.datetime | None:
    """Return when something is to be done for a schedule: a run, or its end."""
    if schedule.state != State.ACTIVE:
        return None
    moment: datetime.datetime | None = schedule.next_run_time or schedule.end_time
    return moment


def is_behind(schedule: Any) -> bool:
    """Whether the next run is one of those that were missed while the schedule was paused."""
    resumed = schedule.last_resume_time
    return bool(schedule.catch_up and resumed and schedule.next_run_time < resumed)


def job_id(schedule: Any) -> str:
    """Return the identifier of the run that is due: the same however often it is asked for."""
    identifier = schedule.name.rpartition("/")[2]
    return f"schedule-{identifier}-run-{schedule.next_run_time:{TIME}}"


def scheduled_time(job: Any) -> str:
    """Return the time that a pipeline job was scheduled for, or "" when no schedule started it."""
    digits = SCHEDULED.search(job.name) if job.schedule_name else None
    return f"{datetime.datetime.strptime(digits[1], TIME):%Y-%m-%dT%H:%M:%SZ}" if digits else ""


def request_of(schedule: Any) -> Any:
    """Return the request that starts the run that is due."""
    kind = types.CreatePipelineJobRequest
    request = kind.deserialize(kind.serialize(schedule.create_pipeline_job_request))
    request.pipeline_job_id = job_id(schedule)
    request.pipeline_job.schedule_name = schedule.name
    request.pipeline_job.display_name = request.pipeline_job.display_name or schedule.display_name
    return request

"""Start the runs of schedules when they are due.

A run that is due is started at once. It is skipped, or with ``allow_queueing`` it waits, while
``max_concurrent_active_run_count`` runs of the schedule have not ended; what one machine cannot
run side by side waits too. On Vertex AI ``max_concurrent_run_count`` limits how many requests are
sent at a time; here they take no time.
"""

import datetime
import logging
import math
import threading
from collections import defaultdict
from typing import Any

from google.rpc import code_pb2

from batchpredict.local.clock import SessionClock
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.models import parent_of
from batchpredict.local.vertex.pipeline_jobs import PipelineService
from batchpredict.local.vertex.schedules.runs import (
    State,
    end_if_over,
    is_behind,
    is_due,
    job_id,
    move_on,
    next_event,
    request_of,
)
from batchpredict.local.vertex.schedules.timing import Cron
from batchpredict.local.vertex.state import Resources

log = logging.getLogger("batchpredict.local")
COLLECTION = "schedules"
STARTED = "OK"
MOST_ACTIVE = 64
LAST_WORDS = 5.0


class Firing:
    """The thread that fires schedules.

    Attributes:
        lock: Held while runs are started; hold it over changes of a schedule.

    Args:
        clock: What the schedules go by.
    """

    def __init__(
        self, resources: Resources, pipelines: PipelineService, clock: SessionClock
    ) -> None:
        self.lock = threading.RLock()
        self._resources = resources
        self._pipelines = pipelines
        self._clock = clock
        self._active: defaultdict[str, set[str]] = defaultdict(set)
        self._full: set[str] = set()
        self._closed = threading.Event()
        for schedule in resources.everywhere(COLLECTION):
            self._take_up(schedule)
        clock.on_advance(self.fire)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Start no more runs."""
        self._closed.set()
        self._clock.wake()
        self._thread.join(LAST_WORDS)

    def _take_up(self, schedule: Any) -> None:
        """Go on with a schedule of an earlier session.

        The runs that were missed meanwhile are skipped, unless the schedule catches up.
        """
        if schedule.state != State.ACTIVE or schedule.next_run_time is None:
            return
        if self._resources.find(f"{parent_of(schedule.name)}/pipelineJobs/{job_id(schedule)}"):
            _note_start(schedule, STARTED)  # the session was killed before it could say so
        if not schedule.catch_up and is_due(schedule, self._clock.now()):
            move_on(schedule, Cron(schedule.cron).after(self._clock.now()))
        self._resources.put(schedule.name, schedule)

    def _work(self) -> None:
        while not self._closed.is_set():
            self.fire()
            self._clock.wait_until(self._next_event)

    def _next_event(self) -> datetime.datetime | None:
        """Return when the next run is due; those that wait for something else do not count."""
        if self._closed.is_set():
            return self._clock.now()
        schedules = self._resources.everywhere(COLLECTION)
        moments = [next_event(it) for it in schedules if it.name not in self._full]
        return min((moment for moment in moments if moment is not None), default=None)

    def fire(self) -> None:
        """Start every run that is due."""
        with self.lock:
            self._full.clear()
            for schedule in self._resources.everywhere(COLLECTION):
                if schedule.state == State.ACTIVE and not self._closed.is_set():
                    self._fire_or_log(schedule)

    def _fire_or_log(self, schedule: Any) -> None:
        """Fire one schedule; what keeps it from that, as a full disk, does not keep the others."""
        try:
            self._fire(schedule)
        except Exception:
            log.exception("%s could not be fired", schedule.name)
            self._full.add(schedule.name)

    def _fire(self, schedule: Any) -> None:
        """Start the runs of one schedule that are due, and complete it when it is over."""
        now, before = self._clock.now(), schedule.next_run_time
        limit = schedule.max_concurrent_active_run_count or math.inf
        while is_due(schedule, now):
            active = len(self._active[schedule.name])
            if active < min(limit, MOST_ACTIVE):
                self._start(schedule, now)
            elif schedule.allow_queueing or is_behind(schedule) or active < limit:
                self._full.add(schedule.name)
                break
            else:
                move_on(schedule, Cron(schedule.cron).after(now))
        state = schedule.state
        end_if_over(schedule, now)
        if (state, before) != (schedule.state, schedule.next_run_time):
            self._resources.put(schedule.name, schedule)

    def _start(self, schedule: Any, now: datetime.datetime) -> None:
        """Start the run that is due; a run that cannot be started is not tried again."""
        try:
            job = self._pipelines.create_pipeline_job(request_of(schedule))
            response = STARTED
            self._active[schedule.name].add(job.name)
            arguments = (schedule.name, job.name)
            threading.Thread(target=self._fire_after, args=arguments, daemon=True).start()
        except ServiceError as error:
            # A run of that moment was started before, though it could not be noted.
            is_there = error.code == code_pb2.ALREADY_EXISTS
            response = STARTED if is_there else f"{error.status}: {error.message}"
        _note_start(schedule, response)
        end_if_over(schedule, now)
        self._resources.put(schedule.name, schedule)

    def _fire_after(self, schedule: str, job: str) -> None:
        """Start what waited for the end of a run."""
        self._pipelines.wait(job, None)
        with self.lock:
            self._active[schedule].discard(job)
            waited = schedule in self._full
        if waited:
            self.fire()
            self._clock.wake()


def _note_start(schedule: Any, response: str) -> None:
    """Say what came of the run that was due, and when the next one is."""
    moment = schedule.next_run_time
    schedule.started_run_count += response == STARTED
    schedule.last_scheduled_run_response = {
        "scheduled_run_time": moment,
        "run_response": response,
    }
    move_on(schedule, Cron(schedule.cron).after(moment))

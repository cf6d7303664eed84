"""The request of a schedule as a value: made, looked at and compared without Google's SDK."""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from batchpredict.cron import Cron, cron_text
from batchpredict.errors import UsageError
from batchpredict.vertex.fields import label_form
from batchpredict.vertex.requests import PipelineRun, of_settings

if TYPE_CHECKING:
    from batchpredict.config.schedule_files import ScheduleEntry
    from batchpredict.config.settings import Settings

SCHEDULE_LABEL = "batchpredict-schedule"
LONGEST_NAME = 128
OVERRIDES = (
    "project",
    "location",
    "pipeline_root",
    "service_account",
    "network",
    "encryption_key",
    "enable_caching",
    "failure_policy",
)


@dataclass(frozen=True)
class Schedule:
    """What is sent to make a schedule: the request of ``CreateSchedule``.

    Attributes:
        project: The project's id.
        location: The region, such as ``europe-west4``.
        body: The ``Schedule`` as the REST API has it.
    """

    project: str
    location: str
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What it is known by: its display name."""
        return str(self.body["displayName"])

    @property
    def parent(self) -> str:
        """The location's resource name."""
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def cron(self) -> Cron:
        """When it fires."""
        return Cron(self.body["cron"])

    def to_dict(self) -> dict[str, Any]:
        """Return the request with the field names of the REST API."""
        return {"parent": self.parent, "schedule": self.body}

    def to_json(self) -> str:
        """Return the request as JSON, as ``schedule apply --dry-run`` prints it."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)


def schedule(
    name: str,
    run: PipelineRun,
    *,
    cron: str,
    timezone: str = "",
    start_time: datetime.datetime | None = None,
    end_time: datetime.datetime | None = None,
    max_run_count: int | None = None,
    max_concurrent_run_count: int = 1,
    max_concurrent_active_run_count: int = 1,
    allow_queueing: bool = False,
) -> Schedule:
    """Return the request of a schedule that starts runs like this one; nothing is sent.

    Args:
        name: What the schedule is known by within its project and region.
        run: A run as each of them shall be; its id is left out, as each run gets one.
        cron: ``MINUTE HOUR DAY-OF-MONTH MONTH DAY-OF-WEEK``.
        timezone: The zone of these times, such as ``Europe/Berlin``; "" is UTC.
        start_time: No run before it; else from when it is made.
        end_time: No run after it.
        max_run_count: Runs in all.
        max_concurrent_run_count: How many requests to start a run may be under way at a time. It
            does not limit the runs.
        max_concurrent_active_run_count: How many runs may be under way at a time.
        allow_queueing: Whether a run waits while that many are under way; else it is skipped.

    Raises:
        UsageError: The cron expression or the zone is wrong (E421), or a value (E400).
    """
    _check(name, max_run_count, max_concurrent_run_count, max_concurrent_active_run_count)
    text = _cron(cron, timezone)
    labels = {**run.pipeline_job.get("labels", {}), SCHEDULE_LABEL: label_form(name)}
    template = {**run.pipeline_job, "labels": labels}
    body = {
        "displayName": name,
        "cron": text,
        "startTime": rfc3339(start_time),
        "endTime": rfc3339(end_time),
        "maxRunCount": str(max_run_count or ""),
        "maxConcurrentRunCount": str(max_concurrent_run_count),
        "maxConcurrentActiveRunCount": str(max_concurrent_active_run_count),
        "allowQueueing": allow_queueing,
        "createPipelineJobRequest": {"parent": run.parent, "pipelineJob": template},
    }
    kept = {key: value for key, value in body.items() if value != ""}
    return Schedule(run.project, run.location, kept)


def _cron(fields: str, zone: str) -> str:
    try:
        return Cron(cron_text(fields, zone)).text
    except ValueError as error:
        raise UsageError("E421", str(error)) from error


def _check(name: str, *counts: int | None) -> None:
    if not 0 < len(name) <= LONGEST_NAME or '"' in name or "\\" in name:
        message = f"a schedule's name has 1 to {LONGEST_NAME} characters without quotes"
        raise UsageError("E400", f"{message}, not {name!r}")
    if any(count is not None and count < 1 for count in counts):
        raise UsageError("E400", f"schedule {name}: a number of runs is at least 1")


def rfc3339(moment: datetime.datetime | None) -> str:
    """Return a moment in UTC as the REST API writes it, "" for None."""
    if moment is None:
        return ""
    return moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")


def of_entry(entry: "ScheduleEntry", settings: "Settings") -> Schedule:
    """Return the request of a schedule of a file.

    Args:
        entry: What the file says.
        settings: What holds where the file says nothing.

    Raises:
        UsageError: As :func:`schedule` and :func:`batchpredict.vertex.pipeline_run`.
    """
    from batchpredict.config.pipelines import run_parameters
    from batchpredict.vertex.registry import find_anywhere

    given = {key: getattr(entry, key) for key in OVERRIDES}
    given = {key: value for key, value in given.items() if value not in ("", None)}
    try:
        pipeline = find_anywhere(entry.pipeline, settings)
        stem = pipeline.path.stem
        settings = replace(
            settings,
            **given,
            parameters={stem: {**settings.parameters_of(stem), **entry.parameters}},
            origins={**settings.origins, **_origins(entry, stem, given)},
        )
        parameters = run_parameters(pipeline, settings, ())
        run = of_settings(pipeline, settings, parameters, labels=entry.labels)
        return schedule(
            entry.name,
            run,
            cron=entry.cron,
            timezone=entry.timezone,
            start_time=entry.start,
            end_time=entry.end,
            max_run_count=entry.max_run_count,
            max_concurrent_run_count=entry.max_concurrent_run_count,
            max_concurrent_active_run_count=entry.max_concurrent_active_run_count,
            allow_queueing=entry.allow_queueing,
        )
    except UsageError as error:
        raise UsageError(error.code, f"schedule {entry.name}: {error.message}") from error


def _origins(entry: "ScheduleEntry", pipeline: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Return where the values of a schedule come from, for what is said of wrong ones."""
    names = {f"parameters.{pipeline}.{name}": f"parameters.{name}" for name in entry.parameters}
    # A flag's form lets a project stand although no environment was chosen: it is said here.
    return {
        **{key: f"flag of schedule {entry.name}: {key}" for key in given},
        **{key: f"{place} of schedule {entry.name}" for key, place in names.items()},
    }

"""What is known of a schedule, as plain values."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batchpredict.cron import Cron
from batchpredict.errors import UsageError
from batchpredict.vertex.links import schedule_link
from batchpredict.vertex.schedule_requests import SCHEDULE_LABEL

MOST_COUNTED = 10_000
TIMES = (
    "nextRunTime",
    "startTime",
    "endTime",
    "createTime",
    "updateTime",
    "lastPauseTime",
    "lastResumeTime",
)
COUNTS = (
    "startedRunCount",
    "maxRunCount",
    "maxConcurrentRunCount",
    "maxConcurrentActiveRunCount",
)


@dataclass(frozen=True)
class KeptSchedule:
    """A schedule as Vertex AI keeps it.

    Attributes:
        resource: The ``Schedule`` as the REST API has it.
    """

    resource: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its resource name."""
        return str(self.resource["name"])

    @property
    def display_name(self) -> str:
        """What people call it."""
        return str(self.resource.get("displayName", ""))

    @property
    def state(self) -> str:
        """ACTIVE, PAUSED or COMPLETED."""
        return str(self.resource.get("state", ""))

    @property
    def cron(self) -> str:
        """When it fires, with its time zone."""
        return str(self.resource.get("cron", ""))

    @property
    def rule(self) -> Cron:
        """When it fires, understood.

        Raises:
            UsageError: Vertex AI took a form that is not understood here (E421).
        """
        try:
            return Cron(self.cron)
        except ValueError as error:
            raise UsageError("E421", f"schedule {self.display_name}: {error}") from error

    @property
    def template(self) -> Mapping[str, Any]:
        """What each of its runs is like."""
        request = self.resource.get("createPipelineJobRequest", {})
        return dict(request.get("pipelineJob", {}))

    @property
    def is_ours(self) -> bool:
        """Whether batchpredict made it."""
        return SCHEDULE_LABEL in self.template.get("labels", {})

    def count(self, key: str) -> int:
        """Return a number of the resource, 0 when it is not set."""
        return int(self.resource.get(key, 0))

    def moment(self, key: str) -> datetime.datetime | None:
        """Return a time of the resource, None when it is not set."""
        text = self.resource.get(key)
        return datetime.datetime.fromisoformat(text) if text else None

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON, without the whole of its pipeline."""
        job, kept = self.template, self.resource
        runtime = job.get("runtimeConfig", {})
        return {
            "name": self.display_name,
            "resource": self.name,
            "state": self.state,
            "cron": self.cron,
            **{_snake(key): kept.get(key, "") for key in TIMES},
            **{_snake(key): self.count(key) or None for key in COUNTS},
            "started_run_count": self.count("startedRunCount"),
            "allow_queueing": bool(kept.get("allowQueueing", False)),
            "catch_up": bool(kept.get("catchUp", False)),
            "last_run": self._last_run(),
            "pipeline": job.get("pipelineSpec", {}).get("pipelineInfo", {}).get("name", ""),
            "pipeline_root": runtime.get("gcsOutputDirectory", ""),
            "service_account": job.get("serviceAccount", ""),
            "parameters": plain(runtime.get("parameterValues", {})),
            "labels": dict(sorted(job.get("labels", {}).items())),
            "link": schedule_link(self.name),
        }

    def _last_run(self) -> dict[str, str]:
        found = self.resource.get("lastScheduledRunResponse", {})
        keys = {"scheduled_time": "scheduledRunTime", "response": "runResponse"}
        return {key: found.get(name, "") for key, name in keys.items()}


def _snake(key: str) -> str:
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in key)


def plain(value: Any) -> Any:
    """Return whole numbers as such: the API carries every number as a double."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def missed_runs(kept: KeptSchedule, now: datetime.datetime) -> int:
    """Return how many runs ``catch_up`` would start when a paused schedule is resumed.

    Args:
        kept: The schedule.
        now: When it is resumed.
    """
    since = kept.moment("nextRunTime") or kept.moment("lastPauseTime")
    if kept.state != "PAUSED" or since is None:
        return 0
    end = min(filter(None, (now, kept.moment("endTime"))))
    limit = MOST_COUNTED
    if kept.count("maxRunCount"):
        limit = min(limit, kept.count("maxRunCount") - kept.count("startedRunCount"))
    found = 0
    just_before = since - datetime.timedelta(microseconds=1)
    for moment in kept.rule.upcoming(just_before):
        if moment > end or found >= limit:
            break
        found += 1
    return found

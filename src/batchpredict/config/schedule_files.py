"""Schedules as a file says them: one, or several under ``schedules``."""

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from batchpredict.config.models import LabelKey, LabelValue, Text
from batchpredict.config.problems import problems
from batchpredict.config.reading import read_file
from batchpredict.cron import Cron, cron_text
from batchpredict.errors import UsageError
from batchpredict.pipeline_files import unknown

NAMES = ("schedules.yaml", "schedules.yml", "schedules.toml", "schedules.json")
SUFFIXES = (".yaml", ".yml", ".toml", ".json")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
SERVICE_SETS = {
    "catch_up": "is said when it is resumed: `batchpredict schedule resume NAME --catch-up`",
    "pipeline_job_id": "is not taken in a schedule: each run has an id of its own",
    "pipelineJobId": "is not taken in a schedule: each run has an id of its own",
    "run_id": "is not taken in a schedule: each run has an id of its own",
    "paused": "is no key: use `batchpredict schedule pause NAME`",
}


class ScheduleEntry(BaseModel):
    """One schedule of a file; what it does not say of the run comes from the configuration."""

    model_config = ConfigDict(extra="forbid", strict=True, title="batchpredict schedule")

    name: Text = Field(description="Its name: small letters, digits, _ and -, a letter first.")
    pipeline: Text = Field(description="A pipeline's name, or its compiled file.")
    cron: Text = Field(description="MINUTE HOUR DAY-OF-MONTH MONTH DAY-OF-WEEK.")
    timezone: Text = Field("", description="Such as Europe/Berlin; unset: UTC.")
    start_time: Text = Field("", description="No run before it; RFC 3339, or in the time zone.")
    end_time: Text = Field("", description="No run after it.")
    max_run_count: int | None = Field(None, ge=1, description="Runs in all; unset: no limit.")
    max_concurrent_run_count: int = Field(
        1, ge=1, description="Requests to start a run that may be under way at a time."
    )
    max_concurrent_active_run_count: int = Field(
        1, ge=1, description="Runs that may be under way at a time."
    )
    allow_queueing: bool = Field(
        False, description="Whether a run waits when that many are under way; else it is skipped."
    )
    parameters: dict[Text, Any] = Field({}, description="Parameters, over the configuration's.")
    environment: Text = Field("", description="The environment of the configuration.")
    project: Text = Field("", description="Instead of the configuration's, as all that follow.")
    location: Text = ""
    pipeline_root: Text = ""
    service_account: Text = ""
    network: Text = ""
    encryption_key: Text = ""
    labels: dict[LabelKey, LabelValue] = {}
    enable_caching: bool | None = None
    failure_policy: Literal["", "slow", "fast"] = ""

    @property
    def cron_text(self) -> str:
        """The expression with its time zone, as Vertex AI takes it."""
        return cron_text(self.cron, self.timezone)

    @property
    def start(self) -> datetime.datetime | None:
        """When it begins, in UTC."""
        return read_moment(self.start_time, self.cron_text)

    @property
    def end(self) -> datetime.datetime | None:
        """When it ends, in UTC."""
        return read_moment(self.end_time, self.cron_text)


def read_moment(text: str, cron: str) -> datetime.datetime | None:
    """Return the moment in UTC, None for ""; without an offset it is of the schedule's zone.

    Raises:
        ValueError: It is no time.
    """
    if not text:
        return None
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=Cron(cron).zone)
    return moment.astimezone(datetime.UTC)


def find_schedules(folder: Path) -> Path:
    """Return the file of schedules of a folder.

    Raises:
        UsageError: There is none, or there are several.
    """
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(found) == 1:
        return found[0]
    there = " and ".join(path.name for path in found) or "no schedules.yaml, .toml or .json here"
    raise UsageError("E420", f"there is {there}; name the file or the schedule that you mean")


def read_schedules(path: Path) -> list[ScheduleEntry]:
    """Return the schedules of a YAML, TOML or JSON file, in its order.

    Raises:
        UsageError: Something in it is wrong: all of it is said (E420).
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError("E420", f"{path}: a file of schedules is .yaml, .yml, .toml or .json")
    try:
        content = read_file(path)
    except UsageError as error:
        raise UsageError("E420", error.message) from error
    found = [_entry(path, place, item) for place, item in _items(path, content)]
    faults = [fault for _, faults in found for fault in faults]
    entries = [entry for entry, _ in found if entry]
    faults += _repeated(path, [entry.name for entry in entries])
    if faults:
        raise UsageError("E420", "; ".join(faults))
    return entries


def _items(path: Path, content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each schedule with the keys that lead to it."""
    if "schedules" not in content:
        yield "", content
        return
    others = sorted(set(content) - {"schedules"})
    items = content["schedules"]
    if others or not isinstance(items, list) or not items:
        beside = f", and nothing beside them: {', '.join(others)}" if others else ""
        raise UsageError("E420", f"{path}: schedules takes a list of schedules{beside}")
    for number, item in enumerate(items):
        yield f"schedules[{number}]", item


def _entry(path: Path, place: str, item: Any) -> tuple[ScheduleEntry | None, list[str]]:
    """Return a schedule and what is wrong with it."""

    def words(steps: Sequence[str]) -> str:
        return f"{path}: {'.'.join(part for part in (place, *steps) if part)}"

    refused = sorted(set(item) & set(SERVICE_SETS)) if isinstance(item, dict) else []
    faults = [f"{words([key])} {SERVICE_SETS[key]}" for key in refused]
    if refused:
        item = {key: value for key, value in item.items() if key not in refused}
    try:
        entry = ScheduleEntry.model_validate(item)
    except ValidationError as error:
        return None, faults + problems(error, ScheduleEntry, words)
    return entry, faults + [f"{words([key])}: {text}" for key, text in _faults(entry)]


def _faults(entry: ScheduleEntry) -> Iterator[tuple[str, str]]:
    """Yield (key, what is wrong) for what the types cannot say."""
    if not NAME.fullmatch(entry.name):
        yield "name", f"takes small letters, digits, _ and -, a letter first, not {entry.name!r}"
    try:
        Cron(entry.cron_text)
    except ValueError as error:
        yield ("timezone" if "time zone" in str(error) else "cron"), str(error)
        return
    moments = []
    for key in ("start_time", "end_time"):
        try:
            moments.append(read_moment(getattr(entry, key), entry.cron_text))
        except ValueError:
            text = getattr(entry, key)
            yield key, f"takes a time such as 2026-01-31T06:00:00+01:00, not {text!r}"
            return
    start, end = moments
    if start and end and end <= start:
        yield "end_time", "is not after start_time"


def _repeated(path: Path, names: Sequence[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    return [f"{path}: there are several schedules {name!r}; give each a name" for name in twice]


def named_entries(path: Path, names: Sequence[str]) -> list[ScheduleEntry]:
    """Return the schedules of a file that have these names; all of them when none is given.

    Raises:
        UsageError: There is none of a name.
    """
    entries = {entry.name: entry for entry in read_schedules(path)}
    for name in names:
        if name not in entries:
            raise UsageError("E420", f"{path}: {unknown('schedule', name, list(entries))}")
    return [entries[name] for name in names] if names else list(entries.values())

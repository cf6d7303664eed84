"""Back-fills: a run for each date. What to do follows from the dates and what the service has.

Nothing is kept on this machine. Each run bears labels that say of which back-fill and date it is,
and an id that follows from them: Vertex AI itself refuses a second run of that id.
"""

import datetime
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchpredict.errors import UsageError

KEY_LABEL = "batchpredict-backfill"
DATE_LABEL = "batchpredict-date"
DIGEST_LABEL = "batchpredict-digest"
DONE, RUNNING, FAILED, TODO = "done", "running", "failed", "todo"
MOST_DATES = 10_000


@dataclass(frozen=True)
class Attempt:
    """A run of a back-fill.

    Attributes:
        date: The date that it is about.
        number: 1 for the first run of the date.
        name: Resource name of the run.
        state: Such as ``SUCCEEDED``.
        is_over: Whether it has ended, well or badly.
        error: What it says of its failure, or "".
        digest: Of the pipeline that it ran.
    """

    date: str
    number: int
    name: str
    state: str
    is_over: bool
    error: str = ""
    digest: str = ""


@dataclass(frozen=True)
class DateState:
    """Where a date stands.

    Attributes:
        date: The date.
        status: ``done``, ``running``, ``failed`` or ``todo``.
        attempt: The run that decides it; None for ``todo``.
    """

    date: str
    status: str
    attempt: Attempt | None = None


@dataclass(frozen=True)
class Plan:
    """What there is and what comes next.

    Attributes:
        dates: Where each date stands, in order.
        starts: Dates whose run is to be started now, and the number of the attempt.
        live: Runs that have not ended, of other dates of the back-fill too.
    """

    dates: tuple[DateState, ...]
    starts: tuple[tuple[str, int], ...]
    live: tuple[Attempt, ...]

    @property
    def is_over(self) -> bool:
        """Whether each date is done or has failed."""
        return all(it.status in (DONE, FAILED) for it in self.dates)

    def with_status(self, status: str) -> list[DateState]:
        """Return the dates that stand so."""
        return [it for it in self.dates if it.status == status]


def dates_between(first: datetime.date, last: datetime.date, days: int = 1) -> list[str]:
    """Return every so many days from the first date, up to the last.

    Raises:
        UsageError: The last comes before the first, or there are too many dates (E430).
    """
    if last < first:
        raise UsageError("E430", f"--to {last} comes before --from {first}; exchange them")
    count = (last - first).days // days + 1
    if count > MOST_DATES:
        raise UsageError("E430", f"{count:,} dates; {MOST_DATES:,} are the most: take a part")
    return [(first + datetime.timedelta(days=days * n)).isoformat() for n in range(count)]


def key_of(pipeline: str, parameters: Mapping[str, Any], date_parameter: str) -> str:
    """Return the key of a back-fill: the same for the same pipeline and parameters.

    Args:
        pipeline: Name of the pipeline.
        parameters: Those of its runs.
        date_parameter: The one of them that is left out: each run has another date.
    """
    others = {name: value for name, value in parameters.items() if name != date_parameter}
    return digest_of([pipeline, others])


def digest_of(value: Any) -> str:
    """Return a short text that stands for a value of JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def run_id(pipeline: str, key: str, date: str, number: int) -> str:
    """Return the id of a date's run, the same whoever starts it."""
    words = re.sub("[^a-z0-9]+", "-", pipeline.lower()).strip("-")[:80] or "run"
    start = words if words[0].isalpha() else f"run-{words}"
    return f"{start}-{key}-{date.replace('-', '')}-a{number}"


def labels_of(key: str, date: str, digest: str) -> dict[str, str]:
    """Return the labels of a date's run."""
    return {KEY_LABEL: key, DATE_LABEL: date, DIGEST_LABEL: digest}


def attempt_of(
    name: str, labels: Mapping[str, str], state: str, *, is_over: bool, error: str = ""
) -> Attempt | None:
    """Return the attempt that a run is, or None for one that bears our labels as a copy.

    Who starts a run again in the console copies its labels, but may change its parameters.
    """
    key, date = labels.get(KEY_LABEL, ""), labels.get(DATE_LABEL, "")
    found = re.search(rf"-{re.escape(key)}-{date.replace('-', '')}-a([1-9][0-9]*)$", name)
    if not (key and date and found):
        return None
    digest = labels.get(DIGEST_LABEL, "")
    return Attempt(date, int(found[1]), name, state, is_over, error, digest)


def goals_of(
    dates: Sequence[str],
    attempts: Iterable[Attempt],
    *,
    retry_failed: bool = False,
    redo_unless: str = "",
) -> dict[str, int]:
    """Return the number of the attempt that decides each date.

    It is settled once, when a command begins: what fails from then on is not tried again.

    Args:
        dates: The dates.
        attempts: What the service has.
        retry_failed: Whether a date that failed gets another attempt.
        redo_unless: Digest of the pipeline: what another one did is done anew. "" leaves it.
    """
    last = _last(attempts)
    return {
        date: _goal(last.get(date), retry_failed=retry_failed, redo_unless=redo_unless)
        for date in dates
    }


def _goal(last: Attempt | None, *, retry_failed: bool, redo_unless: str) -> int:
    if last is None:
        return 1
    status = _status(last)
    is_other = bool(redo_unless) and last.digest != redo_unless
    again = (status == FAILED and retry_failed) or (status == DONE and is_other)
    return last.number + again


def _last(attempts: Iterable[Attempt]) -> dict[str, Attempt]:
    """Return the newest attempt of each date."""
    return {it.date: it for it in sorted(attempts, key=lambda it: it.number)}


def plan(goals: Mapping[str, int], attempts: Iterable[Attempt], concurrency: int) -> Plan:
    """Return what comes next.

    Args:
        goals: As ``goals_of`` gives them; the order is that in which runs are started.
        attempts: What the service has.
        concurrency: Runs that may be under way at a time.
    """
    known = {(it.date, it.number): it for it in attempts}
    live = tuple(it for it in known.values() if not it.is_over)
    decisive = {date: known.get((date, number)) for date, number in goals.items()}
    waiting = [(date, goals[date]) for date, it in decisive.items() if it is None]
    return Plan(
        dates=tuple(DateState(date, _status(it), it) for date, it in decisive.items()),
        starts=tuple(waiting[: max(0, concurrency - len(live))]),
        live=live,
    )


def _status(attempt: Attempt | None) -> str:
    if attempt is None:
        return TODO
    if not attempt.is_over:
        return RUNNING
    return DONE if attempt.state == "SUCCEEDED" else FAILED

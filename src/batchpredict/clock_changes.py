"""What happens to a cron expression when the clocks of its time zone change."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from batchpredict.cron import Cron, change_between

STEP = datetime.timedelta(days=1)
YEAR = datetime.timedelta(days=366)
UNKNOWN = "Google does not document what Vertex AI does then: choose a time outside of it, or UTC"


@dataclass(frozen=True)
class ClockChange:
    """A change of the clocks that meets a time of a schedule.

    Attributes:
        code: W420 when the clock skips the time, W421 when it shows it twice.
        moment: When the clocks change, in UTC.
        text: What comes of it, in one line.
    """

    code: str
    moment: datetime.datetime
    text: str


def clock_changes(cron: Cron, start: datetime.datetime) -> list[ClockChange]:
    """Return the changes of the clocks that meet a time of a schedule within a year.

    A schedule that fires every hour goes on as time does, and is not told of.

    Args:
        cron: When it fires.
        start: From when on.
    """
    if cron.fields.split()[1] == "*":
        return []
    found = []
    for moment in _transitions(cron, start, start + YEAR):
        before, after = (_wall(it, cron) for it in (moment - _SECOND, moment))
        before += _SECOND
        times = cron.wall_times(min(before, after), max(before, after))
        if times:
            skips = after > before
            text = _text(cron, before, after, times)
            found.append(ClockChange("W420" if skips else "W421", moment, text))
    return found


_SECOND = datetime.timedelta(seconds=1)


def _transitions(
    cron: Cron, start: datetime.datetime, end: datetime.datetime
) -> Iterator[datetime.datetime]:
    """Yield the moments at which the clocks of the zone change."""
    moment, zone = start.astimezone(datetime.UTC), cron.zone
    while moment < end:
        later = moment + STEP
        if moment.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            yield change_between(zone, moment, later).replace(microsecond=0)
        moment = later


def _wall(moment: datetime.datetime, cron: Cron) -> datetime.datetime:
    return moment.astimezone(cron.zone).replace(tzinfo=None)


def _text(
    cron: Cron, before: datetime.datetime, after: datetime.datetime, times: list[str]
) -> str:
    shown = times[0] if len(times) == 1 else f"{times[0]} and {len(times) - 1} later times"
    skips = after > before
    day, zone = min(before, after), cron.zone.key
    what = "are skipped" if len(times) > 1 else "is skipped"
    if not skips:
        what = "come twice" if len(times) > 1 else "comes twice"
    counts = {
        (True, True): f"counts once, at {after:%H:%M}",
        (True, False): "does not fire",
        (False, True): "counts once, the first time",
        (False, False): "fires twice",
    }[skips, cron.is_fixed]
    turn = f"the clocks of {zone} go from {before:%H:%M} to {after:%H:%M}"
    return f"{day:%Y-%m-%d} {shown} {what} as {turn}: on this machine it {counts}. {UNKNOWN}"

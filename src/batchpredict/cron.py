"""When a schedule fires: five fields of cron in a time zone.

The rules are those of cron. On the days on which the clocks of the zone change, a fixed time that
is skipped counts as the first moment after the gap, and one that comes twice counts once. When
minute or hour begin with ``*``, the fields are compared with the clock on the wall: what the clock
skips does not fire, and what it shows twice fires twice. ``local`` and ``vertex`` share this.
"""

import bisect
import datetime
import re
import zoneinfo
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cronsim import CronSim

ZONE = re.compile(r"(?:CRON_)?TZ=(?P<zone>\S+)\s+(?P<fields>.*)", re.DOTALL)
FIELD = re.compile(r"[\d*,/-]+|[A-Za-z]{3}([,/-][A-Za-z\d]{1,3})*")
FORM = "MINUTE HOUR DAY-OF-MONTH MONTH DAY-OF-WEEK"
RANGES = {
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31, and in one of the months given",
    "month": "1-12 or JAN-DEC",
    "day-of-week": "0-7 or SUN-SAT, where 0 and 7 are Sunday",
}
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
DAY = datetime.timedelta(days=1)
NEARBY = 2 * DAY  # no zone was ever moved by more
YEARS = 50
KEPT_DAYS = 512


class Cron:
    """A cron expression, with ``CRON_TZ=`` or ``TZ=`` and a time zone before it if need be.

    Attributes:
        text: The expression, with one space between its parts.
        fields: The five fields.
        zone: Its time zone; UTC when it names none.

    Raises:
        ValueError: The message says what is wrong and what is allowed.
    """

    def __init__(self, text: str) -> None:
        self.text = " ".join(text.split())
        match = ZONE.fullmatch(self.text)
        self.fields = match["fields"] if match else self.text
        self.zone = read_zone(match["zone"] if match else "UTC")
        self._rule = _parse(self.fields)

    @property
    def is_fixed(self) -> bool:
        """Whether neither minute nor hour begin with ``*``, so that the clocks may skip a run."""
        return not any(field.startswith("*") for field in self.fields.split()[:2])

    def after(self, moment: datetime.datetime) -> datetime.datetime | None:
        """Return the first time after ``moment``, in UTC, or None when there is none."""
        best, last = None, None
        for day in self._days(moment.astimezone(self.zone).date() - NEARBY):
            if last and day > last:
                break
            times = instants(self.fields, self.zone.key, day)
            place = bisect.bisect_right(times, moment)
            if place < len(times):  # clocks put back over midnight mix the times of two days
                best = min(best or times[place], times[place])
                last = last or day + NEARBY
        return best

    def not_before(self, moment: datetime.datetime) -> datetime.datetime | None:
        """Return the first time that is ``moment`` or after it."""
        return self.after(moment - datetime.timedelta(microseconds=1))

    def upcoming(self, moment: datetime.datetime) -> Iterator[datetime.datetime]:
        """Yield the times after ``moment`` one after the other, in UTC."""
        found = self.after(moment)
        while found:
            yield found
            found = self.after(found)

    def wall_times(self, start: datetime.datetime, end: datetime.datetime) -> list[str]:
        """Return the times such as ``02:30`` that the fields name from ``start`` until ``end``.

        Args:
            start: What a clock on the wall shows, without a time zone.
            end: The same, not included.
        """
        found = []
        for day in self._days(start.date()):
            if day > end.date():
                break
            midnight = datetime.datetime.combine(day, datetime.time())
            times = [midnight + datetime.timedelta(minutes=it) for it in _minutes(self.fields)]
            found += [f"{time:%H:%M}" for time in times if start <= time < end]
        return found

    def _days(self, day: datetime.date) -> Iterator[datetime.date]:
        """Yield the days on which it fires."""
        last = day.year + YEARS
        while day.year <= last:
            if day.month not in self._rule.months:
                day = (day.replace(day=1) + 32 * DAY).replace(day=1)
                continue
            if self._rule.match_day(day):
                yield day
            day += DAY


def cron_text(fields: str, zone: str) -> str:
    """Return the expression that Vertex AI takes: ``TZ=Area/City m h dom mon dow``.

    Args:
        fields: The five fields; with a time zone before them when ``zone`` is "".
        zone: Such as ``Europe/Berlin``; "" is UTC.
    """
    fields = " ".join(fields.split())
    return f"TZ={zone} {fields}" if zone else fields


@lru_cache
def read_zone(name: str) -> zoneinfo.ZoneInfo:
    """Return a time zone of the IANA database.

    Raises:
        ValueError: There is none of this name.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"{name!r} is no time zone that this machine knows; take a name of the IANA database "
            "such as Europe/Berlin or UTC"
        ) from error


@lru_cache
def _parse(fields: str) -> "CronSim":
    from cronsim import CronSim, CronSimError

    parts = fields.split()
    if len(parts) != 5 or not all(map(FIELD.fullmatch, parts)):
        raise ValueError(f"cron {fields!r} must be {FORM}{_advice(parts)}")
    try:
        return CronSim(fields, datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC))
    except CronSimError as error:
        what = str(error).removeprefix("Bad ")
        raise ValueError(f"cron {fields!r}: {what} must be {RANGES.get(what, FORM)}") from error


def _advice(parts: list[str]) -> str:
    """Return what to write instead of a form of other programs."""
    if len(parts) == 1 and parts[0].lower() in NICKNAMES:
        return f"; write {NICKNAMES[parts[0].lower()]!r} for {parts[0]}"
    if len(parts) == 6 and all(map(FIELD.fullmatch, parts)):
        return "; there is no field of seconds or years: leave one out"
    odd = sorted({sign for part in parts for sign in part if sign in "LW#?@"})
    if odd and len(parts) == 5:
        return f", without {' and '.join(odd)}: numbers, names and the signs * , - / are taken"
    return ", with CRON_TZ=ZONE or TZ=ZONE before it if need be"


@lru_cache
def _minutes(fields: str) -> tuple[int, ...]:
    """Return the minutes of a day at which it fires."""
    rule = _parse(fields)
    return tuple(sorted(60 * hour + minute for hour in rule.hours for minute in rule.minutes))


@lru_cache(KEPT_DAYS)
def instants(fields: str, zone_name: str, day: datetime.date) -> tuple[datetime.datetime, ...]:
    """Return the moments at which the wall times of a day come, in UTC and in order."""
    zone = read_zone(zone_name)
    midnight = datetime.datetime.combine(day, datetime.time())
    offset = steady_offset(zone, midnight)
    walls = (midnight + datetime.timedelta(minutes=it) for it in _minutes(fields))
    if offset is not None:
        return tuple((wall - offset).replace(tzinfo=datetime.UTC) for wall in walls)
    fixed = not any(field.startswith("*") for field in fields.split()[:2])
    return tuple(sorted({it for wall in walls for it in _moments(wall, zone, fixed)}))


def steady_offset(
    zone: zoneinfo.ZoneInfo, midnight: datetime.datetime
) -> datetime.timedelta | None:
    """Return the offset of a whole day from UTC, or None when the clocks change on it."""
    ends = (midnight, midnight + DAY)
    offsets = {zone.utcoffset(it.replace(fold=fold)) for it in ends for fold in (0, 1)}
    return offsets.pop() if len(offsets) == 1 else None


def _moments(
    wall: datetime.datetime, zone: zoneinfo.ZoneInfo, fixed: bool
) -> list[datetime.datetime]:
    """Return when a time on the wall counts: once, or as the clock shows it."""
    first, second = (
        wall.replace(tzinfo=zone, fold=fold).astimezone(datetime.UTC) for fold in (0, 1)
    )
    if first == second:
        return [first]
    if first < second:
        return [first] if fixed else [first, second]
    return [change_between(zone, second, first)] if fixed else []


def change_between(
    zone: zoneinfo.ZoneInfo, before: datetime.datetime, after: datetime.datetime
) -> datetime.datetime:
    """Return the second at which the clocks change, after ``before`` and not after ``after``."""
    offset = before.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        moment = before + datetime.timedelta(seconds=middle)
        same = moment.astimezone(zone).utcoffset() == offset
        low, high = (middle, high) if same else (low, middle)
    return before + datetime.timedelta(seconds=high)

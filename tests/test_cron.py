"""Times of cron expressions against a walk through every minute, in every time zone."""

import datetime
import itertools
import zoneinfo
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from batchpredict.clock_changes import clock_changes
from batchpredict.cron import Cron, cron_text

UTC, MINUTE = datetime.UTC, datetime.timedelta(minutes=1)
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
ZONES = sorted(zoneinfo.available_timezones())
WARM_UP = 26 * HOUR  # a zone may skip a whole day
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
Matches = Callable[[datetime.datetime], bool]


def walk(
    zone: zoneinfo.ZoneInfo, matches: Matches, fixed: bool, start: datetime.datetime, hours: int
) -> Iterator[datetime.datetime]:
    """Look at the clock on the wall every minute, as cron does.

    A fixed time counts when the wall first shows it or a later one; any other when it shows it.
    """
    moment = start - WARM_UP
    latest = wall_of(moment, zone)
    while moment < start + hours * HOUR:
        moment += MINUTE
        wall = wall_of(moment, zone)
        if fixed:
            passed = int((wall - latest) / MINUTE)
            hit = any(matches(latest + (n + 1) * MINUTE) for n in range(passed))
        else:
            hit = matches(wall)
        latest = max(latest, wall)
        if hit and moment > start:
            yield moment


def wall_of(moment: datetime.datetime, zone: zoneinfo.ZoneInfo) -> datetime.datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def agree(fields: str, zone_name: str, matches: Matches, start: datetime.datetime, hours: int):  # type: ignore[no-untyped-def]
    fixed = not any(field.startswith("*") for field in fields.split()[:2])
    wanted = list(walk(zoneinfo.ZoneInfo(zone_name), matches, fixed, start, hours))
    end = start + hours * HOUR
    found = Cron(cron_text(fields, zone_name)).upcoming(start)
    assert list(itertools.takewhile(lambda it: it <= end, found)) == wanted, (fields, zone_name)


@cache
def transitions(name: str, first: int, last: int) -> list[datetime.datetime]:
    """Return the hours after which the clocks of a zone are changed, found hour by hour."""
    zone, found = zoneinfo.ZoneInfo(name), []
    day = datetime.datetime(first, 1, 1, tzinfo=UTC)
    while day.year <= last:
        if day.astimezone(zone).utcoffset() != (day + DAY).astimezone(zone).utcoffset():
            hours = [day + n * HOUR for n in range(25)]
            offsets = [it.astimezone(zone).utcoffset() for it in hours]
            pairs = zip(hours, itertools.pairwise(offsets), strict=False)
            found += [hour for hour, (one, other) in pairs if one != other]
        day += DAY
    return found


@pytest.mark.parametrize(
    ("fields", "matches"),
    [
        ("30 0-3 * * *", lambda wall: wall.minute == 30 and wall.hour < 4),
        ("*/20 0-2 * * *", lambda wall: wall.minute % 20 == 0 and wall.hour < 3),
        ("10 * * * *", lambda wall: wall.minute == 10),
    ],
)
def test_every_change_of_the_clocks_of_a_year_is_met_as_cron_meets_it(
    fields: str, matches: Matches
) -> None:
    changes: dict[Any, str] = {}
    for name in ZONES:
        for moment in transitions(name, 2026, 2026):
            zone = zoneinfo.ZoneInfo(name)
            offsets = [zone.utcoffset(wall_of(moment + n * HOUR, zone)) for n in (-1, 2)]
            changes.setdefault((moment, *offsets), name)  # many zones have the same rules
    assert len(changes) > 20
    for (moment, *_), name in changes.items():
        agree(fields, name, matches, moment - 3 * HOUR, 7)


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("America/St_Johns", "2010-11-07T02:30:00Z"),  # 00:01 became 23:01 of the day before
        ("Africa/Cairo", "2026-04-23T20:00:00Z"),  # there was no midnight
        ("Pacific/Apia", "2011-12-30T08:00:00Z"),  # there was no 30 December
        ("Australia/Lord_Howe", "2026-04-04T12:00:00Z"),  # by half an hour
    ],
)
@pytest.mark.parametrize(
    ("fields", "hours"),
    [("*/20 23 * * *", [23]), ("*/20 0 24,30 * *", [0]), ("5 0,2,23 * * *", [0, 2, 23])],
)
def test_changes_at_midnight_are_met_too(
    zone: str, start: str, fields: str, hours: list[int]
) -> None:
    days = (24, 30) if "24" in fields else range(1, 32)
    minutes = (5,) if fields.startswith("5") else (0, 20, 40)

    def matches(wall: datetime.datetime) -> bool:
        return wall.hour in hours and wall.day in days and wall.minute in minutes

    agree(fields, zone, matches, datetime.datetime.fromisoformat(start), 60)


def numbers(low: int, high: int) -> st.SearchStrategy[tuple[str, set[int]]]:
    """Texts of a field with what they stand for."""
    span = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)
    step = st.integers(1, 7)
    every = range(low, high + 1)
    return st.one_of(
        st.just(("*", set(every))),
        step.map(lambda by: (f"*/{by}", set(every[::by]))),
        st.sets(st.integers(low, high), min_size=1, max_size=4).map(
            lambda some: (",".join(map(str, sorted(some))), set(some))
        ),
        st.tuples(span, step).map(
            lambda it: (
                (
                    f"{it[0][0]}-{it[0][1]}/{it[1]}",
                    set(range(it[0][0], it[0][1] + 1, it[1])),
                )
                if it[0][0] < it[0][1]
                else (str(it[0][0]), {it[0][0]})
            )
        ),
    )


def named(field: tuple[str, set[int]]) -> tuple[str, set[int]]:
    """The same days of the week by their names where they are single numbers."""
    text, days = field
    return (DAYS[int(text)], days) if text.isdigit() else field


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime.datetime]:
    """A zone and a moment in it, mostly near to a change of its clocks."""
    name = draw(st.sampled_from(ZONES))
    year = draw(st.integers(1975, 2036))
    near = transitions(name, year, year)
    day = datetime.datetime(year, 1, 1, tzinfo=UTC) + draw(st.integers(0, 364)) * DAY
    moment = draw(st.sampled_from(near)) if near else day
    return name, moment - draw(st.integers(0, 1500)) * MINUTE


@settings(max_examples=120, deadline=None)
@given(
    numbers(0, 59), numbers(0, 23), numbers(1, 31), numbers(1, 12), numbers(0, 6).map(named),
    moments(),
)  # fmt: skip
def test_any_expression_in_any_zone_fires_when_the_wall_says_so(
    minute: tuple[str, set[int]],
    hour: tuple[str, set[int]],
    day: tuple[str, set[int]],
    month: tuple[str, set[int]],
    weekday: tuple[str, set[int]],
    place: tuple[str, datetime.datetime],
) -> None:
    name, start = place
    both = day[0].startswith("*") or weekday[0].startswith("*")

    def matches(wall: datetime.datetime) -> bool:
        days = [wall.day in day[1], wall.isoweekday() % 7 in weekday[1]]
        is_day = all(days) if both else any(days)
        return (
            is_day and wall.month in month[1] and wall.hour in hour[1] and wall.minute in minute[1]
        )

    longest = max({2: 29, 4: 30, 6: 30, 9: 30, 11: 30}.get(it, 31) for it in month[1])
    assume(min(day[1]) <= longest)  # else no month has the day
    fields = " ".join(text for text, _ in (minute, hour, day, month, weekday))
    agree(fields, name, matches, start.replace(second=0), 30)


def test_the_warnings_of_a_year_are_all_times_that_are_skipped_or_come_twice() -> None:
    """02:30 of each day in every zone, by what zoneinfo says of both folds."""
    start = datetime.datetime(2026, 11, 21, tzinfo=UTC)
    skipped = twice = 0
    for name in ZONES:
        wanted = set(odd_days(name, start.date()))
        found = clock_changes(Cron(f"TZ={name} 30 2 * * *"), start)
        assert {(it.code, it.text.split()[0]) for it in found} == wanted, name
        skipped += sum(code == "W420" for code, _ in wanted)
        twice += sum(code == "W421" for code, _ in wanted)
    assert skipped > 50
    assert twice > 20


def odd_days(name: str, first: datetime.date) -> Iterator[tuple[str, str]]:
    zone = zoneinfo.ZoneInfo(name)
    for n in range(1, 366):
        wall = datetime.datetime.combine(first + n * DAY, datetime.time(2, 30))
        one, other = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if one != other:
            yield ("W421" if one < other else "W420"), f"{wall:%Y-%m-%d}"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("30 2 * * *", ["counts once, at 03:00", "counts once, the first time"]),
        ("*/30 2 * * *", ["does not fire", "fires twice"]),
        ("0,10,20 2 * * *", ["02:00 and 2 later times are skipped", "come twice"]),
        ("30 * * * *", []),
        ("30 4 * * *", []),
    ],
)
def test_a_warning_says_what_comes_of_it(fields: str, words: list[str]) -> None:
    start = datetime.datetime(2027, 1, 1, tzinfo=UTC)
    found = clock_changes(Cron(f"TZ=Europe/Berlin {fields}"), start)
    assert [f"{it.moment:%m-%dT%H}" for it in found] == ["03-28T01", "10-31T01"][: len(words)]
    assert all(word in it.text for word, it in zip(words, found, strict=True))
    turns = ["Europe/Berlin go from 02:00 to 03:00", "Europe/Berlin go from 03:00 to 02:00"]
    assert all(turn in it.text for turn, it in zip(turns, found, strict=False))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@daily", "write '0 0 \\* \\* \\*' for @daily"),
        ("0 0 0 * * *", "no field of seconds or years"),
        ("0 0 L * *", "without L: numbers, names"),
        ("0 0 * * MON#1", "without #: numbers, names"),
        ("0 0 ? * *", r"without \?"),
        ("0 0 31 2,4 *", "day-of-month must be 1-31, and in one of the months given"),
        ("0 24 * * *", "hour must be 0-23"),
        ("0 0 * * 8", "day-of-week must be 0-7"),
        ("0 0 * 13 *", "month must be 1-12"),
        ("TZ=Europe/Nowhere 0 0 * * *", "'Europe/Nowhere' is no time zone"),
        ("TZ=Europe/Berlin TZ=UTC 0 0 * * *", "must be MINUTE HOUR"),
    ],
)
def test_other_forms_are_refused_with_what_is_allowed(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Cron(text)

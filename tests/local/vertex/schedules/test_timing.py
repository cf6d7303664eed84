"""When cron expressions fire, in time zones too."""

import datetime
from itertools import pairwise

import pytest

from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.schedules.timing import Cron

NEW_YORK = "CRON_TZ=America/New_York"


def times(cron: str, start: str, count: int) -> list[str]:
    moment = datetime.datetime.fromisoformat(start)
    found = []
    for _ in range(count):
        after = Cron(cron).after(moment)
        assert after is not None
        assert after > moment
        moment = after
        found.append(f"{moment:%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 6 * * *", ["01-01 06:00", "01-02 06:00"]),
        ("*/20 23 * * *", ["01-01 23:00", "01-01 23:20"]),
        ("0 0 * * MON-FRI", ["01-02 00:00", "01-05 00:00"]),
        ("0 0 29 2 *", ["02-29 00:00", "02-29 00:00"]),
        ("0 12 13 * 5", ["01-02 12:00", "01-09 12:00"]),  # day of month OR day of week, as cron
        ("TZ=Asia/Kolkata 0 6 * * *", ["01-01 00:30", "01-02 00:30"]),
    ],
)
def test_the_times_are_those_of_cron(cron: str, expected: list[str]) -> None:
    assert times(cron, "2026-01-01T00:00:00Z", 2) == expected


def test_a_time_that_the_clock_change_skips_is_the_first_after_the_gap() -> None:
    found = times(f"{NEW_YORK} 30 2 * * *", "2026-03-07T00:00:00Z", 3)
    assert found == ["03-07 07:30", "03-08 07:00", "03-09 06:30"]
    both = times(f"{NEW_YORK} 15,45 2 * * *", "2026-03-08T00:00:00Z", 2)
    assert both == ["03-08 07:00", "03-09 06:15"]


def test_a_time_that_comes_twice_counts_once() -> None:
    found = times(f"{NEW_YORK} 30 1 * * *", "2026-10-31T12:00:00Z", 2)
    assert found == ["11-01 05:30", "11-02 06:30"]
    assert times(f"{NEW_YORK} 30 1 * * *", "2026-11-01T06:10:00Z", 1) == ["11-02 06:30"]


def test_hours_go_on_when_the_clock_is_put_back() -> None:
    moment, found = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC), []
    for _ in range(10):
        moment = Cron(f"{NEW_YORK} 0 * * * *").after(moment) or moment
        found.append(moment)
    assert {later - earlier for earlier, later in pairwise(found)} == {datetime.timedelta(hours=1)}


def test_a_first_time_may_be_the_moment_itself() -> None:
    midnight = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    assert Cron("0 0 * * *").not_before(midnight) == midnight
    assert Cron("0 0 * * *").after(midnight) == midnight + datetime.timedelta(days=1)
    later = midnight + datetime.timedelta(microseconds=1)
    assert Cron("0 0 * * *").not_before(later) == midnight + datetime.timedelta(days=1)


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("", "MINUTE HOUR"),
        ("* * * *", "MINUTE HOUR"),
        ("0 * * * * *", "MINUTE HOUR"),
        ("@daily", "MINUTE HOUR"),
        ("0 0 L * *", "MINUTE HOUR"),
        ("0 0 * * 5L", "MINUTE HOUR"),
        ("0 0 * * SUN#2", "MINUTE HOUR"),
        ("61 * * * *", "minute must be 0-59"),
        ("0 0 31 2 *", "day-of-month must be 1-31"),
        ("TZ=Nowhere/City * * * * *", "'Nowhere/City' is no time zone"),
        ("TZ=../../etc/passwd * * * * *", "is no time zone"),
        ("TZ=UTC", "MINUTE HOUR"),
    ],
)
def test_what_is_no_cron_expression_is_refused(cron: str, words: str) -> None:
    with pytest.raises(ServiceError, match=words) as caught:
        Cron(cron)
    assert caught.value.status == "INVALID_ARGUMENT"

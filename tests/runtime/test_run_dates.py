import datetime
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpredict.runtime.run_dates import date_of_run

MORNING = "2026-11-21T06:00:00Z"
LATER = "2026-11-23T09:15:00Z"
ZONES = sorted(zoneinfo.available_timezones() - {"localtime"})


@pytest.mark.parametrize(
    ("schedule_time", "date"),
    [
        (MORNING, "2026-11-21"),  # late: created two days after the time that it was meant for
        ("2026-11-21T06:00:00.123456789Z", "2026-11-21"),
        ("2026-11-21T06:00:00", "2026-11-21"),
        ("2026-11-21T23:30:00-05:00", "2026-11-22"),
        ("", "2026-11-23"),
        ("1970-01-01T00:00:00Z", "2026-11-23"),
        ("1970-01-01 00:00:00+00:00", "2026-11-23"),
        ("0001-01-01T00:00:00Z", "2026-11-23"),
    ],
)
def test_the_time_of_the_schedule_comes_before_that_of_the_run(schedule_time, date):
    assert date_of_run("", 0, "UTC", schedule_time, LATER)[0] == date


def test_a_date_that_is_given_is_taken_as_it_is():
    found = date_of_run("2024-02-29", -1, "no zone", "no time", "no time")
    assert found == ("2024-02-29", "The date is 2024-02-29, as given by run_date.")


@pytest.mark.parametrize(
    ("zone", "time", "date"),
    [
        ("UTC", "2026-11-21T22:59:59Z", "2026-11-21"),
        ("Europe/Berlin", "2026-11-21T22:59:59Z", "2026-11-21"),
        ("Europe/Berlin", "2026-11-21T23:00:00Z", "2026-11-22"),
        ("Europe/Berlin", "2026-07-21T22:00:00Z", "2026-07-22"),  # in summer an hour earlier
        ("America/New_York", "2026-11-21T04:59:59Z", "2026-11-20"),
        ("Pacific/Kiritimati", "2026-11-21T10:00:00Z", "2026-11-22"),
    ],
)
def test_the_date_is_that_of_the_zone(zone, time, date):
    assert date_of_run("", 0, zone, time, LATER)[0] == date


def test_the_reason_says_where_the_date_is_from():
    scheduled = date_of_run("", -1, "Europe/Berlin", MORNING, LATER)[1]
    assert scheduled == (
        "The date is 2026-11-20: the run was scheduled for 2026-11-21T07:00:00+01:00,"
        " and offset_days is -1."
    )
    created = date_of_run("", 0, "UTC", "", LATER)[1]
    assert created == "The date is 2026-11-23: the run was created at 2026-11-23T09:15:00+00:00."


@given(
    moment=st.datetimes(datetime.datetime(1971, 1, 3), datetime.datetime(2200, 1, 1)),
    zone=st.sampled_from(ZONES),
    offset=st.integers(-400, 400),
)
def test_a_date_is_that_of_the_wall_clock_and_so_many_days_away(moment, zone, offset):
    told = moment.replace(tzinfo=datetime.UTC)
    there = told.astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=None)
    found = datetime.date.fromisoformat(date_of_run("", offset, zone, told.isoformat(), "")[0])
    assert (found - there.date()).days == offset


@pytest.mark.parametrize(
    "text",
    [
        "2026-1-31",
        "20260131",
        "2026-W05-6",
        "2026-02-30",
        "today",
        " 2026-01-31",
        "\uff12026-01-31",
    ],
)
def test_e296_no_date(text):
    with pytest.raises(ValueError, match=r"^E296 run_date is '.*', which is no date such as"):
        date_of_run(text, 0, "UTC", MORNING, LATER)


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Europe/Berln", "did you mean 'Europe/Berlin'?"),
        ("", "give one such as Europe/Berlin"),
        ("Europe", "did you mean"),
        ("../etc/passwd", "give one such as Europe/Berlin"),
    ],
)
def test_e297_no_zone(zone, hint):
    with pytest.raises(ValueError, match=r"^E297 there is no time zone") as caught:
        date_of_run("", 0, zone, MORNING, LATER)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("schedule_time", "create_time", "said"),
    [
        ("{{$.pipeline_job_schedule_time_utc}}", LATER, "E298 the time of the schedule is '{{"),
        ("", "{{$.pipeline_job_create_time_utc}}", "E298 the time of the run's creation is '{{"),
        ("", "", "E298 neither a schedule nor the run tells its time"),
    ],
)
def test_e298_a_time_that_is_not_filled_in_is_not_guessed(schedule_time, create_time, said):
    with pytest.raises(ValueError, match=r"; give run_date$") as caught:
        date_of_run("", 0, "UTC", schedule_time, create_time)
    assert str(caught.value).startswith(said)


def test_e299_out_of_the_calendar():
    with pytest.raises(
        ValueError, match=r"^E299 offset_days=-999999999 leads from 2026-11-21 out"
    ):
        date_of_run("", -999999999, "UTC", MORNING, LATER)

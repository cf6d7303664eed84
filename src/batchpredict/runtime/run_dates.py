"""The date whose data a run is about."""

from typing import Any


def date_of_run(
    run_date: str, offset_days: int, time_zone: str, schedule_time: str, create_time: str
) -> tuple[str, str]:
    """Return the date of a run, and where it is from.

    Args:
        run_date: The date itself; the others are not looked at then.
        offset_days: Days from the date of the run's time to the date that is returned.
        time_zone: Zone in which the date of the run's time is read.
        schedule_time: Time that a schedule meant the run for, if one did.
        create_time: Time at which the run was created.

    Returns:
        The date as YYYY-MM-DD, and a sentence about it.

    Raises:
        ValueError: E296, ``run_date`` is no date. E297, there is no such zone. E298, a time is not
            readable. E299, the days lead out of the calendar.
    """
    import datetime

    if run_date:
        return valid_date(run_date), f"The date is {run_date}, as given by run_date."
    zone = zone_named(time_zone)
    moment, verb = read_moment("the schedule", schedule_time), "was scheduled for"
    if moment is None:
        moment, verb = read_moment("the run's creation", create_time), "was created at"
    if moment is None:
        raise ValueError("E298 neither a schedule nor the run tells its time; give run_date")
    there = moment.astimezone(zone)
    try:
        date = (there.date() + datetime.timedelta(days=offset_days)).isoformat()
    except OverflowError as error:
        raise ValueError(
            f"E299 offset_days={offset_days} leads from {there:%Y-%m-%d} out of the calendar"
        ) from error
    days = f", and offset_days is {offset_days}" if offset_days else ""
    return date, f"The date is {date}: the run {verb} {there.isoformat()}{days}."


def valid_date(text: str) -> str:
    """Return a date if it is written as YYYY-MM-DD.

    Raises:
        ValueError: E296, it is not.
    """
    import datetime
    import re

    try:
        if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise ValueError(f"E296 run_date is {text!r}, which is no date such as 2026-01-31")


def zone_named(name: str) -> Any:
    """Return a time zone.

    Raises:
        ValueError: E297, there is none of this name.
    """
    import difflib
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), 1, 0.5)
        hint = f"did you mean {near[0]!r}?" if near else "give one such as Europe/Berlin"
        raise ValueError(f"E297 there is no time zone {name!r}; {hint}") from error


def read_moment(origin: str, text: str) -> Any:
    """Return the moment that a text tells, or None when it tells of none.

    A service may say "" or the year 1970 for a run that no schedule started.

    Raises:
        ValueError: E298, the text is no time: this platform does not fill it in.
    """
    import datetime

    if not text:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"E298 the time of {origin} is {text!r}, which is no time; give run_date"
        ) from error
    if moment.year <= 1970:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)

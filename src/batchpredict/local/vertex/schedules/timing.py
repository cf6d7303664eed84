"""When a schedule fires: a cron expression in a time zone.

The rules are those of cron: ``minute hour day-of-month month day-of-week``. On the days on which
the clocks of the zone change, a fixed time that is skipped counts as the first moment after the
gap, and one that comes twice counts once.
"""

import datetime
import re
import zoneinfo

from cronsim import CronSim, CronSimError

from batchpredict.local.vertex.errors import invalid

ZONE = re.compile(r"(?:CRON_)?TZ=(?P<zone>\S+)\s+(?P<fields>.*)", re.DOTALL)
FIELD = re.compile(r"[\d*,/-]+|[A-Za-z]{3}([,/-][A-Za-z\d]{1,3})*")
SECOND = datetime.timedelta(seconds=1)


class Cron:
    """A cron expression, with ``CRON_TZ=`` or ``TZ=`` and a time zone before it if need be.

    Raises:
        ServiceError: INVALID_ARGUMENT; the message says what is wrong.
    """

    def __init__(self, text: str) -> None:
        match = ZONE.fullmatch(text.strip())
        self._fields = match["fields"] if match else text.strip()
        self._zone = _zone(match["zone"]) if match else datetime.UTC
        parts = self._fields.split()
        if len(parts) != 5 or not all(map(FIELD.fullmatch, parts)):
            raise invalid(
                f"cron {text!r} must be MINUTE HOUR DAY-OF-MONTH MONTH DAY-OF-WEEK, with "
                "CRON_TZ=ZONE or TZ=ZONE before it if need be"
            )
        try:
            CronSim(self._fields, datetime.datetime.now(datetime.UTC))
        except CronSimError as error:
            raise invalid(f"cron {text!r}: {error}") from error

    def after(self, moment: datetime.datetime) -> datetime.datetime | None:
        """Return the first time after ``moment``, in UTC, or None when there is none."""
        for found in CronSim(self._fields, moment.astimezone(self._zone)):
            # A time that comes twice in a night is said to be the first of both.
            if found.astimezone(datetime.UTC) > moment:
                return found.astimezone(datetime.UTC)
        return None

    def not_before(self, moment: datetime.datetime) -> datetime.datetime | None:
        """Return the first time that is ``moment`` or after it."""
        return self.after(moment - datetime.timedelta(microseconds=1))


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise invalid(f"cron: {name!r} is no time zone that this machine knows") from error

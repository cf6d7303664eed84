"""Pick the date whose data a run is about, of the times that it is told."""

from kfp import dsl

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.run_dates import date_of_run


@dsl.component(base_image=images.PYTHON, additional_funcs=carried(date_of_run))
def pick_run_date(
    run_date: str = "",
    offset_days: int = 0,
    time_zone: str = "UTC",
    schedule_time: str = "",
    create_time: str = "",
) -> str:
    """Return the date that is given, else that of the time a run was scheduled for or created at.

    resolve_run_date gives this step the two times. Set caching off: they are not those of an
    earlier run.

    Args:
        run_date: The date as YYYY-MM-DD; "" takes that of the run.
        offset_days: Days to add to the date of the run, such as -1 for the day before.
        time_zone: Zone of the calendar, such as Europe/Berlin.
        schedule_time: Time that a schedule meant the run for; "" or the year 1970 without one.
        create_time: Time at which the run was created.

    Returns:
        Output: The date as YYYY-MM-DD.
    """
    import logging

    date, reason = date_of_run(run_date, offset_days, time_zone, schedule_time, create_time)
    logging.info(reason)
    return date

"""The date whose data a run is about: scheduled, started by hand, filled in later, or local.

In a pipeline::

    @dsl.pipeline
    def daily(run_date: str = ""):
        date = resolve_run_date(run_date=run_date, offset_days=-1).output
        score(partition=date)
"""

from kfp import dsl

from batchpredict.components.pick_run_date import pick_run_date


@dsl.pipeline(name="resolve-run-date")
def resolve_run_date(run_date: str = "", offset_days: int = 0, time_zone: str = "UTC") -> str:
    """Return the date that a run is about; it does not depend on when its steps run.

    A date that is given is taken as it is. Otherwise it is the date of the time that the run was
    scheduled for, however late it started; without a schedule, of the time it was created at. A
    run that is resumed or whose step is tried again keeps its date. The step is never taken from
    the cache.

    Args:
        run_date: The date as YYYY-MM-DD; "" takes that of the run.
        offset_days: Days to add to the date of the run, such as -1 for the day before; a date that
            is given stays as it is.
        time_zone: Zone of the calendar, such as Europe/Berlin; best that of the schedule.

    Returns:
        Output: The date as YYYY-MM-DD.
    """
    picked = pick_run_date(
        run_date=run_date,
        offset_days=offset_days,
        time_zone=time_zone,
        schedule_time=dsl.PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER,
        create_time=dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER,
    )
    picked.set_caching_options(False)
    return picked.output

"""The seam to Vertex AI: requests are values, and a few functions send them.

Importing it loads nothing of Google's libraries; a name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchpredict.vertex.backfilling import backfill as backfill
    from batchpredict.vertex.backfills import Plan as Plan
    from batchpredict.vertex.backfills import dates_between as dates_between
    from batchpredict.vertex.logs import LogLine as LogLine
    from batchpredict.vertex.logs import follow_log as follow_log
    from batchpredict.vertex.logs import log_lines as log_lines
    from batchpredict.vertex.orphans import cancel_orphans as cancel_orphans
    from batchpredict.vertex.orphans import find_orphans as find_orphans
    from batchpredict.vertex.registry import repository_of as repository_of
    from batchpredict.vertex.registry import resolve as resolve
    from batchpredict.vertex.registry import upload as upload
    from batchpredict.vertex.requests import PipelineRun as PipelineRun
    from batchpredict.vertex.requests import pipeline_run as pipeline_run
    from batchpredict.vertex.runs import cancel as cancel
    from batchpredict.vertex.runs import get_run as get_run
    from batchpredict.vertex.runs import list_runs as list_runs
    from batchpredict.vertex.runs import submit as submit
    from batchpredict.vertex.runs import wait as wait
    from batchpredict.vertex.schedule_lookup import get_schedule as get_schedule
    from batchpredict.vertex.schedule_lookup import list_schedules as list_schedules
    from batchpredict.vertex.schedule_requests import Schedule as Schedule
    from batchpredict.vertex.schedule_requests import schedule as schedule
    from batchpredict.vertex.schedule_states import KeptSchedule as KeptSchedule
    from batchpredict.vertex.schedules import Applied as Applied
    from batchpredict.vertex.schedules import apply_schedule as apply_schedule
    from batchpredict.vertex.schedules import compare_schedule as compare_schedule
    from batchpredict.vertex.schedules import delete_schedule as delete_schedule
    from batchpredict.vertex.schedules import pause_schedule as pause_schedule
    from batchpredict.vertex.schedules import resume_schedule as resume_schedule
    from batchpredict.vertex.states import Run as Run
    from batchpredict.vertex.states import RunStep as RunStep

_PLACES = {
    "backfill": "backfilling",
    "Plan": "backfills",
    "dates_between": "backfills",
    "cancel_orphans": "orphans",
    "find_orphans": "orphans",
    "repository_of": "registry",
    "resolve": "registry",
    "upload": "registry",
    "LogLine": "logs",
    "follow_log": "logs",
    "log_lines": "logs",
    "PipelineRun": "requests",
    "pipeline_run": "requests",
    "cancel": "runs",
    "get_run": "runs",
    "list_runs": "runs",
    "submit": "runs",
    "wait": "runs",
    "get_schedule": "schedule_lookup",
    "list_schedules": "schedule_lookup",
    "Schedule": "schedule_requests",
    "schedule": "schedule_requests",
    "KeptSchedule": "schedule_states",
    "Applied": "schedules",
    "apply_schedule": "schedules",
    "compare_schedule": "schedules",
    "delete_schedule": "schedules",
    "pause_schedule": "schedules",
    "resume_schedule": "schedules",
    "Run": "states",
    "RunStep": "states",
}
"""The public names, and the module of each."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_PLACES)

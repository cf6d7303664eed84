"""Find schedules on Vertex AI."""

from typing import Any

from batchpredict.errors import RunError, UsageError
from batchpredict.pipeline_files import unknown
from batchpredict.vertex import clients
from batchpredict.vertex.schedule_requests import Schedule
from batchpredict.vertex.schedule_states import KeptSchedule

PAGE = 100


def message_of(wanted: Schedule) -> Any:
    """Return the ``Schedule`` of Google's client for a request."""
    from google.cloud.aiplatform_v1 import types
    from google.protobuf import json_format

    message = types.Schedule.pb(types.Schedule())
    try:
        json_format.ParseDict(dict(wanted.body), message)
    except (json_format.ParseError, TypeError, ValueError) as error:
        raise UsageError("E400", f"schedule {wanted.name} is no Schedule: {error}") from error
    return types.Schedule.wrap(message)


def kept_of(schedule: Any) -> KeptSchedule:
    """Return a schedule for the ``Schedule`` of Google's client."""
    from google.protobuf import json_format

    return KeptSchedule(json_format.MessageToDict(type(schedule).pb(schedule)))


def list_schedules(
    project: str, location: str, *, name: str = "", ours: bool = True
) -> list[KeptSchedule]:
    """Return the schedules of a region by name.

    Args:
        project: The project's id.
        location: The region.
        name: Only those of this display name.
        ours: Only those that batchpredict made.
    """
    parent = f"projects/{project}/locations/{location}"
    request = {
        "parent": parent,
        "filter": f'display_name="{name}"' if name else "create_pipeline_job_request:*",
        "page_size": PAGE,
    }
    with clients.calling(f"listing the schedules of {parent}"):
        client = clients.schedules(location)
        found = [kept_of(it) for it in client.list_schedules(request, **clients.reading())]
    chosen = [it for it in found if it.is_ours or not ours]
    return sorted(chosen, key=lambda it: (it.display_name, it.name))


def one_schedule(name: str, project: str, location: str) -> KeptSchedule | None:
    """Return the schedule of a name, ours before others'.

    Raises:
        RunError: There are several (E422).
    """
    found = list_schedules(project, location, name=name, ours=False)
    found = [it for it in found if it.is_ours] or found
    if len(found) > 1:
        names = " and ".join(it.name for it in found)
        hint = "delete one by its resource name: `batchpredict schedule delete projects/…`"
        raise RunError("E422", f"there are {len(found)} schedules {name!r}: {names}; {hint}")
    return _read(found[0].name) if found else None  # a list may leave out what is large


def find_schedule(name: str, project: str, location: str) -> KeptSchedule | None:
    """Return a schedule, or None when there is none.

    Args:
        name: Its display name, or its resource name.
        project: The project of a display name.
        location: The region of a display name.

    Raises:
        RunError: There are several of this name (E422).
    """
    if not name.startswith("projects/"):
        return one_schedule(name, project, location)
    parts = name.split("/")
    if len(parts) != 6 or parts[2] != "locations" or parts[4] != "schedules":
        message = f"{name!r} is no schedule: give projects/…/locations/…/schedules/…, or its name"
        raise UsageError("E423", message)
    return _read(name)


def _read(name: str) -> KeptSchedule | None:
    from google.api_core.exceptions import NotFound

    with clients.calling(f"reading the schedule {name.rpartition('/')[2]}"):
        client = clients.schedules(name.split("/")[3])
        try:
            return kept_of(client.get_schedule(name=name, **clients.reading()))
        except NotFound:
            return None


def get_schedule(name: str, project: str = "", location: str = "") -> KeptSchedule:
    """Return a schedule.

    Args:
        name: Its display name, or its resource name.
        project: The project of a display name.
        location: The region of a display name.

    Raises:
        RunError: There is none of this name (E423), or several (E422).
    """
    found = find_schedule(name, project, location)
    if found is None:
        known = [] if name.startswith("projects/") else list_schedules(project, location)
        raise RunError("E423", unknown("schedule", name, [it.display_name for it in known]))
    return found

"""Make, change, pause, resume and delete schedules on Vertex AI.

A schedule is known by its display name within its project and region, and as one of ours by a
label of its runs.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batchpredict.errors import RunError
from batchpredict.vertex import clients
from batchpredict.vertex.schedule_changes import Change, changes, unset_fields
from batchpredict.vertex.schedule_lookup import (
    get_schedule,
    kept_of,
    message_of,
    one_schedule,
)
from batchpredict.vertex.schedule_requests import Schedule
from batchpredict.vertex.schedule_states import KeptSchedule


@dataclass(frozen=True)
class Applied:
    """What came of applying a schedule, or what would come of it.

    Attributes:
        outcome: ``created``, ``updated`` or ``unchanged``.
        changes: What differed from the schedule that was there.
        kept: The schedule as it is now; None when it would be created.
    """

    outcome: str
    changes: tuple[Change, ...] = ()
    kept: KeptSchedule | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "outcome": self.outcome,
            "changes": [change.to_dict() for change in self.changes],
            "schedule": self.kept.to_dict() if self.kept else None,
        }


def compare_schedule(wanted: Schedule) -> Applied:
    """Return what :func:`apply_schedule` would do; nothing is changed.

    Raises:
        RunError: There are two schedules of the name, or one that is not ours (E422), or the
            service would not take a change (E424).
    """
    kept = one_schedule(wanted.name, wanted.project, wanted.location)
    if kept is None:
        return Applied("created")
    _refuse_foreign(kept)
    body = _round_trip(wanted)
    found = tuple(changes(kept, body))
    _refuse_changes(kept, found, unset_fields(kept, body, datetime.datetime.now(datetime.UTC)))
    return Applied("updated" if found else "unchanged", found, kept)


def _refuse_changes(kept: KeptSchedule, found: tuple[Change, ...], unset: list[str]) -> None:
    reasons = [f"{name} cannot be unset once it has a value" for name in unset]
    if kept.state == "COMPLETED" and (found or unset):
        reasons = ["it is completed, and takes no updates any more"]
    if reasons:
        raise RunError(
            "E424",
            f"schedule {kept.display_name} ({kept.name}): {'; '.join(reasons)}: delete it with "
            f"`batchpredict schedule delete {kept.display_name}` and apply the file again",
        )


def apply_schedule(wanted: Schedule) -> Applied:
    """Make a schedule, or change the one of this name to what is wanted.

    Applying the same schedule twice changes nothing the second time. An update skips runs that
    are due and have not started; runs that have started go on. A paused schedule stays paused.

    Args:
        wanted: What :func:`batchpredict.vertex.schedule` gave.

    Raises:
        RunError: As :func:`compare_schedule`, or Vertex AI refused it.
        EnvironmentFault: No credentials, no permission, or no answer.
    """
    return carry_out(wanted, compare_schedule(wanted))


def carry_out(wanted: Schedule, plan: Applied) -> Applied:
    """Do what :func:`compare_schedule` has found, and return what came of it.

    Args:
        wanted: What was compared.
        plan: What came of the comparison.
    """
    if plan.outcome == "created":
        return Applied("created", (), _create(wanted))
    if plan.outcome == "updated" and plan.kept:
        return Applied("updated", plan.changes, _update(plan.kept, wanted, plan.changes))
    return plan


def _create(wanted: Schedule) -> KeptSchedule:
    """Make a schedule; when the answer is lost, look whether it was made."""
    from google.api_core.exceptions import RetryError, ServerError

    with clients.calling(f"making the schedule {wanted.name}"):
        client = clients.schedules(wanted.location)
        try:
            made = client.create_schedule(
                parent=wanted.parent, schedule=message_of(wanted), **clients.writing()
            )
        except (ServerError, RetryError):
            found = one_schedule(wanted.name, wanted.project, wanted.location)
            if found is None or not found.is_ours or changes(found, _round_trip(wanted)):
                raise
            return found
    return kept_of(made)


def _update(kept: KeptSchedule, wanted: Schedule, found: tuple[Change, ...]) -> KeptSchedule:
    """Send the fields that differ; sending them twice is sending them once."""
    from google.protobuf import field_mask_pb2

    message = message_of(wanted)
    message.name = kept.name
    mask = field_mask_pb2.FieldMask(paths=sorted({change.mask for change in found}))
    with clients.calling(f"changing the schedule {wanted.name}"):
        client = clients.schedules(wanted.location)
        return kept_of(
            client.update_schedule(schedule=message, update_mask=mask, **clients.reading())
        )


def _round_trip(wanted: Schedule) -> Mapping[str, Any]:
    """Return the request as the service would give it back."""
    return kept_of(message_of(wanted)).resource


def _refuse_foreign(kept: KeptSchedule) -> None:
    if not kept.is_ours:
        hint = "give yours another name, or delete that one first"
        message = f"batchpredict did not make the schedule {kept.display_name!r} ({kept.name})"
        raise RunError("E422", f"{message}; {hint}")


def pause_schedule(name: str, project: str = "", location: str = "") -> tuple[KeptSchedule, bool]:
    """Let a schedule start no more runs; runs that have started go on.

    Args:
        name: Its display name, or its resource name.
        project: The project of a display name.
        location: The region of a display name.

    Returns:
        The schedule as it is then, and whether it was active before.
    """
    kept = get_schedule(name, project, location)
    if kept.state != "ACTIVE":
        return kept, False
    return _changed(kept, "PAUSED", "pausing", "pause_schedule"), True


def resume_schedule(
    name: str, project: str = "", location: str = "", *, catch_up: bool = False
) -> tuple[KeptSchedule, bool]:
    """Let a paused schedule start runs again.

    Args:
        name: Its display name, or its resource name.
        project: The project of a display name.
        location: The region of a display name.
        catch_up: Whether the runs that were missed are started first.

    Returns:
        The schedule as it is then, and whether it was paused before.

    Raises:
        RunError: It is completed (E424).
    """
    kept = get_schedule(name, project, location)
    if kept.state == "COMPLETED":
        raise RunError(
            "E424",
            f"schedule {kept.display_name} is completed and cannot be resumed: delete it and "
            "apply its file again",
        )
    if kept.state != "PAUSED":
        return kept, False
    return _changed(kept, "ACTIVE", "resuming", "resume_schedule", catch_up=catch_up), True


def _changed(kept: KeptSchedule, state: str, what: str, method: str, **more: Any) -> KeptSchedule:
    """Call a method that changes the state, and return the schedule as it is then.

    When the answer was lost, or another was faster, the state says whether it was done.
    """
    from google.api_core.exceptions import FailedPrecondition, RetryError, ServerError

    with clients.calling(f"{what} the schedule {kept.display_name}"):
        client = clients.schedules(kept.name.split("/")[3])
        try:
            getattr(client, method)(request={"name": kept.name, **more}, **clients.writing())
        except (FailedPrecondition, RetryError, ServerError):
            again = kept_of(client.get_schedule(name=kept.name, **clients.reading()))
            if again.state != state:
                raise
            return again
        return kept_of(client.get_schedule(name=kept.name, **clients.reading()))


def delete_schedule(kept: KeptSchedule) -> None:
    """Delete a schedule; runs that it has started go on. One that is gone is deleted.

    Args:
        kept: What :func:`find_schedule` or :func:`get_schedule` gave.
    """
    from google.api_core.exceptions import NotFound

    with clients.calling(f"deleting the schedule {kept.display_name}"):
        client = clients.schedules(kept.name.split("/")[3])
        try:
            client.delete_schedule(name=kept.name, **clients.reading()).result(timeout=60)
        except NotFound:
            return

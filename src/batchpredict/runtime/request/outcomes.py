"""Wait for a batch prediction job, and say what became of it."""

from typing import Any


def job_states() -> dict[str, bool]:
    """Return the states of a job, and whether each is an end.

    Google's launcher does not know the last two ends and waits for ever (GCPC 2.22.0).
    """
    ends = ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED")
    others = (
        "UNSPECIFIED",
        "QUEUED",
        "PENDING",
        "RUNNING",
        "CANCELLING",
        "PAUSED",
        "UPDATING",
    )
    return {f"JOB_STATE_{state}": state in ends for state in (*ends, *others)}


def wait_for_job(
    calls: "dict[str, Any]", name: str, deadline: float, interval: float
) -> "dict[str, Any]":
    """Return the job once it has ended.

    That the service cannot be asked says nothing of the job: it is asked again until the deadline.

    Args:
        calls: The service, as ``job_calls`` gives it.
        name: Resource name of the job.
        deadline: Seconds to wait, 0 for as long as it takes.
        interval: Seconds between two looks, about.

    Raises:
        RuntimeError: E293, the deadline has passed, or the job is in a state that is not known
            here; the job goes on, and another attempt of the step takes it up.
    """
    import random

    began = calls["now"]()
    state, trouble = "JOB_STATE_UNSPECIFIED", ""
    while True:
        try:
            job = calls["get"](name)
            state, trouble = str(job.get("state", "JOB_STATE_UNSPECIFIED")), ""
        except RuntimeError as error:
            trouble = f"; the last look failed: {error}"
            print(f"the state of {name} could not be read, which says nothing of it: {error}")
        if not trouble and job_states().get(state):
            return dict(job)
        if state not in job_states():
            raise RuntimeError(f"E293 {name} is in the state {state}, which is not known here")
        if deadline and calls["now"]() - began >= deadline:
            raise RuntimeError(f"E293 {name} was {state} after {deadline:.0f} s{trouble}")
        calls["sleep"](interval * random.uniform(0.8, 1.2))


def console_link(name: str) -> str:
    """Return the page of a job in the Google Cloud console."""
    parts = name.split("/")
    path = f"locations/{parts[3]}/batch-predictions/{parts[5]}?project={parts[1]}"
    return f"https://console.cloud.google.com/vertex-ai/{path}"


def job_outcome(job: "dict[str, Any]") -> "dict[str, Any]":
    """Return what is worth knowing of a job that has ended.

    Counts that the service does not give are -1: an absent count is not a zero.
    """
    stats = job.get("completionStats") or {}
    info = job.get("outputInfo") or {}
    dataset = str(info.get("bigqueryOutputDataset", ""))
    table = str(info.get("bigqueryOutputTable", ""))
    return {
        "state": str(job.get("state", "")),
        "output": str(info.get("gcsOutputDirectory", ""))
        or ".".join(filter(None, (dataset, table))),
        "successful_count": int(stats.get("successfulCount", -1)),
        "failed_count": int(stats.get("failedCount", 0 if "successfulCount" in stats else -1)),
        "incomplete_count": int(stats.get("incompleteCount", 0 if stats else -1)),
        "replica_hours": float((job.get("resourcesConsumed") or {}).get("replicaHours", 0)),
        "error_message": status_text(job.get("error")),
    }


def status_text(status: "dict[str, Any] | None") -> str:
    """Return a ``google.rpc.Status`` as ``CODE: message``, or "" when there is none."""
    names = [
        *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"),
        *("ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"),
        *("ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"),
        "UNAUTHENTICATED",
    ]
    if not status:
        return ""
    code = int(status.get("code", 0))
    name = names[code] if code < len(names) else f"code {code}"
    return f"{name}: {status.get('message', '')}".strip(": ")


def require_success(job: "dict[str, Any]", max_failed: float) -> None:
    """Refuse a job without results, and one with more failed instances than are allowed.

    Args:
        job: A job that has ended.
        max_failed: Instances that may fail: a share below 1, else a number; -1 for any number
            but all. What was never attempted counts as failed.

    Raises:
        RuntimeError: E294, the job failed, in the service's own words; E295, too many instances
            failed.
    """
    outcome = job_outcome(job)
    partial = [status_text(status) for status in job.get("partialFailures") or []]
    link = console_link(str(job["name"]))
    if outcome["state"] not in ("JOB_STATE_SUCCEEDED", "JOB_STATE_PARTIALLY_SUCCEEDED"):
        causes = "; ".join(filter(None, (outcome["error_message"], *partial[:3])))
        raise RuntimeError(
            f"E294 the job ended as {outcome['state']}: {causes or 'no cause'} ({link})"
        )
    failed = max(0, outcome["failed_count"]) + max(0, outcome["incomplete_count"])
    total = max(0, outcome["successful_count"]) + failed
    most = max(0, total - 1) if max_failed < 0 else max_failed
    if failed and failed / (total if most < 1 else 1) > most:
        causes = "; ".join(partial[:3]) or "see prediction.errors_stats in the output"
        raise RuntimeError(
            f"E295 {failed} of {total} instances failed, max_failed is {max_failed:g}: {causes} "
            f"({link})"
        )

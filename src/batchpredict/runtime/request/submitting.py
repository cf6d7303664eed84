"""Make a job once, however often the step is killed and started again.

A create request has no key of the caller's, so a reply that never came leaves open whether there
is a job. The step therefore leaves two notes beside its outputs: an *intent* before it asks, and a
*record* once it knows the job. Who finds an intent without a record waits until every create that
may be under way has become visible, and looks for a job with the run's label.
"""

from typing import Any


def submission_label() -> str:
    """Return the label that says which step of which run a job belongs to."""
    return "batchpredict-step"


def run_label(run: str) -> "dict[str, str]":
    """Return the label that says which pipeline run a job belongs to; {} when that is not known.

    Args:
        run: Id of the run. One that is too long for a label is replaced by its digest.
    """
    import hashlib
    import re

    if not re.fullmatch("[a-z][-a-z0-9]{0,126}", run):
        return {}  # no run: the step was called by itself
    digest = hashlib.sha256(run.encode()).hexdigest()[:32]
    return {"batchpredict-run": run if len(run) <= 63 else digest}


def submission_key(step: str, attempt: int = 1) -> str:
    """Return the value of the label: one for each step of a run and each deliberate attempt.

    Args:
        step: Where the step's outputs go, which no other step shares and every attempt of this
            one has; Google's launchers rely on it too.
        attempt: Counts the jobs that were made because the one before it had failed.
    """
    import hashlib

    digest = hashlib.sha256(step.encode()).hexdigest()[:32]
    return f"{digest}-a{attempt}"


def submit_job(calls: "dict[str, Any]", body: "dict[str, Any]", step: str, settle: float) -> str:
    """Return the name of the one job of this step, made if there is none yet.

    A job that an earlier attempt of the step made is taken up, also when it never heard of it. Of
    several the oldest is taken and the others are cancelled. After a job that failed, the next
    attempt of the step makes another.

    Args:
        calls: The service, as ``job_calls`` gives it.
        body: The job; it gets one more label.
        step: As for ``submission_key``.
        settle: Seconds after which a job is visible that was asked for: longer than the longest
            time that a create request may take.

    Raises:
        RuntimeError: E290, the service refused the request; the message is its own. E291, it
            did not take the request in an hour, or other attempts of the step kept coming.
    """
    record = calls["read"]("record")
    if record and not has_failed(calls["get"](record["name"])):
        return str(record["name"])
    attempt = int(record["attempt"]) + 1 if record else 1
    key = submission_key(step, attempt)
    intent = calls["read"]("intent")
    name = None
    if intent and intent["key"] == key:
        calls["sleep"](settle)
        name = adopted_job(calls, key)
    name = name or created_job(calls, body, key, intent, settle)
    if calls["write"]("record", {"name": name, "attempt": attempt}, record):
        return name
    return yielded_job(calls, name)


def yielded_job(calls: "dict[str, Any]", name: str) -> str:
    """Return the job that another attempt recorded meanwhile; ours is cancelled."""
    recorded = str(calls["read"]("record")["name"])
    if recorded != name:
        print(f"E292 {name} is a second job of this step: it is cancelled")
        calls["cancel"](name)
    return recorded


def has_failed(job: "dict[str, Any]") -> bool:
    """Whether a job has ended without results, so that only another one could have some."""
    return job.get("state") in ("JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED")


def adopted_job(calls: "dict[str, Any]", key: str) -> "str | None":
    """Return the oldest job with this key, the others cancelled; None when there is none."""
    found = sorted(calls["list"](key), key=lambda job: (job.get("createTime", ""), job["name"]))
    for other in found[1:]:
        if other.get("state") in live_states():
            print(f"E292 {other['name']} is a second job of this step: it is cancelled")
            calls["cancel"](other["name"])
    return str(found[0]["name"]) if found else None


def live_states() -> list[str]:
    """Return the states in which a job still costs something."""
    return [
        f"JOB_STATE_{state}" for state in ("QUEUED", "PENDING", "RUNNING", "PAUSED", "UPDATING")
    ]


def created_job(
    calls: "dict[str, Any]",
    body: "dict[str, Any]",
    key: str,
    intent: "dict[str, Any] | None",
    settle: float,
) -> str:
    """Create the job, in several tries if need be; between two, look whether the first one worked.

    Raises:
        RuntimeError: As ``submit_job``.
    """
    labelled = {**body, "labels": {**body.get("labels", {}), submission_label(): key}}
    told = "another attempt of this step is at work"
    for pause in (0, 5, 15, 60, 240, 600, 1200, 1200):
        calls["sleep"](pause)
        status = 0
        # Each try renews the intent: whoever takes over must wait for this try too.
        if calls["write"]("intent", {"key": key, "since": calls["now"]()}, intent):
            status, reply, told = calls["create"](labelled)
            if status < 300 and "name" in reply:
                return str(reply["name"])
        if 400 <= status < 500 and status not in (408, 429):
            raise RuntimeError(f"E290 the service refused the job: {told}")
        calls["sleep"](0 if status == 429 else settle)  # a refusal for quota made nothing
        if name := adopted_job(calls, key):
            return name
        intent = calls["read"]("intent")
    raise RuntimeError(f"E291 the service did not take the job in an hour: {told}")


def live_jobs(calls: "dict[str, Any]", step: str) -> list[str]:
    """Return the names of all jobs of this step that still cost something."""
    record = calls["read"]("record") or {"attempt": 0}
    return [
        str(job["name"])
        for attempt in range(1, int(record["attempt"]) + 2)
        for job in calls["list"](submission_key(step, attempt))
        if job.get("state") in live_states()
    ]


def cancel_strangers(calls: "dict[str, Any]", name: str, step: str) -> int:
    """Cancel what lives of this step beside ``name``; return how many jobs that were."""
    strangers = [other for other in live_jobs(calls, step) if other != name]
    for other in strangers:
        print(f"E292 {other} is a second job of this step: it is cancelled")
        calls["cancel"](other)
    return len(strangers)


def cancel_when_stopped(calls: "dict[str, Any]", step: str) -> None:
    """Cancel the step's jobs when it is told to stop, and end with 143, which is no success."""
    import signal

    def stop(number: int, _frame: Any) -> None:
        record = calls["read"]("record")
        for name in {*live_jobs(calls, step), *([record["name"]] if record else [])}:
            print(f"the step was stopped: {name} is cancelled")
            calls["cancel"](name)
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, stop)

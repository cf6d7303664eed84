"""Every state of a job, and what is told of its end."""

from typing import Any

import pytest
from google.cloud.aiplatform_v1.types import JobState

from batchpredict.runtime.request.outcomes import (
    console_link,
    job_outcome,
    job_states,
    require_success,
    status_text,
    wait_for_job,
)

NAME = "projects/p/locations/europe-west4/batchPredictionJobs/7"
STATES: list[Any] = list(JobState)  # type: ignore[call-overload]
ENDS = ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED")


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0

    def calls(self, *replies: Any) -> dict[str, Any]:
        """Return calls whose ``get`` gives these replies in turn, then the last for ever."""
        waiting = list(replies)

        def get(_name: str) -> dict[str, Any]:
            reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if isinstance(reply, Exception):
                raise reply
            return {"name": NAME, "state": f"JOB_STATE_{reply}"} if reply else {"name": NAME}

        return {"get": get, "now": lambda: self.time, "sleep": self.sleep}

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def test_every_state_of_the_installed_client_is_known() -> None:
    assert set(job_states()) == {state.name for state in STATES}


@pytest.mark.parametrize("state", [state.name.removeprefix("JOB_STATE_") for state in STATES])
def test_the_wait_ends_with_the_job(state: str) -> None:
    clock = Clock()
    calls = clock.calls("PENDING", "RUNNING", state)
    if state in ENDS:
        assert wait_for_job(calls, NAME, 0, 20)["state"] == f"JOB_STATE_{state}"
        assert 32 <= clock.time <= 48
    else:
        with pytest.raises(
            RuntimeError, match=rf"^E293 {NAME} was JOB_STATE_{state} after 600 s$"
        ):
            wait_for_job(calls, NAME, 600, 20)


def test_an_error_of_a_look_says_nothing_of_the_job(capsys) -> None:
    trouble = RuntimeError("E252 answered 503: busy")
    calls = Clock().calls("RUNNING", trouble, trouble, "SUCCEEDED")
    assert wait_for_job(calls, NAME, 600, 20)["state"] == "JOB_STATE_SUCCEEDED"
    assert capsys.readouterr().out.count("could not be read") == 2


def test_the_deadline_ends_also_what_cannot_be_asked() -> None:
    calls = Clock().calls("RUNNING", RuntimeError("E252 answered 503: busy"))
    with pytest.raises(
        RuntimeError, match=r"was JOB_STATE_RUNNING after 600 s; the last look fail"
    ):
        wait_for_job(calls, NAME, 600, 20)


def test_a_state_of_the_future_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"^E293 .* in the state JOB_STATE_DREAMING, which is"):
        wait_for_job(Clock().calls("DREAMING"), NAME, 0, 20)


def test_a_job_without_a_state_is_waited_for() -> None:
    assert wait_for_job(Clock().calls("", "FAILED"), NAME, 0, 1)["state"] == "JOB_STATE_FAILED"


@pytest.mark.parametrize(
    ("stats", "counts"),
    [
        (None, (-1, -1, -1)),
        ({"incompleteCount": "-1"}, (-1, -1, -1)),
        ({"successfulCount": "2"}, (2, 0, 0)),
        ({"successfulCount": "2", "failedCount": "3", "incompleteCount": "4"}, (2, 3, 4)),
        ({"failedCount": "1000"}, (-1, 1000, 0)),
    ],
)
def test_an_absent_count_is_no_zero(stats: dict | None, counts: tuple) -> None:
    told = job_outcome({"name": NAME, "state": "x", "completionStats": stats})
    assert (told["successful_count"], told["failed_count"], told["incomplete_count"]) == counts


def test_where_the_output_is() -> None:
    folder = job_outcome({"outputInfo": {"gcsOutputDirectory": "gs://b/o"}})
    info = {"bigqueryOutputDataset": "bq://p.d", "bigqueryOutputTable": "predictions_1"}
    assert folder["output"] == "gs://b/o"
    assert job_outcome({"outputInfo": info})["output"] == "bq://p.d.predictions_1"
    assert (
        job_outcome({"outputInfo": {"bigqueryOutputDataset": "bq://p.d"}})["output"] == "bq://p.d"
    )
    assert job_outcome({})["output"] == ""


def test_a_status_has_its_name() -> None:
    assert status_text({"code": 13, "message": "boom"}) == "INTERNAL: boom"
    assert status_text({"code": 99, "message": "x"}) == "code 99: x"
    assert status_text({"code": 5}) == "NOT_FOUND"
    assert status_text(None) == ""


def ended(state: str, **fields: Any) -> dict[str, Any]:
    return {"name": NAME, "state": f"JOB_STATE_{state}", **fields}


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED", "EXPIRED"])
def test_a_job_without_results_is_refused_in_the_services_words(state: str) -> None:
    job = ended(
        state,
        error={"code": 9, "message": "THE REAL REASON"},
        partialFailures=[{"code": 5, "message": "gs://b/x"}],
    )
    with pytest.raises(RuntimeError) as caught:
        require_success(job, -1.0)
    assert str(caught.value) == (
        f"E294 the job ended as JOB_STATE_{state}: FAILED_PRECONDITION: THE REAL REASON; "
        f"NOT_FOUND: gs://b/x ({console_link(NAME)})"
    )
    with pytest.raises(RuntimeError, match=rf"JOB_STATE_{state}: no cause \(https://console"):
        require_success(ended(state), -1.0)


@pytest.mark.parametrize(
    ("good", "failed", "left", "allowed", "passes"),
    [
        (10, 0, 0, 0.0, True),
        (9, 1, 0, 0.0, False),
        (9, 1, 0, 1.0, True),
        (8, 1, 1, 1.0, False),
        (9, 1, 0, 0.1, True),
        (71, 29, 0, 0.29, True),
        (71, 29, 0, 0.28, False),
        (1, 999, 0, -1.0, True),
        (0, 1000, 0, -1.0, False),
        (0, 0, 0, -1.0, True),
        (0, 0, 0, 0.0, True),
        (5, 0, -1, 0.0, True),
    ],
)
@pytest.mark.parametrize("state", ["SUCCEEDED", "PARTIALLY_SUCCEEDED"])
def test_failed_instances_are_gated(state, good, failed, left, allowed, passes) -> None:
    stats = {"successfulCount": good, "failedCount": failed, "incompleteCount": left}
    job = ended(state, completionStats=stats)
    if passes:
        require_success(job, allowed)
        return
    with pytest.raises(RuntimeError, match=rf"^E295 {failed + max(0, left)} of "):
        require_success(job, allowed)


def test_the_link_is_that_of_the_console() -> None:
    assert console_link(NAME) == (
        "https://console.cloud.google.com/vertex-ai/locations/europe-west4/batch-predictions/7"
        "?project=p"
    )

"""What the errors of Google's clients are to a person."""

import pytest
from google.api_core import exceptions
from google.auth.exceptions import DefaultCredentialsError, RefreshError

from batchpredict.errors import BatchpredictError
from batchpredict.vertex.clients import calling

DENIED = "Permission 'aiplatform.pipelineJobs.get' denied on resource '//x' (or it may not exist)."


@pytest.mark.parametrize(
    ("error", "code", "exit_code", "text"),
    [
        (DefaultCredentialsError("none"), "E401", 3, "gcloud auth application-default login"),
        (RefreshError("expired"), "E401", 3, "expired"),
        (exceptions.Unauthenticated("no"), "E401", 3, "GOOGLE_APPLICATION_CREDENTIALS"),
        (
            exceptions.ServiceUnavailable("Getting metadata from plugin failed with error: x"),
            "E401",
            3,
            "log in",
        ),
        (exceptions.NotFound("no such run"), "E403", 1, "no such run"),
        (exceptions.ResourceExhausted("too many"), "E404", 1, "a quota is used up: too many"),
        (exceptions.ServiceUnavailable("down"), "E405", 3, "did not answer as it should: down"),
        (exceptions.DeadlineExceeded("late"), "E405", 3, "late"),
        (
            exceptions.RetryError("timeout", exceptions.InternalServerError("boom")),
            "E405",
            3,
            "boom",
        ),
        (exceptions.RetryError("timeout", exceptions.TooManyRequests("full")), "E404", 1, "full"),
        (exceptions.InvalidArgument("two\n lines"), "E406", 1, "refused: two lines"),
        (exceptions.FailedPrecondition("not now"), "E406", 1, "not now"),
        (exceptions.Conflict("there"), "E407", 1, "there"),
    ],
)
def test_each_error_has_a_code_and_one_line(
    error: Exception, code: str, exit_code: int, text: str
) -> None:
    with pytest.raises(BatchpredictError) as caught, calling("reading the run x"):
        raise error
    assert (caught.value.code, caught.value.exit_code) == (code, exit_code)
    assert caught.value.message.startswith("reading the run x: ")
    assert text in caught.value.message
    assert "\n" not in caught.value.message


def test_a_permission_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchpredict.vertex.clients.account", lambda: "me@example.org")
    with pytest.raises(BatchpredictError, match="E402") as caught, calling("reading"):
        raise exceptions.PermissionDenied(DENIED)
    assert "me@example.org lacks aiplatform.pipelineJobs.get" in caught.value.message
    assert caught.value.exit_code == 3


def test_what_is_not_googles_stays() -> None:
    with pytest.raises(KeyError), calling("reading"):
        raise KeyError("ours")

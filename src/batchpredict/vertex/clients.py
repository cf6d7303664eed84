"""Clients of Vertex AI, and what their errors mean to a person.

A client is made for each use: the environment that leads it may have changed since the last.
"""

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from batchpredict import __version__
from batchpredict.errors import BatchpredictError, EnvironmentFault, RunError

READ_SECONDS = 30.0  # how long reads are tried again
CALL_SECONDS = 60.0
LOG_IN = (
    "log in with `gcloud auth application-default login`, or name a key file in "
    "GOOGLE_APPLICATION_CREDENTIALS"
)


def pipelines(location: str) -> Any:
    """Return a client of the pipeline service of a region."""
    from google.cloud.aiplatform_v1.services.pipeline_service import PipelineServiceClient

    return _client(PipelineServiceClient, location)


def schedules(location: str) -> Any:
    """Return a client of the schedule service of a region."""
    from google.cloud.aiplatform_v1.services.schedule_service import ScheduleServiceClient

    return _client(ScheduleServiceClient, location)


def jobs(location: str) -> Any:
    """Return a client of the job service of a region."""
    from google.cloud.aiplatform_v1.services.job_service import JobServiceClient

    return _client(JobServiceClient, location)


def _client(kind: Any, location: str) -> Any:
    from google.api_core.gapic_v1.client_info import ClientInfo

    with calling("making a client of Vertex AI"), warnings.catch_warnings():
        # google-auth warns of credentials of a person without a project for quotas.
        warnings.simplefilter("ignore")
        return kind(
            client_options={"api_endpoint": f"{location}-aiplatform.googleapis.com"},
            client_info=ClientInfo(user_agent=f"batchpredict/{__version__}"),  # type: ignore[no-untyped-call]
        )


def reading(seconds: float = READ_SECONDS) -> dict[str, Any]:
    """Return the arguments of a call that only reads: it is tried again when that may help.

    Args:
        seconds: How long.
    """
    from google.api_core import exceptions
    from google.api_core.retry import Retry, if_exception_type

    passing = if_exception_type(
        exceptions.ServiceUnavailable,
        exceptions.TooManyRequests,
        exceptions.InternalServerError,
        exceptions.GatewayTimeout,
    )
    retry = Retry(predicate=passing, initial=0.5, maximum=15.0, timeout=seconds)
    return {"retry": retry, "timeout": CALL_SECONDS}


def writing() -> dict[str, Any]:
    """Return the arguments of a call that changes something: it is made once."""
    return {"retry": None, "timeout": CALL_SECONDS}


@contextlib.contextmanager
def calling(what: str) -> Iterator[None]:
    """Turn the errors of Google's clients into ours.

    Args:
        what: What is done, for the message, such as ``"starting the run x"``.

    Raises:
        BatchpredictError: A call failed (E401 to E407).
    """
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except GoogleAuthError as error:
        raise _no_credentials(what, str(error)) from error
    except GoogleAPIError as error:
        raise translated(what, error) from error


def translated(what: str, error: Exception) -> BatchpredictError:
    """Return our error for one of ``google.api_core``.

    Args:
        what: What was done.
        error: What the client raised.
    """
    from google.api_core.exceptions import RetryError

    if isinstance(error, RetryError) and error.cause is not None:
        error = error.cause  # its own text says only that the time was up
    text = _line(error)
    if "Getting metadata from plugin failed" in text:
        return _no_credentials(what, text)
    return next(make(what, error, text) for kinds, make in _table() if isinstance(error, kinds))


def _table() -> list[tuple[Any, Callable[[str, Any, str], BatchpredictError]]]:
    from google.api_core import exceptions as google

    return [
        (google.Unauthenticated, lambda what, _, text: _no_credentials(what, text)),
        (google.Forbidden, _denied),
        (google.NotFound, lambda what, _, text: RunError("E403", f"{what}: {text}")),
        (google.TooManyRequests, _out_of_quota),
        (
            (google.ServerError, google.RetryError),
            lambda what, error, text: _unavailable(what, error, text),
        ),
        (google.BadRequest, lambda what, _, text: RunError("E406", f"{what}: refused: {text}")),
        (Exception, lambda what, _, text: RunError("E407", f"{what}: {text}")),
    ]


def _no_credentials(what: str, text: str) -> BatchpredictError:
    reason = " ".join(text.split())
    return EnvironmentFault("E401", f"{what}: no valid credentials ({reason[:300]}); {LOG_IN}")


def _denied(what: str, error: Any, text: str) -> BatchpredictError:
    """Name the permission that is missing, and who lacks it, as far as that is known."""
    metadata = getattr(error, "metadata", None) or {}
    found = re.search(r"'([a-zA-Z]+\.[a-zA-Z]+\.[a-zA-Z]+)'", text)
    permission = metadata.get("permission") or (found.group(1) if found else "")
    who = account() or "the account that is logged in"
    lacks = f"{who} lacks {permission}" if permission else f"{who} may not do this"
    return EnvironmentFault(
        "E402", f"{what}: {lacks} ({text}); ask for the role or log in as another"
    )


def account() -> str:
    """Return the e-mail address of the credentials, "" where they do not tell."""
    import google.auth

    with contextlib.suppress(Exception):
        credentials, _ = google.auth.default()
        found = getattr(credentials, "service_account_email", "") or getattr(
            credentials, "account", ""
        )
        return str(found) if "@" in str(found) else ""
    return ""


def _out_of_quota(what: str, error: Any, text: str) -> BatchpredictError:  # noqa: ARG001
    hint = "wait a minute, or ask for more on the console's page of quotas"
    return RunError("E404", f"{what}: a quota is used up: {text}; {hint}")


def _unavailable(what: str, error: Any, text: str) -> BatchpredictError:  # noqa: ARG001
    hint = "check the connection and the location, and try again"
    return EnvironmentFault(
        "E405", f"{what}: Vertex AI did not answer as it should: {text}; {hint}"
    )


def _line(error: Any) -> str:
    """Return the message of an error in one line."""
    return " ".join(str(getattr(error, "message", "") or error).split())[:1000]

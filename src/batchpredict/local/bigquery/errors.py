"""What BigQuery answers when it refuses, as one exception and its JSON."""

from typing import Any

from batchpredict.local.network.http import HttpResponse, json_response

STATUS = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    507: "RESOURCE_EXHAUSTED",
}


class BigQueryError(Exception):
    """A refused request, or what a job failed for.

    Attributes:
        status: HTTP status.
        reason: Google's word for it, such as ``invalidQuery``.
        message: What was wrong.
        location: Which part of the request it was, or "".
    """

    def __init__(self, status: int, reason: str, message: str, location: str = "") -> None:
        self.status = status
        self.reason = reason
        self.message = message
        self.location = location
        super().__init__(message)

    def proto(self) -> dict[str, str]:
        """Return Google's ErrorProto, as jobs carry it."""
        location = {"location": self.location} if self.location else {}
        return {"reason": self.reason, **location, "message": self.message}


def invalid(message: str, location: str = "") -> BigQueryError:
    """The request is wrong."""
    return BigQueryError(400, "invalid", message, location)


def invalid_query(message: str) -> BigQueryError:
    """The statement is wrong."""
    return BigQueryError(400, "invalidQuery", message, "query")


def not_tested(what: str) -> BigQueryError:
    """The statement may be right, but what it means is not tested here."""
    return invalid_query(
        f"E370 {what} is not emulated on this machine; docs/reference/bigquery.md lists what is"
    )


def not_emulated(what: str) -> BigQueryError:
    """BigQuery has it, and this machine has not."""
    return invalid(f"E372 {what} is not emulated on this machine; leave it out")


def not_found(kind: str, name: str) -> BigQueryError:
    """There is no such dataset, table or job."""
    return BigQueryError(404, "notFound", f"Not found: {kind} {name}")


def duplicate(kind: str, name: str) -> BigQueryError:
    """There is one of this name already."""
    return BigQueryError(409, "duplicate", f"Already Exists: {kind} {name}")


def error_response(error: BigQueryError) -> HttpResponse:
    """Return ``error`` in the shape of Google's JSON APIs."""
    detail: dict[str, Any] = {**error.proto(), "domain": "global"}
    content = {
        "code": error.status,
        "message": error.message,
        "errors": [detail],
        "status": STATUS.get(error.status, "UNKNOWN"),
    }
    return json_response({"error": content}, error.status)

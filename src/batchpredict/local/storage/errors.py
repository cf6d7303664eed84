"""What Cloud Storage answers when it refuses, as one exception and its JSON."""

import errno

from batchpredict.local.network.http import HttpResponse, json_response

_REASONS = {
    304: "notModified",
    400: "invalid",
    403: "forbidden",
    404: "notFound",
    409: "conflict",
    410: "gone",
    412: "conditionNotMet",
    416: "requestedRangeNotSatisfiable",
    500: "backendError",
    501: "notImplemented",
    507: "insufficientStorage",
}
# Not 500: the official client repeats a 500 for two minutes, and none of these goes away.
_STATUS_OF_ERRNO = {
    errno.ENOSPC: 507,
    errno.EDQUOT: 507,
    errno.EFBIG: 507,
    errno.EACCES: 403,
    errno.EPERM: 403,
    errno.EROFS: 403,
    errno.ENAMETOOLONG: 400,
}


class StorageError(Exception):
    """A refused request.

    Attributes:
        status: HTTP status.
        message: What was wrong.
        reason: Google's word for it.
    """

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        self.status = status
        self.message = message
        self.reason = reason or _REASONS.get(status, "invalid")
        super().__init__(message)

    @classmethod
    def of(cls, error: OSError) -> "StorageError":
        """Return what a failed system call means to the client."""
        status = _STATUS_OF_ERRNO.get(error.errno or 0, 500)
        where = f": {error.filename}" if error.filename else ""
        return cls(status, f"The local Cloud Storage could not do it: {error.strerror}{where}")


def bucket_not_found(bucket: str) -> StorageError:
    """Return the error for a bucket that does not exist."""
    return StorageError(404, f"The specified bucket does not exist: {bucket}")


def object_not_found(bucket: str, name: str) -> StorageError:
    """Return the error for an object, or a generation of it, that does not exist."""
    return StorageError(404, f"No such object: {bucket}/{name}")


def error_response(error: StorageError) -> HttpResponse:
    """Return ``error`` in the shape of Google's JSON APIs."""
    if error.status == 304:
        return HttpResponse(304)
    detail = {"domain": "global", "reason": error.reason, "message": error.message}
    content = {"code": error.status, "message": error.message, "errors": [detail]}
    return json_response({"error": content}, error.status)

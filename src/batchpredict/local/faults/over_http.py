"""What faults look like to a client of a JSON API."""

from dataclasses import replace

from google.rpc import code_pb2

from batchpredict.local.faults.effects import Wire
from batchpredict.local.faults.plans import Fault
from batchpredict.local.network.http import ConnectionBrokenError, HttpResponse, json_response
from batchpredict.local.vertex.errors import HTTP_STATUS

_NAMES = {status: code_pb2.Code.Name(code) for code, status in reversed(HTTP_STATUS.items())}


def _refusal(fault: Fault) -> HttpResponse:
    """Return an error as all of Google's JSON APIs show it."""
    if isinstance(fault.status, str):
        status, name = HTTP_STATUS.get(code_pb2.Code.Value(fault.status), 500), fault.status
    else:
        status, name = fault.status, _NAMES.get(fault.status, "UNKNOWN")
    detail = {"domain": "global", "reason": "plannedFault", "message": fault.message}
    error = {"code": status, "message": fault.message, "status": name, "errors": [detail]}
    after = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return json_response({"error": error}, status, after)


def _size(reply: HttpResponse) -> int:
    return len(reply.body)


def _cut(reply: HttpResponse, after: int) -> HttpResponse:
    return replace(reply, cut=after)


def _broken() -> Exception:
    return ConnectionBrokenError("a fault that a test asked for")


HTTP = Wire(_refusal, _broken, _size, _cut)

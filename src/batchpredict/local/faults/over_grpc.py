"""What faults look like to a client of the gRPC services.

One call of a channel cannot lose its connection alone: it ends as such a call does, with
UNAVAILABLE, and the others go on.
"""

from collections.abc import Callable, Mapping
from typing import Any

from google.rpc import code_pb2

from batchpredict.local.faults.effects import Wire, carry_out
from batchpredict.local.faults.plans import Fault
from batchpredict.local.faults.registry import Faults
from batchpredict.local.network.rpcs import GET_OPERATION, Rpc
from batchpredict.local.vertex.errors import HTTP_STATUS, ServiceError

_CODES = {status: code for code, status in reversed(HTTP_STATUS.items())}
_CODES |= dict.fromkeys((502, 503), code_pb2.UNAVAILABLE)


class FaultyCalls:
    """The services with the planned faults in front of them.

    Args:
        faults: The plans.
        call: Carries out a method.
        operation: Returns a long-running operation by name, or None.
    """

    def __init__(
        self,
        faults: Faults,
        call: Callable[[Rpc, Any, Mapping[str, str]], Any],
        operation: Callable[[str], Any],
    ) -> None:
        self._faults = faults
        self._call = call
        self._operation = operation

    def call(self, rpc: Rpc, request: Any, headers: Mapping[str, str]) -> Any:
        """Carry out a method as it was planned."""
        if not self._faults.active:
            return self._call(rpc, request, headers)
        return carry_out(self._faults, rpc.name, lambda: self._call(rpc, request, headers), GRPC)

    def operation(self, name: str) -> Any:
        """Return an operation as it was planned."""
        if not self._faults.active:
            return self._operation(name)
        return carry_out(self._faults, GET_OPERATION, lambda: self._operation(name), GRPC)


def _refuse(fault: Fault) -> Any:
    if isinstance(fault.status, str):
        code = code_pb2.Code.Value(fault.status)
    else:
        code = _CODES.get(fault.status, code_pb2.UNKNOWN)
    raise ServiceError(code, fault.message)


def _broken() -> Exception:
    return ServiceError(code_pb2.UNAVAILABLE, "Socket closed: a fault that a test asked for")


def _size(reply: Any) -> int:
    return len(Rpc.serialize(reply))


def _cut(reply: Any, after: int) -> Any:  # noqa: ARG001 - half a message is none
    raise _broken()


GRPC = Wire(_refuse, _broken, _size, _cut)

"""Vertex AI's gRPC form: from the bytes of a request message to those of a reply."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf.message import DecodeError
from google.rpc import code_pb2

from batchpredict.local.network.http import REAL_TOKEN, carries_real_token
from batchpredict.local.network.rpcs import Rpc, protobuf
from batchpredict.local.vertex.errors import ServiceError, invalid, not_found

OPERATIONS = "/google.longrunning.Operations/"
UNKNOWN_FIELD = "the request has a field that is not known here"

log = logging.getLogger("batchpredict.local")


class GrpcApi:
    """Serves every derived method; one that is not derived is UNIMPLEMENTED.

    Args:
        rpcs: The methods by path.
        call: Carries out a method; raises :class:`ServiceError`.
        operation: Returns a long-running operation by name, or None.
    """

    def __init__(
        self,
        rpcs: Mapping[str, Rpc],
        call: Callable[[Rpc, Any, Mapping[str, str]], Any],
        operation: Callable[[str], Any],
    ) -> None:
        self._rpcs = rpcs
        self._call = call
        self._operation = operation

    def answer(self, path: str, headers: Mapping[str, str], data: bytes) -> tuple[int, str, bytes]:
        """Return code, message and reply of one call, whatever happens; code 0 is success."""
        try:
            return 0, "", Rpc.serialize(self._reply(path, headers, data))
        except ServiceError as error:
            return error.code, error.message, b""
        except Exception as error:
            log.exception("%s failed", path)
            return code_pb2.INTERNAL, f"{type(error).__name__}: {error}", b""

    def _reply(self, path: str, headers: Mapping[str, str], data: bytes) -> Any:
        rpc = self._rpcs.get(path)
        if rpc is None and path != f"{OPERATIONS}GetOperation":
            raise ServiceError(code_pb2.UNIMPLEMENTED, f"Method not found: {path}")
        request = _parsed(
            rpc.parse if rpc else operations_pb2.GetOperationRequest.FromString, data
        )
        if carries_real_token(headers):
            raise invalid(REAL_TOKEN)
        if _says_more(request):
            raise invalid(UNKNOWN_FIELD)
        return self._call(rpc, request, headers) if rpc else self._get_operation(request.name)

    def _get_operation(self, name: str) -> Any:
        operation = self._operation(name)
        if operation is None:
            raise not_found(name)
        return operation


def _parsed(parse: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return parse(data)
    except DecodeError as error:
        raise ServiceError(code_pb2.INTERNAL, "Exception deserializing request!") from error


def _says_more(request: Any) -> bool:
    """Whether a request, or a message in it, has a field that its type has not."""
    message = protobuf(request)
    size = message.ByteSize()
    message.DiscardUnknownFields()
    return bool(message.ByteSize() < size)

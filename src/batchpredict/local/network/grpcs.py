"""Vertex AI's gRPC form, served over TLS with the throwaway certificate."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.longrunning import operations_pb2

from batchpredict.local.network.certificates import Certificates
from batchpredict.local.network.http import REAL_TOKEN, carries_real_token
from batchpredict.local.network.rpcs import GET_OPERATION, Rpc, protobuf
from batchpredict.local.vertex.errors import ServiceError

OPERATIONS = "/google.longrunning.Operations/"
CODES = {code.value[0]: code for code in grpc.StatusCode}
WORKERS = 64  # a waiting job holds one: Google's launchers are answered when the job has ended
UNKNOWN_FIELD = "the request has a field that is not known here"
MAX_MESSAGE = 64 * 1024 * 1024

log = logging.getLogger("batchpredict.local")


class GrpcApi(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Serves every derived method; one that is not derived is UNIMPLEMENTED by gRPC itself."""

    def __init__(
        self,
        rpcs: Mapping[str, Rpc],
        call: Callable[[Rpc, Any, Mapping[str, str]], Any],
        operation: Callable[[str], Any],
    ) -> None:
        self._rpcs = rpcs
        self._call = call
        self._operation = operation

    def service(self, details: Any) -> Any:
        """Return the handler of one call, or None when the method is not known."""
        if details.method == f"{OPERATIONS}GetOperation":
            parse = operations_pb2.GetOperationRequest.FromString
            return grpc.unary_unary_rpc_method_handler(self._get_operation, parse, Rpc.serialize)
        rpc = self._rpcs.get(details.method)
        if rpc is None:
            return None
        headers = dict(details.invocation_metadata)

        def run(request: Any, context: grpc.ServicerContext) -> Any:
            return self._run(rpc, request, headers, context)

        return grpc.unary_unary_rpc_method_handler(run, rpc.parse, Rpc.serialize)

    def _run(
        self, rpc: Rpc, request: Any, headers: Mapping[str, str], context: grpc.ServicerContext
    ) -> Any:
        if carries_real_token(headers):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, REAL_TOKEN)
        if _says_more(request):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, UNKNOWN_FIELD)
        return _answer(rpc.path, lambda: self._call(rpc, request, headers), context)

    def _get_operation(self, request: Any, context: grpc.ServicerContext) -> Any:
        operation = _answer(GET_OPERATION, lambda: self._operation(request.name), context)
        if operation is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{request.name} is not found.")
        return operation


def _says_more(request: Any) -> bool:
    """Whether a request, or a message in it, has a field that its type has not."""
    message = protobuf(request)
    size = message.ByteSize()
    message.DiscardUnknownFields()
    return bool(message.ByteSize() < size)


def _answer(name: str, call: Callable[[], Any], context: grpc.ServicerContext) -> Any:
    """Return the reply of a call, or end it with what it raised."""
    try:
        return call()
    except ServiceError as error:
        context.abort(CODES[error.code], error.message)
    except Exception as error:
        log.exception("%s failed", name)
        context.abort(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")


def start_grpc(api: GrpcApi, certificates: Certificates) -> tuple[grpc.Server, int]:
    """Start serving on a free port of 127.0.0.1; return the server and its port."""
    options = [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", MAX_MESSAGE),
        ("grpc.max_send_message_length", MAX_MESSAGE),
    ]
    server = grpc.server(ThreadPoolExecutor(WORKERS), handlers=(api,), options=options)
    pair = (certificates.key.read_bytes(), certificates.chain.read_bytes())
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    server.start()
    return server, port

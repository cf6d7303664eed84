"""Long-running operations. Here the work is done before the answer goes out."""

import itertools
import secrets
from typing import Any

from google.longrunning import operations_pb2
from google.rpc import status_pb2

from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.vertex.errors import ServiceError


def new_id() -> str:
    """Return a numeric identifier of the length that Vertex AI uses."""
    return str(secrets.randbelow(9 * 10**18) + 10**18)


class Operations:
    """The finished operations of this session, by name."""

    KEPT = 1000

    def __init__(self) -> None:
        self._finished: dict[str, operations_pb2.Operation] = {}

    def find(self, name: str) -> operations_pb2.Operation | None:
        """Return the operation, or None."""
        return self._finished.get(name)

    def succeeded(self, parent: str, response: Any, metadata: Any = None) -> Any:
        """Record and return an operation that ended well."""
        operation = self._new(parent, metadata)
        operation.response.Pack(protobuf(response))
        return operation

    def failed(self, parent: str, error: ServiceError, metadata: Any = None) -> Any:
        """Record and return an operation that ended with ``error``."""
        operation = self._new(parent, metadata)
        operation.error.CopyFrom(status_pb2.Status(code=error.code, message=error.message))
        return operation

    def _new(self, parent: str, metadata: Any) -> operations_pb2.Operation:
        name = f"{parent}/operations/{new_id()}"
        operation = operations_pb2.Operation(name=name, done=True)
        if metadata is not None:
            operation.metadata.Pack(protobuf(metadata))
        self._finished[name] = operation
        for old in list(itertools.islice(self._finished, max(0, len(self._finished) - self.KEPT))):
            del self._finished[old]
        return operation

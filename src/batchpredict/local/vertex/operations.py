"""Long-running operations. Here the work is done before the answer goes out."""

import contextlib
import itertools
import os
import secrets
import threading
from pathlib import Path
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf.message import DecodeError
from google.rpc import status_pb2

from batchpredict.local.files import write_whole
from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.vertex.errors import ServiceError


def new_id() -> str:
    """Return a numeric identifier of the length that Vertex AI uses."""
    return str(secrets.randbelow(9 * 10**18) + 10**18)


class Operations:
    """The finished operations, by name; the last ones outlive the session.

    Args:
        folder: Where they are kept; without it they are forgotten with the session.
    """

    KEPT = 1000

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._finished: dict[str, operations_pb2.Operation] = {}
        self._lock = threading.Lock()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._load(folder)

    def _load(self, folder: Path) -> None:
        files = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
        files.sort(key=lambda entry: entry.stat().st_mtime_ns)
        for entry in files:
            with contextlib.suppress(DecodeError):  # a damaged one is none
                operation = operations_pb2.Operation.FromString(Path(entry).read_bytes())
                self._finished[operation.name] = operation
        self._forget_old()

    def find(self, name: str) -> operations_pb2.Operation | None:
        """Return the operation, or None."""
        return self._finished.get(name)

    def succeeded(self, parent: str, response: Any, metadata: Any = None) -> Any:
        """Record and return an operation that ended well."""
        operation = _new(parent, metadata)
        operation.response.Pack(protobuf(response))
        return self._keep(operation)

    def failed(self, parent: str, error: ServiceError, metadata: Any = None) -> Any:
        """Record and return an operation that ended with ``error``."""
        operation = _new(parent, metadata)
        operation.error.CopyFrom(status_pb2.Status(code=error.code, message=error.message))
        return self._keep(operation)

    def _keep(self, operation: operations_pb2.Operation) -> operations_pb2.Operation:
        if self._folder is not None:
            path = self._folder / _file_of(operation.name)
            with contextlib.suppress(OSError):  # on a full disk: what it did is done all the same
                write_whole(path, operation.SerializeToString())
        with self._lock:
            self._finished[operation.name] = operation
            self._forget_old()
        return operation

    def _forget_old(self) -> None:
        for old in list(itertools.islice(self._finished, max(0, len(self._finished) - self.KEPT))):
            del self._finished[old]
            if self._folder is not None:
                (self._folder / _file_of(old)).unlink(missing_ok=True)


def _file_of(name: str) -> str:
    return name.rpartition("/")[2]


def _new(parent: str, metadata: Any) -> operations_pb2.Operation:
    operation = operations_pb2.Operation(name=f"{parent}/operations/{new_id()}", done=True)
    if metadata is not None:
        operation.metadata.Pack(protobuf(metadata))
    return operation

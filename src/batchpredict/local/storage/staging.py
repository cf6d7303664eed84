"""Data on its way in: a private file that becomes an object by one rename."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batchpredict.local.storage.checksums import Checksums, Hasher


class Staged:
    """A temporary file that grows chunk by chunk and knows its checksums."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._hasher = Hasher()

    def write(self, chunk: bytes) -> None:
        """Append ``chunk``; after a failure the owner can only discard."""
        with self.path.open("ab") as file:
            file.write(chunk)
        self._hasher.update(chunk)
        self.size += len(chunk)

    def checksums(self) -> Checksums:
        """Return the checksums of what was written."""
        return self._hasher.checksums()

    def stamp(self, mtime_ns: int) -> os.stat_result:
        """Set the modification time and return what the file system made of it."""
        self.path.touch()
        os.utime(self.path, ns=(mtime_ns, mtime_ns))
        return self.path.stat()

    def discard(self) -> None:
        """Remove the file, if it is still there."""
        self.path.unlink(missing_ok=True)


class Staging:
    """The folder of temporary files, on the file system of the buckets.

    Attributes:
        abandoned: How many unfinished files an earlier session left. They are gone: which upload
            they belong to was known to that session only.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(exist_ok=True)
        self.abandoned = self._remove_abandoned()

    def begin(self) -> Staged:
        """Return an empty temporary file; its owner commits or discards it."""
        return Staged(self._folder / uuid.uuid4().hex)

    @contextmanager
    def staged(self, data: bytes = b"") -> Iterator[Staged]:
        """Yield a temporary file that holds ``data`` and is gone afterwards."""
        staged = self.begin()
        try:
            staged.write(data)
            yield staged
        finally:
            staged.discard()

    def _remove_abandoned(self) -> int:
        found = list(self._folder.iterdir())
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)

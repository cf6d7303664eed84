"""Who may change what at the same time: different objects do not wait for each other."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock, RLock

_SHARED = 64  # so many locks for all objects: some objects have one in common


class StoreLocks:
    """The locks of a store. Whoever needs two takes that of an object first.

    Attributes:
        folders: For what makes, keeps or removes a folder: buckets, markers, emptied folders.
        count: For the newest generation.
    """

    def __init__(self) -> None:
        self.folders = RLock()
        self.count = Lock()
        self._objects = tuple(RLock() for _ in range(_SHARED))

    def of(self, bucket: str, name: str) -> RLock:
        """Return the lock of an object, held for a few system calls and never while hashing."""
        return self._objects[hash((bucket, name)) % _SHARED]

    @contextmanager
    def every(self) -> Iterator[None]:
        """Keep everybody else from changing anything."""
        with ExitStack() as stack:
            for lock in (*self._objects, self.folders):
                stack.enter_context(lock)
            yield

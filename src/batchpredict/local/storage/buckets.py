"""Buckets: folders directly below the root."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Any

from batchpredict.local.storage.conditions import NO_CONDITIONS, Conditions
from batchpredict.local.storage.errors import StorageError, bucket_not_found
from batchpredict.local.storage.names import check_bucket
from batchpredict.local.storage.sidecars import Sidecar, Sidecars
from batchpredict.local.storage.tree import Tree

_FOLDER = ".buckets"  # of the metadata of buckets; no bucket has this name


@dataclass(frozen=True)
class StoredBucket:
    """A bucket and its fields by their name in the JSON API."""

    name: str
    created_ns: int
    updated_ns: int
    metageneration: int = 1
    attributes: Mapping[str, Any] = field(default_factory=dict)
    generation: int = 0

    @property
    def etag(self) -> str:
        """Return what changes with the metadata."""
        return f"{self.created_ns:x}.{self.metageneration}"


class Buckets:
    """All buckets below a root."""

    def __init__(self, tree: Tree, sidecars: Sidecars, lock: RLock) -> None:
        self._tree = tree
        self._sidecars = sidecars
        self._lock = lock

    def names(self) -> list[str]:
        """Return the names of all buckets in order."""
        return self._tree.buckets()

    def exists(self, name: str) -> bool:
        """Tell whether there is such a bucket."""
        try:
            return self._tree.path(name).is_dir()
        except StorageError:
            return False

    def require(self, name: str) -> None:
        """Raise when there is no such bucket or it cannot have this name."""
        check_bucket(name)
        if not self.exists(name):
            raise bucket_not_found(name)

    def create(self, name: str, attributes: Mapping[str, Any] | None = None) -> StoredBucket:
        """Make an empty bucket; one that exists is an error."""
        check_bucket(name)
        with self._lock:
            path = self._tree.root / name
            if path.exists() or path.is_symlink():
                raise StorageError(409, f"The bucket {name} already exists")
            now = time.time_ns()
            self._sidecars.remove_bucket(name)
            self._sidecars.write(_FOLDER, name, Sidecar(now, 1, now, dict(attributes or {})))
            path.mkdir()
            return self.get(name)

    def get(self, name: str) -> StoredBucket:
        """Return a bucket."""
        self.require(name)
        sidecar = self._sidecars.read(_FOLDER, name)
        if sidecar is None:  # a folder that a step or a person made
            mtime_ns = self._tree.path(name).stat().st_mtime_ns
            sidecar = Sidecar(mtime_ns, 1, mtime_ns)
        return StoredBucket(
            name,
            sidecar.generation,
            sidecar.updated_ns,
            sidecar.metageneration,
            sidecar.attributes,
        )

    def patch(
        self,
        name: str,
        change: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        conditions: Conditions = NO_CONDITIONS,
    ) -> StoredBucket:
        """Replace the fields of a bucket by what ``change`` makes of them."""
        with self._lock:
            live = self.get(name)
            conditions.check(live)
            patched = replace(
                live,
                metageneration=live.metageneration + 1,
                updated_ns=time.time_ns(),
                attributes=dict(change(live.attributes)),
            )
            self._sidecars.write(
                _FOLDER,
                name,
                Sidecar(
                    live.created_ns,
                    patched.metageneration,
                    patched.updated_ns,
                    patched.attributes,
                ),
            )
            return patched

    def remove(self, name: str) -> None:
        """Remove a bucket without objects; anything that is no object keeps it alive."""
        path = self._tree.path(name)
        self._tree.remove_empty_folders(path)
        if path.exists():
            raise StorageError(
                409, f"The bucket {name} holds files that are no objects, such as links: {path}"
            )
        self._sidecars.remove_bucket(name)
        self._sidecars.remove(_FOLDER, name)

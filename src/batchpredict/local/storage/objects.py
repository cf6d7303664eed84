"""The store: object ``gs://bucket/a/b`` is the plain file ``root/bucket/a/b``, both ways."""

import io
import mimetypes
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

from batchpredict.local.storage.buckets import Buckets
from batchpredict.local.storage.checksums import ChecksumCache, Checksums, Hasher
from batchpredict.local.storage.conditions import NO_CONDITIONS, Conditions
from batchpredict.local.storage.errors import StorageError, object_not_found
from batchpredict.local.storage.locks import StoreLocks
from batchpredict.local.storage.names import check_object, parse_uri, segments
from batchpredict.local.storage.sidecars import Sidecar, Sidecars
from batchpredict.local.storage.staging import Staged, Staging
from batchpredict.local.storage.stored import DEFAULT_CONTENT_TYPE, StoredObject
from batchpredict.local.storage.tree import Tree

_DESCRIBED = 65_536  # objects whose metadata is kept at hand
_TYPES = mimetypes.MimeTypes()  # the same on every machine, unlike the module's functions


class ObjectStore:
    """Buckets and objects below one folder; safe for threads of one process.

    Metadata lies in ``root/.metadata``, unfinished data in ``root/.staging``.

    Attributes:
        root: The folder; a bucket is a folder directly below it.
        buckets: Its buckets.
        staging: Where data waits until :meth:`commit`.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = Path(os.path.realpath(root))
        self.staging = Staging(self.root / ".staging")
        self._tree = Tree(self.root)
        self._sidecars = Sidecars(self.root / ".metadata", self.root / ".staging")
        self._checksums = ChecksumCache()
        self._locks = StoreLocks()
        self._newest = 0
        self._described_last: dict[tuple[str, str], Sidecar] = {}
        self.buckets = Buckets(self._tree, self._sidecars, self._locks.folders)

    def path(self, uri: str) -> Path:
        """Return the file or folder of a ``gs://`` URI, whether or not it exists."""
        return self._tree.path(*parse_uri(uri))

    def create_bucket(self, name: str) -> None:
        """Make an empty bucket; one that exists is a ``StorageError`` with status 409."""
        self.buckets.create(name)

    def bucket_exists(self, name: str) -> bool:
        """Tell whether there is such a bucket."""
        return self.buckets.exists(name)

    def delete_bucket(self, name: str, conditions: Conditions = NO_CONDITIONS) -> None:
        """Remove a bucket; one with objects is an error."""
        with self._locks.every():
            conditions.check(self.buckets.get(name))
            if self.names(name):
                raise StorageError(409, f"The bucket you tried to delete is not empty: {name}")
            self.buckets.remove(name)

    def names(self, bucket: str, prefix: str = "") -> list[str]:
        """Return the names of the objects of a bucket in order."""
        self.buckets.require(bucket)
        names = self._tree.names(bucket, prefix)
        # Only a folder that was uploaded as a marker is an object.
        return [n for n in names if not n.endswith("/") or self._sidecars.exists(bucket, n)]

    def find_all(self, bucket: str, names: Iterable[str]) -> list[StoredObject]:
        """Return the objects of these names, without those that a step has removed."""
        folders: set[str] = set()
        found = (self.find(bucket, name, folders) for name in names)
        return [each for each in found if each]

    def find(self, bucket: str, name: str, folders: set[str] | None = None) -> StoredObject | None:
        """Return an object, or None when there is none of that name.

        Args:
            bucket: Bucket.
            name: Object.
            folders: Folders that were looked at for its neighbours, and need not be again.
        """
        if not name.endswith("/") and (settled := self._settled(bucket, name, folders)):
            return settled
        with self._locks.of(bucket, name):
            stat = self._tree.stat(bucket, check_object(name))
            if stat is None:
                return None
            if name.endswith("/"):
                return self._marker(bucket, name)
            return self._described(bucket, name, stat)

    def get(self, bucket: str, name: str, generation: int | None = None) -> StoredObject:
        """Return an object, at this generation if one is given."""
        found = self.find(bucket, name)
        if found is None:
            self.buckets.require(bucket)
        if found is None or generation not in (None, found.generation):
            raise object_not_found(bucket, name)
        return found

    @contextmanager
    def open(
        self, bucket: str, name: str, generation: int | None = None
    ) -> Iterator[tuple[StoredObject, BinaryIO]]:
        """Yield an object and its data; a later upload does not change what is read."""
        found = self.get(bucket, name, generation)
        file: BinaryIO = io.BytesIO() if name.endswith("/") else self._open(found)
        if not name.endswith("/") and os.fstat(file.fileno()).st_mtime_ns != found.generation:
            file.close()  # it was replaced in between
            with self._locks.of(bucket, name):
                found = self.get(bucket, name, generation)
                file = self._open(found)
                found = self._described(bucket, name, os.fstat(file.fileno()))
        with file:
            yield found, file

    def checksums(self, found: StoredObject) -> Checksums:
        """Return the checksums of an object, computed once for each generation."""
        if found.name.endswith("/"):
            return Hasher().checksums()
        if known := self._checksums.known(found.file, found.inode, found.generation, found.size):
            return known
        with self._open(found) as file:
            return self._checksums.of(found.path, file)

    def commit(
        self,
        staged: Staged,
        bucket: str,
        name: str,
        attributes: Mapping[str, Any],
        conditions: Conditions = NO_CONDITIONS,
    ) -> StoredObject:
        """Make staged data the new generation of an object, if the conditions hold."""
        if name.endswith("/") and staged.size:
            raise StorageError(400, f"{name!r} is a folder on this machine and cannot hold data")
        with self._locks.of(bucket, name):
            self.buckets.require(bucket)
            live = self.find(bucket, name)
            conditions.check(live)
            stat = staged.stamp(self._next_generation(live))
            if stat.st_size != staged.size:
                raise StorageError(500, f"The data of {bucket}/{name} was changed while staged")
            generation = stat.st_mtime_ns
            sidecar = Sidecar(generation, 1, generation, dict(attributes))
            with self._locks.folders if name.endswith("/") else nullcontext():
                path = self._publish(staged, bucket, name, sidecar)
            self._checksums.remember(path, stat, staged.checksums())
            return StoredObject(
                bucket, name, str(path), staged.size, generation, 1, generation, sidecar.attributes
            )

    def patch(
        self,
        bucket: str,
        name: str,
        change: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        conditions: Conditions = NO_CONDITIONS,
        generation: int | None = None,
    ) -> StoredObject:
        """Replace the attributes of an object by what ``change`` makes of them."""
        with self._locks.of(bucket, name):
            live = self.get(bucket, name, generation)
            conditions.check(live)
            attributes = dict(change(live.attributes))
            sidecar = Sidecar(live.generation, live.metageneration + 1, time.time_ns(), attributes)
            self._sidecars.write(bucket, name, sidecar)
            self._described_last.pop((bucket, name), None)
            return self._stored(bucket, name, live.size, sidecar)

    def delete(
        self,
        bucket: str,
        name: str,
        conditions: Conditions = NO_CONDITIONS,
        generation: int | None = None,
    ) -> None:
        """Remove an object, and the folders that only it needed."""
        with self._locks.of(bucket, name):
            live = self.get(bucket, name, generation)
            conditions.check(live)
            if not name.endswith("/"):
                live.path.unlink()
            self._sidecars.remove(bucket, name)
            self._described_last.pop((bucket, name), None)
            if name.endswith("/") or self._tree.is_empty(live.path.parent):
                with self._locks.folders:
                    self._prune(bucket, name)

    def _publish(self, staged: Staged, bucket: str, name: str, sidecar: Sidecar) -> Path:
        staged_sidecar = self._sidecars.stage(sidecar)  # a full disk shows before data is replaced
        try:
            path = self._tree.place(staged.path, bucket, name)
            self._sidecars.publish(staged_sidecar, bucket, name)
        finally:
            staged_sidecar.unlink(missing_ok=True)
        return path

    def _next_generation(self, live: StoredObject | None) -> int:
        live_generation = live.generation if live else 0
        with self._locks.count:
            self._newest = max(time.time_ns(), self._newest + 1, live_generation + 1)
            return self._newest

    def _marker(self, bucket: str, name: str) -> StoredObject | None:
        sidecar = self._sidecars.read(bucket, name)
        return self._stored(bucket, name, 0, sidecar) if sidecar else None

    def _settled(self, bucket: str, name: str, folders: set[str] | None) -> StoredObject | None:
        """Return an object that is as it was when it was last described; it needs no lock."""
        # Each system call lets other threads go first: under load that takes the time.
        last = self._described_last.get((bucket, name))
        stat = self._tree.stat(bucket, name, folders) if last else None
        if last and stat and last.generation == stat.st_mtime_ns:
            return self._stored(bucket, name, stat.st_size, last, stat.st_ino)
        return None

    def _described(self, bucket: str, name: str, stat: os.stat_result) -> StoredObject:
        sidecar = self._sidecars.read(bucket, name)
        generation = stat.st_mtime_ns
        if sidecar is None or sidecar.generation != generation:
            sidecar = Sidecar(generation, 1, generation, {"contentType": _guessed_type(name)})
        if len(self._described_last) >= _DESCRIBED:
            self._described_last.clear()
        self._described_last[bucket, name] = sidecar
        return self._stored(bucket, name, stat.st_size, sidecar, stat.st_ino)

    def _stored(
        self, bucket: str, name: str, size: int, sidecar: Sidecar, inode: int = 0
    ) -> StoredObject:
        return StoredObject(
            bucket,
            name,
            f"{self.root}/{bucket}/{name}",
            size,
            sidecar.generation,
            sidecar.metageneration,
            sidecar.updated_ns,
            sidecar.attributes,
            inode,
        )

    def _open(self, found: StoredObject) -> BinaryIO:
        try:
            return self._tree.open(found.path)
        except FileNotFoundError:  # a step removed it since it was found
            raise object_not_found(found.bucket, found.name) from None

    def _prune(self, bucket: str, name: str) -> None:
        parts = segments(name) if name.endswith("/") else segments(name)[:-1]
        while parts and not self._sidecars.exists(bucket, "/".join(parts) + "/"):
            try:
                self._tree.path(bucket, "/".join(parts)).rmdir()
            except OSError:
                return
            parts.pop()


def _guessed_type(name: str) -> str:
    content_type, encoding = _TYPES.guess_type(name.rpartition("/")[2])
    return DEFAULT_CONTENT_TYPE if encoding else content_type or DEFAULT_CONTENT_TYPE

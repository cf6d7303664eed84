"""The folders and files below the root, never left through ``..`` or a symbolic link."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.names import (
    check_bucket,
    check_object,
    object_name_problem,
    segments,
)

# Without O_NONBLOCK the opening of a named pipe would wait for its writer.
_TRIES = 100
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Tree:
    """Buckets as folders and objects as files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, bucket: str, name: str = "") -> Path:
        """Return where an object lies, or its bucket when ``name`` is empty."""
        self._follow(bucket, name, set())
        return self.root.joinpath(bucket, *(segments(name) if name else []))

    def _follow(self, bucket: str, name: str, folders: set[str]) -> os.stat_result | None:
        """Return the state of what lies there, None when there is nothing.

        Args:
            bucket: Bucket.
            name: Object, or empty.
            folders: Paths of folders that were looked at already; gets those of this name.
        """
        *above, last = [check_bucket(bucket), *(segments(check_object(name)) if name else [])]
        path = str(self.root)
        for part in above:
            path = f"{path}/{part}"
            if path not in folders:
                if self._state(path, bucket, name) is None:
                    return None
                folders.add(path)
        return self._state(f"{path}/{last}", bucket, name)

    def _state(self, path: str, bucket: str, name: str) -> os.stat_result | None:
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISLNK(found.st_mode):
            raise StorageError(
                403, f"{bucket}/{name} passes a symbolic link, which is never followed: {path}"
            )
        return found

    def stat(
        self, bucket: str, name: str, folders: set[str] | None = None
    ) -> os.stat_result | None:
        """Return the state of an object's file, or of a marker's folder, if there is one.

        Args:
            bucket: Bucket.
            name: Object.
            folders: Paths of folders that were looked at for its neighbours; gets those of it.
        """
        found = self._follow(bucket, name, set() if folders is None else folders)
        if found is None:
            return None
        is_wanted = stat.S_ISDIR if name.endswith("/") else stat.S_ISREG
        return found if is_wanted(found.st_mode) else None

    def open(self, path: Path) -> BinaryIO:
        """Return a regular file opened for reading."""
        return os.fdopen(os.open(path, _READ), "rb")

    def place(self, staged: Path, bucket: str, name: str) -> Path:
        """Make a staged file the object ``name``, or make the folder of a marker."""
        path = self.path(bucket, name)
        try:
            if name.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
            else:
                replace_in_folder(staged, path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise StorageError(
                409,
                f"{bucket}/{name} cannot be stored: on this machine an object is a file and "
                "one path cannot be both a file and a folder (objects 'a' and 'a/b')",
            ) from None
        return path

    def buckets(self) -> list[str]:
        """Return the names of all buckets."""
        return sorted(entry.name for entry in _entries(str(self.root)) if self._is_bucket(entry))

    def names(self, bucket: str, prefix: str = "") -> list[str]:
        """Return files below a prefix, and folders with a slash at their end, in order."""
        folder = prefix.rpartition("/")[0]
        try:
            base = self.path(bucket, folder)
        except StorageError:
            return []  # such as "..", "a//b" or a link: no object is below it
        names = [f"{folder}/"] if folder and base.is_dir() else []
        names += _walk(base, f"{folder}/" if folder else "", prefix)
        return sorted(name for name in names if not object_name_problem(name))

    def is_empty(self, folder: Path) -> bool:
        """Tell whether there is a folder with nothing in it."""
        try:
            with os.scandir(folder) as entries:
                return next(entries, None) is None
        except FileNotFoundError:
            return False  # another deletion has removed it

    def remove_empty_folders(self, folder: Path) -> None:
        """Remove ``folder`` and the folders in it, except those that hold a file."""
        for found, _, _ in os.walk(folder, topdown=False):
            with suppress(OSError):
                os.rmdir(found)

    def _is_bucket(self, entry: "os.DirEntry[str]") -> bool:
        try:
            return bool(check_bucket(entry.name)) and entry.is_dir(follow_symlinks=False)
        except StorageError:
            return False


def replace_in_folder(staged: Path, path: Path) -> None:
    """Rename a file into a folder, which is made if need be.

    A folder that was just emptied may be removed at any moment: then it is made again.
    """
    for _ in range(_TRIES):
        with suppress(FileNotFoundError):
            os.replace(staged, path)
            return
        # mkdir says that a folder exists which another thread removes in that moment; a file in
        # its place is told by the next try to replace.
        with suppress(FileNotFoundError, FileExistsError):
            path.parent.mkdir(parents=True, exist_ok=True)
    os.replace(staged, path)


def _walk(base: Path, start: str, prefix: str) -> Iterator[str]:
    pending = [(str(base), start)]
    while pending:
        folder, above = pending.pop()
        for entry in _entries(folder):
            is_folder = entry.is_dir(follow_symlinks=False)
            name = f"{above}{entry.name}{'/' if is_folder else ''}"
            if not name.startswith(prefix):
                continue
            if is_folder:
                pending.append((entry.path, name))
            if is_folder or entry.is_file(follow_symlinks=False):
                yield name


def _entries(folder: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []  # removed since its name was read

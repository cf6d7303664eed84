"""The two checksums that Cloud Storage keeps of an object."""

import base64
import hashlib
import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import google_crc32c

CHUNK = 1 << 20
# A file may be rewritten within one tick of the kernel's clock without a change of its mtime.
_CLOCK_TICK_NS = 20_000_000


@dataclass(frozen=True)
class Checksums:
    """Base64 of the MD5 and of the big-endian CRC32C."""

    md5: str
    crc32c: str


class Hasher:
    """Both checksums of a stream of chunks."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc32c = 0

    def update(self, chunk: bytes) -> None:
        """Add the next chunk."""
        self._md5.update(chunk)
        self._crc32c = google_crc32c.extend(self._crc32c, chunk)

    def checksums(self) -> Checksums:
        """Return the checksums of everything so far."""
        crc32c = self._crc32c.to_bytes(4, "big")
        return Checksums(_base64(self._md5.digest()), _base64(crc32c))


class ChecksumCache:
    """Checksums of files, kept as long as path, inode, mtime and size stay."""

    def __init__(self, capacity: int = 65_536) -> None:
        self._capacity = capacity
        self._known: OrderedDict[str, tuple[tuple[int, int, int], Checksums]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, path: Path, file: BinaryIO) -> Checksums:
        """Return the checksums of the open ``file`` that lies at ``path``."""
        stat = os.fstat(file.fileno())
        known = self.known(str(path), *_state(stat))
        if known:
            return known
        checksums = _hash(file)
        after = os.fstat(file.fileno())
        settled = time.time_ns() - after.st_mtime_ns > _CLOCK_TICK_NS
        if settled and _state(after) == _state(stat):
            self.remember(path, stat, checksums)
        return checksums

    def known(self, path: str, inode: int, mtime_ns: int, size: int) -> Checksums | None:
        """Return the checksums of a file in this state, if they were computed before."""
        with self._lock:
            state, checksums = self._known.get(path, (None, None))
        return checksums if state == (inode, mtime_ns, size) else None

    def remember(self, path: Path, stat: os.stat_result, checksums: Checksums) -> None:
        """Keep what was computed while the file was written."""
        with self._lock:
            self._known.pop(str(path), None)
            self._known[str(path)] = (_state(stat), checksums)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _state(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _hash(file: BinaryIO) -> Checksums:
    hasher = Hasher()
    while chunk := file.read(CHUNK):
        hasher.update(chunk)
    return hasher.checksums()

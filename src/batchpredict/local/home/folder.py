"""Prepare a home folder, and let one process at a time use it."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from batchpredict.errors import EnvironmentFault

LOCK = "lock"
WORK_NOTE = "work-folder"
WORK_PREFIX = "batchpredict-"
NEEDED = ("storage", "runs", "vertex", "logs")
FOLDERS = (*NEEDED, "cache", "bigquery", "environments", "registry")
"""The folders that the services make in a home."""


def prepare_home(home: Path) -> Path:
    """Make the folders of a home and return its full path.

    Raises:
        EnvironmentFault: It cannot be written (E301).
    """
    home = home.expanduser().resolve()
    try:
        for name in NEEDED:
            (home / name).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(b"x" * 4096)
    except OSError as error:
        raise EnvironmentFault(
            "E301",
            f"cannot write to the home folder {home}: {error.strerror}; choose another "
            "with --home",
        ) from error
    return home


@contextlib.contextmanager
def lock_home(home: Path) -> Iterator[None]:
    """Hold the home folder for this process; the system lets go of it when the process ends.

    Raises:
        EnvironmentFault: Another process holds it (E302).
    """
    with (home / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise EnvironmentFault(
                "E302",
                f"the home folder {home} is in use by process {file.read().strip()}; wait for it "
                "or choose another with --home",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def user_of(home: Path) -> int | None:
    """Return the number of the process that holds the home folder, or None."""
    try:
        with (home / LOCK).open() as file:
            text = file.read().strip()
            if not text.isdigit() or not _is_alive(int(text)):
                return None  # the lock is not even tried: it could be in another's way
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(text)
    except OSError:
        return None
    return None


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_home(home: Path) -> bool:
    """Whether a folder is one that the services made: both notes are there as they write them."""
    notes = (home / LOCK, home / WORK_NOTE)
    if not all(note.is_file() and not note.is_symlink() for note in notes):
        return False
    with contextlib.suppress(OSError, ValueError):
        return Path((home / WORK_NOTE).read_text()).name.startswith(WORK_PREFIX)
    return False

"""Delete the state in a home folder, and nothing else."""

import shutil
from pathlib import Path

from batchpredict.errors import UsageError
from batchpredict.local.home.connection import NOTE
from batchpredict.local.home.folder import FOLDERS, LOCK, WORK_NOTE, is_home, lock_home

KNOWN = (*FOLDERS, NOTE, WORK_NOTE, LOCK)
"""All that the services make in a home; the two notes that tell a home go last."""


def check_home(home: Path) -> Path:
    """Return the full path of a home folder.

    Raises:
        UsageError: It is not one (E308).
    """
    found = home.expanduser().resolve()
    if not is_home(found):
        raise UsageError(
            "E308", f"{found} is not a home folder of batchpredict, and nothing was deleted"
        )
    return found


def reset_home(home: Path) -> tuple[list[str], list[str]]:
    """Delete the state in a home folder, and the folder when nothing else is in it.

    A link is removed, and what it leads to stays.

    Args:
        home: Folder that :func:`check_home` returned.

    Returns:
        The names of what was deleted, and of what is not known here and stays.

    Raises:
        EnvironmentFault: A process uses it (E302).
    """
    with lock_home(home):
        found = [name for name in KNOWN if (home / name).is_symlink() or (home / name).exists()]
        for name in found:
            _delete(home / name)
    left = sorted(path.name for path in home.iterdir())
    if not left:
        home.rmdir()
    return found, left


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()

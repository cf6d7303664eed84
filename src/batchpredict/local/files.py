"""Write files so that a reader never sees half of one."""

import os
from pathlib import Path

ENDING = ".partial"


def write_whole(path: Path, text: str | bytes) -> None:
    """Write ``text`` beside ``path``, then rename; on a full disk the old file stays.

    When this returns, the end of the process changes nothing any more: the system has the data.
    The end of the system may.

    Raises:
        OSError: The disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}{ENDING}")
    try:
        if isinstance(text, str):
            temporary.write_text(text)
        else:
            temporary.write_bytes(text)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def remove_halves(folder: Path) -> int:
    """Remove what a killed process was writing below ``folder``; return how many files."""
    halves = list(folder.rglob(f".*{ENDING}"))
    for path in halves:
        path.unlink(missing_ok=True)
    return len(halves)

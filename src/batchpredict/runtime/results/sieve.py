"""Files that hold more than plain lines of UTF-8, of which SQL reads only the plain ones."""

from typing import TYPE_CHECKING

from batchpredict.runtime.shards import read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator


def every_line(paths: list[str]) -> "Iterator[tuple[str, bytes | None]]":
    """Yield the name of the file and each of its lines, None for one of more than 64 MiB."""
    import os

    for path in paths:
        for line in read_lines(path):
            yield os.path.basename(path), line


def is_plain_file(path: str) -> bool:
    r"""Tell whether SQL reads the lines of a file as they are.

    It does not when there is a carriage return within a line, the character that stands for
    "no column ends here", a line of more than a MiB, or no UTF-8.
    """
    import codecs

    decoder, line_length = codecs.getincrementaldecoder("utf-8")(), 0
    with open(path, "rb") as file:
        while block := file.read(2**20):
            if b"\x01" in block or b"\r" in block:
                return False
            first, last = block.find(b"\n"), block.rfind(b"\n")
            if line_length + (len(block) if first < 0 else first) > 2**20:
                return False
            line_length = line_length + len(block) if last < 0 else len(block) - last - 1
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                return False
    return not decoder.getstate()[0]


def count_line_ends(path: str) -> int:
    """Count the line feeds of a file, and its last line when it has none."""
    lines, last = 0, b"\n"
    with open(path, "rb") as file:
        while block := file.read(2**18):
            lines += block.count(b"\n")
            last = block[-1:]
    return lines + (last != b"\n")


def count_file_lines(path: str) -> int:
    """Count the lines of a file; of several blank lines in a row some may be counted."""
    lines, last = 0, b"\n"
    with open(path, "rb") as file:
        while block := file.read(2**20):
            lines += block.count(b"\n") - (last + block).count(b"\n\n")
            last = block[-1:]
    return lines + (last != b"\n")


def is_plain_line(line: bytes) -> bool:
    """Tell whether SQL reads a line, without its end, as it is."""
    if b"\x01" in line or b"\r" in line or len(line) > 2**20:
        return False
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def sieve(path: str, clean: str) -> "Iterator[tuple[str, bytes | None]]":
    """Write the plain lines of a file to another one, and yield the others as ``every_line``.

    Args:
        path: The file.
        clean: Path of the file of its plain lines; whole when all has been yielded.
    """
    with open(clean, "wb") as out:
        for name, line in every_line([path]):
            bare = None if line is None else line.rstrip(b"\r\n")
            if bare is not None and is_plain_line(bare):
                out.write(bare + b"\n")
            else:
                yield name, line


def unfinished_lines(paths: list[str]) -> dict[str, bytes]:
    """Return the last line of each file that does not end with a line feed, by file name.

    Of a long line these are its last 64 KiB.
    """
    import os

    found = {}
    for path in paths:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - 2**16))
            tail = file.read()
        if tail and not tail.endswith(b"\n"):
            found[os.path.basename(path)] = tail.rpartition(b"\n")[2]
    return found

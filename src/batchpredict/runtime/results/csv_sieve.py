"""CSV files of which not every line is a row: their rows, and what is wrong with the others."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator
    from typing import BinaryIO


def csv_columns(path: str) -> list[str]:
    """Read the header of a CSV file.

    Raises:
        ValueError: E202 no CSV in UTF-8; E228 two columns have one name.
    """
    import csv

    names: list[str] = []
    reason = "a name is absent"
    with open(path, "rb") as file:
        heads = (line.decode("utf-8-sig") for line in iter(lambda: file.readline(2**24), b""))
        try:
            names = next(csv.reader(heads, strict=True), names)
        except (ValueError, csv.Error) as error:
            reason = str(error)
    if not names or not all(name.strip() and "\0" not in name for name in names):
        raise ValueError(f"E202 {path} is not readable as CSV in UTF-8: its header: {reason}")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(
            f"E228 two columns of {path} have one name, {twice[0]!r}; an input column must not be "
            "called as a prediction's"
        )
    return names


def sift_rows(path: str, header: list[str], whole: bool, sifted: str) -> int:
    r"""Write the rows of a CSV file, and what is wrong with a line in a last column of its own.

    A row stands on one line, with ``\x01`` and a letter for each line end within a cell: in the
    midst of a large file DuckDB 2.0.0 takes those for the ends of rows.

    Args:
        path: The file.
        header: Its columns.
        whole: Whether its last line must have a line feed.
        sifted: Path of the file to write.

    Returns:
        The number of rows.
    """
    import json

    above, count = 1 + "".join(header).count("\n"), 0
    with open(path, "rb") as file, open(sifted, "wb") as out:
        for _ in range(above):
            file.readline()
        out.write(b"," * len(header) + b"\n")
        for number, row, fault in csv_rows(file, len(header), above, whole):
            line = row.rstrip(b"\r\n").replace(b"\x01", b"\x01a")
            line = line.replace(b"\n", b"\x01n").replace(b"\r", b"\x01r") + b",\n"
            if fault or len(line) > 2**24:
                raw = row.rstrip(b"\r\n")[:8000].decode(errors="replace")[:2000]
                message = f"line {number}: {fault or 'longer than 16 MiB'}"
                error = json.dumps({"error": {"status": "E222", "message": message}, "\x01": raw})
                line = b"," * len(header) + b'"%b"\n' % error.replace('"', '""').encode()
            out.write(line)
            count += 1
    return count


def csv_rows(
    file: "BinaryIO", width: int, above: int, whole: bool
) -> "Iterator[tuple[int, bytes, str]]":
    r"""Yield for each row the number of its line, its text, and what is wrong with it or "".

    Within a line a cell may hold quotes, as for DuckDB. Over several lines it may only by the
    rules, lest a stray quote draws other rows into its own.

    Args:
        file: A CSV file, read up to its rows.
        width: Number of columns.
        above: Number of lines that are read.
        whole: Whether the last line must have a line feed.
    """
    import re

    quoted = r'"(?:[^"]++|"")*+"'
    one, many = (
        re.compile(rf"(?:(?:{cell}),){{{width - 1}}}(?:{cell})\r?\n?".encode())
        for cell in (rf'(?! *")[^,\r\n]*+|{quoted}', rf'[^",\r\n]*+|{quoted}')
    )
    while line := file.readline(2**24):
        above += 1
        if not line.strip(b"\r\n"):
            continue
        row, fault = line, ""
        if len(line) == 2**24 or not one.fullmatch(line):
            row, fault = row_of_lines(file, line, many)
        if not fault and row.decode(errors="ignore").encode() != row:
            fault = "no UTF-8"
        if (whole or fault) and len(row) < 2**24 and not row.endswith(b"\n"):
            fault = "the file ends inside this line"
        yield above, row, fault
        above += max(0, row.count(b"\n") - 1)


def row_of_lines(
    file: "BinaryIO", first: bytes, pattern: "re.Pattern[bytes]"
) -> tuple[bytes, str]:
    """Return a row whose first line ends within quotes, or that line and what is wrong with it.

    Args:
        file: The file, read up to the end of the line; set back to there when it is no row.
        first: The line.
        pattern: What a row over several lines is.
    """
    behind, row, quotes, taken = file.tell(), bytearray(first), first.count(b'"'), 0
    while quotes % 2 and (line := file.readline(2**24 - len(row))):
        row += line
        quotes += line.count(b'"')
        taken += 1
    if pattern.fullmatch(row) and (len(row) < 2**24 or row.endswith(b"\n")):
        return bytes(row), ""
    file.seek(behind)
    rest = first
    while rest and not rest.endswith(b"\n"):
        rest = file.readline(2**24)
    fault = "longer than 16 MiB" if len(first) == 2**24 else "not as many cells as columns"
    more = f"; its quote takes in {taken} lines, which are read as rows of their own"
    return first, fault + (more if taken else "")

"""CSV files as batch prediction reads them: a cell in quotes is a text, any other a number."""

import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from batchpredict.local.vertex.batch.lines import decoded_lines, json_texts
from batchpredict.local.vertex.errors import ServiceError, invalid

LINES_AT_ONCE = 64
LONGEST_CELL = 1 << 24
QUOTED = re.compile(r'"(?:[^"]|"")*"')
# Numbers that a float shows with the same digits: at most 15 of them, none of them idle.
WHOLE = r"(?:0|[1-9][0-9]{0,5})"
FLOAT = rf"-?(?!0\.0000){WHOLE}\.(?:0|[0-9]{{0,8}}[1-9])"
FLOATS = re.compile(rf"{FLOAT}(?:[,\n]{FLOAT})*")
NUMBERS = re.compile(rf"(?:-?{WHOLE}|{FLOAT})(?:[,\n](?:-?{WHOLE}|{FLOAT}))*")
INTEGER = re.compile(r"(?<![0-9.])[0-9]+(?![0-9.])")
RULE = "a cell is a number, or a text in double quotes, without a line break"
Numbered = Sequence[tuple[int, str]]


class CsvCells:
    """A CSV file.

    Args:
        path: The file, in UTF-8, with a header.
        key_field: The column that is not sent to the model, or "".

    Attributes:
        names: The other columns.

    Raises:
        ServiceError: INVALID_ARGUMENT, there is no header, or not this column in it.
    """

    def __init__(self, path: Path, key_field: str) -> None:
        csv.field_size_limit(LONGEST_CELL)
        self._path = path
        self._header = self._read_header()
        self._key: int | None = None
        self.names: tuple[str, ...] = tuple(self._header)
        if key_field:
            if self._header.count(key_field) != 1:
                found = ", ".join(self._header)
                raise invalid(
                    f"instance_config.key_field: {path.name} has no column {key_field!r}, or two, "
                    f"among {found[:500]}"
                )
            self._key = self._header.index(key_field)
            self.names = tuple(name for name in self._header if name != key_field)

    def _read_header(self) -> list[str]:
        read = csv.reader(decoded_lines(self._path), strict=True)
        try:
            header = next(read, [])
        except csv.Error as error:
            raise self._fault(1, str(error)) from error
        if not header or read.line_num > 1:
            raise invalid(f"{self._path.name} line 1 is no header, which is required")
        return header

    def rows(self) -> Iterator[tuple[str | None, str]]:
        """Yield the key of each row, if there are keys, and the JSON of its other cells.

        Raises:
            ServiceError: INVALID_ARGUMENT, a row is not as it has to be; its line is named.
        """
        numbered = enumerate(decoded_lines(self._path), 1)
        rows = ((number, line) for number, line in numbered if number > 1 and line.strip("\r\n"))
        while chunk := list(itertools.islice(rows, LINES_AT_ONCE)):
            try:
                yield from self._read(chunk)
            except (ValueError, csv.Error):
                for row in chunk:  # once more, to find the one
                    self._check(row)
                    yield from self._read([row])

    def _read(self, chunk: Numbered) -> Iterator[tuple[str | None, str]]:
        """Return the rows of lines that hold one each.

        Raises:
            ValueError: One of them is not as it has to be.
            csv.Error: Likewise.
        """
        lines = [line for _, line in chunk]
        if self._key is None and (plain := _plain_numbers(lines)) is not None:
            if any(line.count(",") != len(self._header) - 1 for line in plain):
                raise ValueError("a row has too many or too few cells")
            return ((None, f"[{line.replace(',', ', ')}]") for line in plain)
        rows: list[Any] = list(csv.reader(lines, strict=True, quoting=csv.QUOTE_NONNUMERIC))
        width = len(self._header)
        if len(rows) != len(lines) or any(len(cells) != width for cells in rows):
            raise ValueError("a row has too many or too few cells, or lines")
        # Python takes an empty cell for a text, and 1_0 for a number.
        if any("_" in line for line in lines) or any("" in cells for cells in rows):
            _check_numbers(lines)
        keys: list[str | None] = [None] * len(rows)
        if self._key is not None:
            for cells in rows:
                del cells[self._key]
            # As they stand in the file: 007 is another key than 7.
            keys = [cells[self._key] for cells in csv.reader(lines, strict=True)]
        return zip(keys, json_texts(rows, allow_nan=False), strict=True)

    def _check(self, row: tuple[int, str]) -> None:
        """Raise what is wrong with a line, if anything is."""
        number, line = row
        try:
            cells = next(csv.reader([line], strict=True), [])
            if len(cells) != len(self._header):
                raise ValueError(f"{len(cells)} cells for {len(self._header)} columns")
            list(self._read([row]))
        except (ValueError, csv.Error) as error:
            raise self._fault(number, str(error)) from error

    def _fault(self, number: int, reason: str) -> ServiceError:
        return invalid(f"{self._path.name} line {number}: {reason}; {RULE}")


def _plain_numbers(lines: Sequence[str]) -> list[str] | None:
    """Return the lines as the JSON of their numbers, or None where reading must find that out.

    This takes a quarter of the time of reading numbers and writing them again.
    """
    text = "\n".join(line.removesuffix("\n").removesuffix("\r") for line in lines)
    if FLOATS.fullmatch(text):
        return text.split("\n")
    if NUMBERS.fullmatch(text):
        return INTEGER.sub(r"\g<0>.0", text).split("\n")
    return None


def _check_numbers(lines: Sequence[str]) -> None:
    for line in lines:
        for cell in QUOTED.sub("q", line.rstrip("\r\n")).split(","):
            if not cell or "_" in cell:
                raise ValueError(f"{cell[:100]!r} is no number")

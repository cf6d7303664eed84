"""CSV files as batch prediction reads them: a cell in quotes is a text, any other a number."""

import csv
import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from batchpredict.local.vertex.batch_lines import decoded_lines
from batchpredict.local.vertex.errors import ServiceError, invalid

LONGEST_CELL = 1 << 24
QUOTED = re.compile(r'"(?:[^"]|"")*"')
RULE = "a cell is a number, or a text in double quotes, without a line break"


class _Lines:
    """The lines of a file, and the one that was read last."""

    def __init__(self, path: Path) -> None:
        self._lines = decoded_lines(path)
        self.last = ""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        self.last = next(self._lines)
        return self.last


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
        read = csv.reader(_Lines(self._path), strict=True)
        try:
            header = next(read, [])
        except csv.Error as error:
            raise self._fault(1, str(error)) from error
        if not header or read.line_num > 1:
            raise invalid(f"{self._path.name} line 1 is no header, which is required")
        return header

    def rows(self) -> Iterator[tuple[str | None, list[str | float]]]:
        """Yield the key of each row, if there are keys, and its other cells.

        Raises:
            ServiceError: INVALID_ARGUMENT, a row is not as it has to be; its line is named.
        """
        lines = _Lines(self._path)
        next(lines)
        read = csv.reader(lines, strict=True, quoting=csv.QUOTE_NONNUMERIC)
        for number in itertools.count(2):  # line 1 is the header
            if (cells := self._next(read, number)) is None:
                return
            if read.line_num + 1 != number:
                raise self._fault(number, "a cell has a line break")
            if cells:
                self._check(cells, lines.last, number)
                key = None if self._key is None else self._take_key(cells, lines.last)
                yield key, cells

    def _next(self, read: Iterator[Any], number: int) -> list[str | float] | None:
        try:
            return next(read, None)
        except (ValueError, csv.Error) as error:
            raise self._fault(number, str(error)) from error

    def _check(self, cells: list[str | float], line: str, number: int) -> None:
        if len(cells) != len(self._header):
            raise self._fault(number, f"{len(cells)} cells for {len(self._header)} columns")
        if any(type(cell) is float and not math.isfinite(cell) for cell in cells):
            raise self._fault(number, "JSON has no number that is infinite or none")
        if "" in cells or "_" in line:
            # Python takes an empty cell for a text, and 1_0 for a number.
            bare = QUOTED.sub("q", line.rstrip("\r\n")).split(",")
            odd = [cell for cell in bare if not cell or "_" in cell]
            if odd:
                raise self._fault(number, f"{odd[0][:100]!r} is no number")

    def _take_key(self, cells: list[str | float], line: str) -> str:
        """Remove the key and return it as it stands in the file: 007 is no other key than 7."""
        assert self._key is not None
        del cells[self._key]
        return next(csv.reader([line]))[self._key]

    def _fault(self, number: int, reason: str) -> ServiceError:
        return invalid(f"{self._path.name} line {number}: {reason}; {RULE}")

"""Rows of plain numbers are read by a shorter way, which must give what the long way gives."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpredict.local.vertex.batch.csv_rows import CsvCells, _plain_numbers
from batchpredict.local.vertex.errors import ServiceError

DIGITS = st.text("0123456789", min_size=0, max_size=12)
CELLS = st.one_of(
    st.tuples(st.sampled_from(["", "-", "+"]), DIGITS, st.sampled_from(["", "."]), DIGITS).map(
        "".join
    ),
    st.floats().map(repr),
    st.integers().map(str),
    st.sampled_from(["", "nan", "1e5", "true", "null", "[1", "0x1", "1_0", "٣", " 1", '"1"']),
)


@given(st.lists(st.lists(CELLS, min_size=1, max_size=3), min_size=1, max_size=3))
def test_plain_numbers_are_what_the_reader_finds(rows: list[list[str]]) -> None:
    lines = [",".join(cells) + "\n" for cells in rows]
    plain = _plain_numbers(lines)
    if plain is not None:
        found = list(csv.reader(lines, quoting=csv.QUOTE_NONNUMERIC))
        assert [f"[{line.replace(',', ', ')}]" for line in plain] == [
            json.dumps(it) for it in found
        ]


@pytest.mark.parametrize(
    "line",
    ["0.5", "-0.5", "0.0", "-0.0", "123456.123456789", "0.0001", "7", "-0", "0", "1,2.5,-3"],
)
def test_what_is_read_by_the_shorter_way(line: str) -> None:
    assert _plain_numbers([line + "\r\n"]) is not None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "0.50",
        "00.5",
        "05",
        "1.",
        ".5",
        "0.00001",
        "1234567.5",
        "1e5",
        "nan",
        '"1"',
        "1, 2",
        "٣",
    ],
)
def test_what_is_not(line: str) -> None:
    assert _plain_numbers(["0.5\n", line + "\n"]) is None


def test_rows_of_both_kinds(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("a,b\n" + "1,2.5\n" * 64 + '"x",0.50\r\n' + "-0,3\n")
    rows = [text for _, text in CsvCells(path, "").rows()]
    assert rows == ["[1.0, 2.5]"] * 64 + ['["x", 0.5]', "[-0.0, 3.0]"]


@pytest.mark.parametrize("line", ["1", "1,2,3"])
def test_a_row_of_plain_numbers_with_another_width(tmp_path: Path, line: str) -> None:
    path = tmp_path / "in.csv"
    path.write_text(f"a,b\n1,2\n{line}\n")
    with pytest.raises(ServiceError, match=rf"in\.csv line 3: {len(line.split(','))} cells for 2"):
        list(CsvCells(path, "").rows())

"""Rows of CSV as JSON Lines, against Python's own reader of CSV, and what damage costs."""

import csv
import io
import json
import tempfile
from functools import cache
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchpredict.runtime.results import csv_output
from batchpredict.runtime.results.csv_output import csv_lines
from batchpredict.runtime.results.csv_sieve import sift_rows

HEAD = b"key,memo,predicted_y\n"
MIB = 2**20


@cache
def database():
    """Open a database as ``open_output`` sets it: to open one takes longer than to read a file."""
    con = duckdb.connect(config={"threads": 2})
    con.execute("SET async_threads = 0; SET preserve_insertion_order = false")
    return con


def convert(data, whole=False):
    """Return rows, failures, and whether DuckDB alone could read the content of a file."""
    with tempfile.TemporaryDirectory() as folder:
        path, lines = Path(folder, "predictions_1.csv"), Path(folder, "lines")
        path.write_bytes(data)
        csv_lines(database(), str(path), "y", False, whole, str(lines))
        found = [json.loads(line) for line in lines.read_bytes().split(b"\n")[:-1]]
        rows = [row for row in found if "prediction" in row]
        return rows, [row for row in found if "error" in row], not Path(f"{lines}.csv").exists()


def refusal(data):
    """Return the message of the error that refuses a file."""
    with pytest.raises(ValueError, match=r"^E2") as error:
        convert(data)
    return str(error.value)


def cells_of(rows, names):
    """Return the cells of rows, in no order."""
    found = []
    for row in rows:
        answer = row["prediction"]  # a text where damage made it one
        cell = str(answer["value"]) if isinstance(answer, dict) else answer
        found.append([{**row["instance"], "predicted_y": cell}[name] for name in names])
    return sorted(found, key=repr)


def keys_of(rows):
    return sorted(row["instance"]["key"] for row in rows)


def told(failure):
    assert failure["error"]["status"] == "E222"
    return failure["\x01"], failure["error"]["message"]


# A cell may be anything; its first letter lets no stray quote before it seem to end there.
LETTERS = st.sampled_from([*'",\r\n a1é\x00\x01\x02\\{\t', "\r\n", '""', "\u2028", "\ufeff"])
CELLS = st.lists(LETTERS, max_size=6).map("".join)


@st.composite
def tables(draw, cells):
    """Draw the names of columns and rows with a number in the column of the prediction."""
    names = [f"c {n}" for n in range(draw(st.integers(0, 3)))]
    at = draw(st.integers(0, len(names)))
    rows = draw(st.lists(st.tuples(*[cells] * len(names)), max_size=6))
    numbered = [[*row[:at], f"{n}.5", *row[at:]] for n, row in enumerate(rows)]
    return [*names[:at], "predicted_y", *names[at:]], numbered


def written(rows, quoting=csv.QUOTE_MINIMAL, end="\r\n"):
    """Return each row as Python's csv module writes it."""
    found = []
    for row in rows:
        file = io.StringIO()
        csv.writer(file, quoting=quoting, lineterminator=end).writerow(row)
        found.append(file.getvalue().encode())
    return found


STYLES = [(csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\r\n"), (csv.QUOTE_ALL, "\n")]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(tables(CELLS), st.sampled_from(STYLES), st.booleans(), st.booleans(), st.booleans())
def test_cells_come_back_as_they_were(table, style, mark, ended, blank):
    names, rows = table
    lines = written([names, *rows], *style)
    data = (b"\xef\xbb\xbf" if mark else b"") + (b"\n" if blank else b"").join(lines)
    data = data if ended else data.removesuffix(b"\n").removesuffix(b"\r")
    found, failed, _ = convert(data)
    independent = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    assert [cells for cells in independent if cells] == [names, *rows]
    assert cells_of(found, names) == sorted(rows, key=repr)
    assert failed == []


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from(STYLES))
def test_damage_costs_no_other_row(data, style):
    names, rows = data.draw(tables(CELLS.map(lambda text: "a" + text)).filter(lambda it: it[1]))
    head, *lines = written([names, *rows], *style)
    at = data.draw(st.integers(0, len(rows) - 1))
    body = lines[at].rstrip(b"\r\n")
    start = data.draw(st.integers(0, len(body) - 1))
    end = data.draw(st.integers(start, len(body)))
    put = data.draw(st.sampled_from([b"", b'"', b",", b"\xff", b"\r", b"x", b'""', b' "', b"\0"]))
    damaged = body[:start] + put + body[end:]
    lines[at] = (damaged if damaged.strip(b"\r") else b"x") + style[1].encode()
    found, failed, _ = convert(head + b"".join(lines))
    others = rows[:at] + rows[at + 1 :]
    back = cells_of(found, names)
    assert [row for row in others if row not in back] == []
    assert len(found) + len(failed) >= len(rows)


@pytest.mark.parametrize(
    ("row", "memo"),
    [
        (b'k,"a ""b"", c",1', 'a "b", c'),
        (b'k,5" disk,1', '5" disk'),
        (b'k,"two\nlines",1', "two\nlines"),
        (b'k,"two\r\nlines\r",1', "two\r\nlines\r"),
        (b"k,a\x01b\x01nc,1", "a\x01b\x01nc"),
        (b'k,"\x01\n\x01r",1', "\x01\n\x01r"),
        (b"k,\x01\x02,1", "\x01\x02"),
        (b"k,a\0b,1", "a\0b"),
        (b"k,,1", ""),
        (b'k,"",1', ""),
        (b"k,  x ,1", "  x "),
        (b"k,\xef\xbb\xbf,1", "\ufeff"),
        (b"k,\xc2\x85\xe2\x80\xa8,1", "\x85\u2028"),
        (b"k,NULL,1", "NULL"),
    ],
)
@pytest.mark.parametrize("beside", [b"", b"odd\n"])
def test_an_odd_cell_is_read_as_it_is(row, memo, beside):
    rows, failed, _ = convert(HEAD + b"a,b,2\n" + row + b"\n" + beside + b"c,d,3\n")
    assert keys_of(rows) == ["a", "c", "k"]
    assert [each["instance"]["memo"] for each in rows if each["instance"]["key"] == "k"] == [memo]
    assert [told(failure)[0] for failure in failed] == ["odd"] * bool(beside)


@pytest.mark.parametrize(
    "odd",
    [
        "k,1",
        "k,m,1,2",
        "k",
        " ",
        'k,"m,1',
        'k,"m"x,1',
        'k,""m"",1',
        'k, "m,1',
        "k,m\rm,1",
        "k,\r,1",
        '"',
        '"""',
        'k,m,"1',
        "k,m,1,",
    ],
)
def test_a_line_that_is_no_row_costs_itself(odd):
    rows, [failure], quick = convert(HEAD + b"a,b,2\n" + odd.encode() + b"\nc,d,3\n")
    raw, message = told(failure)
    assert keys_of(rows) == ["a", "c"]
    assert raw == odd
    assert message.startswith("line 3: not as many cells as columns")
    assert not quick


@pytest.mark.parametrize("odd", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b'"\n\xff"'])
@pytest.mark.parametrize("above", [0, 5000])
def test_a_byte_that_is_no_utf8_costs_a_row(odd, above):
    rows, [failure], _ = convert(HEAD + b"a,b,2\n" * above + b"k," + odd + b",1\nc,d,3\n")
    raw, message = told(failure)
    assert len(rows) == above + 1
    assert raw.startswith("k,")
    assert "\ufffd" in raw
    assert message == f"line {above + 2}: no UTF-8"


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"key,m\xff,predicted_y\n", "E202"),
        (b"", "E202"),
        (b"\n\n", "E202"),
        (b"key,,predicted_y\n", "E202"),
        (b"key,a\0b,predicted_y\n", "E202"),
        (b'key,"a,predicted_y\n', "E202"),
        (b"key,predicted_y\r1,2\r", "E202"),
        (b"m" * 200_000 + b",predicted_y\n", "E202"),
        (b"key,memo,key,predicted_y\n", "E228"),
        (b"key,predicted_y,predicted_y\n", "E228"),
        (b"key,memo\n", "E227"),
    ],
)
def test_a_header_that_is_none_is_refused(head, code):
    message = refusal(head + b"a,b,1\n" * bool(head.strip()))
    assert message.startswith(f"{code} ")
    assert code == "E227" or "predictions_1.csv" in message


def test_columns_that_differ_in_case_alone():
    [row], _, _ = convert(b"a,A,predicted_y\n1,2,3\n")
    assert row["instance"] == {"a": "1", "A": "2"}


def test_an_unclosed_quote_tells_what_it_takes_in_and_loses_no_row():
    behind = b"".join(b'k%d,"m\n%d",1\n' % (n, n) for n in range(5)) + b"x,y,1\n" * 3
    rows, [failure], _ = convert(HEAD + b"a,b,1\n" + b'k,"m,1\n' + b"p,q,1\n" * 4 + behind)
    assert told(failure) == (
        'k,"m,1',
        "line 3: not as many cells as columns; its quote takes in 5 lines, which are read as rows "
        "of their own",
    )
    assert len(rows) == 1 + 4 + 5 + 3


def test_a_quote_that_stays_open_to_the_end_of_the_file():
    rows, [failure], _ = convert(HEAD + b'k,"m,1\n' + b"p,q,1\n" * 9)
    assert told(failure)[1].endswith(
        "its quote takes in 9 lines, which are read as rows of their own"
    )
    assert len(rows) == 9


def test_many_stray_quotes_are_read_over_once():
    rows, failed, _ = convert(HEAD + b'k,"m,1\np,"",1\n' * 3000)
    assert (len(rows), len(failed)) == (3000, 3000)


def test_the_lines_of_a_quoted_cell_are_counted():
    _, [failure], _ = convert(b'key,"me\nmo",predicted_y\n' + b'a,"\n\n",1\n\nb,c\n')
    assert told(failure)[1].startswith("line 7: ")


def test_a_quote_within_a_cell_does_not_close_that_of_another_row():
    rows, failed, _ = convert(HEAD + b'"k\np,",x"",y\nz",1\nq,r,2\n')
    assert keys_of(rows) == ["p", "q"]
    assert [told(failure)[0] for failure in failed] == ['"k']


@pytest.mark.parametrize("size", [16 * MIB, 16 * MIB + 1, 33 * MIB])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_line_beyond_16_mib_costs_itself(size, end):
    long = b"k," + b"m" * (size - 5) + b",1"
    first, last = b"a,b,2\n", long + end if end else long
    rows, failed, _ = convert(HEAD + first + (last + b"c,d,3\n" if end else last))
    if size == 16 * MIB:
        assert keys_of(rows)[:1] == ["a"]
        assert len(rows) + len(failed) == 2 + bool(end)
        return
    raw, message = told(*failed)
    assert keys_of(rows) == ["a", *["c"] * bool(end)]
    assert raw == long[:2000].decode()
    assert message == "line 3: longer than 16 MiB"


@pytest.mark.parametrize(("start", "texts"), [(b"k,m,", ["k,m,"]), (b'k,"m\n",', ['k,"m', '",'])])
def test_the_first_16_mib_of_a_line_are_no_row(start, texts):
    rows, failed, _ = convert(HEAD + start + b"1" * (17 * MIB) + b"\nc,d,3\n")
    assert keys_of(rows) == ["c"]
    assert [told(failure)[0].rstrip("1") for failure in failed] == texts


def test_what_is_sifted_holds_one_row_in_a_line(tmp_path):
    (tmp_path / "rows").write_bytes(HEAD + b'k,"a\r\nb\rc\n",1\r\nodd\n')
    header = ["key", "memo", "predicted_y"]
    assert sift_rows(str(tmp_path / "rows"), header, False, str(tmp_path / "sifted")) == 2
    _, row, odd = (tmp_path / "sifted").read_bytes().splitlines()
    assert row == b'k,"a\x01r\x01nb\x01rc\x01n",1,'
    assert odd.startswith(b',,,"{""error"": ')
    assert odd.endswith(b', ""\\u0001"": ""odd""}"')


def test_a_row_that_grows_beyond_16_mib_on_one_line():
    odd = b'k,"m' + b"\n" * 200 + b"m" * (16 * MIB - 300) + b'",1\n'
    [row], [failure], _ = convert(HEAD + odd + b"c,d,3\n")
    assert row["instance"]["key"] == "c"
    assert told(failure)[0].startswith('k,"m\n')
    assert told(failure)[1] == "line 2: longer than 16 MiB"


def test_a_thousand_columns():
    names = [*(f"c{n}" for n in range(999)), "predicted_y"]
    rows = [[f"{n} {m}" for n in range(999)] + ["1.5"] for m in range(3)]
    lines = written([names, *rows])
    found, failed, quick = convert(b"".join(lines))
    assert (cells_of(found, names), failed, quick) == (rows, [], True)
    found, [failure], _ = convert(b"".join([*lines, b"," * 998 + b"\n"]))
    assert cells_of(found, names) == rows
    assert told(failure)[0] == "," * 998


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_sound_file_is_read_by_duckdb_alone(end):
    data = (HEAD + b'a,"b ""c"", d",1\ne,f,2\n').replace(b"\n", end)
    rows, failed, quick = convert(data)
    assert (keys_of(rows), failed, quick) == (["a", "e"], [], True)


def test_line_ends_of_both_kinds():
    rows, failed, _ = convert(HEAD + b"a,b,1\r\nc,d,2\n\r\n\ne,f,3\r\n")
    assert (keys_of(rows), failed) == (["a", "c", "e"], [])


@pytest.mark.parametrize("whole", [False, True])
def test_a_last_line_without_a_line_feed(whole):
    rows, failed, _ = convert(HEAD + b"a,b,1\nc,d,2", whole)
    assert keys_of(rows) == (["a"] if whole else ["a", "c"])
    assert [told(failure) for failure in failed] == (
        [("c,d,2", "line 3: the file ends inside this line")] if whole else []
    )


@pytest.mark.parametrize("cut", ["c,d", 'c,"d,2', "c,\xff"])
def test_a_last_line_that_is_cut(cut):
    [row], [failure], _ = convert(HEAD + b"a,b,1\n" + cut.encode("latin-1"))
    assert row["instance"]["key"] == "a"
    assert told(failure) == (
        cut.replace("\xff", "\ufffd"),
        "line 3: the file ends inside this line",
    )


def test_the_text_of_a_failure_is_cut():
    _, [failure], _ = convert(HEAD + "é".encode() * 5000 + b"\n")
    assert told(failure)[0] == "é" * 2000


def test_line_ends_within_a_prediction():
    cell = b'"{\n""value"": 1.5,\r\n""quantile_values"": [0.5],\n""quantile_predictions"": [1]}"'
    [row], failed, _ = convert(HEAD + b"a,b," + cell + b"\n")
    assert row["prediction"]["value"] == 1.5
    assert failed == []


def test_rows_that_duckdb_leaves_out_are_missed(monkeypatch):
    monkeypatch.setattr(csv_output, "copy_rows", lambda *_: 1)
    assert refusal(HEAD + b"a,b,1\nc,d,2\n").startswith("E202 not all rows of ")

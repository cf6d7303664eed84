import json
import tracemalloc

import pytest
from rounds import FAILURES, make_counts, write_table

from batchpredict.runtime.retry_identities import identity, load_identities
from batchpredict.runtime.retrying import (
    choose_lines,
    is_ambiguous,
    match_lines,
    open_result,
    read_instances,
    read_summary,
    write_chosen,
)
from batchpredict.runtime.tables import open_database


@pytest.fixture
def con(tmp_path):
    folder = tmp_path / "database"
    folder.mkdir()
    with open_database(str(folder)) as con:
        yield con


SUMMARY = {"matched_by": "key", "kind": "custom", "counts": make_counts(1, 2, 3)}


def test_a_summary_that_accounts_for_every_row(tmp_path):
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(SUMMARY))
    assert read_summary(str(path)) == SUMMARY


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([1], "no summary"),
        ({}, "no summary"),
        ({**SUMMARY, "counts": {"input": 1}}, "no summary"),
        ({**SUMMARY, "counts": {**make_counts(1), "input": "x"}}, "no summary"),
        ({"kind": "custom", "counts": make_counts(1)}, "no summary"),
        ({**SUMMARY, "matched_by": None}, "does not account"),
        ({**SUMMARY, "kind": None}, "does not account"),
        ({**SUMMARY, "counts": {**make_counts(1), "input": 2}}, "does not account"),
    ],
)
def test_e271_summaries_that_do_not_help(tmp_path, content, reason):
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"^E271 .*{reason}"):
        read_summary(str(path))


@pytest.mark.parametrize("content", [b"{", b"\xff", b"NaN"])
def test_e271_a_summary_that_is_no_json(tmp_path, content):
    path = tmp_path / "summary.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^E271 "):
        read_summary(str(path))


def test_e271_no_summary(tmp_path):
    with pytest.raises(ValueError, match=r"^E271 "):
        read_summary(str(tmp_path / "none"))


def test_e203_a_table_without_a_column(con, tmp_path):
    table = write_table(tmp_path / "f.parquet", [{"key": "a"}], FAILURES)
    open_result(con, "failures", table.uri, table.path, ["key", "instance"])
    with pytest.raises(ValueError, match=r"^E203 other \(.*\) has no column 'keys'.*'key'\?"):
        open_result(con, "other", table.uri, table.path, ["keys"])


def test_e201_no_table(con, tmp_path):
    with pytest.raises(ValueError, match=r"^E201 "):
        open_result(con, "failures", "gs://b/none", str(tmp_path / "none"), [])


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ('{"a": 1, "b": [2.0]}', '{"b":[2],"a":1.0}', True),
        ('{"a": NaN}', '{"a": "NaN"}', True),
        ('{"a": "\\u00e9"}', '{"a": "é"}', True),
        ('{"a": 1}', '{"a": "1"}', False),
        ('{"a": 1, "b": 2}', '{"a": 1}', False),
        ("9007199254740993", "9007199254740992", False),
        ("[[1], 2]", "[1, [2]]", False),
    ],
)
def test_instances_are_compared_by_meaning(one, two, same):
    assert (identity(one) == identity(two)) is same


def test_instances_of_every_form(tmp_path):
    path = tmp_path / "instances.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"key": "a"}\n\n {"key": 1.10} \r\n[1]\n{"key": null}\n"key"\ngs://b/x'
    )
    assert list(read_instances(str(path), "key")) == [
        (1, "a", '{"key": "a"}'),
        (3, "1.10", '{"key": 1.10}'),
        (4, None, "[1]"),
        (5, None, '{"key": null}'),
        (6, None, '"key"'),
        (7, None, '"gs://b/x"'),
    ]


def test_e201_no_instances(tmp_path):
    with pytest.raises(ValueError, match=r"^E201 "):
        list(read_instances(str(tmp_path / "none"), "key"))


def test_e202_a_line_without_an_end(tmp_path):
    path = tmp_path / "instances.jsonl"
    with path.open("wb") as file:
        file.write(b'1\n"')
        file.seek(65 * 2**20)
        file.write(b'"\n')
    with pytest.raises(ValueError, match=r"^E202 line 2 of the instances .* longer than 64 MiB"):
        list(read_instances(str(path), "key"))


def load(con, folder, name, keys, exact=False):
    rows = ((number, key, key and f'"{key}"') for number, key in enumerate(keys))
    load_identities(con, str(folder), name, rows, exact)


@pytest.mark.parametrize(
    ("wanted", "lines", "ambiguous"),
    [("a", "ab", False), ("aa", "aab", False), ("a", "aab", True), ("", "aa", False)],
)
def test_a_key_that_stands_more_often_than_it_failed(con, tmp_path, wanted, lines, ambiguous):
    load(con, tmp_path, "wanted", wanted)
    load(con, tmp_path, "lines", lines)
    assert is_ambiguous(con) is ambiguous


@pytest.mark.parametrize("by", ["key", "instance"])
@pytest.mark.parametrize(
    ("wanted", "lines", "pairs"),
    [
        ("ba", "abc", [(0, 1), (1, 0)]),
        ("aa", "aba", [(0, 0), (1, 2)]),
        ("aaa", "aba", [(0, 0), (1, 2)]),
        ("", "ab", []),
        ("x", "", []),
        ("a", ["a", None], [(0, 0)]),
    ],
)
def test_rows_are_paired_as_multisets(con, tmp_path, by, wanted, lines, pairs):
    load(con, tmp_path, "wanted", wanted, by == "instance")
    load(con, tmp_path, "lines", lines, by == "instance")
    con.execute("CREATE TABLE chosen (wanted BIGINT, line BIGINT)")
    match_lines(con, ["key" if by == "key" else "digest"])
    assert sorted(con.execute("FROM chosen").fetchall()) == pairs


def test_a_key_of_megabytes(con, tmp_path):
    load(con, tmp_path, "wanted", ["x" * 20_000_000, "\ud800"])
    found = con.execute("SELECT length(key) FROM wanted ORDER BY row").fetchall()
    assert found == [(20_000_000,), (1,)]


def test_memory_does_not_grow_with_the_rows(con, tmp_path):
    def peak(rows):
        path, target = tmp_path / "instances.jsonl", tmp_path / "retry.jsonl"
        path.write_text("".join(f'{{"key": "{n}", "x": {n}}}\n' for n in range(rows)))
        failures = [{"key": str(n)} for n in range(0, rows, 2)]
        table = write_table(tmp_path / "f.parquet", failures, FAILURES)
        con.execute("DROP VIEW IF EXISTS failures; DROP TABLE IF EXISTS chosen")
        open_result(con, "failures", table.uri, table.path, ["key", "instance"])
        summary = {**SUMMARY, "counts": make_counts(rows // 2, rows // 2)}
        tracemalloc.start()
        choose_lines(con, str(tmp_path), str(path), "key", [], summary)
        write_chosen(con, str(path), str(target))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(target.read_text().splitlines()) == rows // 2
        return used

    peak(100)
    assert peak(40_000) < peak(4_000) + 300_000

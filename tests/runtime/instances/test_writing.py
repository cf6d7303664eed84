import gzip
from pathlib import Path

import duckdb
import pytest
from kfp import dsl

from batchpredict.runtime.instances.lines import line_builder
from batchpredict.runtime.instances.writing import (
    open_sink,
    publish_files,
    row_judge,
    table_rows,
    write_rows,
)


def write(tmp_path, rows, *, shard_rows=0, key="key", misfits=None, kind="csv", heading="h"):
    names = ["key", "n"]
    sink = open_sink(kind, str(tmp_path), shard_rows, heading)
    judge = row_judge(names, key, misfits, "array")
    build = line_builder(kind, names, key, "")
    return write_rows(rows, build, judge, sink, bool(key)), sink["files"]


@pytest.mark.parametrize(("shard_rows", "sizes"), [(0, [5]), (5, [5]), (2, [2, 2, 1]), (9, [5])])
def test_shards_hold_their_number_of_rows_and_a_heading_each(tmp_path, shard_rows, sizes):
    rows = [(f'"k{number}"', str(number)) for number in range(5)]
    count, files = write(tmp_path, rows, shard_rows=shard_rows)
    texts = [Path(file).read_text().splitlines() for file in files]
    assert count == 5
    assert [len(lines) - 1 for lines in texts] == sizes
    assert {lines[0] for lines in texts} == {"h"}
    assert [line for lines in texts for line in lines[1:]] == [f'"k{n}",{n}' for n in range(5)]


def test_rows_come_in_the_order_of_the_table():
    with duckdb.connect(config={"threads": 4}) as con:
        con.execute("CREATE TABLE source AS SELECT range AS a FROM range(400000)")
        rows = table_rows(con, {"a": "CAST(a AS VARCHAR)"}, ["a"])
        assert all(row == (str(number),) for number, row in enumerate(rows))


def test_all_rows_are_judged_and_the_first_are_named(tmp_path):
    rows = [(f'"k{n}"', None if n % 2 else "NaN" if n == 4 else str(n)) for n in range(100)]

    def misfits(value):
        return ["a", "b", "c", "d"] if value[0] > 90 else []

    with pytest.raises(
        ValueError, match=r"^E212 51 of 100 rows cannot be written: row 2"
    ) as caught:
        write(tmp_path, rows, misfits=lambda value: misfits(value) if value[0] else [])
    text = str(caught.value)
    assert "row 2 (k1): the cell of 'n' is missing, which" in text
    assert "row 5 (k4): the cell of 'n': NaN is not JSON" in text
    assert text.count(": the cell of") == 20
    assert (
        "E216 4 of 100 rows do not fit the model's instance schema: row 93 (k92): a, b, c; "
        in text
    )
    assert text.endswith("mend these rows")


def test_without_a_key_the_number_names_the_row(tmp_path):
    with pytest.raises(ValueError, match=r"^E212 1 of 1 rows .*: row 1: the cell of 'n' is mis"):
        write(tmp_path, [('"k"', None)], key="")


def test_half_a_surrogate_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"^E212 1 of 2 rows cannot be written: row 1 .*surrogate"
    ):
        write(tmp_path, [('"\\ud800"', "1"), ('"k"', "2")])


def test_an_error_that_no_row_is_to_blame_for_closes_the_file(tmp_path):
    def misfits(value):
        raise RuntimeError(f"E215 {value}")

    with pytest.raises(RuntimeError, match=r"^E215 \[1\]$"):
        write(tmp_path, [('"a"', "1")], misfits=misfits)


@pytest.mark.parametrize(
    ("kind", "ending"), [("jsonl", "jsonl"), ("csv", "csv"), ("file-list", "txt")]
)
def test_files_get_the_ending_of_their_format(tmp_path, kind, ending):
    source = tmp_path / "instances-00001"
    source.write_text("x")
    one = dsl.Dataset(uri=str(tmp_path / "deep" / "one"))
    assert publish_files([str(source)], one, kind, False) == [one.uri]
    assert one.uri.endswith(f"/one.{ending}")
    assert Path(one.path).read_text() == "x"
    many = dsl.Dataset(uri=str(tmp_path / "many"))
    assert publish_files([str(source)], many, kind, True) == [f"{many.uri}/{source.name}.{ending}"]
    assert [path.name for path in Path(many.path).iterdir()] == [f"instances-00001.{ending}"]


def test_records_are_compressed_the_same_way_each_time(tmp_path):
    contents = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        sink = open_sink("tf-record-gzip", str(tmp_path / name), 0, "")
        sink["write"]({"x": ([1], "int")})
        sink["close"]()
        sink["close"]()
        contents.append(Path(sink["files"][0]).read_bytes())
    assert contents[0] == contents[1]
    assert len(gzip.decompress(contents[0])) == 16 + 14

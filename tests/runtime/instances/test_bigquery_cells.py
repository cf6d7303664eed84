"""A BigQuery table as cells, from a server on this machine that speaks its REST API."""

import pytest
from runtime.results.test_bigquery_server import DATASET, PROJECT, Tables, field

from batchpredict.runtime.instances.bigquery_cells import (
    bigquery_columns,
    cell_texts,
    load_bigquery,
)
from batchpredict.runtime.instances.writing import table_rows
from batchpredict.runtime.tables import open_database

URI = f"bq://{PROJECT}.{DATASET}.t"
FIELDS = [
    field("n", "INTEGER"),
    field("d", "NUMERIC"),
    field("s"),
    field("b", "BYTES"),
    field("l", "INTEGER", "REPEATED"),
    field("r", "RECORD", fields=[field("x", "FLOAT"), field("y")]),
    field("t", "TIMESTAMP"),
]
ROWS = [
    ["9007199254740993", "1.10", 'a "b",\nc', "eA==", [1, 2], {"x": "NaN", "y": ""}, "1500000"],
    [None, "-0", "", None, [], None, None],
    ["007", "2", "\ud800", None, [], None, None],
]


def read(tmp_path, tables, texts=()):
    with open_database(str(tmp_path)) as con:
        binary = load_bigquery(con, URI, str(tmp_path), tables.api)
        names = con.table("source").columns
        return list(table_rows(con, bigquery_columns(names, texts), names)), binary


def test_every_cell_is_there_with_its_digits(tmp_path):
    with Tables() as tables:
        tables.add("t", FIELDS, ROWS)
        rows, binary = read(tmp_path, tables, texts=["d", "s", "r"])
    nested = '"{\\"x\\": NaN, \\"y\\": \\"\\"}"'
    time = '"1970-01-01 00:00:01.500000+00:00"'
    text = '"a \\"b\\",\\nc"'
    assert rows == [
        ("9007199254740993", '"1.10"', text, '"eA=="', "[1, 2]", nested, time),
        (None, '"-0"', '""', None, "[]", None, None),
        ('"007"', '"2"', '"\\ud800"', None, "[]", None, None),
    ]
    assert binary == {"b"}
    assert not (tmp_path / "cells.csv").exists()


def test_what_cannot_be_read_is_named(tmp_path):
    with Tables() as tables:
        with pytest.raises(RuntimeError, match=rf"^E226 there is no table {URI}; correct"):
            read(tmp_path, tables)
        tables.add("t", FIELDS, [])
        (tmp_path / "empty").mkdir()
        with pytest.raises(ValueError, match=r"^E202 the dataset bq://.* has no rows"):
            read(tmp_path / "empty", tables)
        tables.add("t", FIELDS, ROWS, numRows="2")
        (tmp_path / "changed").mkdir()
        with pytest.raises(RuntimeError, match=r"^E282 3 rows of "):
            read(tmp_path / "changed", tables)
    with pytest.raises(RuntimeError, match=r"^E282 BigQuery sent a row of 1 values for 2 columns"):
        cell_texts(["x"], [str, str])


def test_pages_without_an_end_are_not_read_for_ever(tmp_path):
    with Tables() as tables:
        tables.add("t", [field("a")], [["1"]] * 2, numRows="1")
        page = {"rows": [{"f": [{"v": "1"}]}] * 2, "totalRows": "1", "pageToken": "t0"}
        tables.troubles = [None, (200, page)]
        with pytest.raises(RuntimeError, match=r"^E282 2 rows of "):
            read(tmp_path, tables)
        assert sum("/data?" in address for address in tables.asked) == 1


def test_a_table_of_one_column_may_miss_every_cell(tmp_path):
    with Tables() as tables:
        tables.add("t", [field("a")], [[None], [""], [None]])
        assert read(tmp_path, tables)[0] == [(None,), ('""',), (None,)]

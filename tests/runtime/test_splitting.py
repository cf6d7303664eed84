import csv
import hashlib
import json
import math
import random
import struct
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchpredict.runtime.splitting import (
    encode_categories,
    numeric_columns,
    prepare_split,
    write_splits,
)
from batchpredict.runtime.tables import open_database, sql_name


@pytest.fixture
def con(tmp_path):
    folder = tmp_path / "database"
    folder.mkdir()
    with open_database(str(folder)) as con:
        yield con


def table(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return [str(path)]


def split(con, files, target="y", key="", task="auto", fraction=0.5, ignored=(), seed=0):
    return prepare_split(con, files, target, key, task, fraction, list(ignored), seed)


def expected_test_keys(classes, fraction, seed):
    """The rule of the split, written down once more with Python's own tools."""
    chosen = set()
    for keys in classes.values():
        order = sorted(keys, key=lambda k: (hashlib.md5(f"{seed}:{k}".encode()).hexdigest(), k))
        most = len(keys) - 1 if len(classes) > 1 else len(keys)
        chosen |= set(order[: min(math.floor(len(keys) * fraction + 0.5), most)])
    return chosen


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(
        st.text("abcé0 1", min_size=1, max_size=4).filter(lambda k: k.strip() == k),
        st.sampled_from(["x", "y", "z"]),
        min_size=8,
        max_size=60,
    ).filter(
        lambda rows: min(Counter(rows.values()).values()) > 1 and len(set(rows.values())) > 1
    ),
    st.integers(0, 9),
    st.sampled_from([0.25, 0.5, 0.3]),
    st.randoms(use_true_random=False),
)
def test_each_row_goes_to_one_split_whatever_the_order(rows, seed, fraction, shuffler):
    classes = {}
    for key, label in rows.items():
        classes.setdefault(label, set()).add(key)
    wanted, order = expected_test_keys(classes, fraction, seed), list(rows.items())
    for _ in range(2):
        shuffler.shuffle(order)
        with tempfile.TemporaryDirectory() as folder, open_database(folder) as con:
            lines = [("id", "f", "y"), *((k, 1, v) for k, v in order)]
            files = table(Path(folder) / "t.csv", lines)
            if not wanted or wanted == set(rows):
                with pytest.raises(ValueError, match=r"^E208"):
                    split(con, files, key="id", fraction=fraction, seed=seed)
                continue
            split(con, files, key="id", fraction=fraction, seed=seed)
            placed = con.execute('SELECT id, y, " test" FROM placed').fetchall()
        assert {k: v for k, v, _ in placed} == rows
        assert len(placed) == len(rows)
        assert {k for k, _, test in placed if test} == wanted
        assert {v for _, v, test in placed if not test} == set(rows.values())


@pytest.mark.parametrize(
    ("rows", "fraction", "tested"), [(20, 0.25, 5), (10, 0.25, 3), (11, 0.5, 6)]
)
def test_a_regression_is_split_as_a_whole(con, tmp_path, rows, fraction, tested):
    files = table(tmp_path / "t.csv", [("y", "f"), *((n, n) for n in range(rows))])
    assert split(con, files, fraction=fraction, task="regression") == ("regression", "key", ["f"])
    keys = {r[0] for r in con.execute('SELECT key FROM placed WHERE " test"').fetchall()}
    made = {f"row-{n:06d}" for n in range(1, rows + 1)}
    assert keys == expected_test_keys({"all": made}, fraction, 0)
    assert len(keys) == tested


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (range(11), "regression"),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, "10.0", "1e1"], "classification"),
        ([*range(12), "none"], "classification"),
        ("abcdefghijklmn", "classification"),
    ],
)
def test_auto_takes_regression_for_more_than_ten_numbers(con, tmp_path, values, task):
    files = table(tmp_path / "t.csv", [("y", "f"), *((v, 1) for v in [*values, *values])])
    assert split(con, files)[0] == task


def test_cells_become_numbers_or_texts(con, tmp_path):
    rows = [
        ("y", "number", "name", "year", "mixed", "NaN"),
        ("a", "1.5", "2020_1", "2007", "1", "nan"),
        ("a", "NA", "2020_2", "2008", "x", "1e999"),
        ("b", "-3", "2020_3", "", "2", "1"),
        ("b", "1e3", "NA", "2009", "3", "2"),
        ("", "9", "9", "9", "9", "9"),
    ]
    split(con, table(tmp_path / "t.csv", rows))
    found = con.execute('SELECT * EXCLUDE (" test") FROM placed ORDER BY key').fetchall()
    assert found == [
        ("row-000001", 1.5, "2020_1", 2007.0, "1", None, "a"),
        ("row-000002", None, "2020_2", 2008.0, "x", None, "a"),
        ("row-000003", -3.0, "2020_3", None, "2", 1.0, "b"),
        ("row-000004", 1000.0, None, 2009.0, "3", 2.0, "b"),
    ]


def test_parquet_keeps_its_types(con, tmp_path):
    path = tmp_path / "t.parquet"
    con.execute(
        f"COPY (SELECT n AS id, n % 2 = 0 AS flag, '00' || n AS zip, n::DECIMAL(9, 2) AS price, "
        "DATE '2024-01-01' AS day, CASE n WHEN 1 THEN 'nan'::DOUBLE ELSE n END AS d, [n] AS list, "
        f"n % 3 = 0 AS y FROM range(6) t(n)) TO '{path}' (FORMAT parquet)"
    )
    _, key, features = split(con, [str(path)], key="id")
    assert (key, features) == ("id", ["flag", "zip", "price", "day", "d", "list"])
    found = con.execute('SELECT * EXCLUDE (" test") FROM placed ORDER BY id').fetchall()
    assert found[1] == ("1", "false", "001", 1.0, "2024-01-01", None, "[1]", "false")
    assert numeric_columns(con, typed=True) == {"id", "price", "d"}


def test_the_key_and_ignored_columns_are_no_features(con, tmp_path):
    files = table(
        tmp_path / "t.csv", [("id", "y", "f", "g"), *((i, i % 2, 1, 2) for i in range(8))]
    )
    assert split(con, files, key="id", ignored=["f"]) == ("classification", "id", ["g"])


def test_every_float_comes_back_from_the_instances(con, tmp_path):
    random_bits = random.Random(3)
    values = [struct.unpack("<d", random_bits.randbytes(8))[0] for _ in range(4000)]
    values = [v for v in values if math.isfinite(v)]
    values += [0.1, 5e-324, 1.7976931348623157e308, -0.0, 1e22, 1e16, 123456789012345680.0]
    rows = [("y", "v", "t"), *((i % 2, repr(v), 'é"\u2028\\') for i, v in enumerate(values))]
    split(con, table(tmp_path / "t.csv", rows))
    outputs = {name: str(tmp_path / name) for name in ("train", "test", "instances")}
    write_splits(con, "key", ["v", "t"], "y", outputs)
    with open(outputs["instances"], encoding="utf-8", newline="\n") as file:
        instances = [json.loads(line) for line in file]
    assert instances
    assert list(instances[0]) == ["key", "v", "t"]
    for row in instances:
        truth = values[int(row["key"][4:]) - 1]
        assert struct.pack("<d", row["v"]) == struct.pack("<d", truth)
        assert row["t"] == 'é"\u2028\\'
    query = f"SELECT key, v FROM read_parquet(['{outputs['train']}', '{outputs['test']}'])"
    written = con.execute(query).fetchall()
    assert len(written) == len(values)
    for key, value in written:
        assert value == values[int(key[4:]) - 1]


def test_texts_become_the_index_of_their_level(con):
    con.execute(
        "CREATE TABLE placed AS SELECT * FROM (VALUES ('1', 'b', NULL, 2.5::DOUBLE, false), "
        "('2', 'B', NULL, 1, false), ('3', 'é', NULL, 1, false), ('4', NULL, 'x', 1, false), "
        "('5', 'zz', 'x', 1, true), ('6', 'b', NULL, 1, true)) t(key, a, e, n, \" test\")"
    )
    columns, levels = encode_categories(con, ["a", "e", "n"])
    assert levels == {"a": ["B", "b", "é"], "e": ["x"]}
    found = con.execute(f"SELECT {', '.join(columns)} FROM placed ORDER BY key").fetchall()
    assert [row[0] for row in found] == [1.0, 0.0, 2.0, None, None, 1.0]
    assert [row[1] for row in found] == [None, None, None, 0.0, 0.0, None]
    assert found[0][2] == 2.5


def test_a_text_that_only_stands_in_test_has_no_level(con):
    con.execute(
        "CREATE TABLE placed AS SELECT * FROM (VALUES (NULL::VARCHAR, false), ('x', true)) "
        't(a, " test")'
    )
    columns, levels = encode_categories(con, ["a"])
    assert levels == {"a": []}
    assert con.execute(f"SELECT {columns[0]} FROM placed").fetchall() == [(None,), (None,)]


def test_e204_single_class(con, tmp_path):
    files = table(tmp_path / "t.csv", [("y", "f"), ("a", 1), ("a", 2), ("", 3)])
    with pytest.raises(ValueError, match=r"^E204 the target column 'y' holds one class only, 'a'"):
        split(con, files)


def test_e205_column_without_any_value(con, tmp_path):
    rows = [("y", "f", "empty"), ("a", 1, "NA"), ("b", 2, ""), ("", 3, "only without a target")]
    with pytest.raises(
        ValueError, match=r"^E205 the column 'empty' has no value .*ignore_columns$"
    ):
        split(con, table(tmp_path / "t.csv", rows))


def test_e205_target_without_any_value(con, tmp_path):
    with pytest.raises(ValueError, match=r"^E205 the target column 'y' has no value"):
        split(con, table(tmp_path / "t.csv", [("y", "f"), ("", 1), ("NA", 2)]))


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (["1", "", "3", ""], "'k' is empty in 2 rows"),
        (["1", "2", "2", "3"], "'k' holds '2' in 2 rows"),
    ],
)
def test_e206_keys_that_do_not_tell_rows_apart(con, tmp_path, ids, said):
    files = table(tmp_path / "t.csv", [("k", "y", "f"), *((k, i, 1) for i, k in enumerate(ids))])
    with pytest.raises(ValueError, match=rf"^E206 the key column {said}"):
        split(con, files, key="k")


@pytest.mark.parametrize(
    ("rows", "fraction", "empty"), [(4, 0.1, "test"), (2, 0.2, "test"), (3, 0.9, "train")]
)
def test_e208_too_few_rows(con, tmp_path, rows, fraction, empty):
    lines = [("y", "f"), *((n, 1) for n in range(rows))]
    with pytest.raises(ValueError, match=rf"^E208 .*leave the {empty} split empty"):
        split(con, table(tmp_path / "t.csv", lines), task="regression", fraction=fraction)


def test_e208_when_every_class_has_one_row(con, tmp_path):
    with pytest.raises(ValueError, match=r"^E208 .*test split"):
        split(con, table(tmp_path / "t.csv", [("y", "f"), ("a", 1), ("b", 1)]), fraction=0.9)


def test_e209_regression_of_texts(con, tmp_path):
    files = table(tmp_path / "t.csv", [("y", "f"), ("1", 1), ("two", 1)])
    with pytest.raises(ValueError, match=r"^E209 the target column 'y' is not numeric"):
        split(con, files, task="regression")


def test_odd_column_names_survive(con, tmp_path):
    names = ['a"b', "c'd", "select", "é ü"]
    files = table(tmp_path / "t.csv", [["y", *names], *([n % 2, 1, "x", 2, n] for n in range(8))])
    _, _, features = split(con, files)
    assert features == names
    outputs = {name: str(tmp_path / name) for name in ("train", "test", "instances")}
    write_splits(con, "key", [sql_name(name) for name in names], "y", outputs)
    assert list(json.loads(Path(outputs["instances"]).read_text().splitlines()[0])) == [
        "key",
        *names,
    ]

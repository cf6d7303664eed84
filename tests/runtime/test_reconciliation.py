import json

import pytest

from batchpredict.runtime.reconciliation import (
    check_counts,
    check_thresholds,
    count_output,
    describe_output,
    load_rows,
    reconcile,
    write_summary,
    write_tables,
)
from batchpredict.runtime.tables import open_database


@pytest.fixture
def con(tmp_path):
    folder = tmp_path / "database"
    folder.mkdir()
    with open_database(str(folder)) as con:
        yield con


def load(con, folder, predicted, failed, inputs=None):
    tables = {"predicted": [{"key": k, "prediction": "1", "source": "s"} for k in predicted]}
    tables["failed"] = [{"key": k, "code": "C", "message": "m", "source": "s"} for k in failed]
    if inputs is not None:
        tables["inputs"] = [{"key": k, "instance": f'"{k}"'} for k in inputs]
    for name, rows in tables.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    load_rows(con, str(folder), 100)


# predicted, failed, inputs -> predicted, failed, missing, unexpected, duplicate
CASES = [
    ("abc", "", "abc", (3, 0, 0, 0, 0)),
    ("a", "b", "abc", (1, 1, 1, 0, 0)),
    ("aab", "", "aab", (3, 0, 0, 0, 0)),
    ("ab", "", "aab", (2, 0, 1, 0, 0)),
    ("aaab", "", "aab", (3, 0, 0, 0, 1)),
    ("ab", "a", "ab", (2, 0, 0, 0, 1)),
    ("ax", "y", "ab", (1, 0, 1, 2, 0)),
    ("", "", "", (0, 0, 0, 0, 0)),
    ("", "", "ab", (0, 0, 2, 0, 0)),
    ("a", [None], "ab", (1, 1, 0, 0, 0)),
    ("a", [None], "abc", (1, 1, 1, 0, 0)),
    ("a", [None, None], "ab", (1, 1, 0, 1, 0)),
    (["a", None], "", "ab", (1, 0, 1, 1, 0)),
]


@pytest.mark.parametrize(("predicted", "failed", "inputs", "wanted"), CASES)
def test_rows_are_matched_as_multisets(con, tmp_path, predicted, failed, inputs, wanted):
    load(con, tmp_path, predicted, failed, inputs)
    counts = reconcile(con)
    names = ("predicted", "failed", "missing", "unexpected", "duplicate")
    assert tuple(counts[name] for name in names) == wanted
    assert counts["input"] == len(inputs) == sum(wanted[:3])
    output = len(predicted) + len(failed)
    assert output == sum(wanted[:2]) + sum(wanted[3:])


def test_missing_rows_are_named_with_their_instance(con, tmp_path):
    load(con, tmp_path, "ab", "c", "aabcdd")
    counts = reconcile(con)
    path = str(tmp_path / "failures.parquet")
    write_tables(con, str(tmp_path / "p.parquet"), path, counts)
    rows = con.execute(f"SELECT * FROM '{path}' ORDER BY key").fetchall()
    reason = "the output has no row of this key"
    assert rows == [
        ("a", '"a"', "MISSING", reason, None),
        ("c", '"c"', "C", "m", "s"),
        ("d", '"d"', "MISSING", reason, None),
        ("d", '"d"', "MISSING", reason, None),
    ]


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        ("ab", [("b", "E222", "the output row of this key could not be read")]),
        (
            "abc",
            [(k, "MISSING", "no row of this key; 1 output rows could not be read") for k in "bc"],
        ),
    ],
)
def test_an_unreadable_row_stands_for_one_without_an_answer(con, tmp_path, inputs, named):
    load(con, tmp_path, "a", [None], inputs)
    counts = reconcile(con)
    path = str(tmp_path / "failures.parquet")
    write_tables(con, str(tmp_path / "p.parquet"), path, counts)
    query = f"SELECT key, code, message FROM '{path}' ORDER BY key NULLS FIRST"
    assert con.execute(query).fetchall() == [(None, "C", "m"), *named]


def test_without_instances_the_output_is_all_there_is(con, tmp_path):
    load(con, tmp_path, "ab", ["c", None])
    counts = count_output(con)
    assert counts == {
        "input": 4,
        "predicted": 2,
        "failed": 2,
        "missing": 0,
        "unexpected": 0,
        "duplicate": 0,
        "unkeyed": 1,
    }
    paths = [str(tmp_path / name) for name in ("p.parquet", "f.parquet")]
    write_tables(con, *paths, None)
    assert con.execute(f"SELECT count(*) FROM '{paths[1]}'").fetchone() == (2,)
    types = [row[:2] for row in con.execute(f"DESCRIBE FROM '{paths[0]}'").fetchall()]
    assert types == [
        ("key", "VARCHAR"),
        ("prediction", "VARCHAR"),
        ("label", "VARCHAR"),
        ("score", "DOUBLE"),
        ("scores", "DOUBLE[]"),
        ("value", "DOUBLE"),
        ("source", "VARCHAR"),
    ]
    failed = [row[:2] for row in con.execute(f"DESCRIBE FROM '{paths[1]}'").fetchall()]
    assert failed == [(n, "VARCHAR") for n in ("key", "instance", "code", "message", "source")]


def test_a_line_of_many_megabytes_is_read(con, tmp_path):
    row = {"key": "a", "prediction": json.dumps("x" * 40_000_000), "source": "s"}
    text = json.dumps(row) + "\n"
    (tmp_path / "predicted.jsonl").write_text(text)
    (tmp_path / "failed.jsonl").touch()
    load_rows(con, str(tmp_path), len(text))
    assert con.execute("SELECT length(prediction) FROM predicted").fetchone() == (40_000_002,)


def test_the_output_is_described(con, tmp_path):
    load(con, tmp_path, "", "ab")
    rows = [{"key": "a", "label": "x"}, {"key": "b", "label": "x"}, {"key": "c", "value": 2.5}]
    rows += [{"key": "d", "value": 3.5}, {"key": "e", "label": "\0é"}]
    (tmp_path / "predicted.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert describe_output(con) == {
        "labels": {"x": 2, "\0é": 1},
        "values": {"count": 2, "min": 2.5, "mean": 3.0, "max": 3.5},
        "failure_codes": {"C": 2},
    }


def test_the_summary_is_whole_or_absent(tmp_path):
    path = tmp_path / "summary.json"
    write_summary({"counts": {"input": 1}}, str(path))
    content = json.loads(path.read_text())
    assert content["counts"] == {"input": 1}
    assert set(content["versions"]) == {"python", "duckdb"}
    path.unlink()
    with pytest.raises(ValueError, match="Out of range"):
        write_summary({"mean": float("nan")}, str(path))
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "count", "allowed", "passes"),
    [
        ("failed", 0, 0, True),
        ("failed", 1, 0, False),
        ("failed", 10, 0.1, True),
        ("failed", 11, 0.1, False),
        ("failed", 1, 1, True),
        ("failed", 2, 1, False),
        ("missing", 99, 0.99, True),
        ("missing", 100, 0.99, False),
        ("missing", 5, 5.0, True),
        ("missing", 6, 5.5, False),
    ],
)
def test_e223_thresholds(name, count, allowed, passes):
    counts = dict.fromkeys(("failed", "missing", "unexpected", "duplicate"), 0)
    counts |= {"input": 100, name: count}
    limits = {"max_failed": 0, "max_missing": 0, f"max_{name}": allowed}
    if passes:
        check_counts(counts, **limits)
        return
    with pytest.raises(ValueError, match=rf"^E223 {count} of 100 rows {name}, max_{name} allows"):
        check_counts(counts, **limits)


@pytest.mark.parametrize("name", ["unexpected", "duplicate"])
def test_e224_rows_that_answer_no_input(name):
    counts = dict.fromkeys(("input", "failed", "missing", "unexpected", "duplicate"), 0)
    with pytest.raises(ValueError, match=r"^E224 the output holds"):
        check_counts({**counts, name: 1}, 1e9, 1e9)


@pytest.mark.parametrize("value", [-1, float("nan")])
def test_e207_thresholds(value):
    check_thresholds(0, 0.5)
    with pytest.raises(ValueError, match=r"^E207 max_failed is"):
        check_thresholds(value, 0)
    with pytest.raises(ValueError, match=r"^E207 max_missing is"):
        check_thresholds(0, value)

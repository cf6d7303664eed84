"""Predictions back onto the table, against a model of the join in plain Python."""

import gzip
import json
import random
import tempfile
from collections import defaultdict
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kfp import dsl

from batchpredict.components.join_predictions import join_predictions
from batchpredict.components.parse_predictions import parse_predictions
from batchpredict.runtime.joining_keys import check_told_apart
from batchpredict.runtime.results.lines import instance_key, key_text

SPELLINGS = [
    lambda n, key: f'{{"n": {n}, "key": {key}}}',
    lambda n, key: f'{{"key":{key}, "n": {n}.0}}',
]
KEYS = st.sampled_from(["7", "007", "7.0", "ä", "", "NA", " a", '"q"', "a,b", "x\ny", "0" * 40])


def write_parquet(path, columns, rows):
    """Write rows of a table whose types are given as SQL."""
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE t ({', '.join(columns)})")
        if rows:
            con.executemany(f"INSERT INTO t VALUES ({', '.join('?' for _ in columns)})", rows)
        con.execute(f"COPY t TO '{path}' (FORMAT parquet)")


def write_predictions(path, rows, by="key"):
    """Write predictions of (key or instance, label)."""
    columns = ["key VARCHAR", "instance VARCHAR", "prediction VARCHAR", "label VARCHAR"]
    columns += ["score DOUBLE", "scores DOUBLE[]", "note VARCHAR", "source VARCHAR"]
    rest = (0.5, [0.5, 0.25], None, "s")
    full = [
        (*((text, None) if by == "key" else (None, text)), f'"{label}"', label, *rest)
        for text, label in rows
    ]
    write_parquet(path, columns, full)


def join(folder, table, **options):
    """Join and return the names of the columns, the rows, and what the step returned."""
    joined = dsl.Dataset(uri=str(Path(folder) / "joined"))
    returned = join_predictions.python_func(
        predictions=dsl.Dataset(uri=str(Path(folder) / "predictions.parquet")),
        table=dsl.Dataset(uri=str(table)),
        joined=joined,
        **options,
    )
    assert joined.uri.endswith(".parquet")
    with duckdb.connect() as con:
        found = con.execute(f"FROM read_parquet('{joined.path}')")
        names = [column[0] for column in found.description]
        rows = found.fetchall()
    assert len(rows) == returned.rows == joined.metadata["rows"]
    assert joined.metadata["rows_with_prediction"] == returned.rows_with_prediction
    return names, rows, returned


def model(keys, predictions, others):
    """The label of each row, or None; and the predictions that no row takes.

    ``others`` is what else a row holds: of rows that differ either all or none of a key is told.
    """
    waiting = defaultdict(list)
    for key, label in predictions:
        waiting[key].append(label)
    for key in set(keys) - {None}:
        rows = [other for k, other in zip(keys, others, strict=True) if k == key]
        if len(waiting[key]) < len(rows) and len(set(rows)) > 1:
            waiting[key] = []
    labels = [waiting[k].pop(0) if k is not None and waiting[k] else None for k in keys]
    return labels, [label for rest in waiting.values() for label in rest]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.none() | KEYS, min_size=1, max_size=12),
    st.lists(st.none() | KEYS, max_size=3),
    st.sampled_from(["csv", "parquet", "jsonl"]),
    st.randoms(use_true_random=False),
)
def test_the_join_is_that_of_multisets_in_the_order_of_the_input(inputs, strange, form, chance):
    sent = [key for key in inputs if key and (form != "csv" or key != "NA")]
    answered = [key for key in sent if chance.random() < 0.7]
    given_keys = answered + strange
    chance.shuffle(given_keys)
    predictions = [(key, f"label {key}") for key in given_keys]
    known = [None if key in ("", "NA") and form == "csv" else key for key in inputs]
    numbers = [chance.randrange(3) for _ in inputs]
    others = [-1 if form == "jsonl" and not at else n for at, n in enumerate(numbers)]
    labels, left = model(known, predictions, others)
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / f"table.{form}"
        if form == "parquet":
            write_parquet(
                table, ["n BIGINT", "key VARCHAR"], list(zip(numbers, inputs, strict=True))
            )
        elif form == "jsonl":
            pairs = zip(numbers, inputs, strict=True)
            lines = [chance.choice(SPELLINGS)(n, json.dumps(key)) for n, key in pairs]
            lines[0] = json.dumps({"n": numbers[0], "key": inputs[0], "always": "a key"})
            table.write_text("\n".join(lines))
        else:
            cells = ["" if k is None else '"' + k.replace('"', '""') + '"' for k in inputs]
            rows = [f"{n},{cell}\n" for n, cell in zip(numbers, cells, strict=True)]
            table.write_text("n,key\n" + "".join(rows))
        write_predictions(Path(folder) / "predictions.parquet", predictions)
        if form == "jsonl" and not any(k is not None for k in inputs):
            with pytest.raises(ValueError, match=r"^E206 no line"):
                join(folder, table)
        elif left:
            with pytest.raises(ValueError, match=rf"^E261 {len(left)} of {len(predictions)} "):
                join(folder, table)
        else:
            names, rows, returned = join(folder, table, columns=["label"])
            assert [row[-1] for row in rows] == labels
            assert returned.rows_with_prediction == sum(label is not None for label in labels)
            pairs = list(zip(numbers, known, strict=True))
            if form == "jsonl":
                assert names == ["key", "instance", "label"]
                assert [(json.loads(row[1])["n"], row[0]) for row in rows] == pairs
            else:
                assert names == ["n", "key", "label"]
                assert [(int(row[0]), row[1]) for row in rows] == pairs


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
INSTANCES = st.dictionaries(st.text(), SCALARS, max_size=3) | st.lists(SCALARS, max_size=3)


@settings(deadline=None, max_examples=40)
@given(st.lists(INSTANCES, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_instances_match_however_they_are_written(instances, chance):
    instances = instances + instances[:2]
    order = [n for n in range(len(instances)) if chance.random() < 0.8]
    chance.shuffle(order)

    def respelt(value):
        if isinstance(value, dict):
            members = list(value.items())
            chance.shuffle(members)
            value = dict(members)
        return json.dumps(value, indent=1, ensure_ascii=chance.random() < 0.5)

    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.jsonl"
        lines = [json.dumps(i, ensure_ascii=False).encode() for i in instances]
        table.write_bytes(b"\n".join(lines) + b"\n\n")
        predictions = [(respelt(instances[n]), json.dumps(instances[n])) for n in order]
        write_predictions(Path(folder) / "predictions.parquet", predictions, by="instance")
        names, rows, returned = join(folder, table, key_column="", columns=["label"])
    assert names == ["instance", "label"]
    assert [row[0].encode() for row in rows] == [line.strip() for line in lines]
    assert returned.rows_with_prediction == len(order)
    # Equal instances (1 and 1.0, too) share the predictions between them, so compare by value.
    for line, label in rows:
        assert label is None or json.loads(label) == json.loads(line)


def test_the_order_of_a_large_table_survives(tmp_path):
    keys = list(range(300_000))
    random.Random(1).shuffle(keys)
    half = [f"{key:06},{'x' * 50},{n}\n" for n, key in enumerate(keys)]
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "1.csv").write_text("key,pad,n\n" + "".join(half[:200_000]))
    (tmp_path / "table" / "2.csv").write_text("key,pad,n\n" + "".join(half[200_000:]))
    path = tmp_path / "predictions.parquet"
    with duckdb.connect() as con:
        con.execute(
            "COPY (SELECT format('{:06d}', r) AS key, r::DOUBLE AS value FROM range(300000) t(r) "
            f"WHERE r % 3 > 0 ORDER BY hash(r)) TO '{path}' (FORMAT parquet)"
        )
    names, rows, returned = join(tmp_path, tmp_path / "table")
    assert names == ["key", "pad", "n", "value"]
    assert returned.rows_with_prediction == 200_000
    wanted = [(f"{k:06}", float(k) if k % 3 else None) for k in keys]
    assert [(row[0], row[3]) for row in rows] == wanted
    assert [int(row[2]) for row in rows] == list(range(300_000))


@pytest.mark.parametrize(
    ("kind", "key", "text"),
    [
        ("BIGINT", 7, "7"),
        ("BIGINT", 2**53 + 1, "9007199254740993"),
        ("UBIGINT", 2**64 - 1, "18446744073709551615"),
        ("DECIMAL(38, 0)", 10**30 + 1, "1000000000000000000000000000001"),
        ("DOUBLE", 0.1, "0.1"),
        ("VARCHAR", "007", "007"),
        ("DATE", "2026-01-31", "2026-01-31"),
    ],
)
def test_a_key_of_parquet_is_compared_as_its_text(tmp_path, kind, key, text):
    write_parquet(tmp_path / "table.parquet", [f"id {kind}"], [(key,)])
    write_predictions(tmp_path / "predictions.parquet", [(text, "yes")])
    _, rows, _ = join(tmp_path, tmp_path / "table.parquet", key_column="id", columns=["label"])
    assert [row[1] for row in rows] == ["yes"]


def test_a_number_of_json_is_compared_as_its_literal(tmp_path):
    literals = ["7", "1.10", "9007199254740993", "1e5", '"007"', "NaN", "true", "1" * 4000, "-0.0"]
    (tmp_path / "table.jsonl").write_text("".join(f'{{"key": {it}}}\n' for it in literals))
    texts = [literal.strip('"') for literal in literals]
    write_predictions(tmp_path / "predictions.parquet", [(text, text) for text in texts[::-1]])
    _, rows, _ = join(tmp_path, tmp_path / "table.jsonl", columns=["label"])
    assert [row[2] for row in rows] == texts


def test_minus_zero_is_zero_as_the_predictions_have_it(tmp_path):
    assert key_text("-0") == instance_key('{"key": -0}', {"key": 0}, "key") == "0"
    (tmp_path / "table.jsonl").write_text('{"key": "-0"}\n{"key": -0}\n')
    write_predictions(tmp_path / "predictions.parquet", [("0", "number"), ("-0", "text")])
    _, rows, _ = join(tmp_path, tmp_path / "table.jsonl", columns=["label"])
    assert rows == [("-0", '{"key": "-0"}', "text"), ("0", '{"key": -0}', "number")]


CSV_ROWS = 'b,target,a,c\n1.50,x,"say ""hi""",\n2,y,007,0.30\n9007199254740993,x,,1\n'
OBJECTS = [
    '{"a": "say \\"hi\\"", "b": 1.5, "c": ""}',
    '{"a": "007", "b": 2.0, "c": "0.30"}',
    '{"a": "", "b": 9007199254740993, "c": "1"}',
]
LISTS = [
    '[1.5, "x", "say \\"hi\\"", null]',
    '[2, "y", "007", 3e-1]',
    '[9007199254740993, "x", "", 1]',
]


@pytest.mark.parametrize("instances", [OBJECTS, LISTS], ids=["objects", "lists"])
def test_the_row_of_a_csv_is_matched_by_what_the_instances_hold(tmp_path, instances):
    (tmp_path / "table.csv").write_text(CSV_ROWS)
    predictions = [(text, str(n)) for n, text in enumerate(instances)]
    write_predictions(tmp_path / "predictions.parquet", predictions[::-1], by="instance")
    names, rows, _ = join(tmp_path, tmp_path / "table.csv", key_column="", columns=["label"])
    assert names == ["b", "target", "a", "c", "label"]
    assert [row[4] for row in rows] == ["0", "1", "2"]


def test_a_cell_that_is_no_number_where_the_others_are(tmp_path):
    cells = ["1", "+2", ".5", "n/a", "nan", "", "01"]
    (tmp_path / "table.csv").write_text("a,b\n" + "".join(f"{cell},x\n" for cell in cells))
    instances = ['{"a":1.0}', '{"a":2}', '{"a":0.5}', '{"a":null}']
    predictions = [(text, text) for text in instances]
    write_predictions(tmp_path / "predictions.parquet", predictions, by="instance")
    _, rows, _ = join(tmp_path, tmp_path / "table.csv", key_column="", columns=["label"])
    assert [row[2] for row in rows] == [*instances[:3], None, None, instances[3], None]


def test_the_row_of_a_parquet_file_is_matched_with_its_types(tmp_path):
    columns = ["a BIGINT", "b DOUBLE", "c VARCHAR", "d BOOLEAN", "e DOUBLE[]", "t VARCHAR"]
    full = [(1, 1.0, "1", True, [1.0, 0.5], "x"), (2**53 + 1, None, None, False, [], "y")]
    write_parquet(tmp_path / "table.parquet", columns, full)
    instances = [
        '{"e":[],"d":false,"c":null,"b":null,"a":9007199254740993}',
        '{"a":1,"b":1,"c":"1","d":true,"e":[1,0.5]}',
    ]
    predictions = [(text, str(n)) for n, text in enumerate(instances)]
    write_predictions(tmp_path / "predictions.parquet", predictions, by="instance")
    _, rows, _ = join(tmp_path, tmp_path / "table.parquet", key_column="", columns=["label"])
    assert [row[6] for row in rows] == ["1", "0"]


@pytest.mark.parametrize(
    ("instances", "words"),
    [
        (['{"a": 1, "other": 2}'], "it has 2 columns, and the instances are or hold other"),
        (["[1, 2, 3]"], "ARRAY"),
        (['"gs://bucket/a.png"'], "VARCHAR"),
        (['{"a": 1}', "[1, 2]"], "ARRAY, OBJECT"),
    ],
)
def test_instances_that_are_no_rows_of_the_table(tmp_path, instances, words):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n1,2\n")
    predictions = [(text, "x") for text in instances]
    write_predictions(tmp_path / "predictions.parquet", predictions, by="instance")
    with pytest.raises(ValueError, match=rf"^E262 .*{words}"):
        join(tmp_path, tmp_path / "table.csv", key_column="")


def test_equal_rows_of_a_key_share_its_predictions(tmp_path):
    keys = [str(n % 7) for n in range(200)]
    (tmp_path / "t.csv").write_text("key,n\n" + "".join(f"{k},{k}\n" for k in keys))
    rows = [(key, f"of {key}") for key in "6543210" for _ in range(keys.count(key) - 3)]
    write_predictions(tmp_path / "predictions.parquet", rows)
    _, found, returned = join(tmp_path, tmp_path / "t.csv", columns=["label"])
    assert [row[2] for row in found] == model(keys, rows, keys)[0]
    assert [row[2] for row in found if row[0] == "3"][-4:] == ["of 3", None, None, None]
    assert returned.rows_with_prediction == 200 - 7 * 3


DOUBT = "2 different rows have this key, 1 got a prediction: nobody can tell which"


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_of_different_rows_with_one_key_none_gets_a_prediction_by_chance(tmp_path, form, caplog):
    lines = [("a", 1), ("b", 1), ("a", 2), ("c", 1), ("b", 1)]
    table = tmp_path / f"t.{form}"
    if form == "csv":
        table.write_text("key,x\n" + "".join(f"{key},{x}\n" for key, x in lines))
    else:
        table.write_text("".join(json.dumps({"key": k, "x": x}) + "\n" for k, x in lines))
    rows = [("c", "of c"), ("a", "of a"), ("b", "of b")]
    write_predictions(tmp_path / "predictions.parquet", rows)
    names, found, returned = join(tmp_path, table)
    assert names[2:] == ["label", "score", "scores", "note"]
    known, nothing = (0.5, [0.5, 0.25], None), (None, None, None)
    assert [row[2:] for row in found] == [
        (None, None, None, DOUBT),
        ("of b", *known),
        (None, None, None, DOUBT),
        ("of c", *known),
        (None, *nothing),
    ]
    assert returned.rows_with_prediction == 2
    assert f"2 rows are in doubt and get no prediction, such as 'a': {DOUBT}" in caplog.text
    names, found, _ = join(tmp_path, table, prefix="p_")
    assert [row[names.index("p_note")] for row in found] == [DOUBT, None, DOUBT, None, None]
    # Who names the columns gets these and no others.
    names, found, _ = join(tmp_path, table, columns=["label"])
    assert [(len(row), row[2]) for row in found][:3] == [(3, None), (3, "of b"), (3, None)]


def test_a_doubt_stands_beside_the_notes_of_the_predictions(tmp_path):
    (tmp_path / "t.csv").write_text("key,x\na,1\nb,2\na,2\n,1\n,2\n")
    columns = ["key VARCHAR", "note VARCHAR", "value DOUBLE"]
    write_parquet(tmp_path / "predictions.parquet", columns, [("a", "odd", 1.0), ("b", "ODD", 2)])
    for options in ({}, {"columns": ["note", "value"]}):
        names, found, _ = join(tmp_path, tmp_path / "t.csv", **options)
        assert names == ["key", "x", "note", "value"]
        notes = [(DOUBT, None), ("ODD", 2.0), (DOUBT, None), (None, None), (None, None)]
        assert [row[2:] for row in found] == notes


def test_a_doubt_needs_a_name_for_its_note(tmp_path):
    (tmp_path / "t.csv").write_text("key,NOTE\na,1\na,2\n")
    write_predictions(tmp_path / "predictions.parquet", [("a", "x")])
    with pytest.raises(ValueError, match=r"^E228 the column 'note' .*prefix"):
        join(tmp_path, tmp_path / "t.csv")


def test_keys_of_any_kind_are_spelt_as_the_predictions_have_them(tmp_path):
    """What parse_predictions makes of an output, and what the join makes of its input."""
    keys = ["[1, 2.50]", '["1", "ä"]', '{"b":1.0 , "a":[null,true]}', "1.10", "-0", "1e5", "true"]
    keys += ['"007"', "7", "9007199254740993", "[]", '["\\u00e4\\n"]', "[9007199254740993]"]
    table, output = tmp_path / "table.jsonl", tmp_path / "output"
    table.write_text("".join(f'{{"key": {key}, "x": {n}}}\n' for n, key in enumerate(keys)))
    output.mkdir()
    spaced = [key.replace(" ", "").replace(",", " , ") for key in keys]
    rows = [f'{{"key": {key}, "prediction": {n}}}\n' for n, key in enumerate(spaced)]
    (output / "predictions.jsonl").write_text("".join(rows[::-1]))
    outputs = {
        name: kind(uri=str(tmp_path / name))
        for name, kind in (
            ("predictions", dsl.Dataset),
            ("failures", dsl.Dataset),
            ("summary", dsl.Artifact),
            ("metrics", dsl.Metrics),
            ("report", dsl.Markdown),
        )
    }
    parse_predictions.python_func(
        **outputs,
        output_directory=dsl.Artifact(uri=str(output)),
        instances=dsl.Dataset(uri=str(table)),
    )
    _, found, returned = join(tmp_path, table, columns=["value"])
    assert [row[2] for row in found] == [float(n) for n in range(len(keys))]
    assert returned.rows_with_prediction == len(keys)


@pytest.mark.parametrize("other", [("a", 2.0, [0.5]), ("a", None, [0.5]), ("a", 1.0, [0.25])])
def test_rows_of_a_key_whose_predictions_differ_cannot_be_told_apart(tmp_path, other):
    (tmp_path / "t.csv").write_text("key\na\nb\na\n")
    columns = ["key VARCHAR", "value DOUBLE", "scores DOUBLE[]", "source VARCHAR"]
    rows = [("a", 1.0, [0.5], "s"), (*other, "t"), ("b", 3.0, None, "s")]
    write_parquet(tmp_path / "predictions.parquet", columns, rows)
    with pytest.raises(ValueError, match=r"^E261 the rows of the key 'a' .*key_column=''"):
        join(tmp_path, tmp_path / "t.csv")
    # What is not added may differ.
    same = ["scores"] if other[2] == [0.5] else ["value"]
    _, found, _ = join(tmp_path, tmp_path / "t.csv", columns=same)
    wanted = {"scores": [[0.5], None, [0.5]], "value": [1.0, 3.0, 1.0]}[same[0]]
    assert [row[1] for row in found] == wanted


def test_predictions_of_equal_instances_may_differ(tmp_path):
    (tmp_path / "t.jsonl").write_text("[1]\n[2]\n[1.0]\n")
    rows = [("[1]", "x"), ("[1]", "y")]
    write_predictions(tmp_path / "predictions.parquet", rows, by="instance")
    _, found, _ = join(tmp_path, tmp_path / "t.jsonl", key_column="", columns=["label"])
    assert [row[1] for row in found] == ["x", None, "y"]


def test_predictions_left_over_are_named(tmp_path):
    (tmp_path / "table.csv").write_text("key\na\nb\n")
    rows = [("a", "1"), ("a", "2"), ("c", "3"), (None, "4"), ("b", "5")]
    write_predictions(tmp_path / "predictions.parquet", rows)
    message = r"E261 3 of 5 .* by key: row 2 \(key 'a'\), 3 \(key 'c'\), 4 of the pred"
    with pytest.raises(ValueError, match=message):
        join(tmp_path, tmp_path / "table.csv")
    write_predictions(tmp_path / "predictions.parquet", [('{"key": "z"}', "")] * 7, by="instance")
    with pytest.raises(ValueError, match=r"E261 7 of 7 .* by instance: row 1, 2, 3, 4, 5, … of"):
        join(tmp_path, tmp_path / "table.csv", key_column="")


@pytest.mark.parametrize("name", ["label", "LABEL"])
def test_a_column_of_both_needs_a_prefix(tmp_path, name):
    write_parquet(tmp_path / "table.parquet", ["key VARCHAR", f"{name} VARCHAR"], [("a", "true")])
    write_predictions(tmp_path / "predictions.parquet", [("a", "yes")])
    with pytest.raises(ValueError, match=r"^E228 the column 'label' .*prefix"):
        join(tmp_path, tmp_path / "table.parquet")
    names, rows, _ = join(tmp_path, tmp_path / "table.parquet", prefix="predicted_")
    assert names == ["key", name, "predicted_label", "predicted_score", "predicted_scores"]
    assert rows == [("a", "true", "yes", 0.5, [0.5, 0.25])]
    _, rows, _ = join(tmp_path, tmp_path / "table.parquet", columns=["score", "score"])
    assert rows == [("a", "true", 0.5)]
    write_parquet(tmp_path / "t.parquet", ["key VARCHAR", "key_label BIGINT"], [("a", 1)])
    with pytest.raises(ValueError, match=r"^E228 the column 'KEY_label' "):
        join(tmp_path, tmp_path / "t.parquet", prefix="KEY_")


@pytest.mark.parametrize("name", ["rowid", "RowId"])
def test_a_column_called_as_the_row_number_is_a_column(tmp_path, name):
    rows = [("9", "b"), ("5", "a"), ("7", "c")]
    write_parquet(tmp_path / "table.parquet", [f"{name} VARCHAR", "c0 VARCHAR"], rows)
    write_predictions(tmp_path / "predictions.parquet", [("5", "five"), ("9", "nine")])
    names, found, _ = join(
        tmp_path, tmp_path / "table.parquet", key_column=name, columns=["label"]
    )
    assert names == [name, "c0", "label"]
    assert found == [("9", "b", "nine"), ("5", "a", "five"), ("7", "c", None)]


def test_every_row_is_kept_when_nothing_was_predicted(tmp_path):
    (tmp_path / "table.csv").write_text("key,a\n1,\n2,x\n")
    write_predictions(tmp_path / "predictions.parquet", [])
    for key in ("key", ""):
        names, rows, returned = join(tmp_path, tmp_path / "table.csv", key_column=key)
        assert names == ["key", "a", "prediction"]
        assert rows == [("1", None, None), ("2", "x", None)]
        assert returned.rows_with_prediction == 0


def test_the_columns_added_are_the_typed_ones_that_say_something(tmp_path):
    (tmp_path / "table.csv").write_text("key\na\n")
    columns = ["key VARCHAR", "prediction VARCHAR", "label VARCHAR", "note VARCHAR"]
    columns += ["attributions MAP(VARCHAR, DOUBLE)", "boxes STRUCT(x DOUBLE)[]"]
    path = tmp_path / "predictions.parquet"
    write_parquet(path, columns, [("a", "{}", None, "of another form", None, None)])
    names, rows, _ = join(tmp_path, tmp_path / "table.csv")
    assert names == ["key", "prediction", "note"]
    write_parquet(path, columns, [("a", "{}", None, None, {"f": 1.5}, [{"x": 2.0}])])
    names, rows, _ = join(tmp_path, tmp_path / "table.csv")
    assert names == ["key", "attributions", "boxes"]
    assert rows == [("a", {"f": 1.5}, [{"x": 2.0}])]


def test_compressed_and_named_lines(tmp_path):
    write_predictions(tmp_path / "predictions.parquet", [('"b"', "yes")], by="instance")
    for name, pack in (("t.jsonl", bytes), ("t.jsonl.gz", gzip.compress), ("t", gzip.compress)):
        first = b'["a"]\n' if name == "t" else b'"a"\n'
        (tmp_path / name).write_bytes(pack(first + b'"b"\n'))
        _, rows, _ = join(tmp_path, tmp_path / name, key_column="", columns=["label"])
        assert [row[1] for row in rows] == [None, "yes"]
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b'"a"\n' * 9999)[:-9])
    with pytest.raises(ValueError, match=r"^E202 .*cannot be decompressed"):
        join(tmp_path, tmp_path / "cut.jsonl.gz", key_column="")


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("t.csv", b"key\na\n", {"key_column": "kye"}, "E206 the table has no column 'kye'"),
        ("t.csv", b"key\na\n", {"columns": ["lable"]}, "E203 .*did you mean 'label'"),
        ("t.csv", b"key\n", {}, "E202 .*no rows"),
        ("t.csv", b'{"key": 1}\n{"key": 2}\n', {}, "E206 "),
        ("t.jsonl", b"\n \n", {}, "E202 .*no rows"),
        ("t.jsonl", b'{"key": 1}\n{"key": 2', {}, "E202 line 2 of .* is no JSON"),
        ("t.jsonl", b'{"key": 1, "key": 2}', {}, "E202 line 1 of .* holds its key twice"),
        ("t.jsonl", b'{"key": "\xff"}', {}, "E202 line 1 of .* is no JSON"),
        ("t.jsonl", b"[" * 10**5, {}, "E202 line 1 of .* is no JSON"),
        ("t.jsonl", b'{"id": 1}\n', {}, "E206 no line of .* has the field 'key'"),
        ("t.jsonl", b'{"id": 1}\n', {"key_column": "instance"}, "E206 .*another name"),
        ("absent", None, {}, "E201 "),
    ],
)
def test_a_bad_table_is_named(tmp_path, name, content, options, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    write_predictions(tmp_path / "predictions.parquet", [("a", "yes")])
    with pytest.raises(ValueError, match=f"^{message}"):
        join(tmp_path, tmp_path / name, **options)


def test_a_line_beyond_the_limit(tmp_path):
    with (tmp_path / "t.jsonl").open("wb") as file:
        file.write(b'"' + b"x" * 2**26 + b'"\n')
    write_predictions(tmp_path / "predictions.parquet", [])
    with pytest.raises(ValueError, match=r"^E202 line 1 .*longer than 64 MiB"):
        join(tmp_path, tmp_path / "t.jsonl", key_column="")


def test_lines_are_read_in_batches(tmp_path):
    lines = [json.dumps({"key": n, "pad": "x" * (2**20 if n < 10 else 1)}) for n in range(11_000)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    with duckdb.connect() as con:
        con.execute(
            "COPY (SELECT r::VARCHAR AS key, r::VARCHAR AS label FROM range(11000) t(r) "
            f"ORDER BY r DESC) TO '{tmp_path / 'predictions.parquet'}' (FORMAT parquet)"
        )
    _, rows, _ = join(tmp_path, tmp_path / "t.jsonl", columns=["label"])
    assert [row[2] for row in rows] == [row[0] for row in rows] == [str(n) for n in range(11_000)]


def test_files_of_two_kinds(tmp_path):
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "1.csv").write_text("key\na\n")
    (tmp_path / "table" / "2.jsonl").write_text('{"key": "a"}\n')
    write_predictions(tmp_path / "predictions.parquet", [("a", "yes")])
    with pytest.raises(ValueError, match=r"^E202 .*partly JSON Lines"):
        join(tmp_path, tmp_path / "table")


def test_half_of_a_surrogate_pair_is_no_key(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"key": "\\ud800"}\n{"key": "b"}\n')
    write_predictions(tmp_path / "predictions.parquet", [("b", "yes")])
    _, rows, _ = join(tmp_path, tmp_path / "t.jsonl", columns=["label"])
    assert [row[2] for row in rows] == [None, "yes"]


def test_instances_are_spelt_in_batches(tmp_path):
    many = 120_000
    (tmp_path / "t.jsonl").write_text("".join(f"[{n}.0]\n" for n in range(many)))
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT '[' || r || ']' AS instance, r AS value FROM range({many}) t(r) "
            f"ORDER BY hash(r)) TO '{tmp_path / 'predictions.parquet'}' (FORMAT parquet)"
        )
    _, rows, _ = join(tmp_path, tmp_path / "t.jsonl", key_column="")
    assert rows == [(f"[{n}.0]", n) for n in range(many)]


def test_predictions_that_are_spoilt_inside(tmp_path):
    (tmp_path / "t.csv").write_text("key\na\n")
    path = tmp_path / "predictions.parquet"
    write_predictions(path, [(str(n), "x" * 50) for n in range(500)])
    content = bytearray(path.read_bytes())
    content[4:400] = b"\0" * 396
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^E202 .*not readable as Parquet"):
        join(tmp_path, tmp_path / "t.csv")


def test_predictions_that_are_no_parquet(tmp_path):
    (tmp_path / "t.csv").write_text("key\na\n")
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1 and no more PAR1")
    with pytest.raises(ValueError, match=r"^E202 .*not readable as Parquet"):
        join(tmp_path, tmp_path / "t.csv")


def test_rows_of_a_key_need_not_be_told_apart_when_nothing_is_added():
    with duckdb.connect() as con:
        con.execute("CREATE TABLE given AS SELECT 'a' AS k FROM range(2)")
        con.execute("CREATE TABLE input_keys AS SELECT 'a' AS k FROM range(2)")
        check_told_apart(con)

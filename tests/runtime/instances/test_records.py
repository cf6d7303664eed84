"""TFRecord files, read by the framing of the local service and the message of TensorFlow."""

import gzip

import duckdb
import pytest
from tfrecord import example_pb2

from batchpredict.local.vertex.batch.records import read_records
from batchpredict.runtime.instances.records import example_builder, feature_kinds
from batchpredict.runtime.instances.writing import open_sink


def kinds_of(*columns):
    """Return the kinds of columns, each given by the JSON texts of its cells."""
    with duckdb.connect() as con:
        names = [f"c{number}" for number in range(len(columns))]
        con.execute(f"CREATE TABLE source ({', '.join(f'{name} VARCHAR' for name in names)})")
        rows = list(zip(*columns, strict=True))
        con.executemany(f"INSERT INTO source VALUES ({', '.join('?' * len(names))})", rows)
        return feature_kinds(con, {name: name for name in names}, names)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (("1", "-20", None), "int"),
        (("true", "false", "7"), "int"),
        (("1", "2.0", None), "float"),
        (("1e5", "NaN", "-Infinity"), "float"),
        (("1", '"a"', None), "byte"),
        (('"1"', '"2"', '"3"'), "byte"),
        (("[1, 2]", "[]", "3"), "int"),
        (("[1, 2.5]", "[]", None), "float"),
        (('["a"]', "[]", None), "byte"),
        (("[1, null]", None, None), "float"),
        ((None, None, None), "int"),
        (('{"a": 1}', None, None), "byte"),
        (("[[1]]", None, None), "byte"),
    ],
)
def test_a_column_is_of_one_kind(cells, kind):
    assert kinds_of(cells) == [kind]


def features(data):
    found = example_pb2.Example.FromString(data).features.feature
    return {
        name: (kind := feature.WhichOneof("kind"), list(getattr(feature, kind).value))
        for name, feature in found.items()
    }


@pytest.mark.parametrize("kind", ["tf-record", "tf-record-gzip"])
def test_records_hold_examples(tmp_path, kind):
    names = ["i", "f", "s", "b", "l"]
    build = example_builder(names, ["int", "float", "byte", "byte", "int"], {"b"})
    sink = open_sink(kind, str(tmp_path), 2, "")
    sink["write"](build(["9223372036854775807", "1.5", '"é"', '"AP8="', "[1, 2]"]))
    sink["write"](build(["true", "-7", '""', None, "[]"]))
    sink["write"](build(["-9223372036854775808", None, None, None, None]))
    sink["close"]()
    opened = gzip.open if kind.endswith("gzip") else open
    records = []
    for path in sink["files"]:
        with opened(path, "rb") as file:
            records.append([features(record) for record in read_records(file)])
    assert records == [
        [
            {
                "i": ("int64_list", [2**63 - 1]),
                "f": ("float_list", [1.5]),
                "s": ("bytes_list", ["é".encode()]),
                "b": ("bytes_list", [b"\x00\xff"]),
                "l": ("int64_list", [1, 2]),
            },
            {
                "i": ("int64_list", [1]),
                "f": ("float_list", [-7.0]),
                "s": ("bytes_list", [b""]),
                "l": ("int64_list", []),
            },
        ],
        [{"i": ("int64_list", [-(2**63)])}],
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "instances-00001",
        "instances-00002",
    ]


@pytest.mark.parametrize(
    ("kind", "cell", "said"),
    [
        ("int", "9223372036854775808", "has a whole number of more than 64 bits"),
        ("int", "[1, -9223372036854775809]", "has a whole number of more than 64 bits"),
        ("float", "1e39", "has 1e.39, too large for a float of 32 bits"),
        ("float", "[1e999]", "too large for a float of 32 bits"),
        ("float", "1" + "0" * 400, "too large for a float of 32 bits"),
        ("float", "[1, null]", "has an object, a list in a list or null"),
        ("byte", '{"a": 1}', "has an object, a list in a list or null"),
        ("byte", "[[1]]", "has an object, a list in a list or null"),
        ("byte", "7", "has 7 among texts"),
        ("byte", '"\\ud800"', "surrogates not allowed"),
    ],
)
def test_what_a_feature_cannot_hold_is_refused(kind, cell, said):
    with pytest.raises(ValueError, match=said):
        example_builder(["x"], [kind], set())([cell])

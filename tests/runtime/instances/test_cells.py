import json

import duckdb
import pytest

from batchpredict.runtime.instances.cells import (
    binary_columns,
    file_cells,
    load_files,
)
from batchpredict.runtime.instances.writing import table_rows

LONG = "12345678901234567890.123456789012345678"
UUID = "00000000-0000-0000-0000-000000000001"


def cells_of(path, texts=(), names=None):
    """Return the cells of a file as JSON texts, and the columns that hold bytes."""
    with duckdb.connect(config={"threads": 1}) as con:
        typed = load_files(con, [str(path)])
        chosen = names or con.table("source").columns
        cells = file_cells(con, typed, chosen, list(texts))
        return list(table_rows(con, cells, chosen)), binary_columns(con)


def parquet(tmp_path, query):
    path = tmp_path / "table.parquet"
    duckdb.sql(query).write_parquet(str(path))
    return path


def csv(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text)
    return path


VALUES = [
    ("1.10::DECIMAL(5, 2)", "1.10"),
    (f"{LONG}::DECIMAL(38, 18)", LONG),
    ("9007199254740993::BIGINT", "9007199254740993"),
    ("18446744073709551615::UBIGINT", "18446744073709551615"),
    ("0.1::DOUBLE", "0.1"),
    ("0.1::FLOAT", "0.10000000149011612"),
    ("1e300::DOUBLE", "1e+300"),
    ("-0.0::DOUBLE", "-0.0"),
    ("true", "true"),
    ("'NaN'::DOUBLE", "NaN"),
    ("'inf'::FLOAT", "Infinity"),
    ("'-inf'::DOUBLE", "-Infinity"),
    ("NULL::DOUBLE", None),
    ("""'a "b" \\ é' || chr(10)""", '"a \\"b\\" \\\\ é\\n"'),
    ("''", '""'),
    ("'abc'::BLOB", '"YWJj"'),
    ("DATE '2020-02-02'", '"2020-02-02"'),
    ("TIME '01:02:03'", '"01:02:03"'),
    ("TIMESTAMP '2020-01-01 00:00:00'", '"2020-01-01T00:00:00"'),
    ("TIMESTAMP '2020-01-01 00:00:00.5'", '"2020-01-01T00:00:00.500000"'),
    ("TIMESTAMPTZ '2020-01-01 02:00:00+02'", '"2020-01-01 00:00:00+00:00"'),
    ("'2020-01-01 00:00:00.123456789'::TIMESTAMP_NS", '"2020-01-01T00:00:00.123456789"'),
    (f"'{UUID}'::UUID", f'"{UUID}"'),
    ("[1, NULL, 3]", "[1, null, 3]"),
    ("[[1.5], []]", "[[1.5], []]"),
    ("NULL::INT[]", None),
    ("['a', '\"']", '["a", "\\""]'),
    (
        """{'a "q"': [{'b': 1.50::DECIMAL(4, 2)}], 'c': NULL::INT}""",
        '{"a \\"q\\"": [{"b": 1.50}], "c": null}',
    ),
    ("NULL::STRUCT(a INT)", None),
    ("""('{"a": 1.10,' || chr(10) || '"b": 2}')::JSON""", '{"a": 1.10, "b": 2}'),
]


def test_a_typed_cell_keeps_what_it_says(tmp_path):
    columns = ", ".join(f"{value} AS c{number}" for number, (value, _) in enumerate(VALUES))
    [cells], _ = cells_of(parquet(tmp_path, f"SELECT {columns}"))
    told = [(value, cell) for (value, _), cell in zip(VALUES, cells, strict=True)]
    assert told == VALUES


def test_a_type_that_json_lacks_is_refused_when_it_is_wanted(tmp_path):
    path = parquet(tmp_path, "SELECT map {'a': 1} AS m, 2 AS n, 'x'::BLOB AS b")
    with pytest.raises(ValueError, match=r"^E213 the column 'm' is a MAP\(.*exclude_columns"):
        cells_of(path)
    assert cells_of(path, names=["n", "b"]) == ([("2", '"eA=="')], {"b"})


def test_a_column_may_be_declared_a_text(tmp_path):
    path = parquet(tmp_path, "SELECT 1.10::DECIMAL(4, 2) AS a, 7 AS b")
    assert cells_of(path, texts=["a"])[0] == [('"1.10"', "7")]


NUMBERS = """id,n,big,t,m
7,1.10,12345678901234567890123,"a ""b"", c",
8,-2e5,0.000000000000000000000000000123456789,NA,NA
9,,-0,1_0,
"""


def test_cells_of_csv_keep_their_digits(tmp_path):
    rows, binary = cells_of(csv(tmp_path, NUMBERS), texts=["id"])
    assert rows == [
        ('"7"', "1.10", "12345678901234567890123", '"a \\"b\\", c"', None),
        ('"8"', "-2e5", "0.000000000000000000000000000123456789", None, None),
        ('"9"', None, "-0", '"1_0"', None),
    ]
    assert binary == set()
    assert json.loads(rows[0][3]) == 'a "b", c'


@pytest.mark.parametrize("odd", ["007", "+5", ".5", "5.", "nan", "inf", "-Infinity"])
def test_a_number_that_json_spells_otherwise_is_refused_by_row(tmp_path, odd):
    path = csv(tmp_path, f"a,b\n1,x\n{odd},y\n3,z\n")
    message = r"^E212 1 cells of the column 'a', which holds numbers, .* row 2: '" + odd.replace(
        "+", r"\+"
    )
    with pytest.raises(ValueError, match=message):
        cells_of(path)
    assert cells_of(path, texts=["a"])[0][1] == (f'"{odd}"', '"y"')
    assert cells_of(path, names=["b"])[0][1] == ('"y"',)


def test_only_the_first_odd_numbers_are_shown(tmp_path):
    path = csv(tmp_path, "a\n" + "01\n" * 30)
    with pytest.raises(ValueError, match=r"^E212 30 cells .*row 20: '01'; write"):
        cells_of(path)


def test_a_decimal_of_too_many_digits_is_refused(tmp_path):
    """DuckDB writes no such decimal: the precision in the footer is changed by hand."""
    path = parquet(tmp_path, "SELECT 1.5::DECIMAL(38, 9) AS amount")
    # Scale 9 and precision 38 in Thrift's compact protocol; the precision becomes 60.
    path.write_bytes(path.read_bytes().replace(b"\x15\x12\x15\x4c", b"\x15\x12\x15\x78"))
    with pytest.raises(ValueError, match=r"^E283 the column amount is a BIGNUMERIC"):
        cells_of(path)

import json
from decimal import Decimal

import duckdb
import pytest

from batchpredict.runtime.results.bigquery_lines import standard_lines
from batchpredict.runtime.results.bigquery_parquet import export_parquet_rows
from batchpredict.runtime.tables import open_database


def parquet(path, query):
    duckdb.sql(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return str(path)


@pytest.fixture
def con(tmp_path):
    (tmp_path / "scratch").mkdir()
    with open_database(str(tmp_path / "scratch")) as database:
        yield database


def export(con, files, tmp_path):
    rows = export_parquet_rows(con, files, str(tmp_path / "rows"))
    found = (tmp_path / "rows").read_text(encoding="utf-8").split("\n")
    assert found.pop() == ""
    assert len(found) == rows
    return found


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("9223372036854775807", "9223372036854775807"),
        ("1.10::DECIMAL(38, 9)", "1.1"),
        ("100::DECIMAL(38, 9)", "100"),
        ("0::DECIMAL(38, 9)", "0"),
        ("-0.5::DECIMAL(38, 9)", "-0.5"),
        ("100::DECIMAL(20, 0)", "100"),
        (f"{'9' * 29}.123456789::DECIMAL(38, 9)", f"{'9' * 29}.123456789"),
        ("0.1::DOUBLE", "0.1"),
        ("1e22::DOUBLE", "1e22"),
        ("'nan'::DOUBLE", "NaN"),
        ("'-infinity'::DOUBLE", "-Infinity"),
        ("true", "true"),
        ("NULL::BIGINT", "null"),
        ("'é \"q\" \\ ' || chr(10) || chr(8232)", '"é \\"q\\" \\\\ \\n\u2028"'),
        ("'\\x00\\xFF'::BLOB", '"AP8="'),
        ("''::BLOB", '""'),
        ("DATE '2020-02-29'", '"2020-02-29"'),
        ("TIME '23:59:59'", '"23:59:59"'),
        ("TIME '23:59:59.5'", '"23:59:59.500000"'),
        ("TIMETZ '23:59:59.5+00'", '"23:59:59.500000"'),
        ("TIMESTAMP '2019-01-01 23:59:59.999999'", '"2019-01-01T23:59:59.999999"'),
        ("TIMESTAMP '0001-01-01 00:00:00'", '"0001-01-01T00:00:00"'),
        ("TIMESTAMP '9999-12-31 00:00:01'", '"9999-12-31T00:00:01"'),
        ("TIMESTAMPTZ '2019-01-01 00:00:00.25+00'", '"2019-01-01 00:00:00.250000+00:00"'),
        ("TIMESTAMPTZ '2019-01-01 02:00:00+02'", '"2019-01-01 00:00:00+00:00"'),
        ("'{\"a\": 1.10, ' || chr(10) || '\"b\": 9007199254740993}'", None),
        ("[1.10::DECIMAL(9, 2), NULL]", "[1.1, null]"),
        ("[]::BIGINT[]", "[]"),
        ("NULL::BIGINT[]", "[]"),
        ("[[TIME '01:00:00'], []]", '[["01:00:00"], []]'),
        ("{'a': NULL::DOUBLE, 'b\"': [{'c': 'x'::BLOB}]}", '{"a": null, "b\\"": [{"c": "eA=="}]}'),
        ("NULL::STRUCT(a DECIMAL(9, 2))", "null"),
    ],
)
def test_every_type_keeps_its_value(sql, text, con, tmp_path):
    if text is None:
        sql, text = f"({sql})::JSON", '{"a": 1.10,  "b": 9007199254740993}'
    file = parquet(tmp_path / "x.parquet", f'SELECT {sql} AS "it\'s ""x"""')
    assert export(con, [file], tmp_path) == [f'{{"it\'s \\"x\\"": {text}}}']


def test_all_files_are_read_and_no_row_is_lost(con, tmp_path):
    (tmp_path / "it's [a] *").mkdir()
    files = []
    for n in range(3):
        name = str(tmp_path / "it's [a] *" / f"{n:012}.parquet")
        query = (
            f"SELECT i + {n} * 20000 AS id, (i / 7)::DECIMAL(38, 9) AS n FROM range(20000) r(i)"
        )
        duckdb.sql(query).write_parquet(name)
        files.append(name)
    rows = [json.loads(line, parse_float=Decimal) for line in export(con, files, tmp_path)]
    assert sorted(row["id"] for row in rows) == list(range(60000))
    for row in rows:
        assert abs(row["n"] * 7 - row["id"] % 20000) < Decimal("1e-8")


def test_exported_rows_become_the_lines_of_a_job(con, tmp_path):
    structs = "{'classes': ['a', 'b'], 'scores': [0.25::DOUBLE, 0.75::DOUBLE]}"
    file = parquet(tmp_path / "x.parquet", f"SELECT '007' AS id, {structs} AS predicted_species")
    export(con, [file], tmp_path)
    assert standard_lines(str(tmp_path / "rows"), str(tmp_path / "lines"), "id", "species") == 1
    assert (tmp_path / "lines").read_text() == (
        '{"key": "007", "instance": {"id": "007"}, '
        '"prediction": {"classes": ["a", "b"], "scores": [0.25, 0.75]}}\n'
    )


def test_a_file_that_is_no_parquet_or_of_another_table_is_named(con, tmp_path):
    good = parquet(tmp_path / "good.parquet", "SELECT 1 AS a")
    other = parquet(tmp_path / "other.parquet", "SELECT 1 AS b")
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 not at all")
    for files in ([str(broken)], [good, str(broken)], [str(tmp_path / "absent")]):
        with pytest.raises(ValueError, match=r"^E283 .* not readable as one table in Parquet: "):
            export(con, files, tmp_path)
    for query in ("1 AS a, 2 AS b", "1.5::DOUBLE AS a", "1.5::DECIMAL(9, 2) AS a", "[1] AS a"):
        more = parquet(tmp_path / "more.parquet", f"SELECT {query}")
        for files in ([good, more], [more, good], [good, other]):
            with pytest.raises(ValueError, match=r"^E283 .*parquet has other columns than .*good"):
                export(con, files, tmp_path)


def test_a_folder_with_an_equals_sign_is_no_column(con, tmp_path):
    (tmp_path / "day=1").mkdir()
    file = parquet(tmp_path / "day=1" / "x.parquet", "SELECT 1 AS a")
    assert export(con, [file], tmp_path) == ['{"a": 1}']


def test_a_number_of_more_than_38_digits_is_refused(con, tmp_path):
    """DuckDB writes no such decimal: the precision in the footer is changed by hand."""
    file = tmp_path / "x.parquet"
    parquet(file, "SELECT 1.5::DECIMAL(38, 9) AS amount")
    # Scale 9 and precision 38 in Thrift's compact protocol; the precision becomes 60.
    file.write_bytes(file.read_bytes().replace(b"\x15\x12\x15\x4c", b"\x15\x12\x15\x78"))
    with pytest.raises(ValueError, match=r"^E283 the column amount is a BIGNUMERIC.*CAST\(amount"):
        export(con, [str(file)], tmp_path)

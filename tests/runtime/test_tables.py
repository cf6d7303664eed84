import gzip
import re

import pytest

from batchpredict.runtime.tables import (
    absent_column,
    column_types,
    count_rows,
    csv_header,
    file_format,
    load_table,
    open_database,
    sql_name,
    sql_text,
    table_files,
    table_reader,
)


@pytest.fixture
def con(tmp_path):
    folder = tmp_path / "database"
    folder.mkdir()
    with open_database(str(folder)) as con:
        yield con


def write(path, content):
    path.write_bytes(content)
    return [str(path)]


def test_names_and_texts_are_quoted(con):
    text, name = sql_text("it's"), sql_name('a"b')
    assert con.execute(f"SELECT {text} AS {name}").fetchone() == ("it's",)
    assert con.description[0][0] == 'a"b'


def test_the_database_stays_off_the_network(con):
    setting = "SELECT value FROM duckdb_settings() WHERE name = 'autoinstall_known_extensions'"
    assert con.execute(setting).fetchone() == ("false",)


def test_an_absent_column_is_named_with_what_there_is():
    said = absent_column("the dataset", "specis", ["species", "island"])
    assert said == (
        "the dataset has no column 'specis'; its columns are species, island; "
        "did you mean 'species'?"
    )
    assert absent_column("it", "SEX", ["sex"]).endswith("did you mean 'sex'?")
    assert absent_column("it", "zz", ["a"]).endswith("columns are a")
    many = absent_column("it", "zz", [f"c{i}" for i in range(30)])
    assert "c19, …" in many
    assert "c20" not in many


def test_a_table_is_a_file_or_the_files_of_a_folder(tmp_path):
    for name in ("b.csv", "a.csv", "_SUCCESS", ".hidden"):
        (tmp_path / name).write_text("x\n1\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "folder").mkdir()
    found = [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    assert table_files("u", str(tmp_path)) == found
    assert table_files("u", found[0]) == found[:1]


def test_e201_no_dataset(tmp_path):
    with pytest.raises(ValueError, match=r"^E201 there is no dataset at gs://b/x"):
        table_files("gs://b/x", str(tmp_path / "x"))
    with pytest.raises(ValueError, match=r"^E201 there is no dataset"):
        table_files("u", str(tmp_path))
    with pytest.raises(ValueError, match=r"^E201 bq://p\.d\.t is .* export it to Parquet"):
        table_files("bq://p.d.t", "bq://p.d.t")


def test_the_format_is_told_by_content(con, tmp_path):
    parquet = tmp_path / "table.csv"
    con.execute(f"COPY (SELECT 1 AS a) TO '{parquet}' (FORMAT parquet)")
    assert file_format(str(parquet)) == "parquet"
    [zipped] = write(tmp_path / "zipped.csv", gzip.compress(b"a\n1\n", mtime=0))
    assert file_format(zipped) == "gzip"
    [plain] = write(tmp_path / "plain.parquet", b"a\n1\n")
    assert file_format(plain) == "csv"
    for number, file in enumerate((str(parquet), zipped, plain)):
        assert load_table(con, [file], f"t{number}") == 1
    assert column_types(con, "t0") == {"a": "INTEGER"}
    assert column_types(con, "t1") == {"a": "VARCHAR"}


def test_csv_is_read_as_text_with_missing_cells(con, tmp_path):
    content = '\ufeffa,"b ""c""",d\r\n1,"x\ny",NA\r\n001,"",ж\r\n'.encode()
    load_table(con, write(tmp_path / "t.csv", content), "t")
    assert list(column_types(con, "t")) == ["a", 'b "c"', "d"]
    assert con.execute("FROM t").fetchall() == [("1", "x\ny", None), ("001", None, "ж")]
    assert count_rows(con, "t", "a = '1'") == 1


def test_rows_keep_their_order_across_files_of_a_folder(con, tmp_path):
    folder = tmp_path / "a[1]*"
    folder.mkdir()
    (tmp_path / "a1").mkdir()
    (tmp_path / "a1" / "part-0.csv").write_text("n\nof another folder\n")
    for part in range(3):
        lines = "".join(f"{n}\n" for n in range(part * 5000, part * 5000 + 5000))
        (folder / f"part-{part}.csv").write_text("n\n" + lines)
    assert load_table(con, table_files("u", str(folder)), "t") == 15000
    assert con.execute("SELECT bool_and(n::BIGINT = rowid) FROM t").fetchone() == (True,)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no names found"),
        (b"a,b\n", "has no rows"),
        (b"a,b\n1,2\n3\n", "Expected Number of Columns: 2 Found: 1"),
        (b"a,b\n1,2,3\n", "Expected Number of Columns: 2 Found: 3"),
        (b'a,b\n"1,2\n', "unterminated quote"),
        (b"a,b\n1,\xff\n", "can't decode byte 0xff"),
        (b"a,b\n" + b"1,2\n" * 20000 + b"1,\xff\n", "not utf-8 encoded"),
        (b"a\xff,b\n1,2\n", "neither CSV in UTF-8 nor Parquet"),
        (b"a,A\n1,2\n", "the name 'a' is empty or stands twice"),
        (b"a,\n1,2\n", "the name '' is empty or stands twice"),
        (b"a\0,b\n1,2\n", "no names found"),
        (b"PAR1 and then nothing", "not readable"),
        (gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-20], "Unexpected end of GZIP"),
        (b"\x1f\x8bnot gzip at all", "neither CSV in UTF-8 nor Parquet"),
    ],
)
def test_e202_not_readable(con, tmp_path, content, reason):
    with pytest.raises(ValueError, match=rf"^E202 .*{re.escape(reason)}") as caught:
        load_table(con, write(tmp_path / "t.csv", content), "t")
    assert "\n" not in str(caught.value)


def test_e202_files_that_do_not_belong_together(con, tmp_path):
    one, two = write(tmp_path / "1", b"a\n1\n"), write(tmp_path / "2", b"b\n1\n")
    with pytest.raises(ValueError, match=r"^E202 .*2 has other columns than .*1$"):
        table_reader(one + two)
    con.execute(f"COPY (SELECT 1 AS a) TO '{tmp_path}/3' (FORMAT parquet)")
    with pytest.raises(ValueError, match=r"^E202 .* partly CSV, partly Parquet"):
        table_reader([*one, str(tmp_path / "3")])


def test_the_header_may_be_quoted(tmp_path):
    [path] = write(tmp_path / "t.csv", b'"a,1","b\n2"\n1,2\n')
    assert csv_header(path, compressed=False) == ["a,1", "b\n2"]

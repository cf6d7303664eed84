"""Files that are loaded and extracted: the forms they have, and what is wrong with them."""

import datetime
import gzip
import io
from collections.abc import Callable
from typing import Any

import duckdb
import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from local.bigquery.support import Service

Load = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def load(client: bigquery.Client, dataset: str, request: pytest.FixtureRequest) -> Load:
    """Load bytes into a table of the test's own, and return its rows."""

    def load(data: bytes, kind: str = "CSV", **options: Any) -> list[tuple[Any, ...]]:
        config = bigquery.LoadJobConfig(source_format=kind, **{"autodetect": True, **options})
        name = f"{dataset}.{request.node.name.partition('[')[0]}"
        client.load_table_from_file(io.BytesIO(data), name, job_config=config).result()
        return [tuple(row) for row in client.list_rows(name)]

    return load


def columns(*names: str) -> list[bigquery.SchemaField]:
    parts = [(*name.split(":"), "NULLABLE") for name in names]
    return [bigquery.SchemaField(it[0], it[1], it[2]) for it in parts]


@pytest.mark.parametrize(
    ("data", "options", "wanted"),
    [
        (b"a,b\n1,x\n", {}, [(1, "x")]),
        (b"\xef\xbb\xbfa;b\n1;x\n", {"field_delimiter": ";"}, [(1, "x")]),
        (b"a\tb\n1\tx\n", {"field_delimiter": "\\t"}, [(1, "x")]),
        (b"a,b\n1,'x,y'\n", {"quote_character": "'"}, [(1, "x,y")]),
        (b'a,b\n1,"x\ny"\n', {"allow_quoted_newlines": True}, [(1, "x\ny")]),
        (b"a,b\n1,NA\nNA,x\n", {"null_marker": "NA"}, [(1, None), (None, "x")]),
        (b"a,b\n1,\n,x\n", {}, [(1, ""), (None, "x")]),
        (b"no\na,b\n1,x\n", {"skip_leading_rows": 2}, [(1, "x")]),
        (b"1,x\n2,y\n", {}, [(1, "x"), (2, "y")]),
        (
            b"1,x,more\n",
            {
                "schema": columns("a:INTEGER", "b:STRING"),
                "autodetect": False,
                "ignore_unknown_values": True,
            },
            [(1, "x")],
        ),
        (gzip.compress(b"a,b\n1,x\n", mtime=0), {}, [(1, "x")]),
        (
            b"t,d,f,o\n2026-01-01 00:00:00 UTC,2026-01-31,1.5,true\n",
            {},
            [
                (
                    datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
                    datetime.date(2026, 1, 31),
                    1.5,
                    True,
                )
            ],
        ),
    ],
)
def test_csv(load: Load, data: bytes, options: dict[str, Any], wanted: Any) -> None:
    assert load(data, write_disposition="WRITE_TRUNCATE", **options) == wanted


def test_the_names_of_columns_that_have_none(
    client: bigquery.Client, dataset: str, load: Load
) -> None:
    load(b"1,x,1.5\n")
    table = client.get_table(f"{dataset}.test_the_names_of_columns_that_have_none")
    assert [it.name for it in table.schema] == [
        "int64_field_0",
        "string_field_1",
        "double_field_2",
    ]


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        (
            b"a,b\n1\n",
            {"schema": columns("a:INTEGER", "b:STRING"), "skip_leading_rows": 1},
            "references column position 1.*line 2",
        ),
        (b"1,2,3\n", {"schema": columns("a:INTEGER")}, "references column position 3"),
        (
            b"x\n",
            {"schema": columns("a:INTEGER")},
            r"Cannot convert value to integer.*field: a.*line 1",
        ),
        (b'a,b\n1,"x\ny"\n', {}, "newlines in quotes"),
        (b"\xff\xfe\n", {"schema": columns("a:STRING")}, "CSV error"),
        (b"1\n", {"autodetect": False}, "No schema specified"),
        (b"1\n", {"schema": columns("a:INTEGER:REPEATED")}, "nested or repeated"),
        (b"1\n", {"max_bad_records": 1}, "E372 maxBadRecords"),
        (b"1\n", {"encoding": "ISO-8859-1"}, "E372 encoding ISO-8859-1"),
        (b"1\n", {"allow_jagged_rows": True}, "E372 allowJaggedRows"),
    ],
)
def test_a_csv_that_cannot_be_loaded(
    load: Load, data: bytes, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(exceptions.BadRequest, match=words):
        load(data, **{"autodetect": "schema" not in options, **options})


def test_the_columns_of_json(client: bigquery.Client, dataset: str, load: Load) -> None:
    data = (
        b'{"i": 1, "f": 1.5, "s": "x", "o": true, "l": [1], '
        b'"r": {"d": "2026-01-31", "x": null}}\n\n'
        b'{"i": 2.5, "r": {"t": "2026-01-31T00:00:00Z"}}\n'
    )
    load(data, "NEWLINE_DELIMITED_JSON")
    table = client.get_table(f"{dataset}.test_the_columns_of_json")
    kinds = {it.name: (it.field_type, it.mode) for it in table.schema}
    assert kinds == {
        "i": ("FLOAT", "NULLABLE"),
        "f": ("FLOAT", "NULLABLE"),
        "s": ("STRING", "NULLABLE"),
        "o": ("BOOLEAN", "NULLABLE"),
        "l": ("INTEGER", "REPEATED"),
        "r": ("RECORD", "NULLABLE"),
    }
    inner = {it.name: it.field_type for it in table.schema[5].fields}
    assert inner == {"d": "DATE", "x": "STRING", "t": "TIMESTAMP"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "JSON parsing error.*line 1"),
        (b"[1]", "no object|not an object"),
        (b'{"a": 1, "b": 2}', "no such field: b"),
        (b'{"a": [1]}', "Cannot convert value to integer"),
        (b'{"l": 1}', "Array specified"),
        (b'{"l": [null]}', "Only optional fields can be set to NULL"),
        (b'{"a": 9223372036854775808}', "Cannot convert value to integer"),
        (b'{"n": "0.1234567891"}', "Cannot convert value to numeric"),
        (b'{"d": "2026-02-30"}', "Cannot convert value to date"),
    ],
)
def test_a_line_that_cannot_be_loaded(load: Load, line: bytes, words: str) -> None:
    schema = columns("a:INTEGER", "l:INTEGER:REPEATED", "n:NUMERIC", "d:DATE")
    with pytest.raises(exceptions.BadRequest, match=words):
        load(line, "NEWLINE_DELIMITED_JSON", schema=schema, autodetect=False)


def test_parquet_that_others_wrote(alone: Service, client: bigquery.Client, dataset: str) -> None:
    alone.store.create_bucket("others")
    path = alone.store.path("gs://others/x.parquet")
    with duckdb.connect() as connection:
        connection.sql(
            "SELECT 1::INTEGER AS i, 1.5::DECIMAL(10, 2) AS n, 'x' AS s, "
            "{'a': [1]} AS r, [1, 2] AS l"
        ).write_parquet(str(path))
    config = bigquery.LoadJobConfig(source_format="PARQUET")
    with pytest.raises(exceptions.BadRequest, match="E372 the list r of Parquet without"):
        client.load_table_from_uri(
            "gs://others/x.parquet", f"{dataset}.pq", job_config=config
        ).result()
    options = bigquery.format_options.ParquetOptions()  # type: ignore[no-untyped-call]
    options.enable_list_inference = True
    config.parquet_options = options
    client.load_table_from_uri(
        "gs://others/x.parquet", f"{dataset}.pq", job_config=config
    ).result()
    [row] = client.list_rows(f"{dataset}.pq")
    assert [str(it) for it in row.values()] == ["1", "1.5", "x", "{'a': [1]}", "[1, 2]"]
    config.source_format = "AVRO"
    with pytest.raises(exceptions.BadRequest, match="E372 sourceFormat AVRO"):
        client.load_table_from_uri(
            "gs://others/x.parquet", f"{dataset}.av", job_config=config
        ).result()


def test_extracts(alone: Service, client: bigquery.Client, dataset: str) -> None:
    alone.store.create_bucket("out")
    client.query(
        f"CREATE TABLE {dataset}.flat AS SELECT 1 AS i, 'a b' AS s, b'\\xff' AS y, "
        "TIMESTAMP '2026-01-01 00:00:00.5' AS t, CAST('nan' AS FLOAT64) AS f, "
        "CAST(NULL AS STRING) AS z"
    ).result()
    config = bigquery.ExtractJobConfig(  # type: ignore[no-untyped-call]
        field_delimiter="|", print_header=False, compression="GZIP"
    )
    client.extract_table(f"{dataset}.flat", "gs://out/a/flat-*.csv.gz", job_config=config).result()
    data = alone.store.path("gs://out/a/flat-000000000000.csv.gz").read_bytes()
    assert gzip.decompress(data) == b"1|a b|/w==|2026-01-01 00:00:00.5 UTC|NaN|\n"
    config = bigquery.ExtractJobConfig(destination_format="NEWLINE_DELIMITED_JSON")  # type: ignore[no-untyped-call]
    client.extract_table(f"{dataset}.flat", "gs://out/flat.json", job_config=config).result()
    assert alone.store.path("gs://out/flat.json").read_text() == (
        '{"i": "1", "s": "a b", "y": "/w==", "t": "2026-01-01 00:00:00.5 UTC", "f": "NaN"}\n'
    )
    for options, words in (
        ({"destination_format": "AVRO"}, "E372 destinationFormat AVRO"),
        ({"compression": "SNAPPY"}, "E372 destinationFormat CSV with compression SNAPPY"),
    ):
        config = bigquery.ExtractJobConfig(**options)  # type: ignore[no-untyped-call]
        with pytest.raises(exceptions.BadRequest, match=words):
            client.extract_table(f"{dataset}.flat", "gs://out/x", job_config=config).result()
    with pytest.raises(exceptions.NotFound):
        client.extract_table(f"{dataset}.flat", "gs://no-such-bucket/x").result()

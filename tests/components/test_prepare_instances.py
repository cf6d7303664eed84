"""The step on real files."""

import csv
import gzip
import json
from pathlib import Path

import duckdb
import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials
from kfp import dsl
from kfp.dsl.types import artifact_types
from runtime.results.test_bigquery_server import DATASET, PROJECT, Tables, field
from sklearn.dummy import DummyRegressor
from tfrecord import example_pb2

from batchpredict.components.prepare_instances import prepare_instances
from batchpredict.local.vertex.batch.records import read_records

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"
SCHEMA = """
type: object
required: [a]
properties:
  a: {type: integer, nullable: true}
  b: {type: string}
additionalProperties: false
"""


@pytest.fixture
def services(vertex, monkeypatch):
    """The running services, for a step in this process."""
    for name in ("HTTPS_PROXY", "https_proxy", "REQUESTS_CA_BUNDLE", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, vertex.environment[name])
    monkeypatch.setattr(google.auth, "default", lambda scopes: (AnonymousCredentials(), scopes))
    return vertex


@pytest.fixture
def prepare(tmp_path):
    def run(dataset=None, **parameters):
        folder = tmp_path / f"run-{len(list(tmp_path.glob('run-*')))}"
        folder.mkdir()
        instances = dsl.Dataset(uri=str(folder / "instances"))
        given = dsl.Dataset(uri=str(dataset)) if dataset else None
        outputs = prepare_instances.python_func(instances=instances, dataset=given, **parameters)
        return outputs, instances

    return run


def table(tmp_path, text, name="table.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def json_lines(outputs):
    """Return the lines of all files, numbers as their digits."""
    texts = [Path(uri).read_text(encoding="utf-8") for uri in outputs.instances_uris]
    decode = json.JSONDecoder(parse_int=str, parse_float=str).decode
    return [decode(line) for text in texts for line in text.split("\n") if line]


def test_penguins(prepare):
    outputs, instances = prepare(PENGUINS, exclude_columns=["species"])
    columns = ["island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    columns += ["sex", "year"]
    assert outputs._asdict() == {
        "instances_uris": [instances.uri],
        "rows": 344,
        "key_field": "key",
        "columns": columns,
    }
    assert instances.metadata == {
        "format": "jsonl",
        "shards": 1,
        "rows": 344,
        "key_field": "key",
        "columns": columns,
        "left_out": 0,
    }
    with open(PENGUINS, newline="") as file:
        expected = [
            {
                "key": f"row-{number:06d}",
                **{name: None if row[name] in ("", "NA") else row[name] for name in columns},
            }
            for number, row in enumerate(csv.DictReader(file), start=1)
        ]
    assert json_lines(outputs) == expected


def test_a_parquet_file_becomes_lists_of_the_columns_asked_for(prepare, tmp_path):
    path = tmp_path / "t.parquet"
    duckdb.sql("SELECT 1.50::DECIMAL(5, 2) AS a, 'x' AS b, [1] AS c").write_parquet(str(path))
    outputs, _ = prepare(path, instance_type="array", include_columns=["c", "a"])
    assert Path(outputs.instances_uris[0]).read_text() == "[[1], 1.50]\n"
    assert (outputs.key_field, outputs.columns) == ("", ["c", "a"])


def test_a_key_is_written_as_it_stands(prepare, tmp_path):
    path = table(tmp_path, "a,id\n1.10,007\n2,8\n")
    for kind, expected in (
        ("jsonl", '{"id": "007", "a": 1.10}\n{"id": "8", "a": 2}\n'),
        ("csv", '"id","a"\n"007",1.10\n"8",2\n'),
    ):
        outputs, _ = prepare(path, key_column="id", instances_format=kind)
        assert Path(outputs.instances_uris[0]).read_text() == expected
        assert outputs.key_field == "id"
    with pytest.raises(ValueError, match=r"^E206 the key column 'a' holds '1' in 2 rows"):
        prepare(table(tmp_path, "a,b\n1,2\n1,3\n"), key_column="a")
    path = tmp_path / "t.parquet"
    duckdb.sql("SELECT range AS id, true AS a FROM range(2)").write_parquet(str(path))
    outputs, _ = prepare(path, key_column="id")
    assert json_lines(outputs) == [{"id": "0", "a": True}, {"id": "1", "a": True}]


def test_shards(prepare, tmp_path):
    path = table(tmp_path, "a\n" + "".join(f"{number}\n" for number in range(5)))
    outputs, instances = prepare(path, shard_rows=2, instances_format="tf-record-gzip")
    assert [uri.removeprefix(instances.uri) for uri in outputs.instances_uris] == [
        f"/instances-0000{number}.tfrecord.gz" for number in (1, 2, 3)
    ]
    values = []
    for uri in outputs.instances_uris:
        with gzip.open(uri) as file:
            for record in read_records(file):
                example = example_pb2.Example.FromString(record)
                values += example.features.feature["a"].int64_list.value
    assert values == [0, 1, 2, 3, 4]
    assert instances.metadata["shards"] == 3


def test_bytes_and_keys_in_records(prepare, tmp_path):
    path = tmp_path / "t.parquet"
    query = "SELECT 'k' || range AS id, 'x'::BLOB AS b, 'eA==' AS t, 'x'::BLOB AS u FROM range(1)"
    duckdb.sql(query).write_parquet(str(path))
    outputs, _ = prepare(path, key_column="id", instances_format="tf-record", text_columns=["u"])
    with open(outputs.instances_uris[0], "rb") as file:
        [record] = read_records(file)
    found = example_pb2.Example.FromString(record).features.feature
    values = {name: list(feature.bytes_list.value) for name, feature in found.items()}
    assert values == {"id": [b"k0"], "b": [b"x"], "t": [b"eA=="], "u": [b"x"]}


def test_a_file_list_of_a_column(prepare, tmp_path):
    path = table(tmp_path, "n,uri\n1,gs://b/x.jpg\n2,gs://b/y.jpg\n")
    outputs, _ = prepare(path, instances_format="file-list", include_columns=["uri"])
    assert Path(outputs.instances_uris[0]).read_text() == "gs://b/x.jpg\ngs://b/y.jpg\n"
    assert (outputs.key_field, outputs.columns) == ("", [])
    assert outputs.instances_uris[0].endswith(".txt")


def test_a_bigquery_table(prepare):
    with Tables() as tables:
        fields = [field("id", "INTEGER"), field("a", "NUMERIC"), field("s"), field("b", "BYTES")]
        tables.add("t", fields, [["7", "1.10", None, "eA=="], ["8", "2", "x", None]])
        uri = f"bq://{PROJECT}.{DATASET}.t"
        outputs, _ = prepare(uri, key_column="id", api=tables.api)
        assert json_lines(outputs) == [
            {"id": "7", "a": "1.10", "s": None, "b": "eA=="},
            {"id": "8", "a": "2", "s": "x", "b": None},
        ]
        outputs, _ = prepare(
            uri, instances_format="tf-record", include_columns=["b"], api=tables.api
        )
        with open(outputs.instances_uris[0], "rb") as file:
            records = [example_pb2.Example.FromString(record) for record in read_records(file)]
        assert records[0].features.feature["b"].bytes_list.value == [b"x"]
        assert not records[1].features.feature


def test_rows_are_checked_against_a_schema_without_their_key(prepare, tmp_path):
    schema = dsl.Artifact(uri=str(table(tmp_path, SCHEMA, "schema.yaml")))
    outputs, _ = prepare(table(tmp_path, "a,b\n1,x\nNA,y\n"), instance_schema=schema)
    assert outputs.rows == 2
    path = table(tmp_path, "a,b\n1,x\n2.5,NA\n3,y\n")
    message = (
        r"^E216 1 of 3 rows do not fit the model's instance schema: row 2 \(row-000002\): "
        r"a: 2.5 is not of type 'integer', b: None is not of type 'string'; mend these rows$"
    )
    with pytest.raises(ValueError, match=message):
        prepare(path, instance_schema=schema)
    array = table(tmp_path, "{type: array, items: {type: number}}", "array.yaml")
    lists = dsl.Artifact(uri=str(array))
    numbers = table(tmp_path, "a,b\n1,2\n", "numbers.csv")
    for parameters in ({}, {"instance_type": "array"}, {"instances_format": "csv"}):
        outputs, _ = prepare(numbers, instance_schema=lists, **parameters)
        assert outputs.rows == 1
    with pytest.raises(ValueError, match=r"^E216 1 of 1 rows .* is not of type 'array'"):
        prepare(numbers, instance_schema=lists, instance_type="object")


@pytest.mark.usefixtures("services")
def test_a_schema_by_its_place_or_by_the_model(
    prepare, tmp_path, vertex, upload_sklearn, monkeypatch, capsys
):
    path = table(tmp_path, "a\n1\n")
    with pytest.raises(ValueError, match=r"^E215 the instance schema gs://none/s cannot be read"):
        prepare(path, instance_schema_uri="gs://none/s")
    fitted = DummyRegressor().fit([[0]], [7.0])
    bare = upload_sklearn(fitted)
    outputs, _ = prepare(path, model=dsl.Artifact(metadata={"resourceName": bare}))
    assert outputs.rows == 1
    assert f"W217 {bare} has no instance schema" in capsys.readouterr().out
    vertex.store.create_bucket("test-prepared-schemas")
    uri = "gs://test-prepared-schemas/s.json"
    vertex.store.path(uri).write_text('{"properties": {"a": {"minimum": 2}}}')
    monkeypatch.setattr(artifact_types, "_GCS_LOCAL_MOUNT_PREFIX", f"{vertex.store.root}/")
    told = upload_sklearn(fitted, predict_schemata={"instance_schema_uri": uri})
    for parameters in (
        {"instance_schema_uri": uri},
        {"model": dsl.Artifact(metadata={"resourceName": told})},
    ):
        with pytest.raises(
            ValueError, match=r"^E216 1 of 1 rows .* a: 1 is less than the minimum"
        ):
            prepare(path, **parameters)


def test_images_of_a_folder(prepare, tmp_path, services):
    for name in ("a.jpg", "sub/b.png", "notes.txt"):
        path = services.store.path("gs://test-prepared-images/in").joinpath(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    prefix = "gs://test-prepared-images/in"
    schema = "{type: object, properties: {mimeType: {enum: [image/jpeg]}}}"
    documents = [
        {"content": f"{prefix}/a.jpg", "mimeType": "image/jpeg"},
        {"content": f"{prefix}/sub/b.png", "mimeType": "image/png"},
    ]
    outputs, instances = prepare(images_prefix=prefix)
    assert json_lines(outputs) == documents
    assert (outputs.key_field, outputs.columns) == ("", ["content", "mimeType"])
    assert instances.metadata["left_out"] == 1
    outputs, _ = prepare(images_prefix=prefix, instances_format="file-list")
    text = Path(outputs.instances_uris[0]).read_text()
    assert text == "".join(f"{document['content']}\n" for document in documents)
    given = dsl.Artifact(uri=str(table(tmp_path, schema, "s.yaml")))
    with pytest.raises(ValueError, match=r"^E216 1 of 2 rows .*row 2 \(gs://.*/b.png\): mimeType"):
        prepare(images_prefix=prefix, instance_schema=given)
    with pytest.raises(
        ValueError, match=r"^E210 there is no image in gs://test-prepared-images/x"
    ):
        prepare(images_prefix="gs://test-prepared-images/x")


def test_a_step_that_fails_leaves_nothing(prepare, tmp_path):
    path = table(tmp_path, "a,b\n" + "1,x\n" * 5000 + "2,\n")
    with pytest.raises(ValueError, match=r"^E212 1 of 5001 rows .* row 5001 \(row-005001\): "):
        prepare(path, instances_format="csv", shard_rows=100)
    assert list((tmp_path / "run-0").iterdir()) == []
    with pytest.raises(ValueError, match=r"^E207 instances_format is 'parquet'"):
        prepare(path, instances_format="parquet")
    with pytest.raises(ValueError, match=r"^E201 there is no dataset at /nowhere"):
        prepare("/nowhere")

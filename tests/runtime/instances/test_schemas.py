import json

import pytest
import yaml
from runtime.results.test_bigquery_server import Tables

from batchpredict.runtime.instances.schemas import (
    read_schema,
    schema_checker,
    schema_uri,
    stored_uri,
)

PENGUIN = """
title: Penguin
type: object
description: what the model gets
required: [mass, island]
properties:
  mass:
    type: number
    format: double
    minimum: 0
    exclusiveMinimum: true
    nullable: true
  island:
    type: string
    enum: [Biscoe, Dream]
  year: {$ref: "#/components/schemas/Year"}
additionalProperties: false
components:
  schemas:
    Year: {type: integer, nullable: true}
"""


def misfits(text, value):
    return schema_checker(yaml.safe_load(text), "gs://b/s.yaml")(value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"mass": 4.5, "island": "Dream", "year": 2007}, []),
        ({"mass": None, "island": "Dream", "year": None}, []),
        ({"mass": 2**70, "island": "Dream"}, []),
        ({"mass": 0, "island": "Dream"}, ["mass: 0 is less than or equal to the minimum of 0"]),
        ({"mass": "4.5", "island": "Dream"}, ["mass: '4.5' is not of type 'number'"]),
        ({"mass": 1, "island": None}, ["island: None is not of type 'string'", "['Bi"]),
        ({"mass": 1, "island": "Dream", "year": 7.5}, ["year: 7.5 is not of type 'integer'"]),
        ({"mass": 1}, ["'island' is a required property"]),
        ({"mass": 1, "island": "Dream", "x": 1}, ["Additional properties are not allowed ('x'"]),
        ([1], ["[1] is not of type 'object'"]),
    ],
)
def test_openapi_and_nullable(value, said):
    found = misfits(PENGUIN, value)
    assert len(found) == len(said)
    assert all(any(part in text for text in found) for part in said)


def test_nullable_reaches_into_lists_and_long_values_are_cut():
    schema = "{type: array, items: {type: number, nullable: true}, maxItems: 2}"
    assert misfits(schema, [1, None]) == []
    assert misfits("{type: array, items: {type: number}}", [1, None]) == [
        "1: None is not of type 'number'"
    ]
    assert [len(text) for text in misfits("{type: number}", "x" * 1000)] == [300]


def test_a_schema_may_say_which_draft_it_is():
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "exclusiveMinimum": 0,
        "const": 7,
    }
    check = schema_checker(schema, "s")
    assert check(7) == []
    assert len(check(0)) == 2


@pytest.mark.parametrize(
    "schema",
    [{"type": "numbr"}, {"properties": {"a": {"required": True}}}, {"exclusiveMinimum": 0}],
)
def test_a_schema_that_is_none_is_refused(schema):
    with pytest.raises(ValueError, match=r"^E215 the instance schema gs://b/s is not valid: \w"):
        schema_checker(schema, "gs://b/s")


@pytest.mark.parametrize("target", ["#/absent", "#"])
def test_a_reference_to_nothing_is_an_error(target):
    with pytest.raises(RuntimeError, match=r"^E215 the instance schema s refers to what is not "):
        schema_checker({"$ref": target}, "s")(1)


def test_nothing_is_fetched_for_a_reference():
    with Tables() as server:
        schema = {"properties": {"a": {"$ref": f"{server.api}/schema.json"}}}
        with pytest.raises(RuntimeError, match=r"^E215 the instance schema s refers to what is "):
            schema_checker(schema, "s")({"a": 1})
        assert server.asked == []


def test_yaml_and_json_are_read(tmp_path):
    path = tmp_path / "schema"
    path.write_text(PENGUIN)
    assert read_schema("s", str(path))["title"] == "Penguin"
    path.write_text(json.dumps({"type": "object"}), encoding="utf-8-sig")
    assert read_schema("s", str(path)) == {"type": "object"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "s cannot be read: "),
        (b"a: [", "s is no YAML or JSON: "),
        (b"!!python/object:os.system {}", "s is no YAML or JSON: "),
        (b"\xff\xfe\xff", "s is no YAML or JSON: "),
        (b"[1]", "s is no object"),
        (b"", "s is no object"),
    ],
)
def test_what_is_no_schema_is_refused(tmp_path, content, said):
    path = tmp_path / "schema"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^E215 the instance schema {said}"):
        read_schema("s", str(path))


def test_vertex_ai_may_give_the_address_of_a_schema():
    assert stored_uri("gs://b/a/s.yaml") == "gs://b/a/s.yaml"
    assert stored_uri("https://storage.googleapis.com/b/a%20b/s.yaml") == "gs://b/a b/s.yaml"
    for uri in ("https://example.com/b/s", "/etc/passwd", "gs://b", "gs://b/../../x", "gs:///x"):
        with pytest.raises(ValueError, match=r"^E215 the instance schema is at "):
            stored_uri(uri)


@pytest.mark.parametrize("name", ["", "projects/p/locations/l/endpoints/1", "x/projects/p"])
def test_an_artifact_of_no_model_is_refused(name):
    with pytest.raises(ValueError, match=r"^E215 the artifact names no model"):
        schema_uri({"resourceName": name})


@pytest.mark.usefixtures("services")
def test_a_model_is_asked_for_its_schema(upload_sklearn, capsys):
    from sklearn.dummy import DummyRegressor

    fitted = DummyRegressor().fit([[0]], [1])
    bare = upload_sklearn(fitted)
    assert schema_uri({"resourceName": bare}) == ""
    assert f"W217 {bare} has no instance schema" in capsys.readouterr().out
    schemata = {"instance_schema_uri": "gs://schemas/s.yaml"}
    told = upload_sklearn(fitted, predict_schemata=schemata)
    assert schema_uri({"resourceName": told}) == "gs://schemas/s.yaml"
    assert schema_uri({"resourceName": f"{told}@1"}) == "gs://schemas/s.yaml"

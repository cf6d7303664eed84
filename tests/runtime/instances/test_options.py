import pytest

from batchpredict.runtime.instances.options import (
    check_instance_options,
    choose_columns,
    key_of,
)

DEFAULTS: dict = {
    "dataset": "d",
    "model": None,
    "instance_schema": None,
    "instance_schema_uri": "",
    "images_prefix": "",
    "instances_format": "jsonl",
    "key_column": "",
    "include_columns": [],
    "exclude_columns": [],
    "text_columns": [],
    "instance_type": "",
    "shard_rows": 0,
}
IMAGES = {"dataset": None, "images_prefix": "gs://b/i"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"instances_format": "bigquery"}, "instances_format is 'bigquery'; give one of jsonl"),
        ({"instance_type": "list"}, "instance_type is 'list'"),
        ({"shard_rows": -1}, "shard_rows is negative"),
        ({"dataset": None}, "give one of dataset and images_prefix"),
        ({"images_prefix": "gs://b/i"}, "give one of dataset and images_prefix"),
        ({"include_columns": ["a"], "exclude_columns": ["b"]}, "give one of include_columns"),
        ({"model": "m", "instance_schema_uri": "gs://b/s"}, "give one of instance_schema"),
        ({"instances_format": "csv", "instance_type": "array"}, "instance_type has no place"),
        ({"instance_type": "array", "key_column": "id"}, "key_column has no place .*key_field"),
        ({"instances_format": "tf-record", "model": "m"}, "model has no place here"),
        ({"instances_format": "file-list", "key_column": "id"}, "key_column has no place"),
        ({**IMAGES, "exclude_columns": ["a"]}, "exclude_columns has no place"),
        ({**IMAGES, "instance_type": "array"}, "instance_type has no place"),
        ({**IMAGES, "instances_format": "csv"}, "images_prefix has no place .*not csv"),
    ],
)
def test_inputs_that_do_not_go_together_are_refused(changes, said):
    with pytest.raises(ValueError, match=f"^E207 {said}"):
        check_instance_options(DEFAULTS | changes)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({}, "key"),
        ({"instances_format": "csv"}, "key"),
        ({"key_column": "id", "instances_format": "tf-record"}, "id"),
        ({"instances_format": "tf-record-gzip"}, ""),
        ({"instances_format": "file-list"}, ""),
        ({"instance_type": "array"}, ""),
        (IMAGES, ""),
    ],
)
def test_a_key_is_made_where_the_job_can_use_one(changes, key):
    options = DEFAULTS | changes
    check_instance_options(options)
    assert key_of(options) == key


def test_the_columns_that_the_model_gets():
    columns = ["id", "a", "b", "c"]

    def chosen(**changes):
        return choose_columns(columns, changes.get("key_column", "key"), DEFAULTS | changes)

    assert chosen() == columns
    assert chosen(key_column="id") == ["a", "b", "c"]
    assert chosen(key_column="id", include_columns=["c", "id", "a"]) == ["c", "a"]
    assert chosen(exclude_columns=["a", "id"]) == ["b", "c"]


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"include_columns": ["A"]}, "key", "E203 the dataset has no column 'A'.*mean 'a'"),
        ({"exclude_columns": ["x"]}, "key", "E203 the dataset has no column 'x'"),
        ({"text_columns": ["x"]}, "key", "E203 the dataset has no column 'x'"),
        ({"key_column": "x"}, "x", r"E206 the dataset has no column 'x'.* \(key_column\)"),
        ({}, "key", "E206 the dataset has a column 'Key' while key_column is empty"),
        ({"key_column": "Key", "include_columns": ["a", "a"]}, "Key", "E207 .* names a column tw"),
        ({"key_column": "Key", "exclude_columns": ["a", "b"]}, "Key", "E207 no column is left"),
        ({"instances_format": "file-list"}, "", "E207 a file list .* and there are 3"),
    ],
)
def test_columns_that_cannot_be_chosen_are_refused(changes, key, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        choose_columns(["a", "b", "Key"], key, DEFAULTS | changes)

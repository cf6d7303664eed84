"""The step's contract as the console and a pipeline see it."""

import importlib
import inspect

import duckdb
import pytest
from kfp import dsl

from batchpredict.components.publish_predictions import publish_predictions


@pytest.mark.parametrize("name", ["join_predictions", "publish_predictions"])
def test_the_body_is_an_adapter_and_all_is_described(name):
    component = getattr(importlib.import_module(f"batchpredict.components.{name}"), name)
    text = inspect.getsource(component.python_func)
    body = text[text.index('"""', text.index('"""') + 3) + 3 :]
    assert len([row for row in body.splitlines() if row.strip()]) <= 40
    spec = component.component_spec
    for item in (*spec.inputs.values(), *spec.outputs.values()):
        assert item.description


def test_a_folder_in_cloud_storage_is_where_it_is_mounted(tmp_path, monkeypatch):
    monkeypatch.setattr("kfp.dsl.types.artifact_types._GCS_LOCAL_MOUNT_PREFIX", f"{tmp_path}/")
    (tmp_path / "bucket").mkdir()
    duckdb.sql("SELECT 'a' AS key").write_parquet(str(tmp_path / "bucket" / "p.parquet"))
    outputs = publish_predictions.python_func(
        predictions=dsl.Dataset(uri="gs://bucket/p.parquet"),
        destination="gs://bucket/scores/daily",
        run_key="1",
    )
    assert tuple(outputs) == (1, True)
    assert (tmp_path / "bucket" / "scores" / "daily" / "_manifest.json").exists()

"""Finished operations, which the next session still knows."""

from pathlib import Path

import pytest
from google.cloud.aiplatform_v1 import types
from google.rpc import code_pb2

from batchpredict.local.runs import PARENT
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.operations import Operations

REPLY = types.UploadModelResponse(model=f"{PARENT}/models/1", model_version_id="1")


def test_operations_outlive_the_session(tmp_path: Path) -> None:
    operations = Operations(tmp_path / "operations")
    good = operations.succeeded(PARENT, REPLY, types.UploadModelOperationMetadata())
    bad = operations.failed(PARENT, ServiceError(code_pb2.NOT_FOUND, "no model"))
    again = Operations(tmp_path / "operations")
    assert again.find(good.name) == good
    assert again.find(bad.name) == bad
    assert again.find(f"{PARENT}/operations/1") is None


def test_the_oldest_are_forgotten_on_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Operations, "KEPT", 2)
    operations = Operations(tmp_path)
    names = [operations.succeeded(PARENT, REPLY).name for _ in range(4)]
    assert [operations.find(name) is not None for name in names] == [False, False, True, True]
    assert {path.name for path in tmp_path.iterdir()} == {n.rpartition("/")[2] for n in names[2:]}


def test_a_damaged_one_is_none_and_half_of_one_is_not_read(tmp_path: Path) -> None:
    operations = Operations(tmp_path)
    kept = operations.succeeded(PARENT, REPLY)
    (tmp_path / "1").write_bytes(b"\xff\xff")
    (tmp_path / ".2.partial").write_bytes(b"half")
    again = Operations(tmp_path)
    assert again.find(kept.name) == kept


def test_without_a_folder_they_live_as_long_as_the_session() -> None:
    operations = Operations()
    assert operations.find(operations.succeeded(PARENT, REPLY).name) is not None

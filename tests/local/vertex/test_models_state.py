"""What of the models outlives a session, also one that was killed."""

import contextlib
import itertools
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from batchpredict.images import SKLEARN_SERVING
from batchpredict.local.runs import PARENT
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.model_versions import ModelVersions
from batchpredict.local.vertex.models import ModelService
from batchpredict.local.vertex.operations import Operations
from batchpredict.local.vertex.services import KINDS
from batchpredict.local.vertex.state import Resources


def service(home: Path) -> ModelService:
    return ModelService(Resources(home, KINDS), Operations())


def local_upload(models: ModelService, **fields: Any) -> Any:
    model = types.Model(
        display_name="m", container_spec={"image_uri": SKLEARN_SERVING}, labels={"a": "b"}
    )
    request = types.UploadModelRequest(parent=PARENT, model=model, **fields)
    return models.upload_model(request)


def state_of(models: ModelService) -> list[Any]:
    versions = types.ListModelVersionsRequest(name=f"{PARENT}/models/m")
    return list(models.list_model_versions(versions).models)


def test_versions_and_aliases_outlive_the_session(tmp_path: Path) -> None:
    models = service(tmp_path)
    local_upload(models, model_id="m")
    local_upload(models, parent_model=f"{PARENT}/models/m")
    request = types.MergeVersionAliasesRequest(
        name=f"{PARENT}/models/m@2", version_aliases=["default", "golden"]
    )
    models.merge_version_aliases(request)
    before = state_of(models)
    assert [list(it.version_aliases) for it in before] == [[], ["default", "golden"]]
    assert state_of(service(tmp_path)) == before


@pytest.mark.parametrize("writes", range(4))
def test_a_session_killed_between_two_writes_leaves_whole_models(
    tmp_path: Path, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was written: every model that is found has exactly one default version."""
    count = itertools.count()
    put = Resources.put

    def cut(self: Resources, name: str, message: Any) -> None:
        if next(count) >= writes:
            raise SystemExit
        put(self, name, message)

    monkeypatch.setattr(Resources, "put", cut)
    with contextlib.suppress(SystemExit):
        for fields in ({"model_id": "m"}, {"parent_model": f"{PARENT}/models/m"}):
            local_upload(service(tmp_path), **fields)
    assert next(count) == writes + 1
    monkeypatch.undo()
    models = service(tmp_path)
    listed = models.list_models(types.ListModelsRequest(parent=PARENT)).models
    assert len(listed) == (writes >= 2)
    for model in listed:
        assert (model.version_id, model.labels) == ("1", {"a": "b"})
    local_upload(models, **({"parent_model": listed[0].name} if listed else {"model_id": "m"}))


def test_a_deletion_that_was_cut_off_is_finished_by_the_next_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = service(tmp_path)
    local_upload(models, model_id="m")
    local_upload(models, parent_model=f"{PARENT}/models/m")
    delete = Resources.delete
    gone: list[str] = []

    def cut(self: Resources, name: str) -> None:
        if gone:
            raise SystemExit
        delete(self, name)
        gone.append(name)

    monkeypatch.setattr(Resources, "delete", cut)
    with pytest.raises(SystemExit):
        models.delete_model(types.DeleteModelRequest(name=f"{PARENT}/models/m"))
    monkeypatch.undo()
    assert gone == [f"{PARENT}/models/m@1"]
    models = service(tmp_path)
    with pytest.raises(ServiceError):
        state_of(models)
    assert not list(tmp_path.rglob("*.json"))


def test_versions_without_a_head_are_taken_up(tmp_path: Path) -> None:
    """So earlier releases kept them: with the aliases at the version."""
    resources = Resources(tmp_path, KINDS)
    for number, given in (("1", ["old"]), ("2", ["default"])):
        version = types.Model(
            name=f"{PARENT}/models/m", version_id=number, version_aliases=given, display_name="m"
        )
        resources.put(f"{PARENT}/models/m@{number}", version)
    versions = ModelVersions(Resources(tmp_path, KINDS))
    assert versions.resolve(f"{PARENT}/models/m").version_id == "2"
    assert versions.resolve(f"{PARENT}/models/m@old").version_id == "1"

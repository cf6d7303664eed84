"""Changes of models and of versions, and which of them are refused."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from local.vertex.model_support import get, upload, upload_two


@pytest.fixture(params=["grpc", "rest"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(transport: str, gapic: Callable[[str, str], Any]) -> Any:
    return gapic("model", transport)


@pytest.fixture
def name(client: Any) -> str:
    return upload_two(client)


def update(client: Any, name: str, paths: str, **fields: Any) -> Any:
    model = types.Model(name=name, **fields)
    return client.update_model(model=model, update_mask={"paths": paths.split()})


def test_a_model_is_changed_by_its_name(client: Any, name: str) -> None:
    before = get(client, name)
    changed = update(client, name, "display_name description", display_name="new", description="d")
    assert (changed.name, changed.display_name, changed.description) == (name, "new", "d")
    assert changed.update_time > before.update_time
    assert changed.version_update_time == before.version_update_time
    assert get(client, f"{name}@1").display_name == "new"
    assert update(client, f"{name}@-", "description").description == ""


def test_a_version_is_changed_by_its_own_name(client: Any, name: str) -> None:
    fields = {"version_description": "said", "labels": {"v": "1"}}
    changed = update(client, f"{name}@first-one", "version_description labels", **fields)
    assert changed.name == f"{name}@1"
    assert (changed.version_description, dict(changed.labels)) == ("said", {"v": "1"})
    other = get(client, f"{name}@2")
    assert (other.version_description, dict(other.labels)) == ("better", {})
    assert not update(client, f"{name}@1", "labels").labels


@pytest.mark.parametrize(
    ("version", "paths"),
    [("", "version_description"), ("@1", "display_name"), ("@1", "labels description")],
)
def test_a_model_is_not_changed_through_a_version_nor_the_other_way_round(
    client: Any, name: str, version: str, paths: str
) -> None:
    with pytest.raises(exceptions.BadRequest, match="cannot be changed through"):
        update(client, f"{name}{version}", paths, display_name="x", description="x")
    assert get(client, name).display_name == "m"


@pytest.mark.parametrize("paths", ["", "artifact_uri", "display_name etag", "*", "labels.a"])
def test_other_fields_are_not_changed(client: Any, name: str, paths: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="update_mask"):
        update(client, name, paths, display_name="x", artifact_uri="gs://b/x")
    assert get(client, name).display_name == "m"


@pytest.mark.parametrize(
    "fields",
    [{"display_name": ""}, {"display_name": "x" * 129}, {"labels": {"Upper": "x"}}],
)
def test_what_an_upload_refuses_an_update_refuses_too(
    client: Any, name: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(exceptions.BadRequest):
        upload(client, **fields)
    with pytest.raises(exceptions.BadRequest):
        update(client, name, *fields, **fields)


@pytest.mark.parametrize("labels", [{"a": "x y"}, {"": "a"}, {"a": "b" * 65}, {"a.b": "c"}])
def test_a_label_that_is_no_label_is_refused(client: Any, labels: dict[str, str]) -> None:
    with pytest.raises(exceptions.BadRequest, match="label"):
        upload(client, labels=labels)
    upload(client, labels={"k-1_\u00e4": "", "-": "b" * 64})


def test_a_change_of_an_older_state_is_refused(client: Any, name: str) -> None:
    read = get(client, name)
    update(client, name, "description", description="first", etag=read.etag)
    with pytest.raises(exceptions.Conflict, match="read the resource again"):
        update(client, name, "description", description="second", etag=read.etag)
    assert get(client, name).description == "first"
    update(client, name, "description", description="third")

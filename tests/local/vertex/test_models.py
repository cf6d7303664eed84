"""ModelService as Google's generated clients see it."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types

from batchpredict.local.runs import PARENT

IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, gapic: Callable[[str, str], Any]) -> Any:
    return gapic("model", request.param)


def upload(client: Any, parent_model: str = "", model_id: str = "", **fields: Any) -> Any:
    spec = {"image_uri": IMAGE}
    model = types.Model(**{"display_name": "m", "container_spec": spec, **fields})
    request = types.UploadModelRequest(
        parent=PARENT, parent_model=parent_model, model_id=model_id, model=model
    )
    return client.upload_model(request).result()


def get(client: Any, name: str) -> Any:
    return client.get_model(name=name)


def test_a_first_upload_is_version_1_and_the_default(client: Any) -> None:
    reply = upload(client, labels={"a": "b"})
    assert reply.model_version_id == "1"
    model = get(client, reply.model)
    assert model.name == reply.model
    assert list(model.version_aliases) == ["default"]
    assert model.labels == {"a": "b"}
    assert model.create_time == model.version_create_time


def test_a_version_under_a_parent_takes_only_the_aliases_it_names(client: Any) -> None:
    name = upload(client, version_aliases=["stable", "first"]).model
    second = upload(client, parent_model=name, version_aliases=["stable"])
    assert (second.model, second.model_version_id) == (name, "2")
    assert get(client, f"{name}@stable").version_id == "2"
    assert get(client, f"{name}@first").version_id == "1"
    assert get(client, name).version_id == "1"  # the default stays until it is claimed


def test_a_version_that_claims_the_default_is_what_the_name_means(client: Any) -> None:
    name = upload(client).model
    upload(client, parent_model=f"{name}@1", version_aliases=["default"])
    assert get(client, name).version_id == "2"
    assert list(get(client, f"{name}@1").version_aliases) == []
    versions = client.list_model_versions(name=name)
    assert [model.version_id for model in versions] == ["1", "2"]


@pytest.mark.parametrize("suffix", ["@3", "@no-such-alias"])
def test_an_unknown_version_is_not_found(client: Any, suffix: str) -> None:
    name = upload(client).model
    with pytest.raises(exceptions.NotFound):
        get(client, name + suffix)


def test_a_version_of_a_missing_parent_is_not_found(client: Any) -> None:
    with pytest.raises(exceptions.NotFound):
        upload(client, parent_model=f"{PARENT}/models/404")


def test_a_model_keeps_the_id_that_the_caller_gives(client: Any) -> None:
    model_id = f"own-{client.transport.kind}"
    assert upload(client, model_id=model_id).model == f"{PARENT}/models/{model_id}"


def test_an_id_in_use_is_refused_and_the_model_stays(client: Any) -> None:
    model_id = f"twice-{client.transport.kind}"
    name = upload(client, model_id=model_id, display_name="first").model
    with pytest.raises(exceptions.Conflict):
        upload(client, model_id=model_id, display_name="second")
    assert get(client, name).display_name == "first"


@pytest.mark.parametrize("model_id", ["../up", "a/b", "a@b"])
def test_an_id_that_is_no_name_is_refused(client: Any, model_id: str) -> None:
    with pytest.raises(exceptions.BadRequest):
        upload(client, model_id=model_id)


@pytest.mark.parametrize("fields", [{"display_name": ""}, {"container_spec": {}}])
def test_an_upload_without_a_name_or_an_image_is_refused(
    client: Any, fields: dict[str, Any]
) -> None:
    with pytest.raises(exceptions.BadRequest):
        upload(client, **fields)


def test_a_list_is_filtered_and_paged_without_loss(client: Any) -> None:
    title = f"paged-{client.transport.kind}"
    names = {upload(client, display_name=title).model for _ in range(5)}
    upload(client, parent_model=min(names), display_name=title)  # a version is no model
    request = types.ListModelsRequest(parent=PARENT, filter=f'display_name="{title}"', page_size=2)
    pages = list(client.list_models(request).pages)
    assert [len(page.models) for page in pages] == [2, 2, 1]
    assert sorted(model.name for page in pages for model in page.models) == sorted(names)


def test_models_of_another_project_are_not_listed(client: Any) -> None:
    upload(client)
    assert list(client.list_models(parent="projects/other/locations/us-central1")) == []


def test_a_deleted_model_is_gone_with_all_versions(client: Any) -> None:
    name = upload(client).model
    upload(client, parent_model=name)
    client.delete_model(name=name).result()
    for gone in (name, f"{name}@1", f"{name}@2"):
        with pytest.raises(exceptions.NotFound):
            get(client, gone)
    with pytest.raises(exceptions.NotFound):
        client.delete_model(name=name)

"""Versions, aliases, lists and copies of models."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from local.vertex.model_support import IMAGE, get, upload, upload_two
from sklearn.linear_model import LinearRegression

from batchpredict.local.runs import PARENT

MACHINE = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1}


@pytest.fixture(params=["grpc", "rest"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(transport: str, gapic: Callable[[str, str], Any]) -> Any:
    return gapic("model", transport)


@pytest.fixture
def name(client: Any) -> str:
    return upload_two(client)


def aliases(client: Any, name: str) -> list[list[str]]:
    return [list(it.version_aliases) for it in client.list_model_versions(name=name)]


def merge(client: Any, name: str, *wanted: str) -> Any:
    return client.merge_version_aliases(name=name, version_aliases=list(wanted))


def update(client: Any, name: str, paths: str, **fields: Any) -> Any:
    model = types.Model(name=name, **fields)
    return client.update_model(model=model, update_mask={"paths": paths.split()})


def test_a_name_with_a_version_is_answered_with_that_version(client: Any, name: str) -> None:
    assert get(client, name).name == name
    assert get(client, f"{name}@-").name == name
    for asked in ("first-one", "1"):
        assert get(client, f"{name}@{asked}").name == f"{name}@1"
    listed = client.list_model_versions(name=name)
    assert [model.name for model in listed] == [f"{name}@1", f"{name}@2"]


def test_aliases_keep_the_order_in_which_they_were_given(client: Any) -> None:
    given = ["system-test-model", "testing", "default"]
    name = upload(client, version_aliases=given).model
    assert list(get(client, name).version_aliases) == given


def test_a_later_version_counts_on_and_never_takes_an_old_number(client: Any, name: str) -> None:
    upload(client, name)
    client.delete_model_version(name=f"{name}@3").result()
    assert upload(client, name).model_version_id == "4"


def test_what_belongs_to_the_model_is_one_for_all_versions(client: Any, name: str) -> None:
    upload(client, name, display_name="another", description="another", labels={"v": "3"})
    update(client, name, "description labels", description="said", labels={"team": "x"})
    found = [get(client, f"{name}@{version}") for version in (1, 2, 3)]
    assert {it.display_name for it in found} == {"m"}
    assert {it.description for it in found} == {"said"}
    assert {it.create_time for it in found} == {found[0].version_create_time}
    assert [it.version_description for it in found] == ["", "better", ""]
    assert [dict(it.labels) for it in found] == [{"team": "x"}] * 2 + [{"team": "x", "v": "3"}]


@pytest.mark.parametrize("alias", ["UPPER", "1", "12", "a", "a-", "-a", "a_b", "a" * 129])
def test_an_alias_that_is_no_alias_is_refused(client: Any, alias: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="version alias"):
        upload(client, version_aliases=[alias])


@pytest.mark.parametrize("model_id", ["1a", "-a", "UPPER", "a.b", "a" * 64])
def test_an_id_must_be_as_documented(client: Any, model_id: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="model_id"):
        upload(client, model_id=model_id)


def test_a_version_is_no_new_model(client: Any, name: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="exclude each other"):
        upload(client, name, model_id="other")
    elsewhere = name.replace("us-central1", "europe-west4")
    with pytest.raises(exceptions.BadRequest, match="location"):
        upload(client, elsewhere)


def test_an_alias_moves_to_the_version_that_claims_it(client: Any, name: str) -> None:
    changed = merge(client, f"{name}@1", "stable", "golden")
    assert changed.name == f"{name}@1"
    assert list(changed.version_aliases) == ["first-one", "stable", "golden"]
    assert aliases(client, name) == [["first-one", "stable", "golden"], ["default"]]


def test_an_alias_is_taken_away_from_the_version_that_is_named(client: Any, name: str) -> None:
    merge(client, f"{name}@stable", "-stable", "-first-one")  # the second is another version's
    assert aliases(client, name) == [["first-one"], ["default"]]
    with pytest.raises(exceptions.NotFound):
        get(client, f"{name}@stable")


def test_the_default_moves_but_does_not_go(client: Any, name: str) -> None:
    merge(client, f"{name}@1", "default")
    assert get(client, name).version_id == "1"
    for wanted in (["-default"], ["golden", "-default"]):
        with pytest.raises(exceptions.BadRequest, match="default cannot be removed"):
            merge(client, f"{name}@1", *wanted)
    assert aliases(client, name) == [["first-one", "default"], ["stable"]]


def test_adding_and_removing_an_alias_at_once_changes_nothing(client: Any, name: str) -> None:
    before = aliases(client, name)
    merge(client, f"{name}@1", "golden", "-golden", "default", "-default")
    assert aliases(client, name) == before


@pytest.mark.parametrize(
    ("version", "wanted"), [("", ["aa"]), ("@1", []), ("@1", ["NO"]), ("@1", ["-NO"])]
)
def test_a_merge_needs_a_version_and_aliases(
    client: Any, name: str, version: str, wanted: list[str]
) -> None:
    with pytest.raises(exceptions.BadRequest):
        merge(client, f"{name}{version}", *wanted)
    with pytest.raises(exceptions.NotFound):
        merge(client, f"{name}@9", "aa")


def test_deleting_the_default_makes_the_newest_version_the_default(client: Any, name: str) -> None:
    upload(client, name, version_aliases=["third"])
    client.delete_model_version(name=f"{name}@default").result()
    assert get(client, name).version_id == "3"
    assert aliases(client, name) == [["first-one"], ["default", "third"]]
    with pytest.raises(exceptions.NotFound):
        get(client, f"{name}@2")


def test_the_only_version_is_not_deleted(client: Any) -> None:
    name = upload(client).model
    with pytest.raises(exceptions.BadRequest, match="only version"):
        client.delete_model_version(name=f"{name}@1")
    with pytest.raises(exceptions.BadRequest, match="@VERSION"):
        client.delete_model_version(name=name)
    assert get(client, name).version_id == "1"


def test_a_version_that_is_served_stays(
    client: Any, upload_sklearn: Callable[..., str], gapic: Callable[[str, str], Any]
) -> None:
    name = upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    upload(client, name)
    endpoints = gapic("endpoint", "grpc")
    endpoint = endpoints.create_endpoint(parent=PARENT, endpoint={"display_name": "e"}).result()
    deployed = types.DeployedModel(model=name, dedicated_resources=MACHINE)
    deployed = endpoints.deploy_model(endpoint=endpoint.name, deployed_model=deployed).result()
    [shown] = get(client, name).deployed_models
    assert (shown.endpoint, shown.deployed_model_id) == (endpoint.name, deployed.deployed_model.id)
    assert not get(client, f"{name}@2").deployed_models
    listed = {it.name: it for it in client.list_models(parent=PARENT)}
    assert list(listed[name].deployed_models) == [shown]
    with pytest.raises(exceptions.BadRequest, match="undeploy it first"):
        client.delete_model_version(name=f"{name}@1")
    with pytest.raises(exceptions.BadRequest, match="undeploy it first"):
        client.delete_model(name=name)
    client.delete_model_version(name=f"{name}@2").result()
    endpoints.undeploy_model(endpoint=endpoint.name, deployed_model_id=shown.deployed_model_id)
    assert not get(client, name).deployed_models
    client.delete_model(name=name).result()
    endpoints.delete_endpoint(name=endpoint.name).result()


def test_versions_are_filtered_ordered_and_paged(client: Any, name: str) -> None:
    update(client, f"{name}@2", "labels", labels={"v": "2"})
    upload(client, name, labels={"v": "3"})

    def versions(**fields: Any) -> str:
        request = types.ListModelVersionsRequest(name=name, **fields)
        return "".join(it.version_id for it in client.list_model_versions(request))

    assert versions() == versions(page_size=1) == "123"
    assert versions(filter="labels.v:*") == "23"
    assert versions(filter="NOT labels.v=2") == "13"
    assert versions(order_by="create_time desc", page_size=2) == "321"
    assert versions(order_by="update_time desc") == "321"
    update(client, f"{name}@1", "version_description", version_description="now")
    assert versions(order_by="update_time desc, create_time") == "132"
    with pytest.raises(exceptions.BadRequest, match="nobody"):
        versions(filter="nobody=1")
    with pytest.raises(exceptions.NotFound):
        list(client.list_model_versions(name=f"{PARENT}/models/404"))


def test_a_list_of_models_knows_labels_ids_and_masks(client: Any, transport: str) -> None:
    team = f"team-{transport}"
    names = [upload(client, display_name=f"{it}", labels={team: it}).model for it in "ab"]

    def found(expression: str, **fields: Any) -> list[Any]:
        request = types.ListModelsRequest(parent=PARENT, filter=expression, **fields)
        return list(client.list_models(request))

    assert [it.name for it in found(f"labels.{team}:*", order_by="display_name")] == names
    identifier = names[1].rpartition("/")[2]
    assert [it.name for it in found(f"model={identifier}")] == names[1:]
    [cut] = found(f"labels.{team}=a", read_mask={"paths": ["display_name", "labels"]})
    assert cut == types.Model(display_name="a", labels={team: "a"})


def test_a_copy_is_a_new_model_or_a_new_version(client: Any, name: str, transport: str) -> None:
    def copy(**fields: Any) -> Any:
        request = types.CopyModelRequest(**{"parent": PARENT, "source_model": name, **fields})
        return client.copy_model(request).result()

    elsewhere = PARENT.replace("us-central1", "europe-west4")
    model_id = f"copied-{transport}"
    reply = copy(parent=elsewhere, model_id=model_id)
    assert reply.model == f"{elsewhere}/models/{model_id}"
    copied = get(client, reply.model)
    assert copied.original_model_info.model == f"{name}@2"
    assert copied.model_source_info.copy
    assert copied.container_spec.image_uri == IMAGE
    assert list(copied.version_aliases) == ["default"]
    version = copy(source_model=f"{name}@1", parent_model=name)
    assert (version.model, version.model_version_id) == (name, "3")
    assert aliases(client, name) == [["first-one"], ["default", "stable"], []]
    with pytest.raises(exceptions.BadRequest, match="same project"):
        copy(parent="projects/other/locations/us-central1")

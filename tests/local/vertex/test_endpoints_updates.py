"""Changes of endpoints and of deployed models, and how traffic is shared out."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format, struct_pb2
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from batchpredict.local.runs import PARENT
from batchpredict.local.vertex.predictions import Traffic

MACHINE = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1}


@pytest.fixture(scope="session")
def constant(upload_sklearn: Callable[..., str]) -> str:
    return upload_sklearn(LinearRegression().fit(np.array([[0.0], [1.0]]), [7.0, 7.0]))


@pytest.fixture(params=["grpc", "rest"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(transport: str, gapic: Callable[[str, str], Any]) -> Any:
    return gapic("endpoint", transport)


@pytest.fixture
def endpoint(client: Any) -> Iterator[str]:
    name = client.create_endpoint(parent=PARENT, endpoint={"display_name": "e"}).result().name
    yield name
    update(client, name, "traffic_split")
    for deployed in client.get_endpoint(name=name).deployed_models:
        client.undeploy_model(endpoint=name, deployed_model_id=deployed.id).result()
    client.delete_endpoint(name=name).result()


def deploy(client: Any, endpoint: str, model: str, split: Any = None, **fields: Any) -> str:
    deployed = types.DeployedModel(model=model, **(fields or {"dedicated_resources": MACHINE}))
    operation = client.deploy_model(
        endpoint=endpoint, deployed_model=deployed, traffic_split=split
    )
    return str(operation.result().deployed_model.id)


def update(client: Any, name: str, paths: str, **fields: Any) -> Any:
    changed = types.Endpoint(name=name, **fields)
    return client.update_endpoint(endpoint=changed, update_mask={"paths": paths.split()})


def mutate(client: Any, endpoint: str, paths: str, **fields: Any) -> Any:
    request = types.MutateDeployedModelRequest(
        endpoint=endpoint,
        deployed_model=types.DeployedModel(**fields),
        update_mask={"paths": paths.split()},
    )
    return client.mutate_deployed_model(request).result().deployed_model


def shares(client: Any, endpoint: str) -> dict[str, int]:
    return dict(client.get_endpoint(name=endpoint).traffic_split)


def test_the_fields_of_the_mask_are_changed_and_no_others(client: Any, endpoint: str) -> None:
    before = client.get_endpoint(name=endpoint)
    changed = update(
        client,
        endpoint,
        "description labels",
        description="d",
        labels={"a": "b"},
        display_name="x",
    )
    assert (changed.description, dict(changed.labels)) == ("d", {"a": "b"})
    assert changed.display_name == "e"
    assert changed.update_time > before.update_time
    assert changed == client.get_endpoint(name=endpoint)
    assert update(client, endpoint, "display_name", display_name="new").display_name == "new"
    assert not update(client, endpoint, "labels").labels


@pytest.mark.parametrize("paths", ["", "network", "display_name deployed_models", "*", "name"])
def test_other_fields_are_not_changed(client: Any, endpoint: str, paths: str) -> None:
    before = client.get_endpoint(name=endpoint)
    with pytest.raises(exceptions.BadRequest, match="update_mask"):
        update(client, endpoint, paths, display_name="x", network="n")
    assert client.get_endpoint(name=endpoint) == before


def test_a_missing_endpoint_and_an_older_state_are_refused(client: Any, endpoint: str) -> None:
    with pytest.raises(exceptions.NotFound):
        update(client, f"{PARENT}/endpoints/404", "description")
    read = client.get_endpoint(name=endpoint)
    update(client, endpoint, "description", description="first", etag=read.etag)
    with pytest.raises(exceptions.Conflict, match="read the resource again"):
        update(client, endpoint, "description", description="second", etag=read.etag)
    assert client.get_endpoint(name=endpoint).description == "first"


@pytest.mark.parametrize("fields", [{"display_name": ""}, {"labels": {"A": "b"}}])
def test_a_change_is_checked_as_a_new_endpoint_is(
    client: Any, endpoint: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(exceptions.BadRequest):
        update(client, endpoint, *fields, **fields)
    with pytest.raises(exceptions.BadRequest):
        client.create_endpoint(parent=PARENT, endpoint={"display_name": "e", **fields})


def test_traffic_moves_between_models(client: Any, endpoint: str, constant: str) -> None:
    ids = [deploy(client, endpoint, constant) for _ in range(3)]
    split = dict(zip(ids, [50, 30, 20], strict=True))
    assert dict(update(client, endpoint, "traffic_split", traffic_split=split).traffic_split) == (
        split
    )
    for wrong in ({ids[0]: 99}, {ids[0]: 50, "404": 50}, {ids[0]: 110, ids[1]: -10}):
        with pytest.raises(exceptions.BadRequest, match="traffic_split"):
            update(client, endpoint, "traffic_split", traffic_split=wrong)
    assert shares(client, endpoint) == split
    assert not update(client, endpoint, "traffic_split").traffic_split


def test_requests_are_shared_out_as_the_split_says(
    client: Any, endpoint: str, constant: str, gapic: Callable[[str, str], Any]
) -> None:
    ids = [deploy(client, endpoint, constant) for _ in range(3)]
    predictor = gapic("prediction", "grpc")
    instances = [json_format.Parse("[1]", struct_pb2.Value())]

    def asked(times: int) -> Counter[str]:
        replies = (predictor.predict(endpoint=endpoint, instances=instances) for _ in range(times))
        return Counter(reply.deployed_model_id for reply in replies)

    split = dict(zip(ids, [70, 20, 10], strict=True))
    update(client, endpoint, "traffic_split", traffic_split=split)
    assert asked(20) == {ids[0]: 14, ids[1]: 4, ids[2]: 2}
    update(client, endpoint, "traffic_split", traffic_split={ids[2]: 100, ids[0]: 0})
    assert asked(5) == {ids[2]: 5}
    update(client, endpoint, "traffic_split")
    with pytest.raises(exceptions.BadRequest, match="no deployed model that takes traffic"):
        asked(1)


SPLIT = st.lists(st.integers(0, 100), max_size=4).map(lambda cuts: [0, *sorted(cuts), 100])


@given(SPLIT, st.integers(0, 250))
def test_any_hundred_requests_in_a_row_follow_the_split(cuts: list[int], start: int) -> None:
    split = {str(it): cuts[it + 1] - cuts[it] for it in range(len(cuts) - 1)}
    split = {key: share for key, share in split.items() if share}
    traffic = Traffic()
    chosen = [traffic.choose("e", split) for _ in range(start + 100)]
    assert Counter(chosen[start:]) == split


def test_a_new_split_counts_from_its_first_request() -> None:
    traffic = Traffic()
    assert [traffic.choose("e", {"a": 99, "b": 1}) for _ in range(10)] == ["a"] * 10
    assert [traffic.choose("e", {"b": 50, "a": 50}) for _ in range(4)] == ["a", "b", "a", "b"]
    assert traffic.choose("other", {"b": 100}) == "b"


def test_replicas_and_logging_of_a_deployed_model_are_changed(
    client: Any, endpoint: str, constant: str
) -> None:
    first = deploy(client, endpoint, constant)
    resources = {"min_replica_count": 2, "max_replica_count": 5}
    changed = mutate(
        client,
        endpoint,
        "dedicated_resources.min_replica_count dedicated_resources.max_replica_count "
        "disable_container_logging",
        id=first,
        dedicated_resources=resources,
        disable_container_logging=True,
    )
    assert changed.dedicated_resources.machine_spec.machine_type == "n1-standard-2"
    assert changed.dedicated_resources.max_replica_count == 5
    assert changed.disable_container_logging
    assert list(client.get_endpoint(name=endpoint).deployed_models) == [changed]


def test_a_change_that_makes_no_sense_is_refused(
    client: Any, endpoint: str, constant: str
) -> None:
    first = deploy(client, endpoint, constant)
    before = client.get_endpoint(name=endpoint)
    fewest, most = "dedicated_resources.min_replica_count", "dedicated_resources.max_replica_count"
    shrunk = {"min_replica_count": 3, "max_replica_count": 2}
    for paths, fields in (
        ("", {}),
        ("service_account", {}),
        ("dedicated_resources", {"dedicated_resources": MACHINE}),
        ("automatic_resources.min_replica_count", {"automatic_resources": {}}),
        (fewest, {"dedicated_resources": {"min_replica_count": 0}}),
        (f"{fewest} {most}", {"dedicated_resources": {**MACHINE, **shrunk}}),
    ):
        with pytest.raises(exceptions.BadRequest):
            mutate(client, endpoint, paths, id=first, **fields)
    with pytest.raises(exceptions.NotFound):
        mutate(client, endpoint, "disable_container_logging", id="404")
    assert client.get_endpoint(name=endpoint) == before


def test_automatic_resources_are_kept(client: Any, endpoint: str, constant: str) -> None:
    first = deploy(client, endpoint, constant, automatic_resources={"min_replica_count": 1})
    changed = mutate(
        client,
        endpoint,
        "automatic_resources.max_replica_count",
        id=first,
        automatic_resources={"max_replica_count": 4},
    )
    assert changed.automatic_resources.min_replica_count == 1
    assert changed.automatic_resources.max_replica_count == 4


@pytest.mark.parametrize(
    "fields",
    [
        {"display_name": "no resources"},
        {"dedicated_resources": {"machine_spec": {"machine_type": "n1-standard-2"}}},
        {"dedicated_resources": {**MACHINE, "min_replica_count": 3, "max_replica_count": 2}},
        {"automatic_resources": {"min_replica_count": 3, "max_replica_count": 2}},
        {"dedicated_resources": MACHINE, "id": "x"},
        {"dedicated_resources": MACHINE, "id": "12345678901"},
    ],
)
def test_a_deployment_that_makes_no_sense_is_refused(
    client: Any, endpoint: str, constant: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(exceptions.BadRequest):
        deploy(client, endpoint, constant, **fields)
    assert not client.get_endpoint(name=endpoint).deployed_models


def test_models_without_traffic_are_undeployed_in_any_order(
    client: Any, endpoint: str, constant: str
) -> None:
    ids = [deploy(client, endpoint, constant) for _ in range(2)]
    update(client, endpoint, "traffic_split")
    for identifier in ids:
        client.undeploy_model(endpoint=endpoint, deployed_model_id=identifier).result()
    assert not client.get_endpoint(name=endpoint).deployed_models


@pytest.mark.parametrize("endpoint_id", ["012", "1234567890", "1a", "a-"])
def test_an_id_must_be_as_documented(client: Any, endpoint_id: str) -> None:
    request = types.CreateEndpointRequest(
        parent=PARENT, endpoint={"display_name": "e"}, endpoint_id=endpoint_id
    )
    with pytest.raises(exceptions.BadRequest, match="endpoint_id"):
        client.create_endpoint(request)


def test_a_new_endpoint_has_no_traffic_yet(client: Any) -> None:
    endpoint = {"display_name": "e", "traffic_split": {"1": 100}}
    with pytest.raises(exceptions.BadRequest, match="traffic_split"):
        client.create_endpoint(parent=PARENT, endpoint=endpoint)

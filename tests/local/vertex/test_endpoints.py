"""EndpointService and PredictionService with a real model behind them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from google.api import httpbody_pb2
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format, struct_pb2
from sklearn.linear_model import LinearRegression

from batchpredict.images import SKLEARN_SERVING
from batchpredict.local.runs import PARENT

MACHINE = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1}


@pytest.fixture(scope="session")
def summing(upload_sklearn: Callable[..., str]) -> str:
    inputs = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    return upload_sklearn(LinearRegression().fit(inputs, inputs @ [2.0, 20.0]))


@pytest.fixture(params=["grpc", "rest"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(transport: str, gapic: Callable[[str, str], Any]) -> Any:
    return gapic("endpoint", transport)


@pytest.fixture
def predictor(transport: str, gapic: Callable[[str, str], Any]) -> Any:
    return gapic("prediction", transport)


@pytest.fixture
def endpoint(client: Any) -> Iterator[str]:
    name = create(client).name
    yield name
    for deployed in client.get_endpoint(name=name).deployed_models:
        share = {it.id: 0 for it in client.get_endpoint(name=name).deployed_models}
        others = [it for it in share if it != deployed.id]
        split = {**share, others[0]: 100} if others else {}
        client.undeploy_model(
            endpoint=name, deployed_model_id=deployed.id, traffic_split=split
        ).result()
    client.delete_endpoint(name=name).result()


def create(client: Any, endpoint_id: str = "", **fields: Any) -> Any:
    endpoint = types.Endpoint(**{"display_name": "e", **fields})
    request = types.CreateEndpointRequest(
        parent=PARENT, endpoint=endpoint, endpoint_id=endpoint_id
    )
    return client.create_endpoint(request).result()


def deploy(client: Any, endpoint: str, model: str, split: Any = None, **fields: Any) -> Any:
    deployed = types.DeployedModel(**{"model": model, "dedicated_resources": MACHINE, **fields})
    operation = client.deploy_model(
        endpoint=endpoint, deployed_model=deployed, traffic_split=split
    )
    return operation.result().deployed_model


def undeploy(client: Any, endpoint: str, deployed_id: str, split: Any = None) -> None:
    client.undeploy_model(
        endpoint=endpoint, deployed_model_id=deployed_id, traffic_split=split
    ).result()


def shares(client: Any, endpoint: str) -> dict[str, int]:
    return dict(client.get_endpoint(name=endpoint).traffic_split)


def instances(*rows: Any) -> list[struct_pb2.Value]:
    return [json_format.ParseDict(row, struct_pb2.Value()) for row in rows]


def test_an_endpoint_is_made_found_and_deleted(client: Any) -> None:
    made = create(client, display_name="mine", labels={"a": "b"})
    assert client.get_endpoint(name=made.name) == made
    listed = client.list_endpoints(parent=PARENT)
    assert made.name in [endpoint.name for endpoint in listed]
    client.delete_endpoint(name=made.name).result()
    with pytest.raises(exceptions.NotFound):
        client.get_endpoint(name=made.name)


def test_an_id_of_the_caller_is_taken_once(client: Any, transport: str) -> None:
    endpoint_id = f"own-{transport}"
    name = create(client, endpoint_id).name
    assert name == f"{PARENT}/endpoints/{endpoint_id}"
    with pytest.raises(exceptions.Conflict):
        create(client, endpoint_id)
    client.delete_endpoint(name=name).result()
    create(client, endpoint_id)
    client.delete_endpoint(name=name).result()


@pytest.mark.parametrize("endpoint_id", ["UPPER", "a/b", "-a", "a" * 64, "../x"])
def test_an_id_that_is_no_name_is_refused(client: Any, endpoint_id: str) -> None:
    with pytest.raises(exceptions.BadRequest):
        create(client, endpoint_id)


def test_the_first_model_takes_all_traffic(client: Any, endpoint: str, summing: str) -> None:
    deployed = deploy(client, endpoint, summing)
    assert shares(client, endpoint) == {deployed.id: 100}
    assert (deployed.model, deployed.model_version_id) == (summing, "1")
    assert deployed.display_name == "sklearn"


def test_traffic_is_split_as_asked(client: Any, endpoint: str, summing: str) -> None:
    first = deploy(client, endpoint, summing).id
    second = deploy(client, endpoint, summing, {"0": 30, first: 70}).id
    assert shares(client, endpoint) == {first: 70, second: 30}
    deploy(client, endpoint, summing)  # without a split nothing changes
    assert shares(client, endpoint) == {first: 70, second: 30}


@pytest.mark.parametrize("split", [{"0": 50}, {"0": 60, "nobody": 40}, {"0": 101}])
def test_a_split_that_does_not_add_up_is_refused(
    client: Any, endpoint: str, summing: str, split: dict[str, int]
) -> None:
    with pytest.raises(exceptions.BadRequest):
        deploy(client, endpoint, summing, split)
    assert not client.get_endpoint(name=endpoint).deployed_models


def test_an_id_of_a_deployed_model_is_taken_once(client: Any, endpoint: str, summing: str) -> None:
    assert deploy(client, endpoint, summing, id="77").id == "77"
    with pytest.raises(exceptions.Conflict):
        deploy(client, endpoint, summing, id="77")


def test_traffic_must_go_somewhere_when_a_model_is_undeployed(
    client: Any, endpoint: str, summing: str
) -> None:
    first = deploy(client, endpoint, summing).id
    second = deploy(client, endpoint, summing, {"0": 30, first: 70}).id
    with pytest.raises(exceptions.BadRequest):
        undeploy(client, endpoint, second)
    with pytest.raises(exceptions.BadRequest):
        undeploy(client, endpoint, second, {first: 90})
    undeploy(client, endpoint, second, {first: 100, second: 0})
    assert shares(client, endpoint) == {first: 100}
    undeploy(client, endpoint, first)
    assert shares(client, endpoint) == {}
    with pytest.raises(exceptions.NotFound):
        undeploy(client, endpoint, first)


def test_a_model_without_traffic_is_undeployed_as_it_is(
    client: Any, endpoint: str, summing: str
) -> None:
    first = deploy(client, endpoint, summing).id
    second = deploy(client, endpoint, summing).id
    undeploy(client, endpoint, second)
    assert shares(client, endpoint) == {first: 100}


def test_an_endpoint_that_serves_is_not_deleted(client: Any, endpoint: str, summing: str) -> None:
    deploy(client, endpoint, summing)
    with pytest.raises(exceptions.BadRequest, match="deployed"):
        client.delete_endpoint(name=endpoint)
    assert client.get_endpoint(name=endpoint).name == endpoint


def test_a_model_that_is_served_is_not_deleted(
    client: Any, endpoint: str, summing: str, transport: str, gapic: Callable[[str, str], Any]
) -> None:
    deploy(client, endpoint, summing)
    with pytest.raises(exceptions.BadRequest, match="deployed"):
        gapic("model", transport).delete_model(name=summing)


def test_a_deployment_needs_a_machine_a_model_and_an_endpoint(
    client: Any, endpoint: str, summing: str
) -> None:
    with pytest.raises(exceptions.BadRequest, match="machine_type"):
        deploy(client, endpoint, summing, dedicated_resources={})
    with pytest.raises(exceptions.NotFound):
        deploy(client, endpoint, f"{PARENT}/models/404")
    with pytest.raises(exceptions.NotFound):
        deploy(client, f"{PARENT}/endpoints/404", summing)


def test_a_model_that_does_not_load_is_not_deployed(
    client: Any, endpoint: str, upload_sklearn: Callable[..., str]
) -> None:
    broken = upload_sklearn({}, artifact_uri="gs://test-models/nothing-here")
    with pytest.raises(exceptions.GoogleAPICallError, match="E333"):
        deploy(client, endpoint, broken)
    assert not client.get_endpoint(name=endpoint).deployed_models


def test_a_prediction(client: Any, predictor: Any, endpoint: str, summing: str) -> None:
    deployed = deploy(client, endpoint, summing)
    reply = predictor.predict(endpoint=endpoint, instances=instances([1, 1], [3, 0.5]))
    assert list(reply.predictions) == pytest.approx([22.0, 16.0])
    assert reply.deployed_model_id == deployed.id
    assert (reply.model, reply.model_version_id) == (summing, "1")
    assert reply.model_display_name == "sklearn"


def test_a_raw_prediction(client: Any, predictor: Any, endpoint: str, summing: str) -> None:
    deploy(client, endpoint, summing)
    body = httpbody_pb2.HttpBody(
        data=json.dumps({"instances": [[1, 1]]}).encode(), content_type="application/json"
    )
    reply = predictor.raw_predict(endpoint=endpoint, http_body=body)
    assert json.loads(reply.data)["predictions"] == pytest.approx([22.0])


def test_the_version_that_was_deployed_answers(
    client: Any,
    predictor: Any,
    endpoint: str,
    upload_sklearn: Callable[..., str],
    gapic: Callable[[str, str], Any],
) -> None:
    old = upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    new = upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 5.0]))
    deploy(client, endpoint, old)
    models = gapic("model", "grpc")
    version = types.Model(
        display_name="sklearn",
        artifact_uri=models.get_model(name=new).artifact_uri,
        container_spec={"image_uri": SKLEARN_SERVING},
        version_aliases=["default"],
    )
    models.upload_model(
        types.UploadModelRequest(parent=PARENT, parent_model=old, model=version)
    ).result()
    reply = predictor.predict(endpoint=endpoint, instances=instances([1.0]))
    assert list(reply.predictions) == pytest.approx([1.0])
    second = deploy(client, endpoint, f"{old}@2", {"0": 100})
    assert second.model_version_id == "2"
    reply = predictor.predict(endpoint=endpoint, instances=instances([1.0]))
    assert list(reply.predictions) == pytest.approx([5.0])


def test_what_the_model_refuses_is_an_error_with_its_words(
    client: Any, predictor: Any, endpoint: str, summing: str
) -> None:
    deploy(client, endpoint, summing)
    with pytest.raises(exceptions.InternalServerError, match="expecting 2 features"):
        predictor.predict(endpoint=endpoint, instances=instances([1, 2, 3]))


def test_an_endpoint_without_a_model_does_not_predict(predictor: Any, endpoint: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="no deployed model"):
        predictor.predict(endpoint=endpoint, instances=instances([1]))
    with pytest.raises(exceptions.NotFound):
        predictor.predict(endpoint=f"{PARENT}/endpoints/404", instances=instances([1]))

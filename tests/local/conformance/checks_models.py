"""One check for each method of the services of models, endpoints and predictions."""

import json
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from local.conformance.asking import World

from batchpredict.images import SKLEARN_SERVING
from batchpredict.local.runs import PARENT

MACHINE = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1}


def upload(world: World, parent_model: str = "", **fields: Any) -> Any:
    model = {
        "display_name": f"m-{world.tag}",
        "container_spec": {"image_uri": SKLEARN_SERVING},
        **fields,
    }
    return world.ask("UploadModel", parent=PARENT, parent_model=parent_model, model=model)


def upload_model(world: World) -> None:
    reply = upload(world, labels={"a": "b"})
    second = upload(world, reply.model, version_aliases=["newest"])
    assert reply.model.startswith(f"{PARENT}/models/")
    assert (reply.model_version_id, second.model_version_id) == ("1", "2")


def get_model(world: World) -> None:
    name = upload(world, labels={"a": "b"}, version_aliases=["mine"]).model
    found = world.ask("GetModel", name=name)
    assert (found.name, found.display_name, dict(found.labels)) == (
        name,
        f"m-{world.tag}",
        {"a": "b"},
    )
    assert world.ask("GetModel", name=f"{name}@mine").version_id == "1"
    with pytest.raises(exceptions.NotFound):
        world.ask("GetModel", name=f"{PARENT}/models/404")


def list_models(world: World) -> None:
    made = {upload(world).model for _ in range(3)}
    same = f'display_name="m-{world.tag}"'
    assert set(world.names("ListModels", filter=same)) == made
    assert set(world.names("ListModels", filter=same, page_size=1)) == made
    with pytest.raises(exceptions.BadRequest):
        world.names("ListModels", filter="no such field = 1")


def list_model_versions(world: World) -> None:
    name = upload(world).model
    upload(world, name)
    found = world.ask("ListModelVersions", name=name)
    assert sorted(version.version_id for version in found) == ["1", "2"]


def update_model(world: World) -> None:
    name = upload(world).model
    model = {"name": name, "display_name": "new", "labels": {"x": "y"}}
    mask = {"paths": ["display_name", "labels"]}
    found = world.ask("UpdateModel", model=model, update_mask=mask)
    assert (found.display_name, dict(found.labels)) == ("new", {"x": "y"})
    with pytest.raises(exceptions.BadRequest):
        world.ask("UpdateModel", model=model, update_mask={"paths": ["no_such_field"]})


def merge_version_aliases(world: World) -> None:
    name = upload(world, version_aliases=["one", "two"]).model
    found = world.ask("MergeVersionAliases", name=f"{name}@1", version_aliases=["three", "-one"])
    assert set(found.version_aliases) >= {"two", "three"}
    assert "one" not in found.version_aliases


def copy_model(world: World) -> None:
    name = upload(world, description="original").model
    copied = world.ask("CopyModel", parent=PARENT, source_model=name).model
    assert copied != name
    assert world.ask("GetModel", name=copied).description == "original"


def delete_model_version(world: World) -> None:
    name = upload(world).model
    upload(world, name)
    world.ask("DeleteModelVersion", name=f"{name}@2")
    assert [it.version_id for it in world.ask("ListModelVersions", name=name)] == ["1"]
    with pytest.raises(exceptions.BadRequest):  # the last one goes with its model
        world.ask("DeleteModelVersion", name=f"{name}@1")


def delete_model(world: World) -> None:
    name = upload(world).model
    world.ask("DeleteModel", name=name)
    with pytest.raises(exceptions.NotFound):
        world.ask("GetModel", name=name)
    with pytest.raises(exceptions.BadRequest):  # it is deployed
        world.ask("DeleteModel", name=world.model)


def create(world: World, **fields: Any) -> Any:
    endpoint = {"display_name": f"e-{world.tag}", **fields}
    return world.ask("CreateEndpoint", parent=PARENT, endpoint=endpoint)


def create_endpoint(world: World) -> None:
    made = create(world, labels={"a": "b"}, description="d")
    assert made.name.startswith(f"{PARENT}/endpoints/")
    assert (dict(made.labels), made.description) == ({"a": "b"}, "d")


def get_endpoint(world: World) -> None:
    made = create(world)
    assert world.ask("GetEndpoint", name=made.name) == made
    with pytest.raises(exceptions.NotFound):
        world.ask("GetEndpoint", name=f"{PARENT}/endpoints/404")


def list_endpoints(world: World) -> None:
    made = {create(world).name for _ in range(2)}
    same = f'display_name="e-{world.tag}"'
    assert set(world.names("ListEndpoints", filter=same, page_size=1)) == made


def update_endpoint(world: World) -> None:
    made = create(world)
    changed = {"name": made.name, "description": "new"}
    mask = {"paths": ["description"]}
    found = world.ask("UpdateEndpoint", endpoint=changed, update_mask=mask)
    assert (found.description, found.display_name) == ("new", made.display_name)


def update_endpoint_long_running(world: World) -> None:
    made = create(world)
    changed = {"name": made.name, "client_connection_config": {"inference_timeout": "77s"}}
    kind = types.UpdateEndpointLongRunningRequest
    request = kind.wrap(json_format.ParseDict({"endpoint": changed}, kind.pb(kind())))
    found = world.ask("UpdateEndpointLongRunning", request)
    assert found.client_connection_config.inference_timeout.total_seconds() == 77


def delete_endpoint(world: World) -> None:
    made = create(world)
    world.ask("DeleteEndpoint", name=made.name)
    with pytest.raises(exceptions.NotFound):
        world.ask("DeleteEndpoint", name=made.name)
    with pytest.raises(exceptions.BadRequest):  # a model is deployed
        world.ask("DeleteEndpoint", name=world.endpoint)


def deploy(world: World, endpoint: str, **fields: Any) -> Any:
    deployed = {"model": world.model, "dedicated_resources": MACHINE, **fields}
    return world.ask(
        "DeployModel", endpoint=endpoint, deployed_model=deployed, traffic_split={"0": 100}
    ).deployed_model


def deploy_and_undeploy(world: World) -> None:
    endpoint = create(world).name
    made = deploy(world, endpoint)
    found = world.ask("GetEndpoint", name=endpoint)
    assert dict(found.traffic_split) == {made.id: 100}
    assert [it.model for it in found.deployed_models] == [world.model]
    world.ask("UndeployModel", endpoint=endpoint, deployed_model_id=made.id)
    assert not world.ask("GetEndpoint", name=endpoint).deployed_models
    with pytest.raises(exceptions.NotFound):
        world.ask("UndeployModel", endpoint=endpoint, deployed_model_id=made.id)


def mutate_deployed_model(world: World) -> None:
    changed = {"id": world.deployed, "dedicated_resources": {**MACHINE, "max_replica_count": 3}}
    mask = {"paths": ["dedicated_resources.max_replica_count"]}
    found = world.ask(
        "MutateDeployedModel",
        endpoint=world.endpoint,
        deployed_model=changed,
        update_mask=mask,
    ).deployed_model
    assert found.dedicated_resources.max_replica_count == 3


def asked(endpoint: str, *instances: Any, kind: Any = types.PredictRequest) -> Any:
    """Return a request to predict; proto-plus makes none of instances that are lists."""
    content = {"endpoint": endpoint, "instances": list(instances)}
    return kind.wrap(json_format.ParseDict(content, kind.pb(kind())))


def predict(world: World) -> None:
    reply = world.ask("Predict", asked(world.endpoint, [1.5], [-2.0]))
    assert list(reply.predictions) == pytest.approx([3.0, -4.0])
    assert (reply.deployed_model_id, reply.model) == (world.deployed, world.model)
    with pytest.raises(exceptions.NotFound):
        world.ask("Predict", asked(f"{PARENT}/endpoints/404", [1.5]))


def explain(world: World) -> None:
    endpoint = create(world).name
    metadata: dict[str, Any] = {"inputs": {"x": {}}, "outputs": {"y": {}}}
    sampled = {"sampled_shapley_attribution": {"path_count": 5}}
    spec = {"parameters": sampled, "metadata": metadata}
    made = deploy(world, endpoint, explanation_spec=spec)
    reply = world.ask("Explain", asked(endpoint, [3.0], kind=types.ExplainRequest))
    assert reply.deployed_model_id == made.id
    [explanation] = reply.explanations
    [attribution] = explanation.attributions
    assert attribution.instance_output_value == pytest.approx(6.0)
    assert attribution.baseline_output_value == pytest.approx(0.0)
    world.ask("UndeployModel", endpoint=endpoint, deployed_model_id=made.id)


def raw_predict(world: World) -> None:
    body = {"data": b'{"instances": [[4.0]]}', "content_type": "application/json"}
    reply = world.ask("RawPredict", endpoint=world.endpoint, http_body=body)
    assert json.loads(reply.data)["predictions"] == pytest.approx([8.0])


CHECKS = {
    "UploadModel": upload_model,
    "GetModel": get_model,
    "ListModels": list_models,
    "ListModelVersions": list_model_versions,
    "UpdateModel": update_model,
    "MergeVersionAliases": merge_version_aliases,
    "CopyModel": copy_model,
    "DeleteModelVersion": delete_model_version,
    "DeleteModel": delete_model,
    "CreateEndpoint": create_endpoint,
    "GetEndpoint": get_endpoint,
    "ListEndpoints": list_endpoints,
    "UpdateEndpoint": update_endpoint,
    "UpdateEndpointLongRunning": update_endpoint_long_running,
    "DeleteEndpoint": delete_endpoint,
    "DeployModel": deploy_and_undeploy,
    "UndeployModel": deploy_and_undeploy,
    "MutateDeployedModel": mutate_deployed_model,
    "Predict": predict,
    "RawPredict": raw_predict,
    "Explain": explain,
}

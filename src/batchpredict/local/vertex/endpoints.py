"""EndpointService: endpoints, the models that are deployed to them, and their traffic."""

import datetime
import re
from collections.abc import Mapping
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import empty_pb2
from google.rpc import code_pb2

from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.serving.variables import Deployment
from batchpredict.local.vertex.errors import ServiceError, invalid, not_found
from batchpredict.local.vertex.listing import select
from batchpredict.local.vertex.models import ModelService, parent_of
from batchpredict.local.vertex.operations import Operations, new_id
from batchpredict.local.vertex.state import Resources
from batchpredict.local.vertex.surface.checks import (
    check_display_name,
    check_etag,
    check_labels,
    copy_paths,
    masked_paths,
)

ENDPOINT_ID = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?|[1-9][0-9]{0,8}")
DEPLOYED_ID = re.compile(r"[0-9]{1,10}")
UPDATED = ("display_name", "description", "labels", "traffic_split")
MUTATED = (
    "dedicated_resources.min_replica_count",
    "dedicated_resources.max_replica_count",
    "dedicated_resources.required_replica_count",
    "dedicated_resources.autoscaling_metric_specs",
    "automatic_resources.min_replica_count",
    "automatic_resources.max_replica_count",
    "disable_container_logging",
)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class EndpointService:
    """A deployed model is served by a process of this machine."""

    def __init__(
        self,
        resources: Resources,
        operations: Operations,
        models: ModelService,
        servers: ModelServers,
    ) -> None:
        self._resources = resources
        self._operations = operations
        self._models = models
        self._servers = servers

    def create_endpoint(self, request: Any) -> Any:
        """Create an empty endpoint, with the caller's identifier when it gives one."""
        endpoint = request.endpoint
        if request.endpoint_id and not ENDPOINT_ID.fullmatch(request.endpoint_id):
            raise invalid(f"endpoint_id {request.endpoint_id!r} must match {ENDPOINT_ID.pattern}")
        check_display_name(endpoint.display_name)
        check_labels(endpoint.labels)
        _check_split(endpoint.traffic_split, ())
        endpoint.name = f"{request.parent}/endpoints/{request.endpoint_id or new_id()}"
        endpoint.create_time = endpoint.update_time = _now()
        endpoint.etag = new_id()
        self._resources.create(endpoint.name, endpoint)
        metadata = types.CreateEndpointOperationMetadata()
        return self._operations.succeeded(request.parent, endpoint, metadata)

    def get_endpoint(self, request: Any) -> Any:
        """Return one endpoint."""
        return self._resources.get(request.name)

    def list_endpoints(self, request: Any) -> Any:
        """Return the endpoints of a location."""
        endpoints = self._resources.list(request.parent, "endpoints")
        page, token = select(endpoints, request)
        return types.ListEndpointsResponse(endpoints=page, next_page_token=token)

    def update_endpoint(self, request: Any) -> Any:
        """Change the fields that the mask names."""
        sent = request.endpoint
        paths = masked_paths(request.update_mask, UPDATED)
        if "display_name" in paths:
            check_display_name(sent.display_name)
        check_labels(sent.labels)

        def change(endpoint: Any) -> None:
            check_etag(sent.etag, endpoint.etag)
            if "traffic_split" in paths:
                _check_split(sent.traffic_split, {it.id for it in endpoint.deployed_models})
            copy_paths(paths, sent, endpoint)
            endpoint.update_time, endpoint.etag = _now(), new_id()

        return self._resources.update(sent.name, change)

    def update_endpoint_long_running(self, request: Any) -> Any:
        """Change how long a prediction may take; no other field can be changed this way."""
        sent = request.endpoint

        def change(endpoint: Any) -> None:
            check_etag(sent.etag, endpoint.etag)
            copy_paths(["client_connection_config"], sent, endpoint)
            endpoint.update_time, endpoint.etag = _now(), new_id()

        endpoint = self._resources.update(sent.name, change)
        metadata = types.UpdateEndpointOperationMetadata()
        return self._operations.succeeded(parent_of(sent.name), endpoint, metadata)

    def deploy_model(self, request: Any) -> Any:
        """Start the model's server, then add it to the endpoint with its share of traffic."""
        self._resources.get(request.endpoint)
        deployed = request.deployed_model
        if deployed.id and not DEPLOYED_ID.fullmatch(deployed.id):
            raise invalid(f"deployed_model.id {deployed.id!r} must match {DEPLOYED_ID.pattern}")
        check_prediction_resources(deployed)
        model = self._models.resolve(deployed.model)
        metadata = types.DeployModelOperationMetadata()
        _complete(deployed, model)
        try:
            self._servers.ensure(model, Deployment.of(request.endpoint, deployed))
        except ServiceError as error:
            return self._operations.failed(parent_of(request.endpoint), error, metadata)
        split = dict(request.traffic_split)
        self._resources.update(request.endpoint, lambda it: _add(it, deployed, split))
        reply = types.DeployModelResponse(deployed_model=deployed)
        return self._operations.succeeded(parent_of(request.endpoint), reply, metadata)

    def mutate_deployed_model(self, request: Any) -> Any:
        """Change how many replicas a deployed model has and when; here that is only kept."""
        sent = request.deployed_model
        paths = masked_paths(request.update_mask, MUTATED)
        changed: list[Any] = []

        def change(endpoint: Any) -> None:
            deployed = _deployed(endpoint, sent.id)
            for path in paths:
                group = path.rpartition(".")[0]
                if group and group not in deployed:
                    raise invalid(f"update_mask: {path!r}: {sent.id} is deployed without {group}")
            copy_paths(paths, sent, deployed)
            check_prediction_resources(deployed)
            endpoint.update_time = _now()
            changed.append(deployed)

        self._resources.update(request.endpoint, change)
        reply = types.MutateDeployedModelResponse(deployed_model=changed[0])
        metadata = types.MutateDeployedModelOperationMetadata()
        return self._operations.succeeded(parent_of(request.endpoint), reply, metadata)

    def undeploy_model(self, request: Any) -> Any:
        """Take one deployed model off the endpoint, and stop its server."""
        split = dict(request.traffic_split)
        gone: list[Any] = []

        def change(endpoint: Any) -> None:
            gone.append(_deployed(endpoint, request.deployed_model_id))
            _remove(endpoint, request.deployed_model_id, split)

        self._resources.update(request.endpoint, change)
        place = Deployment.of(request.endpoint, gone[-1])
        self._servers.stop(gone[-1].model, gone[-1].model_version_id, place)
        reply = types.UndeployModelResponse()
        metadata = types.UndeployModelOperationMetadata()
        return self._operations.succeeded(parent_of(request.endpoint), reply, metadata)

    def delete_endpoint(self, request: Any) -> Any:
        """Delete an endpoint that serves nothing any more."""
        endpoint = self._resources.get(request.name)
        if endpoint.deployed_models:
            message = f"{request.name} has deployed or being-deployed DeployedModel(s)."
            raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
        self._resources.delete(request.name)
        metadata = types.DeleteOperationMetadata()
        return self._operations.succeeded(parent_of(request.name), empty_pb2.Empty(), metadata)


def check_prediction_resources(deployed: Any) -> None:
    """Refuse resources that the service refuses: no machine, no replica, a maximum too small."""
    if "dedicated_resources" in deployed:
        resources, least = deployed.dedicated_resources, 1
        if not resources.machine_spec.machine_type:
            raise invalid("dedicated_resources.machine_spec.machine_type is required")
    elif "automatic_resources" in deployed:
        resources, least = deployed.automatic_resources, 0
    else:
        raise invalid(
            "dedicated_resources with machine_spec.machine_type, or automatic_resources, "
            "is required"
        )
    fewest, most = resources.min_replica_count, resources.max_replica_count
    if fewest < least or (most and most < fewest):
        raise invalid(
            f"min_replica_count {fewest} must be at least {least} and at most "
            f"max_replica_count, which is {most}"
        )


def _complete(deployed: Any, model: Any) -> None:
    deployed.id = deployed.id or new_id()
    deployed.model = model.name
    deployed.model_version_id = model.version_id
    deployed.display_name = deployed.display_name or model.display_name
    deployed.create_time = _now()


def _deployed(endpoint: Any, identifier: str) -> Any:
    for deployed in endpoint.deployed_models:
        if deployed.id == identifier:
            return deployed
    raise not_found(f"deployed model {identifier!r} of {endpoint.name}")


def _check_split(split: Mapping[str, int], known: Any) -> None:
    """Refuse a traffic split that names others or does not sum to 100; an empty one is allowed."""
    if not split:
        return
    if set(split) - set(known) or sum(split.values()) != 100 or min(split.values()) < 0:
        raise invalid(f"traffic_split {dict(split)} must name deployed models and sum to 100")


def _add(endpoint: Any, deployed: Any, wanted: Mapping[str, int]) -> None:
    """Add ``deployed``; the key "0" of the wanted split stands for it."""
    known = {model.id for model in endpoint.deployed_models}
    if deployed.id in known:
        raise ServiceError(
            code_pb2.ALREADY_EXISTS, f"deployed model {deployed.id} exists already."
        )
    split = {deployed.id if key == "0" else key: share for key, share in wanted.items()}
    if not split:
        split = dict(endpoint.traffic_split) or {deployed.id: 100}
    _check_split(split, known | {deployed.id})
    endpoint.deployed_models.append(deployed)
    endpoint.traffic_split = split
    endpoint.update_time = _now()


def _remove(endpoint: Any, identifier: str, wanted: Mapping[str, int]) -> None:
    """Take a deployed model off; its traffic must go to others before, or by ``wanted``."""
    _deployed(endpoint, identifier)
    kept = [it for it in endpoint.deployed_models if it.id != identifier]
    split = dict(wanted) or dict(endpoint.traffic_split)
    if kept and split.pop(identifier, 0):
        message = (
            f"deployed model {identifier} takes traffic; traffic_split must give it to others"
        )
        raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
    if kept:
        _check_split(split, {it.id for it in kept})
    endpoint.deployed_models = kept
    endpoint.traffic_split = {key: share for key, share in split.items() if share} if kept else {}
    endpoint.update_time = _now()

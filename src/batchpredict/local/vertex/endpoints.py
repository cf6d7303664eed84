"""EndpointService: endpoints, and the models that are deployed to them."""

import datetime
import re
from collections.abc import Mapping
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import empty_pb2
from google.rpc import code_pb2

from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.vertex.errors import ServiceError, invalid, not_found
from batchpredict.local.vertex.listing import select
from batchpredict.local.vertex.models import ModelService, parent_of
from batchpredict.local.vertex.operations import Operations, new_id
from batchpredict.local.vertex.state import Resources

ENDPOINT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


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
        if request.endpoint_id and not ENDPOINT_ID.fullmatch(request.endpoint_id):
            raise invalid(f"endpoint_id {request.endpoint_id!r} is not valid")
        endpoint = request.endpoint
        endpoint.name = f"{request.parent}/endpoints/{request.endpoint_id or new_id()}"
        endpoint.create_time = endpoint.update_time = datetime.datetime.now(datetime.UTC)
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

    def deploy_model(self, request: Any) -> Any:
        """Start the model's server, then add it to the endpoint with its share of traffic."""
        self._resources.get(request.endpoint)
        deployed = request.deployed_model
        if not deployed.dedicated_resources.machine_spec.machine_type:
            raise invalid("dedicated_resources.machine_spec.machine_type is required")
        model = self._models.resolve(deployed.model)
        metadata = types.DeployModelOperationMetadata()
        try:
            self._servers.ensure(model)
        except ServiceError as error:
            return self._operations.failed(parent_of(request.endpoint), error, metadata)
        deployed.id = deployed.id or new_id()
        deployed.model = model.name
        deployed.model_version_id = model.version_id
        deployed.display_name = deployed.display_name or model.display_name
        deployed.create_time = datetime.datetime.now(datetime.UTC)
        split = dict(request.traffic_split)
        self._resources.update(request.endpoint, lambda it: _add(it, deployed, split))
        reply = types.DeployModelResponse(deployed_model=deployed)
        return self._operations.succeeded(parent_of(request.endpoint), reply, metadata)

    def undeploy_model(self, request: Any) -> Any:
        """Take one deployed model off the endpoint."""

        def remove(endpoint: Any) -> None:
            kept = [it for it in endpoint.deployed_models if it.id != request.deployed_model_id]
            if len(kept) == len(endpoint.deployed_models):
                raise not_found(f"deployed model {request.deployed_model_id}")
            split = dict(request.traffic_split) or dict(endpoint.traffic_split)
            left = {it.id: split[it.id] for it in kept if split.get(it.id)}
            if kept and (len(left) < sum(map(bool, split.values())) or sum(left.values()) != 100):
                message = "traffic_split must give all 100 to models that stay deployed"
                raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
            endpoint.deployed_models = kept
            endpoint.traffic_split = left
            endpoint.update_time = datetime.datetime.now(datetime.UTC)

        self._resources.update(request.endpoint, remove)
        reply = types.UndeployModelResponse()
        return self._operations.succeeded(parent_of(request.endpoint), reply)

    def delete_endpoint(self, request: Any) -> Any:
        """Delete an endpoint that serves nothing any more."""
        endpoint = self._resources.get(request.name)
        if endpoint.deployed_models:
            message = f"{request.name} has deployed or being-deployed DeployedModel(s)."
            raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
        self._resources.delete(request.name)
        return self._operations.succeeded(parent_of(request.name), empty_pb2.Empty())


def _add(endpoint: Any, deployed: Any, wanted: Mapping[str, int]) -> None:
    """Add ``deployed``; the key "0" of the wanted split stands for it."""
    known = {model.id for model in endpoint.deployed_models}
    split = {deployed.id if key == "0" else key: share for key, share in wanted.items()}
    if not split:
        split = dict(endpoint.traffic_split) or {deployed.id: 100}
    unknown = set(split) - known - {deployed.id}
    if deployed.id in known:
        raise ServiceError(
            code_pb2.ALREADY_EXISTS, f"deployed model {deployed.id} exists already."
        )
    if unknown or sum(split.values()) != 100 or min(split.values()) < 0:
        raise invalid(f"traffic_split {dict(wanted)} must name deployed models and sum to 100")
    endpoint.deployed_models.append(deployed)
    endpoint.traffic_split = split
    endpoint.update_time = datetime.datetime.now(datetime.UTC)

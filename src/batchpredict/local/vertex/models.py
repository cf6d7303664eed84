"""ModelService: upload, versions, get, list, delete."""

import datetime
import threading
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import empty_pb2
from google.rpc import code_pb2

from batchpredict.local.vertex.errors import ServiceError, invalid, not_found
from batchpredict.local.vertex.listing import select
from batchpredict.local.vertex.operations import Operations, new_id
from batchpredict.local.vertex.state import Resources

DEFAULT = "default"


def parent_of(name: str) -> str:
    """Return ``projects/…/locations/…`` of a resource name."""
    return "/".join(name.split("/")[:4])


class ModelService:
    """Models are kept by version, as ``models/ID@VERSION``."""

    def __init__(self, resources: Resources, operations: Operations) -> None:
        self._resources = resources
        self._operations = operations
        self._uploading = threading.Lock()  # two uploads must not get the same version number

    def upload_model(self, request: Any) -> Any:
        """Add a model, or a new version when the request names a parent model."""
        model = request.model
        if not model.display_name or not model.container_spec.image_uri:
            raise invalid("display_name and container_spec.image_uri are required")
        with self._uploading:
            self._add(request, model)
        reply = types.UploadModelResponse(model=model.name, model_version_id=model.version_id)
        return self._operations.succeeded(
            request.parent, reply, types.UploadModelOperationMetadata()
        )

    def _add(self, request: Any, model: Any) -> None:
        if request.parent_model:
            model.name = self._unversioned(request.parent_model)
            newest = max(int(version.version_id) for version in self._versions(model.name))
            model.version_id = str(newest + 1)
        else:
            model.name = f"{request.parent}/models/{request.model_id or new_id()}"
            if self._find_versions(model.name):
                raise ServiceError(code_pb2.ALREADY_EXISTS, f"{model.name} exists already.")
            model.version_id = "1"
            model.version_aliases = [*model.version_aliases, DEFAULT]
        self._claim_aliases(model)
        self._stamp(model)
        self._resources.put(f"{model.name}@{model.version_id}", model)

    @staticmethod
    def _unversioned(name: str) -> str:
        return name.partition("@")[0]

    @staticmethod
    def _stamp(model: Any) -> None:
        now = datetime.datetime.now(datetime.UTC)
        model.create_time = model.update_time = now
        model.version_create_time = model.version_update_time = now
        model.etag = new_id()
        kind = types.Model.DeploymentResourcesType
        model.supported_deployment_resources_types = [kind.DEDICATED_RESOURCES]
        model.supported_input_storage_formats = ["jsonl"]
        model.supported_output_storage_formats = ["jsonl"]

    def _claim_aliases(self, model: Any) -> None:
        """An alias stands for one version: take it from the older ones."""
        claimed = set(model.version_aliases)
        model.version_aliases = sorted(claimed)
        for other in self._find_versions(model.name):
            kept = [alias for alias in other.version_aliases if alias not in claimed]
            if kept != list(other.version_aliases):
                other.version_aliases = kept
                self._resources.put(f"{other.name}@{other.version_id}", other)

    def _find_versions(self, name: str) -> list[Any]:
        models = self._resources.list(parent_of(name), "models")
        return [model for model in models if model.name == name]

    def _versions(self, name: str) -> list[Any]:
        versions = self._find_versions(name)
        if not versions:
            raise not_found(name)
        return sorted(versions, key=lambda model: int(model.version_id))

    def resolve(self, name: str) -> Any:
        """Return the version that a name means: ``@VERSION``, ``@alias``, else the default."""
        base, _, wanted = name.partition("@")
        wanted = wanted or DEFAULT
        for version in self._versions(base):
            if version.version_id == wanted or wanted in version.version_aliases:
                return version
        raise not_found(name)

    def get_model(self, request: Any) -> Any:
        """Return one version of a model."""
        return self.resolve(request.name)

    def list_models(self, request: Any) -> Any:
        """Return the default version of every model."""
        models = self._resources.list(request.parent, "models")
        defaults = [model for model in models if DEFAULT in model.version_aliases]
        page, token = select(defaults, request)
        return types.ListModelsResponse(models=page, next_page_token=token)

    def list_model_versions(self, request: Any) -> Any:
        """Return every version of one model, oldest first."""
        page, token = select(self._versions(self._unversioned(request.name)), request)
        return types.ListModelVersionsResponse(models=page, next_page_token=token)

    def delete_model(self, request: Any) -> Any:
        """Delete a model with all its versions, unless an endpoint serves one of them."""
        versions = self._versions(self._unversioned(request.name))
        endpoints = self._resources.list(parent_of(request.name), "endpoints")
        served = {deployed.model for it in endpoints for deployed in it.deployed_models}
        if versions[0].name in served:
            message = f"{request.name} is deployed; undeploy it first."
            raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
        for version in versions:
            self._resources.delete(f"{version.name}@{version.version_id}")
        return self._operations.succeeded(parent_of(request.name), empty_pb2.Empty())

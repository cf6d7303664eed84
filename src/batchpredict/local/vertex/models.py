"""ModelService: upload, versions, aliases, get, list, update, copy, delete."""

import datetime
import re
from collections.abc import Callable, Sequence
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import empty_pb2
from google.rpc import code_pb2

from batchpredict.local.vertex.batch.requests import INSTANCES_FORMATS, PREDICTIONS_FORMATS
from batchpredict.local.vertex.errors import ServiceError, invalid, not_found
from batchpredict.local.vertex.listing import select
from batchpredict.local.vertex.model_versions import (
    DEFAULT,
    ModelVersions,
    base_of,
    parent_of,
)
from batchpredict.local.vertex.operations import Operations, new_id
from batchpredict.local.vertex.state import Resources
from batchpredict.local.vertex.surface.checks import (
    check_display_name,
    check_etag,
    check_labels,
    copy_paths,
    masked_paths,
)

__all__ = ["ModelService", "parent_of"]

MODEL_ID = re.compile(r"[a-z_][a-z0-9_-]{0,62}")
ALIAS = re.compile(r"[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]")
MODEL_FIELDS = ("display_name", "description", "labels")
VERSION_FIELDS = ("version_description", "labels")
VERSION_ORDER = {"create_time": "version_create_time", "update_time": "version_update_time"}


class ModelService:
    """Models with their versions; which versions are deployed is read from the endpoints.

    Args:
        resources: All resources of the home folder.
        operations: Long-running operations.
        stop: Is told of each model that is deleted, and of which version or "" for all.
    """

    def __init__(
        self,
        resources: Resources,
        operations: Operations,
        stop: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self._resources = resources
        self._operations = operations
        self._stop_servers = stop
        self._versions = ModelVersions(resources)

    def upload_model(self, request: Any) -> Any:
        """Add a model, or a new version when the request names a parent model."""
        model = request.model
        check_display_name(model.display_name)
        check_labels(model.labels)
        if not model.container_spec.image_uri:
            raise invalid("model.container_spec.image_uri is required")
        model.model_source_info = {"source_type": types.ModelSourceInfo.ModelSourceType.CUSTOM}
        self._add(request, model)
        reply = types.UploadModelResponse(model=model.name, model_version_id=model.version_id)
        metadata = types.UploadModelOperationMetadata()
        return self._operations.succeeded(request.parent, reply, metadata)

    def copy_model(self, request: Any) -> Any:
        """Copy one version of a model of this project, as a new model or as a new version."""
        if request.source_model.split("/")[:2] != request.parent.split("/")[:2]:
            raise invalid(f"source_model {request.source_model} must be of the same project")
        model = self.resolve(request.source_model)
        model.original_model_info = {"model": f"{model.name}@{model.version_id}"}
        model.model_source_info.copy = True
        model.version_aliases = []
        if request.encryption_spec:
            model.encryption_spec = request.encryption_spec
        self._add(request, model)
        reply = types.CopyModelResponse(model=model.name, model_version_id=model.version_id)
        metadata = types.CopyModelOperationMetadata()
        return self._operations.succeeded(request.parent, reply, metadata)

    def _add(self, request: Any, model: Any) -> None:
        """Give the model its name, number, times and aliases, and keep it."""
        aliases = _checked_aliases(model.version_aliases)
        with self._versions.lock:
            model.name = self._name_for(request)
            new = not request.parent_model
            if new and DEFAULT not in aliases:
                aliases.append(DEFAULT)
            _stamp(model)
            self._versions.add(model, aliases, new=new)

    def _name_for(self, request: Any) -> str:
        if request.parent_model and request.model_id:
            raise invalid("model_id and parent_model exclude each other")
        if request.parent_model:
            return self._existing(base_of(request.parent_model), request.parent)
        if request.model_id and not MODEL_ID.fullmatch(request.model_id):
            raise invalid(f"model_id {request.model_id!r} must match {MODEL_ID.pattern}")
        name = f"{request.parent}/models/{request.model_id or new_id()}"
        if self._versions.numbers(name):
            raise ServiceError(code_pb2.ALREADY_EXISTS, f"{name} exists already.")
        return name

    def _existing(self, base: str, parent: str) -> str:
        if parent_of(base) != parent:
            raise invalid(f"parent_model {base} is not of the location {parent}")
        if not self._versions.numbers(base):
            raise not_found(base)
        return base

    def resolve(self, name: str) -> Any:
        """Return the version that a name means: ``@VERSION``, ``@alias``, else the default."""
        with self._versions.lock:
            return self._versions.resolve(name)

    def get_model(self, request: Any) -> Any:
        """Return one version of a model; its name has the version when the request has one."""
        return self._shown(request.name)

    def _shown(self, name: str) -> Any:
        with self._versions.lock:
            return self._show([self.resolve(name)], versioned="@" in name.removesuffix("@-"))[0]

    def _show(self, models: Sequence[Any], *, versioned: bool) -> list[Any]:
        """Fill in what is not kept: where the models are deployed, and the etag to send back."""
        for model in models:
            model.etag = _etag(model)
            model.deployed_models = []
        shown = {(model.name, model.version_id): model for model in models}
        for endpoint in self._resources.everywhere("endpoints"):
            for deployed in endpoint.deployed_models:
                if model := shown.get((deployed.model, deployed.model_version_id)):
                    reference = {"endpoint": endpoint.name, "deployed_model_id": deployed.id}
                    model.deployed_models.append(reference)
        if versioned:
            for model in models:
                model.name = f"{model.name}@{model.version_id}"
        return list(models)

    def list_models(self, request: Any) -> Any:
        """Return the default version of every model."""
        with self._versions.lock:
            found = [self._versions.resolve(base) for base in self._versions.bases(request.parent)]
            page, token = select(self._show(found, versioned=False), request)
        return types.ListModelsResponse(models=page, next_page_token=token)

    def list_model_versions(self, request: Any) -> Any:
        """Return every version of one model, oldest first; the names have the versions."""
        base = base_of(request.name)
        with self._versions.lock:
            numbers = self._versions.numbers(base)
            if not numbers:
                raise not_found(base)
            found = [self._versions.view(base, number) for number in numbers]
            shown = self._show(found, versioned=True)
        page, token = select(shown, request, order="create_time", synonyms=VERSION_ORDER)
        return types.ListModelVersionsResponse(models=page, next_page_token=token)

    def update_model(self, request: Any) -> Any:
        """Change the fields in the mask, of the model or, with ``@VERSION``, of a version."""
        model = request.model
        base, _, version = model.name.partition("@")
        of_version = version not in ("", "-")
        paths = masked_paths(request.update_mask, (*MODEL_FIELDS, "version_description"))
        _check_level(model.name, paths, VERSION_FIELDS if of_version else MODEL_FIELDS)
        if "display_name" in paths:
            check_display_name(model.display_name)
        check_labels(model.labels)
        with self._versions.lock:
            current = self.resolve(model.name)
            check_etag(model.etag, _etag(current))
            self._apply(base, int(current.version_id) if of_version else None, paths, model)
            return self._shown(model.name)

    def _apply(self, base: str, number: int | None, paths: Sequence[str], model: Any) -> None:
        now = datetime.datetime.now(datetime.UTC)

        def change(kept: Any) -> None:
            copy_paths(paths, model, kept)
            if number is None:
                kept.update_time = now
            else:
                kept.version_update_time = now

        if number is None:
            self._versions.update_model(base, change)
        else:
            self._versions.update_version(base, number, change)

    def merge_version_aliases(self, request: Any) -> Any:
        """Add aliases to a version, and remove those with a minus before them."""
        if "@" not in request.name:
            raise invalid(f"{request.name} must end in @VERSION")
        if not request.version_aliases:
            raise invalid("version_aliases is required")
        added = {alias for alias in request.version_aliases if alias[:1] != "-"}
        removed = {alias[1:] for alias in request.version_aliases if alias[:1] == "-"}
        _checked_aliases([*added, *removed])
        if DEFAULT in removed - added:
            raise invalid("the alias default cannot be removed: give it to another version")
        with self._versions.lock:
            number = self._versions.number(request.name)
            base = base_of(request.name)
            wanted = [alias for alias in request.version_aliases if alias in added - removed]
            self._versions.merge_aliases(base, number, wanted, removed - added)
            return self._shown(f"{base}@{number}")

    def delete_model_version(self, request: Any) -> Any:
        """Delete one of several versions, unless an endpoint serves it."""
        if "@" not in request.name:
            raise invalid(f"{request.name} must end in @VERSION")
        base = base_of(request.name)
        with self._versions.lock:
            number = self._versions.number(request.name)
            self._check_not_served([self._versions.view(base, number)])
            if len(self._versions.numbers(base)) == 1:
                message = f"{request.name} is the only version; delete the model with DeleteModel."
                raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
            self._versions.delete_version(base, number)
        self._stop_servers(base, str(number))
        metadata = types.DeleteOperationMetadata()
        return self._operations.succeeded(parent_of(base), empty_pb2.Empty(), metadata)

    def delete_model(self, request: Any) -> Any:
        """Delete a model with all its versions, unless an endpoint serves one of them."""
        base = base_of(request.name)
        with self._versions.lock:
            numbers = self._versions.numbers(base)
            if not numbers:
                raise not_found(base)
            self._check_not_served([self._versions.view(base, number) for number in numbers])
            self._versions.delete(base)
        self._stop_servers(base, "")
        metadata = types.DeleteOperationMetadata()
        return self._operations.succeeded(parent_of(base), empty_pb2.Empty(), metadata)

    def _check_not_served(self, models: Sequence[Any]) -> None:
        for model in self._show(models, versioned=True):
            for served in model.deployed_models:
                message = (
                    f"{model.name} is deployed to {served.endpoint} as "
                    f"{served.deployed_model_id}; undeploy it first."
                )
                raise ServiceError(code_pb2.FAILED_PRECONDITION, message)


def _checked_aliases(aliases: Sequence[str]) -> list[str]:
    for alias in aliases:
        if not ALIAS.fullmatch(alias):
            raise invalid(f"version alias {alias!r} must match {ALIAS.pattern}")
    return list(dict.fromkeys(aliases))


def _check_level(name: str, paths: Sequence[str], fields: Sequence[str]) -> None:
    """Refuse to change a version through its model's name and the other way round."""
    if wrong := [path for path in paths if path not in fields]:
        message = f"{', '.join(wrong)} cannot be changed through {name}; {', '.join(fields)} can"
        raise ServiceError(code_pb2.FAILED_PRECONDITION, message)


def _stamp(model: Any) -> None:
    now = datetime.datetime.now(datetime.UTC)
    model.create_time = model.update_time = now
    model.version_create_time = model.version_update_time = now
    model.etag = new_id()
    kind = types.Model.DeploymentResourcesType
    model.supported_deployment_resources_types = [kind.DEDICATED_RESOURCES]
    model.supported_input_storage_formats = INSTANCES_FORMATS
    model.supported_output_storage_formats = PREDICTIONS_FORMATS


def _etag(model: Any) -> str:
    """Return what changes with every update; the kept etag stays: it tells uploads apart."""
    message = types.Model.pb(model)
    times = (message.update_time, message.version_update_time)
    return "-".join([message.etag, *(f"{time.ToMicroseconds():x}" for time in times)])

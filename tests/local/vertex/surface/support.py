"""Requests with any field set, as the tests of the surface send them through Google's client."""

import copy
import re
from collections.abc import Callable
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor

from batchpredict.local.network.rpcs import load_rpcs
from batchpredict.local.runs import PARENT
from batchpredict.local.vertex.surface.rules import fields_of
from batchpredict.local.vertex.training.pipelines import CUSTOM_TASK

RPCS = list(load_rpcs().values())


def descriptor(method: str) -> Any:
    kind = getattr(types, f"{method}Request")
    return kind.pb(kind()).DESCRIPTOR


def is_open(field: Any) -> bool:
    """Whether a field is a message with parts of its own, not a value, a time or a map."""
    kind = field.message_type
    return (
        kind is not None
        and not kind.GetOptions().map_entry
        and not kind.full_name.startswith("google.protobuf.")
    )


def field_at(method: str, path: str) -> Any:
    kind, found = descriptor(method), None
    for name in path.split("."):
        found = kind.fields_by_name[name]
        kind = found.message_type
    return found


def paths_of(method: str, *statuses: str) -> list[str]:
    """Return the fields of a request that have one of these statuses."""
    return [path for path, field in fields_of(method).items() if field.status in statuses]


def sample(field: Any, depth: int = 4) -> Any:
    """Return a value that is not the default, as JSON."""
    if field.is_repeated and not (
        field.message_type and field.message_type.GetOptions().map_entry
    ):
        return [value_of(field, depth)]
    return value_of(field, depth)


def value_of(field: Any, depth: int) -> Any:
    kind = field.message_type
    known: dict[str, Any] = {
        "Timestamp": "2001-02-03T04:05:06Z",
        "Duration": "7s",
        "Struct": {"k": "v"},
        "BoolValue": True,
        "Int32Value": 3,
        "Any": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "7s"},
    }
    if kind is not None and kind.full_name.startswith("google.protobuf."):
        return known.get(kind.name, ["v"])
    if kind is not None and kind.GetOptions().map_entry:
        return {"1": sample(kind.fields_by_name["value"], depth)}
    if kind is not None:
        return parts_of(kind, depth - 1)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return field.enum_type.values[-1].name
    if field.type == FieldDescriptor.TYPE_STRING:
        return f"sent-{field.name}"
    return True if field.type == FieldDescriptor.TYPE_BOOL else 3


def parts_of(kind: Any, depth: int) -> dict[str, Any]:
    taken: set[str] = set()
    parts = {}
    for field in kind.fields:
        choice = field.containing_oneof
        if depth and (choice is None or choice.name not in taken):
            parts[field.name] = sample(field, depth)
            taken |= {choice.name} if choice else set()
    return parts


def place(method: str, content: dict[str, Any], path: str) -> None:
    """Set a field of a request to a sample, and no other of those that exclude it."""
    *parents, last = path.split(".")
    for name in parents:
        content = content.setdefault(name, {})
        content = content[0] if isinstance(content, list) else content
    field = field_at(method, path)
    for other in field.containing_oneof.fields if field.containing_oneof else ():
        content.pop(other.name, None)
    content[last] = sample(field)


def at(content: Any, path: str) -> Any:
    """Return what stands at a path, or an empty value."""
    for name in path.split("."):
        content = content.get(name, {})
        content = content[0] if isinstance(content, list) and content else content
    return content


def parsed(method: str, content: dict[str, Any]) -> Any:
    """Return the request that JSON stands for."""
    kind = getattr(types, f"{method}Request")
    return kind.wrap(json_format.ParseDict(content, kind.pb(kind())))


def content_of(message: Any) -> dict[str, Any]:
    """Return a message as JSON with the names of the protos."""
    plain = type(message).pb(message)
    return dict(json_format.MessageToDict(plain, preserving_proto_field_name=True))


def ask(client: Any, method: str, content: dict[str, Any]) -> Any:
    """Send a request through Google's client; wait for a long-running operation."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", method).lower()
    reply = getattr(client, name)(parsed(method, content))
    return reply.result() if hasattr(reply, "result") else reply


MACHINE = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1}
IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"
STEP = {"image": "python:3.11-slim", "command": ["true"]}
PIPELINE = {
    "pipelineInfo": {"name": "nothing"},
    "schemaVersion": "2.1.0",
    "components": {"comp-a": {"executorLabel": "exec-a"}},
    "deploymentSpec": {"executors": {"exec-a": {"container": STEP}}},
    "root": {
        "dag": {"tasks": {"a": {"componentRef": {"name": "comp-a"}, "taskInfo": {"name": "a"}}}}
    },
}


POOL = {
    "machine_spec": {"machine_type": "n1-standard-2"},
    "container_spec": {"image_uri": "python:3.11-slim", "command": ["true"]},
}


class Maker:
    """Makes a resource by one method, and reads it again."""

    def __init__(self, gapic: Callable[[str, str], Any], model: str) -> None:
        self._gapic = gapic
        self.model = model
        self._endpoint = (
            gapic("endpoint", "grpc")
            .create_endpoint(parent=PARENT, endpoint={"display_name": "surface"})
            .result()
            .name
        )

    def accepted(self, method: str, path: str = "") -> dict[str, Any]:
        """Return a request that is accepted, also with ``path`` in it."""
        cloud = {"instances_format": "jsonl", "gcs_source": {"uris": ["gs://surface/in.jsonl"]}}
        out = {"predictions_format": "jsonl", "gcs_destination": {"output_uri_prefix": "gs://o"}}
        shapes: dict[str, dict[str, Any]] = {
            "UploadModel": {
                "model": {"display_name": "m", "container_spec": {"image_uri": IMAGE}},
            },
            "CopyModel": {"source_model": self.model},
            "CreateEndpoint": {"endpoint": {"display_name": "e"}},
            "DeployModel": {
                "endpoint": self._endpoint,
                "deployed_model": {"model": self.model, "dedicated_resources": MACHINE},
            },
            "CreateBatchPredictionJob": {
                "batch_prediction_job": {
                    "display_name": "j",
                    "model": self.model,
                    "input_config": cloud,
                    "output_config": out,
                    "dedicated_resources": {"machine_spec": {"machine_type": "n1-standard-2"}},
                }
            },
            "CreatePipelineJob": {
                "pipeline_job": {
                    "display_name": "p",
                    "pipeline_spec": PIPELINE,
                    "runtime_config": {"gcs_output_directory": "gs://surface/root"},
                }
            },
        }
        job = shapes["CreatePipelineJob"]["pipeline_job"]
        shapes["CreateSchedule"] = {
            "schedule": {
                "display_name": "s",
                "cron": "0 0 1 1 *",
                "max_concurrent_run_count": 1,
                "create_pipeline_job_request": {"parent": PARENT, "pipeline_job": job},
            }
        }
        shapes["CreateCustomJob"] = {
            "custom_job": {"display_name": "c", "job_spec": {"worker_pool_specs": [POOL]}}
        }
        shapes["CreateHyperparameterTuningJob"] = {
            "hyperparameter_tuning_job": {
                "display_name": "h",
                "study_spec": {
                    "metrics": [{"metric_id": "m", "goal": "MAXIMIZE"}],
                    "parameters": [
                        {"parameter_id": "p", "categorical_value_spec": {"values": ["v"]}}
                    ],
                },
                "max_trial_count": 1,
                "parallel_trial_count": 1,
                "trial_job_spec": {"worker_pool_specs": [POOL]},
            }
        }
        shapes["CreateTrainingPipeline"] = {
            "training_pipeline": {
                "display_name": "t",
                "training_task_definition": CUSTOM_TASK,
                "training_task_inputs": {
                    "worker_pool_specs": [POOL],
                    "base_output_directory": {"output_uri_prefix": "gs://surface/trained"},
                },
                "model_to_upload": shapes["UploadModel"]["model"],
            }
        }
        shape = copy.deepcopy(shapes[method])
        if "unmanaged_container_model" in path:
            del shape["batch_prediction_job"]["model"]
            unmanaged = {"artifact_uri": "gs://surface/m", "container_spec": {"image_uri": IMAGE}}
            shape["batch_prediction_job"]["unmanaged_container_model"] = unmanaged
        return shape if method == "DeployModel" else {"parent": PARENT, **shape}

    def existing(self, method: str) -> dict[str, Any]:
        """Return a request, without its mask, that changes something that is there."""
        if method == "UpdateModel":
            return {"model": {"name": self.model}}
        if method == "UpdateEndpoint":
            return {"endpoint": {"name": self._endpoint}}
        if method == "UpdateSchedule":
            return {
                "schedule": {
                    "name": self.send("CreateSchedule", self.accepted("CreateSchedule")).name
                }
            }
        return {"endpoint": self._endpoint, "deployed_model": {"id": "1"}}

    def send(self, method: str, content: dict[str, Any]) -> Any:
        """Send the request; return the resource as it is read afterwards, and the reply."""
        service = next(rpc.service for rpc in RPCS if rpc.method == method)
        client = self._gapic(service.removesuffix("Service").lower(), "grpc")
        return self._read(client, method, ask(client, method, content))

    def _read(self, client: Any, method: str, reply: Any) -> Any:
        if method in ("UploadModel", "CopyModel"):
            return client.get_model(name=reply.model)
        if method == "DeployModel":
            endpoint = client.get_endpoint(name=self._endpoint)
            wanted = reply.deployed_model.id
            return next(it for it in endpoint.deployed_models if it.id == wanted)
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", method.removeprefix("Create")).lower()
        return getattr(client, f"get_{kind}")(name=reply.name)

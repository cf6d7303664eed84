"""PredictionService: online predictions through the deployed models."""

import json
import threading
from collections.abc import Mapping
from typing import Any

from google.api import httpbody_pb2
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from google.rpc import code_pb2

from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.models import ModelService
from batchpredict.local.vertex.state import Resources


class Traffic:
    """Deals requests to deployed models: any 100 in a row are shared out as the split says.

    Each request gives every model its share as credit; who has most is asked and pays the whole.
    """

    def __init__(self) -> None:
        self._credits: dict[str, tuple[dict[str, int], dict[str, int]]] = {}
        self._lock = threading.Lock()

    def choose(self, endpoint: str, split: Mapping[str, int]) -> str:
        """Return the key of ``split`` whose turn it is; a new split starts anew."""
        with self._lock:
            known, credit = self._credits.get(endpoint, ({}, {}))
            if known != split:
                known, credit = dict(split), dict.fromkeys(split, 0)
                self._credits[endpoint] = known, credit
            for key, share in known.items():
                credit[key] += share
            chosen = max(sorted(credit), key=credit.__getitem__)
            credit[chosen] -= sum(known.values())
            return chosen


class PredictionService:
    """Chooses a deployed model by traffic and asks its server."""

    def __init__(self, resources: Resources, models: ModelService, servers: ModelServers) -> None:
        self._resources = resources
        self._models = models
        self._servers = servers
        self._traffic = Traffic()

    def predict(self, request: Any) -> Any:
        """Return one prediction for each instance; numbers come back as floats, as on Vertex."""
        deployed, model = self._choose(request.endpoint)
        body = json_format.MessageToDict(protobuf(request))
        sent = {key: body[key] for key in ("instances", "parameters") if key in body}
        status, content = self._servers.post(model, json.dumps(sent).encode())
        if status != 200:
            raise _rejected(status, content)
        reply = protobuf(types.PredictResponse())
        json_format.ParseDict({"predictions": json.loads(content)["predictions"]}, reply)
        reply.deployed_model_id = deployed.id
        reply.model = model.name
        reply.model_version_id = model.version_id
        reply.model_display_name = model.display_name
        return types.PredictResponse.wrap(reply)

    def raw_predict(self, request: Any) -> Any:
        """Pass a body on as it is, and the server's reply back."""
        _, model = self._choose(request.endpoint)
        status, content = self._servers.post(model, request.http_body.data)
        if status != 200:
            raise _rejected(status, content)
        return httpbody_pb2.HttpBody(content_type="application/json", data=content)

    def _choose(self, endpoint_name: str) -> tuple[Any, Any]:
        endpoint = self._resources.get(endpoint_name)
        split = {key: share for key, share in endpoint.traffic_split.items() if share}
        if not split:
            message = f"{endpoint_name} has no deployed model that takes traffic."
            raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
        chosen = self._traffic.choose(endpoint_name, split)
        deployed = next(model for model in endpoint.deployed_models if model.id == chosen)
        return deployed, self._models.resolve(f"{deployed.model}@{deployed.model_version_id}")


def _rejected(status: int, content: bytes) -> ServiceError:
    code = code_pb2.INVALID_ARGUMENT if status < 500 else code_pb2.INTERNAL
    text = content.decode(errors="replace")[:2000]
    return ServiceError(code, f"The model server answered {status}: {text}")

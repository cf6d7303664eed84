"""PredictionService: online predictions through the deployed models."""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.api import httpbody_pb2
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from google.rpc import code_pb2

from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.serving.online import ask, predictions_in
from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.vertex.errors import ServiceError, not_found
from batchpredict.local.vertex.explain import explanations_of, spec_of
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


class _Asked:
    """What a request asks of a model's server."""

    def __init__(self, request: Any) -> None:
        content = json_format.MessageToDict(protobuf(request))
        self._parameters = {"parameters": content["parameters"]} if "parameters" in content else {}
        self.instances: list[Any] = content.get("instances", [])

    def body(self, instances: Sequence[Any]) -> bytes:
        """Return the body with these instances."""
        return json.dumps({"instances": list(instances), **self._parameters}).encode()


@dataclass(frozen=True)
class _Target:
    """The deployed model that a request goes to."""

    endpoint: Any
    deployed: Any
    model: Any


class PredictionService:
    """Chooses a deployed model by traffic and asks its server."""

    def __init__(self, resources: Resources, models: ModelService, servers: ModelServers) -> None:
        self._resources = resources
        self._models = models
        self._servers = servers
        self._traffic = Traffic()

    def predict(self, request: Any) -> Any:
        """Return one prediction for each instance; numbers come back as floats, as on Vertex."""
        target, asked = self._choose(request.endpoint), _Asked(request)
        reply = protobuf(types.PredictResponse())
        predictions = self._ask(target, asked.body(asked.instances))
        json_format.ParseDict({"predictions": predictions}, reply)
        reply.deployed_model_id = target.deployed.id
        reply.model = target.model.name
        reply.model_version_id = target.model.version_id
        reply.model_display_name = target.model.display_name
        return types.PredictResponse.wrap(reply)

    def explain(self, request: Any) -> Any:
        """Return the prediction of each instance, and what each of its values adds to it."""
        target = self._choose(request.endpoint, request.deployed_model_id)
        spec = spec_of(target.deployed, target.model, request.explanation_spec_override)
        asked = _Asked(request)

        def predict(instances: Sequence[Any]) -> list[Any]:
            return self._ask(target, asked.body(instances))

        predictions = predict(asked.instances)
        found = explanations_of(spec, asked.instances, predictions, predict)
        reply = protobuf(types.ExplainResponse(explanations=found))
        reply.deployed_model_id = target.deployed.id
        json_format.ParseDict({"predictions": predictions}, reply)
        return types.ExplainResponse.wrap(reply)

    def raw_predict(self, request: Any) -> Any:
        """Pass a body on as it is, and the server's reply back."""
        content = self._post(self._choose(request.endpoint), request.http_body.data)
        return httpbody_pb2.HttpBody(content_type="application/json", data=content)

    def _ask(self, target: _Target, body: bytes) -> list[Any]:
        return predictions_in(self._post(target, body))

    def _post(self, target: _Target, body: bytes) -> bytes:
        return ask(self._servers, target.endpoint, target.deployed, target.model, body)

    def _choose(self, endpoint_name: str, wanted: str = "") -> _Target:
        """Return the deployed model that is wanted, else the one whose turn it is."""
        endpoint = self._resources.get(endpoint_name)
        split = {key: share for key, share in endpoint.traffic_split.items() if share}
        if not split and not wanted:
            message = f"{endpoint_name} has no deployed model that takes traffic."
            raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
        chosen = wanted or self._traffic.choose(endpoint_name, split)
        deployed = next((it for it in endpoint.deployed_models if it.id == chosen), None)
        if deployed is None:
            raise not_found(f"deployed model {chosen!r} of {endpoint_name}")
        model = self._models.resolve(f"{deployed.model}@{deployed.model_version_id}")
        return _Target(endpoint, deployed, model)

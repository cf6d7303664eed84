"""Conformance of Vertex AI: every emulated method with Google's clients, over gRPC and REST.

Each reply is parsed once more with unknown fields refused. The list of methods is that of the
services themselves: one without a check fails here.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.protobuf import unknown_fields
from local.conformance import checks_jobs, checks_metadata, checks_models, checks_tuning
from local.conformance.asking import EMULATED, REFUSED, RPCS, World
from sklearn.linear_model import LinearRegression

from batchpredict.local import LOCATION
from batchpredict.local.network.rpcs import Rpc, protobuf
from batchpredict.local.session import LocalVertex

CHECKS: dict[str, Callable[[World], Any]] = {
    **checks_models.CHECKS,
    **checks_jobs.CHECKS,
    **checks_metadata.CHECKS,
    **checks_tuning.CHECKS,
}
HOST = f"https://{LOCATION}-aiplatform.googleapis.com"
# Field 536870911 is the highest there may be, and in no message; its value is the number 1.
STRANGE = b"\xf8\xff\xff\xff\x0f\x01"


@pytest.fixture(scope="module")
def model(upload_sklearn: Callable[..., str]) -> str:
    return upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]))


@pytest.fixture(scope="module")
def deployed(vertex: LocalVertex, gapic: Callable[[str, str], Any], model: str) -> Iterator[World]:
    made = World(vertex, gapic, "grpc", model, "", "", "shared")
    endpoint = checks_models.create(made).name
    deployed = checks_models.deploy(made, endpoint).id
    yield replace(made, endpoint=endpoint, deployed=deployed)
    made.ask("UndeployModel", endpoint=endpoint, deployed_model_id=deployed)
    made.ask("DeleteEndpoint", name=endpoint)


@pytest.mark.parametrize("transport", ["grpc", "rest"])
@pytest.mark.parametrize("method", EMULATED)
def test_method(deployed: World, method: str, transport: str) -> None:
    tag = f"{method.lower()}-{transport}"
    CHECKS[method](replace(deployed, transport=transport, tag=tag))


def test_every_check_is_of_an_emulated_method() -> None:
    assert set(CHECKS) == set(EMULATED)


def over_grpc(world: World, rpc: Rpc, data: bytes) -> grpc.RpcError:
    """Send bytes as the request of a method, and return how it was refused."""
    client = world.gapic(rpc.service.removesuffix("Service").lower(), "grpc")
    call = client.transport.grpc_channel.unary_unary(rpc.path)
    with pytest.raises(grpc.RpcError) as refusal:
        call(data, timeout=30)
    return refusal.value


def over_rest(web: Any, rpc: Rpc, strange: bool) -> tuple[int, dict[str, Any]]:
    """Send a request that names some resource; return status and error."""
    rule = rpc.rules[0]
    path = re.sub(r"\(\?P<\w+>(.*?)\)", r"\1", rule.path.pattern).replace("[^/:]+", "1")
    path = re.sub(r"\\(.)", r"\1", path).replace(".+", "1")
    query = {} if rule.body or not strange else {"surprise": "1"}
    # Whatever else the body of a raw prediction is, the model gets it.
    content: dict[str, Any] = {"httpBody": {}} if rpc.method == "RawPredict" else {}
    content |= {"surprise": 1} if strange else {}
    body = json.dumps(content) if rule.body else None
    reply = web.request(rule.verb, f"{HOST}{path}", params=query, data=body)
    return reply.status_code, reply.json()["error"]


@pytest.mark.parametrize("method", EMULATED)
def test_an_unknown_field_is_an_invalid_argument(deployed: World, web: Any, method: str) -> None:
    rpc = RPCS[method]
    kind = rpc.request_type
    assert len(unknown_fields.UnknownFieldSet(protobuf(kind.deserialize(STRANGE)))) == 1
    refusal = over_grpc(deployed, rpc, STRANGE)
    assert (refusal.code(), "not known" in refusal.details()) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        True,
    )
    status, error = over_rest(web, rpc, strange=True)
    assert (status, error["status"]) == (400, "INVALID_ARGUMENT")
    assert "surprise" in error["message"]


@pytest.mark.parametrize("method", REFUSED)
def test_what_is_not_emulated_is_unimplemented(deployed: World, web: Any, method: str) -> None:
    rpc = RPCS[method]
    assert over_grpc(deployed, rpc, b"").code() == grpc.StatusCode.UNIMPLEMENTED
    if rpc.rules:
        status, error = over_rest(web, rpc, strange=False)
        assert (status, error["status"]) == (501, "UNIMPLEMENTED")

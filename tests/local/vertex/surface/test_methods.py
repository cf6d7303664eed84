"""Methods that are not emulated, and fields that do not exist, are refused over both wires."""

import importlib
import re
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from local.vertex.surface.support import RPCS

from batchpredict.local.network.rpcs import Rpc
from batchpredict.local.runs import PARENT
from batchpredict.local.vertex.surface.page import emulates

HOST = "us-central1-aiplatform.googleapis.com"


def test_every_other_method_is_unimplemented_over_grpc(gapic: Callable[[str, str], Any]) -> None:
    channel = gapic("model", "grpc").transport._grpc_channel
    others = [rpc.path for rpc in RPCS if not emulates(rpc)]
    package = "/google.cloud.aiplatform.v1."
    unknown = [f"{package}ModelService/NoSuchMethod", f"{package}DatasetService/ListDatasets"]
    streams = [f"{package}PredictionService/StreamRawPredict"]
    assert len(others) > 50
    for path in [*others, *unknown, *streams]:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(path)(b"", timeout=30)
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED, path


def routes() -> list[tuple[Rpc, str, str, bool]]:
    """Return method, verb, path and whether there is a body, for each REST rule."""
    found = []
    for rpc in RPCS:
        name = rpc.service.removesuffix("Service")
        package = f"google.cloud.aiplatform_v1.services.{name.lower()}_service.transports"
        rest = importlib.import_module(f"{package}.rest_base")
        method = getattr(getattr(rest, f"_Base{rpc.service}RestTransport"), f"_Base{rpc.method}")
        for option in getattr(method, "_get_http_options", list)():
            path = re.sub(r"\{[\w.]+=([^}]*)\}", lambda match: match[1], option["uri"])
            path = path.replace("**", "x").replace("*", "x")
            found.append((rpc, option["method"].upper(), path, "body" in option))
    return found


def refusal(gapic: Callable[[str, str], Any], verb: str, path: str, **sent: Any) -> str:
    session = gapic("model", "rest").transport._session
    reply = session.request(verb, f"https://{HOST}{path}", timeout=30, **sent)
    error = reply.json()["error"]
    return f"{reply.status_code} {error['status']} {error['message']}"


def test_every_other_method_is_unimplemented_over_rest(gapic: Callable[[str, str], Any]) -> None:
    for rpc, verb, path, has_body in routes():
        if not emulates(rpc):
            said = refusal(gapic, verb, path, **({"json": {}} if has_body else {}))
            assert said.startswith("501 UNIMPLEMENTED"), (rpc.path, said)
            assert rpc.method in said
    assert refusal(gapic, "GET", f"/v1/{PARENT}/datasets").startswith("501 UNIMPLEMENTED")


def test_an_unknown_field_of_any_method_is_an_invalid_argument(
    gapic: Callable[[str, str], Any],
) -> None:
    for rpc, verb, path, has_body in routes():
        raw = rpc.method == "RawPredict"  # its body belongs to the model
        kinds: list[dict[str, Any]] = [{"params": {"noSuchField": "1"}}]
        if has_body and not raw:
            kinds.append({"json": {"noSuchField": 1}})
        for sent in kinds:
            said = refusal(gapic, verb, path, **sent)
            assert said.startswith("400 INVALID_ARGUMENT"), (rpc.path, sent, said)
            assert "noSuchField" in said

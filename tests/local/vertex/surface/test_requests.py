"""Fields are dropped, kept and refused by the running services as the page says."""

import re
from collections.abc import Callable
from itertools import groupby
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from local.vertex.surface.support import (
    RPCS,
    Maker,
    ask,
    at,
    content_of,
    field_at,
    parsed,
    paths_of,
    place,
)
from sklearn.linear_model import LinearRegression

from batchpredict.local.network.rpcs import Rpc
from batchpredict.local.runs import PARENT
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.surface.fields import FIELDS, SELF_REFUSING
from batchpredict.local.vertex.surface.page import emulates
from batchpredict.local.vertex.surface.rules import CHANGED, admit, fields_of


@pytest.fixture(scope="module")
def maker(gapic: Callable[[str, str], Any], upload_sklearn: Callable[..., str]) -> Maker:
    model = upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    return Maker(gapic, model)


def is_unmanaged(path: str) -> bool:
    return "unmanaged_container_model" in path


KEPT = [
    (method, list(together))
    for method in FIELDS
    for _, together in groupby(sorted(paths_of(method, "kept"), key=is_unmanaged), is_unmanaged)
]


@pytest.mark.parametrize(("method", "paths"), KEPT)
def test_a_kept_field_comes_back_as_it_was_sent(
    maker: Maker, method: str, paths: list[str]
) -> None:
    content = maker.accepted(method, paths[0])
    for path in paths:
        place(method, content, path)
    found, sent = content_of(maker.send(method, content)), content_of(parsed(method, content))
    for path in paths:
        assert at(sent, path), path
        assert at(found, path.partition(".")[2]) == at(sent, path), path


@pytest.mark.parametrize("method", [it for it in FIELDS if paths_of(it, "set", "empty")])
def test_what_the_service_says_is_not_taken_from_the_client(maker: Maker, method: str) -> None:
    content = maker.accepted(method)
    for path in paths_of(method, "set", "empty"):
        place(method, content, path)
    found = content_of(maker.send(method, content))
    for path in paths_of(method, "set"):
        inside = path.partition(".")[2]
        assert not at(found, inside) or at(found, inside) != at(content, path), path
    for path in paths_of(method, "empty"):
        assert not at(found, path.partition(".")[2]), path


REFUSED = [(method, path) for method in FIELDS for path in paths_of(method, "refused")]


@pytest.mark.parametrize(("method", "path"), REFUSED)
def test_a_refused_field_is_refused_by_name(maker: Maker, method: str, path: str) -> None:
    content = maker.accepted(method)
    place(method, content, path)
    expected: Any = exceptions.MethodNotImplemented
    words = f"{method}: {re.escape(path)} is not emulated"
    if method in SELF_REFUSING:
        expected, words = (expected, exceptions.BadRequest), rf"\b{path.rpartition('.')[2]}\b"
    with pytest.raises(expected, match=words):
        maker.send(method, content)


@pytest.mark.parametrize("method", FIELDS)
def test_the_request_without_them_is_accepted(maker: Maker, method: str) -> None:
    assert maker.send(method, maker.accepted(method)) is not None


LISTING = [rpc for rpc in RPCS if emulates(rpc) and "page_token" in fields_of(rpc.method)]
WRONG = {
    "filter": "no_such_field=1",
    "order_by": "no_such_field",
    "page_token": "no-token",
    "page_size": -1,
}


@pytest.mark.parametrize("rpc", LISTING, ids=lambda rpc: str(rpc.method))
def test_every_list_looks_at_the_fields_that_it_uses(
    maker: Maker, gapic: Callable[[str, str], Any], rpc: Rpc
) -> None:
    """Each refuses what it does not understand."""
    place = "name" if rpc.method == "ListModelVersions" else "parent"
    owner = maker.model if place == "name" else PARENT
    if rpc.service == "MetadataService":
        owner = f"{PARENT}/metadataStores/default"
    client = gapic(rpc.service.removesuffix("Service").lower(), "grpc")
    used = [path for path, field in fields_of(rpc.method).items() if field.status == "used"]
    assert {place} < set(used) or rpc.method == "ListMetadataStores"
    for path in set(used) & set(WRONG):
        with pytest.raises(exceptions.InvalidArgument, match=path):
            ask(client, rpc.method, {place: owner, path: WRONG[path]})


def test_a_lineage_is_not_filtered(gapic: Callable[[str, str], Any]) -> None:
    wanted = {"artifact": f"{PARENT}/metadataStores/default/artifacts/1", "filter": "x"}
    with pytest.raises(exceptions.MethodNotImplemented, match="Subgraph: filter"):
        gapic("metadata", "grpc").query_artifact_lineage_subgraph(wanted)


def test_an_empty_message_asks_for_nothing() -> None:
    """Launchers send the fields that a pipeline left out as empty messages."""
    deployed = types.DeployedModel(speculative_decoding_spec={}, status={})
    request = types.DeployModelRequest(deployed_model=deployed)
    admit("DeployModel", request)
    assert "status" not in request.deployed_model


def test_a_field_of_a_later_client_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = dict(fields_of("CreateEndpoint"))
    del fields["endpoint.network"]
    monkeypatch.setattr("batchpredict.local.vertex.surface.rules.fields_of", lambda _: fields)
    with pytest.raises(ServiceError, match=r"CreateEndpoint: endpoint\.network"):
        admit("CreateEndpoint", types.CreateEndpointRequest(endpoint={"network": "n"}))


CHANGING = {"UpdateModel": "model", "UpdateEndpoint": "endpoint", "UpdateSchedule": "schedule"}


@pytest.mark.parametrize("method", [*CHANGING, "MutateDeployedModel"])
def test_an_update_mask_takes_what_the_page_says(
    maker: Maker, gapic: Callable[[str, str], Any], method: str
) -> None:
    """Every other field of the resource is refused, one by one."""
    name = CHANGING.get(method, "deployed_model")
    client = gapic(name if method in CHANGING else "endpoint", "grpc")
    resource = maker.existing(method)
    kind = field_at(method, name).message_type
    known = [field.name for field in kind.fields] + [
        f"{group}.{part.name}"
        for group in ("dedicated_resources", "automatic_resources")
        if group in kind.fields_by_name
        for part in kind.fields_by_name[group].message_type.fields
    ]
    assert set(CHANGED[method]) <= set(known)
    for path in known:
        content = {**resource, "update_mask": camel(path)}
        if path not in CHANGED[method]:
            with pytest.raises(exceptions.BadRequest, match="cannot be changed"):
                ask(client, method, content)


def camel(path: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), path)

"""Every derived method against Google's own transcoding of requests to paths."""

import importlib
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from google.api_core import path_template
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from batchpredict.local.network.http import HttpRequest
from batchpredict.local.network.rest import RestApi
from batchpredict.local.network.rpcs import Rpc, _path_expression, load_rpcs, protobuf

RPCS = load_rpcs()
WITH_RULES = sorted(path for path, rpc in RPCS.items() if rpc.rules)


def http_options(rpc: Rpc) -> list[dict[str, str]]:
    """The rules as the generated REST client has them."""
    snake = rpc.service.removesuffix("Service").lower()
    package = f"google.cloud.aiplatform_v1.services.{snake}_service.transports.rest_base"
    base = getattr(importlib.import_module(package), f"_Base{rpc.service}RestTransport")
    options: list[dict[str, str]] = getattr(base, f"_Base{rpc.method}")._get_http_options()
    return options


def put(message: Any, field: str, value: str) -> None:
    *parents, last = field.split(".")
    for name in parents:
        message = getattr(message, name)
    setattr(message, last, value)


def sample(rpc: Rpc, rule: Mapping[str, str]) -> Any:
    """A request with made-up names in the path, something in the body, and a query."""
    kind = rpc.request_type
    message = kind.pb(kind()) if hasattr(kind, "pb") else kind()
    for field in message.DESCRIPTOR.fields:
        if field.name != rule.get("body") and "." not in rule["uri"]:
            fill(message, field)
    if rule.get("body", "*") != "*":
        getattr(message, rule["body"]).SetInParent()
    for field, template in path_fields(rule["uri"]):
        put(message, field, template.replace("**", "w/x").replace("*", "made-up.1"))
    return message


def fill(message: Any, field: FieldDescriptor) -> None:
    if field.type == FieldDescriptor.TYPE_BOOL and not field.is_repeated:
        setattr(message, field.name, True)
    elif field.type == FieldDescriptor.TYPE_INT32 and not field.is_repeated:
        setattr(message, field.name, 7)
    elif field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
        setattr(message, field.name, f"a value/with? signs & ünïcode of {field.name}")
    elif field.type == FieldDescriptor.TYPE_STRING and not is_map(field):
        getattr(message, field.name).extend(["one", "two"])


def is_map(field: FieldDescriptor) -> bool:
    kind: Descriptor | None = field.message_type
    return kind is not None and kind.GetOptions().map_entry


def path_fields(uri: str) -> list[tuple[str, str]]:
    found = path_template._VARIABLE_RE.finditer(uri)
    return [(match["name"], match["template"] or "*") for match in found]


def sent(rpc: Rpc, rule: Mapping[str, str], message: Any) -> HttpRequest:
    """What the generated client would send under this rule."""
    kind = rpc.request_type
    wrapped = kind.wrap(message) if hasattr(kind, "wrap") else message
    out = path_template.transcode([dict(rule)], protobuf(wrapped))  # type: ignore[no-untyped-call]
    query = json.loads(json_format.MessageToJson(out["query_params"]))
    pairs = [("$alt", "json;enum-encoding=int"), *flatten(query)]
    body = b""
    if "body" in out:
        body = json_format.MessageToJson(out["body"]).encode()
    return HttpRequest(out["method"].upper(), out["uri"], tuple(pairs), {}, body)


def flatten(query: Any, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(query, dict):
        return [pair for key, value in query.items() for pair in flatten(value, f"{prefix}{key}.")]
    if isinstance(query, list):
        return [pair for item in query for pair in flatten(item, prefix)]
    text = str(query).lower() if isinstance(query, bool) else str(query)
    return [(prefix.removesuffix("."), text)]


@pytest.mark.parametrize("path", WITH_RULES)
def test_what_google_s_client_sends_is_found_again(path: str) -> None:
    rpc = RPCS[path]
    rules = http_options(rpc)
    assert len(rules) == len(rpc.rules)
    for rule in rules:
        message = sample(rpc, rule)
        if "http_body" in message.DESCRIPTOR.fields_by_name:
            message.http_body.data = b"raw"
        seen: list[tuple[Rpc, Any]] = []

        def note(rpc: Rpc, request: Any, _: Mapping[str, str], seen: list[Any] = seen) -> Any:
            seen.append((rpc, request))
            return rpc.response_type()

        response = RestApi(RPCS, note, lambda _: None).handle(sent(rpc, rule, message))
        assert response.status == 200, response.body
        assert seen[0][0].path == path
        assert protobuf(seen[0][1]) == message


def test_the_surface_is_that_of_the_services() -> None:
    assert {rpc.service for rpc in RPCS.values()} == {
        "ModelService",
        "JobService",
        "EndpointService",
        "PredictionService",
        "PipelineService",
        "ScheduleService",
        "MetadataService",
    }
    assert len(WITH_RULES) > 80
    without = {rpc.method for rpc in RPCS.values() if not rpc.rules}
    assert not {method for method in without if not method.startswith("Stream")}


def test_the_wire_form_of_every_method_is_read_back() -> None:
    for rpc in RPCS.values():
        request = rpc.request_type()
        assert rpc.parse(Rpc.serialize(request)) == request


@pytest.mark.parametrize(
    ("template", "path", "fields"),
    [
        ("/v1/{name=a/*}:x", "/v1/a/b:x", {"name": "a/b"}),
        ("/v1/{name=a/*}:x", "/v1/a/b/c:x", None),
        ("/v1/{name=a/*}", "/v1/a/b:x", None),
        ("/v1/{name=a/**}/y", "/v1/a/b/c/y", {"name": "a/b/c"}),
        ("/v1/{a.b=*}/{c}", "/v1/x/y", {"a__b": "x", "c": "y"}),
        ("/v1/a.b/{c}", "/v1/aXb/y", None),
    ],
)
def test_a_template_becomes_an_expression(
    template: str, path: str, fields: dict[str, str] | None
) -> None:
    match = re.fullmatch(_path_expression(template), path)
    assert (match and match.groupdict()) == fields

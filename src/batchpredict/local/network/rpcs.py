"""The surface of Vertex AI v1, derived from the installed Google client.

No route is written by hand. The gRPC transport classes are asked for their stubs through a channel
that records the paths and message types, and the REST transport classes for their HTTP rules.
"""

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SERVICES = ("model", "job", "endpoint", "prediction", "pipeline", "schedule", "metadata")
GET_OPERATION = "Operations.GetOperation"
WAIT_OPERATION = "Operations.WaitOperation"


@dataclass(frozen=True)
class HttpRule:
    """One ``google.api.http`` rule: verb, path pattern, and which field the body is."""

    verb: str
    path: re.Pattern[str]
    body: str


@dataclass(frozen=True)
class Rpc:
    """One method of a service, with the proto-plus or protobuf types that it takes and gives."""

    service: str
    method: str
    path: str
    request_type: Any
    response_type: Any
    rules: tuple[HttpRule, ...]

    @property
    def name(self) -> str:
        """Service and method, such as ``JobService.GetBatchPredictionJob``."""
        return f"{self.service}.{self.method}"

    def parse(self, data: bytes) -> Any:
        """Return the request that the wire bytes hold."""
        parse = getattr(self.request_type, "deserialize", None) or self.request_type.FromString
        return parse(data)

    @staticmethod
    def serialize(response: Any) -> bytes:
        """Return the wire bytes of a response of either kind."""
        return bytes(protobuf(response).SerializeToString())


def protobuf(message: Any) -> Any:
    """Return the protobuf message behind a proto-plus message; others are returned as they are."""
    kind = type(message)
    return kind.pb(message) if hasattr(kind, "pb") else message


def _no_call(*_: Any, **__: Any) -> None:
    """Stand in for a stub that nobody calls."""


class _RecordingChannel:
    """Stands in for a gRPC channel and keeps what each stub was made of."""

    def __init__(self) -> None:
        self.stubs: dict[str, tuple[Any, Any]] = {}

    def unary_unary(
        self,
        path: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        **_: Any,
    ) -> Callable[..., None]:
        self.stubs[path] = (request_serializer, response_deserializer)
        return _no_call

    def unary_stream(self, *_: Any, **__: Any) -> Callable[..., None]:
        return _no_call  # not served: gRPC itself answers UNIMPLEMENTED

    stream_unary = stream_stream = unary_stream


def load_rpcs(services: tuple[str, ...] = SERVICES) -> dict[str, Rpc]:
    """Return every method of ``services`` by its gRPC path."""
    return {rpc.path: rpc for service in services for rpc in _methods(service)}


def _methods(service: str) -> Iterator[Rpc]:
    package = f"google.cloud.aiplatform_v1.services.{service}_service.transports"
    name = f"{service.title()}Service"
    transport = getattr(importlib.import_module(package), f"{name}GrpcTransport")
    rest = getattr(importlib.import_module(f"{package}.rest_base"), f"_Base{name}RestTransport")
    for path, (serializer, deserializer) in _stubs(transport).items():
        owner, method = path.rsplit("/", 1)
        if not owner.endswith(f".{name}"):
            continue  # IAM, locations and operations, which every client carries
        request_type, response_type = serializer.__self__, deserializer.__self__
        rules = tuple(_rules(getattr(rest, f"_Base{method}", None)))
        yield Rpc(name, method, path, request_type, response_type, rules)


def _stubs(transport: Any) -> Mapping[str, tuple[Any, Any]]:
    instance = transport.__new__(transport)
    channel = _RecordingChannel()
    instance._stubs = {}
    instance._logged_channel = instance._grpc_channel = channel
    skipped = ("grpc_channel", "kind", "operations_client", "host")
    for name, attribute in vars(transport).items():
        if isinstance(attribute, property) and not name.startswith("_") and name not in skipped:
            attribute.fget(instance)  # type: ignore[misc]
    return channel.stubs


def _rules(method: Any) -> Iterator[HttpRule]:
    if not hasattr(method, "_get_http_options"):
        return  # a streaming method without a REST form
    for option in method._get_http_options():
        pattern = re.compile(_path_expression(option["uri"]))
        yield HttpRule(option["method"].upper(), pattern, option.get("body", ""))


def _path_expression(template: str) -> str:
    """Turn ``/v1/{name=projects/*/models/*}:x`` into a regular expression with named groups."""
    pieces = re.split(r"\{([\w.]+)(?:=([^}]*))?\}", template)
    expression = re.escape(pieces[0])
    for field, value, literal in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        wildcard = re.escape(value or "*").replace(r"\*\*", ".+").replace(r"\*", "[^/:]+")
        expression += f"(?P<{field.replace('.', '__')}>{wildcard})" + re.escape(literal)
    return expression

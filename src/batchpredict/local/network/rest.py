"""Vertex AI's REST form: from an HTTP request to a request message, and from a reply to JSON."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response
from batchpredict.local.network.rpcs import (
    GET_OPERATION,
    WAIT_OPERATION,
    HttpRule,
    Rpc,
    protobuf,
)
from batchpredict.local.vertex.errors import ServiceError, invalid, not_found, unimplemented

_PATHS = 1024
SYSTEM_PARAMETERS = ("alt", "prettyPrint", "key", "fields", "quotaUser", "access_token")


class RestApi:
    """Finds the method that a path and verb stand for, calls it, and renders the reply.

    Args:
        rpcs: The methods by gRPC path.
        call: Carries out a method; raises :class:`ServiceError`.
        operation: Returns a long-running operation by name, or None.
    """

    def __init__(
        self,
        rpcs: Mapping[str, Rpc],
        call: Callable[[Rpc, Any, Mapping[str, str]], Any],
        operation: Callable[[str], Any],
    ) -> None:
        rules = [(rule, rpc) for rpc in rpcs.values() for rule in rpc.rules]
        # The longer pattern is the more specific one: `…/models:upload` before `…/models`.
        self._rules = sorted(rules, key=lambda pair: -len(pair[0].path.pattern))
        self._call = call
        self._operation = operation
        self._find = lru_cache(_PATHS)(self._search)  # who polls asks for one path again and again

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one request under ``/v1/``."""
        as_numbers = "enum-encoding=int" in request.param("$alt")
        try:
            reply = self._answer(request)
        except json_format.ParseError as error:
            return _refusal(invalid(f"Invalid JSON payload received. {error}"))
        except ServiceError as error:
            return _refusal(error)
        if _is_raw(request):
            return HttpResponse(200, reply.data, {"Content-Type": reply.content_type})
        content = json_format.MessageToDict(protobuf(reply), use_integers_for_enums=as_numbers)
        return json_response(content)

    def method(self, request: HttpRequest) -> str:
        """Return the name of the method that a request calls, or ""."""
        path = unquote(request.path)
        if "/operations/" in path:
            return WAIT_OPERATION if path.endswith(":wait") else GET_OPERATION
        found = self._find(request.method, path)
        return found[1].name if found else ""

    def _answer(self, request: HttpRequest) -> Any:
        path = unquote(request.path)
        if "/operations/" in path:
            return self._get_operation(request.method, path)
        found = self._find(request.method, path)
        if found is None:
            raise unimplemented(f"{request.method} {path}")
        rule, rpc, captured = found
        return self._call(rpc, _message(rpc, rule, captured, request), request.headers)

    def _search(self, verb: str, path: str) -> tuple[HttpRule, Rpc, Mapping[str, str]] | None:
        for rule, rpc in self._rules:
            if rule.verb == verb and (match := rule.path.fullmatch(path)):
                return rule, rpc, match.groupdict()
        return None

    def _get_operation(self, verb: str, path: str) -> Any:
        name, _, action = path.removeprefix("/v1/").partition(":")
        if (verb, action) not in (("GET", ""), ("POST", "wait")):
            raise unimplemented(f"{verb} of an operation with :{action}")
        operation = self._operation(name)
        if operation is None:
            raise not_found(name)
        return operation


def _refusal(error: ServiceError) -> HttpResponse:
    status = error.http_status
    content = {"code": status, "message": error.message, "status": error.status}
    return json_response({"error": content}, status)


def _message(rpc: Rpc, rule: HttpRule, captured: Mapping[str, str], request: HttpRequest) -> Any:
    kind = rpc.request_type
    message = kind.pb(kind()) if hasattr(kind, "pb") else kind()
    if _is_raw(request):
        content: dict[str, Any] = {}
        message.http_body.data = request.body
        message.http_body.content_type = request.headers.get("content-type", "application/json")
    else:
        content = _body(rule, request.body)
    query = [(k, v) for k, v in request.query if k not in SYSTEM_PARAMETERS and k[:1] != "$"]
    for name, value in [*query, *((k.replace("__", "."), v) for k, v in captured.items())]:
        _put(content, name.split("."), value, message.DESCRIPTOR)
    json_format.ParseDict(content, message)  # an unknown field raises, as the service does
    return kind.wrap(message) if hasattr(kind, "wrap") else message


def _is_raw(request: HttpRequest) -> bool:
    """Whether the body goes to the model as it is; Google's generated client wraps it in JSON."""
    if not request.path.endswith(":rawPredict"):
        return False
    try:
        content = json.loads(request.body)
    except ValueError:
        return True
    return not (isinstance(content, dict) and "httpBody" in content)


def _body(rule: HttpRule, body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body) if body else {}
    except ValueError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
    if not isinstance(content, dict):
        raise invalid("Invalid JSON payload received. The root is not an object.")
    return {rule.body: content} if rule.body and rule.body != "*" else content


def _put(content: dict[str, Any], path: Iterable[str], text: str, kind: Any) -> None:
    """Set one field that came as text in the path or the query, nested by dots."""
    *parents, last = path
    for name in parents:
        content, kind = content.setdefault(name, {}), _field(kind, name).message_type
    field = _field(kind, last)
    value: Any = text.lower() == "true" if field.type == FieldDescriptor.TYPE_BOOL else text
    if field.is_repeated:
        content.setdefault(last, []).append(value)
    else:
        content[last] = value


def _field(kind: Descriptor | None, name: str) -> FieldDescriptor:
    if kind is None:  # the name before the dot is no message
        raise invalid(f'Unknown name "{name}": cannot find field in a plain value.')
    field: FieldDescriptor | None = kind.fields_by_name.get(name)
    field = field or kind.fields_by_camelcase_name.get(name)
    if field is None:
        raise invalid(f'Unknown name "{name}": cannot find field in {kind.full_name}.')
    return field

"""From a request over HTTP to the API that answers it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from batchpredict.local.faults.effects import carry_out
from batchpredict.local.faults.http_api import FaultApi
from batchpredict.local.faults.over_http import HTTP
from batchpredict.local.faults.registry import Faults
from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response


@dataclass(frozen=True)
class Api:
    """One API.

    Attributes:
        serves: Whether it answers a request to this host.
        method: Returns the name of the method that a request calls, or "".
        handle: Answers a request.
    """

    serves: Callable[[str, HttpRequest], bool]
    method: Callable[[HttpRequest], str]
    handle: Callable[[HttpRequest], HttpResponse]


class Router:
    """Hands each request to the first API that serves it, with the faults that are planned."""

    def __init__(self, apis: Sequence[Api], faults: Faults) -> None:
        self._apis = apis
        self._faults = faults
        self._fault_api = FaultApi(faults)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; what no API serves is 501."""
        host = request.base_url.rpartition("://")[2]
        for api in self._apis:
            if api.serves(host, request):
                return self._carry_out(api, request)
        if self._fault_api.serves(request):
            return self._fault_api.handle(request)
        message = f"{request.method} {host}{request.path} is not emulated on this machine"
        error = {"code": 501, "message": message, "status": "UNIMPLEMENTED"}
        return json_response({"error": error}, 501)

    def _carry_out(self, api: Api, request: HttpRequest) -> HttpResponse:
        if not self._faults.active:
            return api.handle(request)
        method = api.method(request)
        reply: HttpResponse = carry_out(self._faults, method, lambda: api.handle(request), HTTP)
        return reply

"""Put the services behind the proxy, the HTTP gateway and the gRPC server."""

import contextlib
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from batchpredict.local import LOCATION, PROJECT
from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.network.certificates import Certificates
from batchpredict.local.network.gateway import Gateway
from batchpredict.local.network.grpcs import GrpcApi, start_grpc
from batchpredict.local.network.http import HttpRequest, HttpResponse, json_response
from batchpredict.local.network.metadata import MetadataServer, token_reply
from batchpredict.local.network.proxy import ConnectProxy
from batchpredict.local.network.rest import RestApi
from batchpredict.local.network.rpcs import load_rpcs
from batchpredict.local.network.sockets import listen_on_loopback, stop_listening
from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.settings import LocalSettings
from batchpredict.local.storage.api import StorageApi
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.services import VertexServices


def serve(
    home: Path,
    work: Path,
    environment: Mapping[str, str],
    certificates: Certificates,
    sandbox: Sandbox,
    settings: LocalSettings,
    log_line: Callable[[str], None],
    listeners: tuple[socket.socket, socket.socket],
    stack: contextlib.ExitStack,
) -> tuple[VertexServices, ObjectStore]:
    """Start everything; what must be stopped goes onto ``stack``.

    Args:
        home: Folder of the state.
        work: Folder for what lives as long as the session; its path is short enough for sockets.
        environment: Variables of every step and model server.
        certificates: What the TLS servers show.
        sandbox: Where steps and model servers run.
        settings: How the services run.
        log_line: Takes one line for each request.
        listeners: The proxy's and the plain HTTP socket of this machine; the sandbox has two more
            with the same port numbers in its own network.
        stack: Gets what is to be stopped at the end.
    """
    store = ObjectStore(home / "storage")
    servers = ModelServers(
        sandbox, store, environment, sockets=work, work=home / "logs" / "servers"
    )
    services = VertexServices(
        home, store, sandbox, servers, environment, settings, work=work / "steps"
    )
    rpcs = load_rpcs()
    route = _router(RestApi(rpcs, services.call, services.operations.find), StorageApi(store))
    gateway = Gateway(route, log_line)
    secure = listen_on_loopback()
    stack.callback(stop_listening, secure)
    gateway.listen_tls(secure, certificates)
    server, grpc_port = start_grpc(
        GrpcApi(rpcs, services.call, services.operations.find), certificates
    )
    stack.callback(lambda: server.stop(None).wait(5))
    proxy = ConnectProxy(secure.getsockname()[1], grpc_port, log_line)
    for proxied, plain in (listeners, *_pairs(sandbox.listeners)):
        proxy.listen(proxied)
        gateway.listen(plain)
    return services, store


def _pairs(inner: Sequence[socket.socket]) -> list[tuple[socket.socket, socket.socket]]:
    """Return the proxy's and the plain socket of the sandbox's own network, if it has one."""
    return [(inner[0], inner[1])] if inner else []


def _router(rest: RestApi, storage: StorageApi) -> Callable[[HttpRequest], HttpResponse]:
    metadata = MetadataServer(PROJECT, LOCATION)

    def route(request: HttpRequest) -> HttpResponse:
        host = request.base_url.rpartition("://")[2]
        if metadata.serves(request):
            return metadata.handle(request)
        if host == "oauth2.googleapis.com":
            return token_reply()
        if storage.serves(request.path):
            return storage.handle(request)
        if request.path.startswith("/v1/") and "aiplatform" in host:
            return rest.handle(request)
        message = f"{request.method} {host}{request.path} is not emulated on this machine"
        error = {"code": 501, "message": message, "status": "UNIMPLEMENTED"}
        return json_response({"error": error}, 501)

    return route

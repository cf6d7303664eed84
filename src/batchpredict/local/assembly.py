"""Put the services behind the proxy, the HTTP gateway and the gRPC server."""

import contextlib
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from batchpredict.local import LOCATION, PROJECT
from batchpredict.local.bigquery.api import METHODS, BigQueryApi
from batchpredict.local.faults import names
from batchpredict.local.faults.over_grpc import FaultyCalls
from batchpredict.local.faults.registry import Faults
from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.network.certificates import Certificates
from batchpredict.local.network.front.process import GrpcFront
from batchpredict.local.network.gateway import Gateway
from batchpredict.local.network.grpcs import GrpcApi
from batchpredict.local.network.metadata import MetadataServer, token_reply
from batchpredict.local.network.proxy import ConnectProxy
from batchpredict.local.network.rest import RestApi
from batchpredict.local.network.router import Api, Router
from batchpredict.local.network.rpcs import load_rpcs
from batchpredict.local.network.sockets import listen_on_loopback, stop_listening
from batchpredict.local.registry.api import ROUTES, RegistryApi
from batchpredict.local.secrets import ACCESS, HOST, SecretApi, method
from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.settings import LocalSettings
from batchpredict.local.step_logs import LIST, LoggingApi
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
    faults: Faults,
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
        faults: What tests plan for calls; learns the names of the methods.
        log_line: Takes one line for each request.
        listeners: The proxy's and the plain HTTP socket of this machine; the sandbox has two more
            with the same port numbers in its own network.
        stack: Gets what is to be stopped at the end.
    """
    store = ObjectStore(home / "storage")
    servers = ModelServers.of_session(home, work, environment, store, sandbox, settings)
    bigquery = BigQueryApi(home / "bigquery", store)
    stack.callback(bigquery.close)
    services = VertexServices(
        home, store, sandbox, servers, environment, settings, bigquery, work=work / "steps"
    )
    stack.callback(services.close)
    rpcs = load_rpcs()
    faults.learn(names.method_names(rpcs, (*METHODS, *ROUTES, ACCESS, LIST)))
    rest = RestApi(rpcs, services.call, services.operations.find)
    logging = LoggingApi(services.pipelines.step_logs)
    apis = [
        *_registries(home),
        Api(lambda host, _: logging.serves(host), logging.method, logging.handle),
        *_apis(rest, StorageApi(store), bigquery),
    ]
    gateway = Gateway(Router(apis, faults), log_line)
    secure = listen_on_loopback()
    stack.callback(stop_listening, secure)
    gateway.listen_tls(secure, certificates)
    calls = FaultyCalls(faults, services.call, services.operations.find)
    api = GrpcApi(rpcs, calls.call, calls.operation)
    front = GrpcFront(work, home / "logs" / "grpc.log", certificates, api.answer)
    stack.callback(front.close)
    https = gateway.over_tls(certificates)
    proxy = ConnectProxy(secure.getsockname()[1], front.take, log_line, https)
    for proxied, plain in (listeners, *_pairs(sandbox.listeners)):
        proxy.listen(proxied)
        gateway.listen(plain)
    return services, store


def _pairs(inner: Sequence[socket.socket]) -> list[tuple[socket.socket, socket.socket]]:
    """Return the proxy's and the plain socket of the sandbox's own network, if it has one."""
    return [(inner[0], inner[1])] if inner else []


def _registries(home: Path) -> list[Api]:
    """Return the APIs of uploaded pipelines and of secrets."""
    registry, secrets = RegistryApi(home / "registry"), SecretApi(home / "secrets")
    return [
        Api(lambda host, _: registry.serves(host), registry.method, registry.handle),
        Api(lambda host, _: host.partition(":")[0] == HOST, method, secrets.handle),
    ]


def _apis(rest: RestApi, storage: StorageApi, bigquery: BigQueryApi) -> list[Api]:
    """Return the APIs over HTTP; the first that serves a request answers it."""
    metadata = MetadataServer(PROJECT, LOCATION)
    return [
        Api(lambda _, it: metadata.serves(it), names.metadata_method, metadata.handle),
        Api(
            lambda host, _: host == "oauth2.googleapis.com",
            lambda _: names.TOKEN,
            lambda _: token_reply(),
        ),
        Api(lambda _, it: storage.serves(it.path), names.storage_method, storage.handle),
        Api(lambda host, it: bigquery.serves(host, it.path), bigquery.method, bigquery.handle),
        Api(
            lambda host, it: it.path.startswith("/v1/") and "aiplatform" in host,
            rest.method,
            rest.handle,
        ),
    ]

"""The running services and clients of them, shared by the tests that need them."""

import importlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import joblib
import pytest
from containment import contained, pytest_configure  # noqa: F401 - they hold for every test
from google.auth.credentials import AnonymousCredentials
from kfp.compiler import Compiler
from verbs import Verbs
from wheels import installed, wheel  # noqa: F401 - fixtures

from batchpredict.images import SKLEARN_SERVING
from batchpredict.local import LOCATION
from batchpredict.local.runs import PARENT, start_run
from batchpredict.local.session import LocalVertex, local_vertex
from batchpredict.local.settings import LocalSettings
from batchpredict.pipeline_files import read_pipeline

HOST = f"{LOCATION}-aiplatform.googleapis.com"
RUN_TIMEOUT = 120.0
TESTS = Path(__file__).parent
COVERING = (  # what travels into pipelines, and what checks it, must be covered whole by these
    *("runtime", "results", "components", "linting", "projects"),
    *("test_compiler.py", "test_carrying.py"),
)
SETTINGS = LocalSettings(caching=False)  # a test that runs a step means to run it


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure coverage only where it is asked for: it doubles the time of what it watches."""
    for item in items:
        if item.path.relative_to(TESTS).parts[0] not in COVERING:
            item.add_marker("no_cover")


@pytest.fixture(scope="session")
def vertex(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalVertex]:
    with local_vertex(tmp_path_factory.mktemp("home"), SETTINGS) as vertex:
        vertex.sandbox.wait_ready()
        yield vertex


@pytest.fixture(scope="session")
def gapic(vertex: LocalVertex) -> Iterator[Callable[[str, str], Any]]:
    """Google's generated client of a service, such as ``gapic("model", "rest")``.

    It goes through the proxy and trusts the throwaway authority, told so by arguments: the
    environment of this process stays as it is.
    """
    with ExitStack() as stack:

        @cache
        def client(service: str, transport: str) -> Any:
            package = importlib.import_module(
                f"google.cloud.aiplatform_v1.services.{service}_service"
            )
            kind = getattr(package, f"{service.title()}ServiceClient")
            made = kind(transport=_TRANSPORTS[transport](kind, vertex.environment))
            stack.callback(made.transport.close)
            return made

        yield client


@pytest.fixture(scope="session")
def verb(vertex: LocalVertex, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verbs]:
    """Run a verb as it would be typed, against the services of ``vertex``, over gRPC."""
    verbs = Verbs(vertex.environment, tmp_path_factory.mktemp("verbs"))
    yield verbs
    verbs.close()


def _grpc(kind: Any, environment: dict[str, str]) -> Any:
    with open(environment["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"], "rb") as authority:
        credentials = grpc.ssl_channel_credentials(authority.read())
    options = [("grpc.http_proxy", environment["grpc_proxy"])]
    channel = grpc.secure_channel(f"{HOST}:443", credentials, options=options)
    return kind.get_transport_class("grpc")(channel=channel)


def _rest(kind: Any, environment: dict[str, str]) -> Any:
    made = kind.get_transport_class("rest")(credentials=AnonymousCredentials(), host=HOST)  # type: ignore[no-untyped-call]
    made._session.trust_env = False
    made._session.proxies = {"https": environment["HTTPS_PROXY"]}
    made._session.verify = environment["REQUESTS_CA_BUNDLE"]
    return made


_TRANSPORTS = {"grpc": _grpc, "rest": _rest}


@pytest.fixture(scope="session")
def upload_sklearn(vertex: LocalVertex, gapic: Callable[[str, str], Any]) -> Callable[..., str]:
    """Write a fitted scikit-learn model into the store, upload it, and return its name."""
    numbers = itertools.count()

    def upload(fitted: Any, **fields: Any) -> str:
        folder = f"gs://test-models/{next(numbers)}"
        path = vertex.store.path(f"{folder}/model.joblib")
        path.parent.mkdir(parents=True)
        joblib.dump(fitted, path)
        model = {
            "display_name": "sklearn",
            "artifact_uri": folder,
            "container_spec": {"image_uri": SKLEARN_SERVING},
            **fields,
        }
        reply = gapic("model", "grpc").upload_model(parent=PARENT, model=model).result()
        return str(reply.model)

    return upload


@pytest.fixture(scope="session")
def start_pipeline(
    vertex: LocalVertex, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., str]:
    """Compile a pipeline function, start it with these parameters, and return the job's name."""

    def start(pipeline: Any, **parameters: Any) -> str:
        path = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
        Compiler().compile(pipeline, str(path))
        return start_run(vertex, read_pipeline(str(path)), parameters)

    return start


@pytest.fixture(scope="session")
def run_pipeline(vertex: LocalVertex, start_pipeline: Callable[..., str]) -> Callable[..., Any]:
    """Compile and run a pipeline function, and return the job when it has ended."""

    def run(pipeline: Any, **parameters: Any) -> Any:
        name = start_pipeline(pipeline, **parameters)
        assert vertex.services.pipelines.wait(name, RUN_TIMEOUT), "the run did not end"
        return vertex.services.pipelines.snapshot(name)

    return run

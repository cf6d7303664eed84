"""Model servers: started once, started again, and what is said when they do not start."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest
import sklearn
from google.cloud.aiplatform_v1 import types
from sklearn.linear_model import LinearRegression

from batchpredict.images import SKLEARN_SERVING
from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.errors import ServiceError

TIMEOUT = 120.0
ASK = json.dumps({"instances": [[1.0]]}).encode()


@pytest.fixture
def servers(serve: Callable[..., ModelServers]) -> ModelServers:
    return serve()


@pytest.fixture
def make(vertex: LocalVertex, tmp_path: Path) -> Callable[..., Any]:
    """A model that predicts ``slope`` for 1, under the same name each time."""

    def make(slope: float = 1.0, content: bytes | None = None, etag: str = "") -> Any:
        folder = f"gs://test-servers/{tmp_path.name}-{slope:g}"
        path = Path(vertex.store.path(f"{folder}/model.joblib"))
        path.parent.mkdir(parents=True, exist_ok=True)
        fitted = LinearRegression(fit_intercept=False).fit([[1.0]], [slope])
        joblib.dump(fitted, path)
        if content is not None:
            path.write_bytes(content)
        return types.Model(
            name="projects/p/locations/l/models/1",
            version_id="1",
            etag=etag,
            artifact_uri=folder,
            container_spec={"image_uri": SKLEARN_SERVING},
        )

    return make


def predict(servers: ModelServers, model: Any) -> float:
    status, content = servers.post(model, ASK)
    assert status == 200, content
    return float(json.loads(content)["predictions"][0])


def refusal(servers: ModelServers, model: Any) -> str:
    with pytest.raises(ServiceError) as caught:
        servers.post(model, ASK)
    assert caught.value.status == "FAILED_PRECONDITION"
    return caught.value.message


def test_a_server_is_started_for_the_first_request_only(
    servers: ModelServers, sandbox: Any, make: Callable[..., Any]
) -> None:
    model = make(3.0)
    assert [predict(servers, model) for _ in range(3)] == pytest.approx([3.0] * 3)
    assert len(sandbox.started) == 1


def test_a_server_that_was_killed_is_started_again(
    servers: ModelServers, sandbox: Any, make: Callable[..., Any]
) -> None:
    model = make()
    predict(servers, model)
    sandbox.started[0].kill()
    sandbox.started[0].wait(TIMEOUT)
    assert predict(servers, model) == pytest.approx(1.0)
    assert len(sandbox.started) == 2


def test_threads_that_ask_at_once_share_one_server(
    servers: ModelServers, sandbox: Any, make: Callable[..., Any]
) -> None:
    model, together, found = make(), threading.Barrier(4), list[float]()

    def ask() -> None:
        together.wait(TIMEOUT)
        found.append(predict(servers, model))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert found == pytest.approx([1.0] * 4)
    assert len(sandbox.started) == 1


def test_a_model_uploaded_anew_under_an_old_name_is_the_one_that_answers(
    servers: ModelServers, make: Callable[..., Any]
) -> None:
    assert predict(servers, make(1.0, etag="1")) == pytest.approx(1.0)
    assert predict(servers, make(2.0, etag="2")) == pytest.approx(2.0)


def test_a_file_that_is_no_model_is_said_to_be_the_cause(
    servers: ModelServers, make: Callable[..., Any]
) -> None:
    model = make(content=b"garbage")
    message = refusal(servers, model)
    assert message.startswith(f"E333 the server of {SKLEARN_SERVING} could not load the model at")
    assert model.artifact_uri in message
    assert f"with scikit-learn {sklearn.__version__}: " in message
    assert ", which " not in message
    assert "\n" not in message
    log = Path(message.rpartition("log: ")[2].removesuffix(")"))
    assert log.is_file()


def test_what_wrote_a_model_that_does_not_load_is_named(
    servers: ModelServers, make: Callable[..., Any], vertex: LocalVertex
) -> None:
    path = Path(vertex.store.path(make().artifact_uri)) / "model.joblib"
    content = path.read_bytes()
    version = sklearn.__version__.encode()
    assert content.count(version) == 1
    older = content.replace(version, b"0" + version[1:])[:-1]  # cut: it does not load either
    message = refusal(servers, make(content=older))
    assert f", which scikit-learn 0{sklearn.__version__[1:]} wrote, " in message
    assert f"with scikit-learn {sklearn.__version__}: " in message


def test_a_model_is_tried_again_once_its_file_is_mended(
    servers: ModelServers, make: Callable[..., Any]
) -> None:
    refusal(servers, make(content=b"garbage"))
    assert predict(servers, make()) == pytest.approx(1.0)


def test_a_folder_without_a_model_is_said_to_be_the_cause(
    servers: ModelServers, make: Callable[..., Any]
) -> None:
    model = make()
    model.artifact_uri += "-elsewhere"
    message = refusal(servers, model)
    assert "model.joblib" in message


def test_a_model_of_a_prebuilt_image_needs_files(
    servers: ModelServers, make: Callable[..., Any]
) -> None:
    model = make()
    model.artifact_uri = ""
    message = refusal(servers, model)
    assert message.startswith(f"E333 the image {SKLEARN_SERVING} needs the model's files: ")

"""Environments that are made for an image, and those that a user has."""

import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from batchpredict.images import SKLEARN_SERVING
from batchpredict.local.serving import environments
from batchpredict.local.serving.environments import Environments, install, pip_environment
from batchpredict.local.serving.images import Image
from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.errors import ServiceError

URI = "gcr.io/mine/server:1"
SERVER = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply({})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply({"predictions": [[sys.prefix, __file__]]})

    def reply(self, content):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

def main():
    HTTPServer(("127.0.0.1", int(os.environ["AIP_HTTP_PORT"])), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of environments; pip looks only at one with a wheel of a small server."""
    folder = tmp_path_factory.mktemp("wheels")
    info = "tiny_server-1.0.dist-info"
    files = {
        "tiny_server.py": SERVER,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tiny-server\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\ntiny-server = tiny_server:main\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(folder / "tiny_server-1.0-py3-none-any.whl", "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(folder))
        patch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
        yield tmp_path_factory.mktemp("environments")


@pytest.fixture
def made(vertex: LocalVertex, home: Path, tmp_path: Path) -> Environments:
    return Environments(vertex.sandbox, home, tmp_path / "logs")


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(ServiceError) as caught:
        call()
    assert caught.value.status == "FAILED_PRECONDITION"
    return caught.value.message


def test_a_container_runs_in_the_environment_that_is_made_for_it(
    serve: Callable[..., ModelServers], container_model: Callable[..., Any], home: Path
) -> None:
    image = Image(URI, ("tiny-server",), packages=("tiny-server==1.0",))
    _, content = serve(image, environments=home).post(container_model(), b'{"instances": [1]}')
    prefix, file = json.loads(content)["predictions"][0]
    (folder,) = home.iterdir()
    assert prefix == str(folder)
    assert file.startswith(prefix)


def test_an_environment_is_made_once_and_anew_when_it_was_left_half_done(
    made: Environments,
) -> None:
    packages = ["tiny-server==1.0"]
    python = made.made_of(packages)
    assert made.versions(python, ["tiny-server", "numpy"]) == {"tiny-server": "1.0"}
    whole = python.parent.parent / environments.WHOLE
    assert whole.read_text() == "tiny-server==1.0\n"
    (trace := whole.with_name("trace")).touch()
    assert made.made_of(packages) == python
    assert trace.exists()
    whole.unlink()
    assert made.made_of(packages) == python
    assert whole.exists()
    assert not trace.exists()


def test_a_package_that_cannot_be_had(made: Environments, tmp_path: Path) -> None:
    python, log = made.made_of(["tiny-server==1.0"]), tmp_path / "log"
    message = refusal(lambda: install(python, ["no-such-package==1"], log))
    assert message.startswith("E338 an environment with no-such-package==1 could not be made: ")
    assert f"No matching distribution found for no-such-package==1 (log: {log})" in message


def test_an_environment_that_cannot_be_made_is_tried_again(made: Environments, home: Path) -> None:
    (blocked := home / environments._digest(["b"])).write_text("in the way")
    message = refusal(lambda: made.made_of(["b"]))
    assert message.startswith("E338 an environment with b could not be made: ")
    assert blocked.is_file()


def test_why_pip_failed() -> None:
    offline = "WARNING: Retrying (Retry(total=1)) after\nERROR: No matching distribution found"
    assert environments._reason(offline) == "the package index cannot be reached from here"
    assert environments._reason("a\nerror: no\n\n") == "error: no"
    assert environments._reason("a\nlast") == "last"
    assert environments._reason("") == "no output"


def test_pip_gets_its_own_settings_and_no_credentials() -> None:
    mine = {"PIP_INDEX_URL": "i", "HTTPS_PROXY": "p", "PATH": "/bin"}
    others = {"GOOGLE_APPLICATION_CREDENTIALS": "/key", "PYTHONPATH": "/x", "TOKEN": "t"}
    assert pip_environment({**mine, **others}) == mine


def test_what_an_interpreter_has_is_asked_of_it(made: Environments) -> None:
    names = ["scikit-learn", "no-such-package"]
    assert made.versions(Path(sys.executable), names) == made.versions(None, names)
    assert list(made.versions(None, names)) == ["scikit-learn"]


def test_what_is_no_interpreter(made: Environments) -> None:
    message = refusal(lambda: made.versions(Path("/bin/false"), ["a"]))
    assert message.startswith("E337 /bin/false does not say which packages it has (log: ")


def test_a_prebuilt_image_is_served_from_the_environment_named_for_it(
    serve: Callable[..., ModelServers],
    container_model: Callable[..., Any],
    vertex: LocalVertex,
    tmp_path: Path,
) -> None:
    import joblib
    from sklearn.linear_model import LinearRegression

    # This environment by another path, so that it counts as one of its own.
    python = tmp_path / "own" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o700)
    path = Path(vertex.store.path("gs://test-environments/model/model.joblib"))
    path.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), path)
    model = container_model(SKLEARN_SERVING)
    model.artifact_uri = "gs://test-environments/model"
    servers = serve(Image(SKLEARN_SERVING, python=python))
    status, content = servers.post(model, b'{"instances": [[3.0]]}')
    assert (status, json.loads(content)["predictions"]) == (200, [pytest.approx(6.0)])
    assert servers.ensure(model).recipe.command[2] == str(python)
    other = container_model(SKLEARN_SERVING.replace("1-6", "1-5"))
    other.artifact_uri = model.artifact_uri
    servers = serve(Image(other.container_spec.image_uri, python=python))
    message = refusal(lambda: servers.ensure(other))
    assert f"serves version 1.5, the environment of {python} has scikit-learn 1.6" in message

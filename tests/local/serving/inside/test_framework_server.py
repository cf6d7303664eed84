"""The server of TensorFlow and PyTorch models, with a model that needs neither."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batchpredict.local.serving.connections import Connections, unix_socket
from batchpredict.local.serving.inside import framework_server
from batchpredict.local.serving.inside.framework_server import answer

LOADER = """
import sys

def load(folder):
    def predict(request):
        if request["instances"] == ["wrong"]:
            raise ValueError("it is wrong")
        return {"predictions": [folder, *request["instances"], sys.path]}
    return predict
"""
Ask = Callable[[str, str, bytes], tuple[int, object]]


def is_there(connections: Connections) -> bool:
    try:
        return connections.request("GET", "/h", b"", 30)[0] == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a socket's path is short
        socket, loader = Path(folder, "s"), Path(folder, "loader.py")
        loader.write_text(LOADER)
        file = str(framework_server.__file__)
        command = [sys.executable, file, str(loader), "/model", str(socket), "/h", "/p"]
        server = subprocess.Popen(command)
        try:
            connections = Connections(unix_socket(socket))
            while not is_there(connections):
                assert server.poll() is None

            def ask(verb: str, path: str, body: bytes) -> tuple[int, object]:
                status, content = connections.request(verb, path, body, 30)
                return status, json.loads(content)

            yield ask
            connections.close()
        finally:
            server.kill()
            server.wait()


def test_health(ask: Ask) -> None:
    assert ask("GET", "/h", b"")[0] == 200
    assert ask("GET", "/p", b"")[0] == 404


def test_a_prediction(ask: Ask) -> None:
    status, content = ask("POST", "/p", b'{"instances": [1]}')
    assert status == 200
    assert isinstance(content, dict)
    folder, instance, path = content["predictions"]
    assert (folder, instance) == ("/model", 1)
    # What it imports is never a file that happens to lie beside the server.
    assert Path(framework_server.__file__).resolve().parent not in [Path(it) for it in path]


def test_a_request_that_the_model_refuses(ask: Ask) -> None:
    assert ask("POST", "/p", b'{"instances": ["wrong"]}') == (400, {"error": "it is wrong"})
    assert ask("POST", "/other", b"{}") == (404, {"error": "there is no /other"})


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"instances": 1}', b"\xff"])
def test_a_body_that_is_no_request(body: bytes) -> None:
    status, content = answer(lambda _: {}, body)
    assert status == 400
    assert content["error"]


def test_a_model_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    def predict(_: object) -> dict[str, object]:
        raise RuntimeError("out of order")

    assert answer(predict, b'{"instances": []}') == (500, {"error": "RuntimeError: out of order"})
    assert "Traceback" in capsys.readouterr().err

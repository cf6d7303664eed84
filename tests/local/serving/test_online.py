"""What an endpoint makes of requests and replies that Vertex AI does not let through."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api import httpbody_pb2
from google.api_core import exceptions
from google.protobuf import struct_pb2

from batchpredict.local.runs import PARENT
from batchpredict.local.serving.images import Image, Images
from batchpredict.local.serving.online import MOST_BYTES
from batchpredict.local.session import LocalVertex

SERVER = """
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply(b"")

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        said = json.loads(content)["instances"][0]
        if said == "end":
            os._exit(0)
        self.reply(b"x" * int(said) if isinstance(said, float) else said.encode())

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("", int(os.environ["AIP_HTTP_PORT"])), Handler).serve_forever()
"""
Say = Callable[..., Any]


@pytest.fixture
def say(
    vertex: LocalVertex,
    gapic: Callable[[str, str], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Any]]:
    """Have a server reply with this text, behind an endpoint."""
    (tmp_path / "server.py").write_text(SERVER)
    image = Image("gcr.io/saying:1", ("python3", "server.py"), tmp_path)
    servers = vertex.services._services["PredictionService"]._servers
    monkeypatch.setattr(servers._starter, "_images", Images((image,)))
    client = gapic("endpoint", "grpc")
    model = {"display_name": "m", "container_spec": {"image_uri": image.match}}
    name = gapic("model", "grpc").upload_model(parent=PARENT, model=model).result().model
    used: list[tuple[str, str]] = []

    def say(value: Any, *, raw: bool = False, **fields: Any) -> Any:
        content = {"display_name": "e", **fields}
        endpoint = client.create_endpoint(parent=PARENT, endpoint=content).result().name
        machine = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1}
        deployed = client.deploy_model(
            endpoint=endpoint,
            deployed_model={"model": name, "dedicated_resources": machine},
            traffic_split={"0": 100},
        ).result()
        used.append((endpoint, deployed.deployed_model.id))
        predictor = gapic("prediction", "grpc")
        if raw:
            body = httpbody_pb2.HttpBody(data=json.dumps({"instances": [value]}).encode())
            return predictor.raw_predict(endpoint=endpoint, http_body=body).data
        instance = struct_pb2.Value(
            **{"number_value" if isinstance(value, float) else "string_value": value}
        )
        return list(predictor.predict(endpoint=endpoint, instances=[instance]).predictions)

    yield say
    for endpoint, identifier in used:
        client.undeploy_model(endpoint=endpoint, deployed_model_id=identifier).result()
        client.delete_endpoint(name=endpoint).result()


def test_replies(say: Say) -> None:
    assert say('{"predictions": [1, "a"], "more": 1}') == [1, "a"]
    assert say("no JSON at all", raw=True) == b"no JSON at all"


@pytest.mark.parametrize("reply", ["", "no JSON", "[1]", "{}", '{"predictions": 1}'])
def test_a_reply_without_predictions(say: Say, reply: str) -> None:
    with pytest.raises(exceptions.InternalServerError, match="not an object with a list of pred"):
        say(reply)


def test_a_server_that_ends_while_it_is_asked(say: Say) -> None:
    with pytest.raises(exceptions.ServiceUnavailable, match="The model server ended"):
        say("end", raw=True)


def test_sizes(say: Say) -> None:
    large = " " * MOST_BYTES
    with pytest.raises(exceptions.InvalidArgument, match="Request payload size exceeds the limit"):
        say(large)
    with pytest.raises(exceptions.InvalidArgument, match="Response payload size exceeds the lim"):
        say(float(MOST_BYTES + 1), raw=True)
    assert len(say(float(MOST_BYTES), raw=True)) == MOST_BYTES
    assert say(large, raw=True, network="projects/1/global/networks/n") == large.encode()

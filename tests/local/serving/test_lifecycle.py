"""When model servers are stopped."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batchpredict.local.serving.images import Image
from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.serving.variables import Deployment

TIMEOUT = 30.0
Serve = Callable[..., ModelServers]
Make = Callable[..., Any]
WAITING = """
import os, pathlib, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        pathlib.Path("asked").touch()
        while not os.path.exists("go"):
            time.sleep(0.01)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"done")

ThreadingHTTPServer(("", int(os.environ["AIP_HTTP_PORT"])), Handler).serve_forever()
"""
ONE, OTHER = Deployment("1", "2"), Deployment("1", "3")


def test_the_one_not_asked_for_longest_makes_room(
    serve: Serve, image: Image, container_model: Make
) -> None:
    servers = serve(image, most=2)
    models = [container_model(number=number) for number in range(3)]
    first, second = (servers.ensure(model) for model in models[:2])
    servers.ensure(models[0])
    third = servers.ensure(models[2])
    assert second.process.wait(TIMEOUT) < 0
    assert first.is_alive()
    assert third.is_alive()


@pytest.mark.parametrize("stopped", [False, True])
def test_one_at_work_stays_until_it_has_answered(
    serve: Serve, directory: Path, container_model: Make, stopped: bool
) -> None:
    (directory / "waiting.py").write_text(WAITING)
    servers = serve(Image("gcr.io/mine/*", ("python3", "waiting.py"), directory), most=1)
    busy, other = container_model(number=1), container_model(number=2)
    answers: list[tuple[int, bytes]] = []
    asked = servers.ensure(busy)
    thread = threading.Thread(target=lambda: answers.append(servers.post(busy, b"wait")))
    thread.start()
    while not (directory / "asked").exists():
        assert thread.is_alive()
    running = servers.ensure(other)
    if stopped:
        servers.stop(busy.name)
    (directory / "go").touch()
    thread.join(TIMEOUT)
    assert answers == [(200, b"done")]
    assert running.is_alive()
    if stopped:
        assert asked.process.wait(TIMEOUT) < 0
    assert asked.is_alive() is not stopped


def test_a_model_that_is_stopped_and_asked_again_is_started_again(
    serve: Serve, image: Image, container_model: Make, ask: Callable[..., Any]
) -> None:
    servers, model = serve(image), container_model()
    first = servers.ensure(model)
    servers.stop(model.name)
    assert first.process.wait(TIMEOUT) < 0
    assert ask(servers, model)["pid"]


def test_only_what_is_meant_is_stopped(serve: Serve, image: Image, container_model: Make) -> None:
    servers = serve(image)
    model, newer, other = container_model(), container_model(), container_model(number=2)
    newer.version_id = "2"
    kept = [
        servers.ensure(it, place) for it, place in ((newer, ONE), (other, ONE), (model, OTHER))
    ]
    gone = servers.ensure(model, ONE)
    servers.stop(model.name, "1", ONE)
    assert gone.process.wait(TIMEOUT) < 0
    assert all(it.is_alive() for it in kept)
    servers.stop(model.name)
    assert [it.process.wait(TIMEOUT) < 0 for it in (kept[0], kept[2])] == [True, True]
    assert kept[1].is_alive()


def test_a_server_that_did_not_start_leaves_nothing(serve: Serve, container_model: Make) -> None:
    servers = serve(Image("gcr.io/mine/*", ("false",)))
    for _ in range(3):
        with pytest.raises(Exception, match="E333"):
            servers.ensure(container_model())
    assert not servers._servers

"""Custom containers, run by a command: variables, routes, ports, arguments, files, failures."""

import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.serving.images import Image
from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.serving.variables import Deployment
from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.errors import ServiceError

URI = "gcr.io/mine/server:1"
Serve = Callable[..., ModelServers]
Make = Callable[..., Any]
Ask = Callable[..., Any]


def refusal(servers: ModelServers, model: Any, status: str = "FAILED_PRECONDITION") -> str:
    with pytest.raises(ServiceError) as caught:
        servers.ensure(model)
    assert caught.value.status == status
    return caught.value.message


def test_the_contract(
    serve: Serve, image: Image, directory: Path, container_model: Make, ask: Ask
) -> None:
    model = container_model(
        args=["--port=$(AIP_HTTP_PORT)", "$$(AIP_MODE)", "$(WHO)"],
        env=[{"name": "WHO", "value": "me"}],
    )
    deployed = types.DeployedModel(id="34")
    facts = ask(serve(image), model, Deployment.of("e/12", deployed))
    port = facts["env"]["AIP_HTTP_PORT"]
    assert facts["argv"] == [f"--port={port}", "$(AIP_MODE)", "me"]
    assert facts["path"] == "/v1/endpoints/12/deployedModels/34:predict"
    assert facts["env"]["AIP_MODE"] == "PREDICTION"
    assert facts["env"]["WHO"] == "me"
    assert facts["cwd"] == str(directory)


def test_a_command_of_the_model_is_run_where_the_file_names_none(
    serve: Serve, directory: Path, container_model: Make, ask: Ask
) -> None:
    model = container_model(command=["python3", "own_server.py"], args=["a"])
    assert ask(serve(Image(URI, directory=directory)), model)["argv"] == ["a"]


def test_a_command_of_the_file_wins_over_the_models(
    serve: Serve, image: Image, container_model: Make, ask: Ask
) -> None:
    model = container_model(command=["/container/only"], args=["b"])
    assert ask(serve(image), model)["argv"] == ["b"]


def test_without_any_command(serve: Serve, container_model: Make) -> None:
    servers = serve(Image(URI))
    message = refusal(servers, container_model(args=["a"]))
    assert servers._starter._ports._owners == {}
    assert message.startswith(f"E336 {URI} has no command here: the entry '{URI}' of images.toml")


def test_an_image_without_an_entry(serve: Serve, container_model: Make) -> None:
    message = refusal(serve(), container_model(command=["sh"]), "UNIMPLEMENTED")
    assert message.startswith(f"E331 there is no local server for the image {URI}; name the ")


def test_its_own_interpreter_is_found_first_by_every_command(
    serve: Serve, directory: Path, container_model: Make, tmp_path: Path, ask: Ask
) -> None:
    python = tmp_path / "other" / "bin" / "python3"
    python.parent.mkdir(parents=True)
    python.symlink_to(Path(sys.executable).resolve())
    for command in (("python3", "own_server.py"), ("sh", "-c", "exec python3 own_server.py")):
        facts = ask(serve(Image(URI, command, directory, python)), container_model())
        assert facts["python"] == str(python)


def test_its_files_are_fetched_by_googles_client(
    serve: Serve, directory: Path, container_model: Make, vertex: LocalVertex, ask: Ask
) -> None:
    path = Path(vertex.store.path("gs://test-containers/model/weights.txt"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("42")
    fetch = (
        "import os; from google.cloud import storage\n"
        "uri = os.environ['AIP_STORAGE_URI'] + '/weights.txt'\n"
        "blob = storage.Blob.from_string(uri, client=storage.Client())\n"
        "os.environ['FETCHED'] = blob.download_as_text()\n"
    )
    server = (directory / "own_server.py").read_text()
    (directory / "fetching.py").write_text(fetch + server)
    model = container_model()
    model.artifact_uri = "gs://test-containers/model"
    image = Image(URI, ("python3", "-m", "fetching"), directory)
    assert ask(serve(image), model)["env"]["FETCHED"] == "42"


def test_each_server_has_a_port_of_its_own(
    serve: Serve, image: Image, container_model: Make, vertex: LocalVertex, ask: Ask
) -> None:
    servers = serve(image)
    wanted = [{"container_port": 9123}]
    models = [container_model(number=number, ports=wanted) for number in (1, 2)]
    ports = [int(ask(servers, model)["env"]["AIP_HTTP_PORT"]) for model in models]
    assert ports[0] == 9123
    assert ports[1] not in (0, 9123)
    if not vertex.sandbox.isolated:
        return
    for port in ports:
        with socket.socket() as outside, pytest.raises(ConnectionRefusedError):
            outside.connect(("127.0.0.1", port))


def test_a_port_is_free_again_when_its_server_has_ended(
    serve: Serve, image: Image, container_model: Make, ask: Ask
) -> None:
    servers = serve(image)
    model = container_model(ports=[{"container_port": 9124}])
    first = servers.ensure(model)
    servers.stop(model.name)
    first.process.wait(20)
    assert ask(servers, model)["env"]["AIP_HTTP_PORT"] == "9124"


def test_each_deployment_has_a_server_of_its_own(
    serve: Serve, image: Image, container_model: Make, ask: Ask
) -> None:
    servers, model = serve(image), container_model()
    places = [Deployment("1", "2"), Deployment("1", "3"), None]
    facts = [ask(servers, model, place)["env"] for place in places]
    assert [it["AIP_DEPLOYED_MODEL_ID"] for it in facts[:2]] == ["2", "3"]
    assert facts[2]["AIP_DEPLOYED_MODEL_ID"] == Deployment.of_jobs(model).identifier


def test_a_server_that_ends_in_use_is_started_again(
    serve: Serve, image: Image, container_model: Make, ask: Ask
) -> None:
    servers, model = serve(image), container_model()
    before = ask(servers, model)["pid"]
    with pytest.raises(ConnectionError):
        servers.post(model, b'{"instances": ["end"]}')
    assert ask(servers, model)["pid"] != before


def test_requests_are_answered_side_by_side(
    serve: Serve, image: Image, container_model: Make, ask: Ask
) -> None:
    servers, model = serve(image), container_model()
    together, found = threading.Barrier(8), list[int]()

    def one() -> None:
        together.wait(20)
        found.append(ask(servers, model)["pid"])

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("raise SystemExit('no licence')", "no licence"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_a_server_that_ends_before_it_is_healthy(
    serve: Serve, directory: Path, container_model: Make, code: str, cause: str
) -> None:
    (directory / "broken.py").write_text(code)
    image = Image(URI, ("python3", "broken.py"), directory)
    message = refusal(serve(image), container_model())
    assert message.startswith(f"E333 the server of {URI} could not load the model")
    assert cause in message


def test_a_program_that_is_not_there(serve: Serve, container_model: Make) -> None:
    message = refusal(serve(Image(URI, ("no-such-program",))), container_model())
    assert "no-such-program" in message.partition(" with the command ")[2]


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("threading.Event().wait()", "no answer: "),
        ("os.environ['UNFIT'] = '1'; import own_server", "status 503"),
    ],
)
def test_a_server_that_does_not_become_healthy(
    serve: Serve, directory: Path, container_model: Make, code: str, seen: str
) -> None:
    (directory / "slow.py").write_text(f"import os, threading\n{code}")
    image = Image(URI, ("python3", "slow.py"), directory)
    model = container_model(deployment_timeout={"seconds": 1}, health_route="/fit")
    begin = time.monotonic()
    message = refusal(serve(image), model, "DEADLINE_EXCEEDED")
    assert 1 <= time.monotonic() - begin < 20
    assert message.startswith("E334 the model server was not healthy after 1 s: GET /fit on port ")
    assert f", which AIP_HTTP_PORT names: {seen}" in message


def test_without_a_folder_it_runs_in_an_empty_one_that_is_removed(
    serve: Serve, directory: Path, container_model: Make, tmp_path: Path, ask: Ask
) -> None:
    stale = tmp_path / "logs" / "model-0" / "model.joblib"  # of an earlier session
    stale.parent.mkdir(parents=True)
    stale.touch()
    command = ("python3", str(directory / "own_server.py"))
    servers, model = serve(Image(URI, command)), container_model()
    folder = Path(ask(servers, model)["cwd"])
    assert list(folder.iterdir()) == []
    servers.stop(model.name)
    assert not folder.exists()
    assert directory.exists()


def test_where_there_are_no_namespaces(
    serve: Serve, image: Image, container_model: Make, tmp_path: Path, ask: Ask
) -> None:
    open_one = Sandbox.start(
        store=tmp_path / "store", work=tmp_path / "work", env={}, warm=False, isolate=False
    )
    try:
        servers: Any = serve(image)
        servers._starter._sandbox = servers._starter._ports._sandbox = open_one
        port = int(ask(servers, container_model())["env"]["AIP_HTTP_PORT"])
        with socket.create_connection(("127.0.0.1", port), 20) as reached:
            assert reached.getpeername() == ("127.0.0.1", port)  # the network is this machine's
    finally:
        open_one.close()

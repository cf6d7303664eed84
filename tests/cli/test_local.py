"""The services as a server: started, found, used by a client of another process, stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers import COMMAND, command

from batchpredict.cli.local import command as local_verbs
from batchpredict.local.network.sockets import listen_on_loopback
from batchpredict.local.settings import BatchSettings, LocalSettings

DEADLINE = 60
CLIENT = """
from google.cloud import aiplatform_v1, bigquery, storage

client = storage.Client()
client.create_bucket("from-afar").blob("a").upload_from_string("content")
print(client.project, client.bucket("from-afar").blob("a").download_as_text())
host = {"api_endpoint": "us-central1-aiplatform.googleapis.com"}
parent = f"projects/{client.project}/locations/us-central1"
for transport in ("grpc", "rest"):
    endpoints = aiplatform_v1.EndpointServiceClient(transport=transport, client_options=host)
    endpoints.create_endpoint(parent=parent, endpoint={"display_name": transport}).result()
print([tuple(row) for row in bigquery.Client().query("SELECT 6 * 7 AS answer").result()])
print(sorted(each.display_name for each in endpoints.list_endpoints(parent=parent)))
"""


@dataclass(frozen=True)
class Server:
    home: Path
    port: int
    said: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server in the background; it is stopped by the test of ``down``, or here."""
    home = tmp_path_factory.mktemp("served") / "a home"
    port = free_port()
    done = local("up", home, "--port", str(port), "--cold", "--no-isolation", "--background")
    assert done.returncode == 0, done.stderr
    yield Server(home, port, done.stdout)
    local("down", home)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def local(
    verb: str, home: Path, *arguments: str, **options: Any
) -> subprocess.CompletedProcess[str]:
    return command("local", verb, "--home", str(home), *arguments, **options)


def state_of(home: Path) -> tuple[int, dict[str, Any]]:
    done = local("status", home, "--output", "json")
    return done.returncode, json.loads(done.stdout)


def start(home: Path) -> subprocess.Popen[str]:
    """Start a server in the foreground and wait until it has said all that it says."""
    process = subprocess.Popen(
        [*COMMAND, "local", "up", "--home", str(home), "--cold", "--no-isolation"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert any(line.startswith("export GRPC_VERBOSITY=") for line in process.stdout)
    return process


def test_the_server_says_how_to_use_and_stop_it(server: Server) -> None:
    code, facts = state_of(server.home)
    assert code == 0
    assert facts["running"]
    assert facts["proxy_port"] == server.port
    assert f"process {facts['used_by']} serves {server.home}" in server.said
    assert f"batchpredict local env --home '{server.home}'" in server.said
    assert f"batchpredict local down --home '{server.home}'" in server.said
    log = (server.home / "logs" / "up.log").read_text()
    assert f"export HTTPS_PROXY=http://127.0.0.1:{server.port}\n" in log
    text = local("status", server.home).stdout
    assert f"running since {facts['since']} in process {facts['used_by']}" in text


def test_a_shell_that_evaluates_env_leads_its_clients_here(server: Server, tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    key.write_text('{"type": "service_account"}')
    script = 'eval "$("$0" -c "$1" local env --home "$2")" && exec "$0" -W ignore -c "$3"'
    done = subprocess.run(
        ["bash", "-euc", script, *COMMAND[::2], str(server.home), CLIENT],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "GOOGLE_APPLICATION_CREDENTIALS": str(key),
            "STORAGE_EMULATOR_HOST": "http://127.0.0.1:9",
        },
    )
    said = ["local-project content", "[(42,)]", "['grpc', 'rest']"]
    assert done.stdout.splitlines() == said, done.stderr
    _, facts = state_of(server.home)
    assert facts["counts"] == {"endpoints": 2, "buckets": 1, "runs": 0}
    assert facts["bytes"] > len("content")


def test_env_for_programs(server: Server) -> None:
    content = json.loads(local("env", server.home, "--output", "json").stdout)
    assert content["set"]["HTTPS_PROXY"] == f"http://127.0.0.1:{server.port}"
    assert "GOOGLE_APPLICATION_CREDENTIALS" in content["unset"]


def test_a_home_in_use_is_neither_served_twice_nor_reset(server: Server) -> None:
    for done in (
        local("up", server.home, "--background"),
        local("up", server.home),
        local("reset", server.home, "--yes"),
    ):
        assert done.returncode == 3
        assert done.stderr.startswith("Error: E302 ")
    assert state_of(server.home)[0] == 0


def test_a_taken_port_is_named(server: Server, tmp_path: Path) -> None:
    for background in ([], ["--background"]):
        done = local("up", tmp_path / "other", "--port", str(server.port), *background)
        assert done.returncode == 3
        assert done.stderr.startswith(f"Error: E306 port {server.port} cannot be used: ")


def test_down_waits_until_the_server_has_ended(server: Server, tmp_path: Path) -> None:
    environment = json.loads((server.home / "connection.json").read_text())["environment"]
    code = (
        "import signal, sys\n"
        "from pathlib import Path\n"
        "from batchpredict.local.home.connection import published\n"
        "from batchpredict.local.home.folder import lock_home\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True))\n"
        f"home = Path({str(tmp_path)!r})\n"
        f"with lock_home(home), published(home, {environment!r}):\n"
        "    print('up', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    pipe = subprocess.PIPE
    with (
        subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) as slow,
        ExitStack() as stack,
    ):
        assert slow.stdout is not None
        assert slow.stdout.readline() == "up\n"
        words = [*COMMAND, "local", "down", "--home", str(tmp_path)]
        down = stack.enter_context(subprocess.Popen(words, stdout=pipe, text=True))
        assert slow.stdout.readline() == "asked\n"
        with pytest.raises(subprocess.TimeoutExpired):
            down.wait(0.5)
        slow.communicate()
        assert down.communicate(timeout=DEADLINE)[0] == f"stopped process {slow.pid}\n"


def test_down_stops_the_server_and_its_state_stays(server: Server) -> None:
    work = Path((server.home / "work-folder").read_text())
    assert (work / "ca.pem").exists()
    assert local("down", server.home).stdout.startswith("stopped process ")
    assert not work.exists()
    code, facts = state_of(server.home)
    assert (code, facts["running"], facts["used_by"]) == (1, False, None)
    assert facts["counts"]["buckets"] == 1
    assert not (server.home / "connection.json").exists()
    for verb in ("env", "down"):
        done = local(verb, server.home)
        assert done.returncode == 3
        assert done.stdout == ""
        assert f"E307 no server runs over the home folder {server.home};" in done.stderr


def test_an_interrupt_stops_the_server_in_good_order(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        work = Path((tmp_path / "work-folder").read_text())
        assert (work / "ca.pem").exists()
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 0
    assert not work.exists()
    assert not (tmp_path / "connection.json").exists()


def test_what_a_killed_server_left_is_no_server(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        process.kill()
    assert (tmp_path / "connection.json").exists()
    code, facts = state_of(tmp_path)
    assert (code, facts["running"], facts["used_by"]) == (1, False, None)
    assert "E307" in local("env", tmp_path).stderr
    deleted = local("reset", tmp_path, "--yes")
    assert deleted.returncode == 0, deleted.stderr
    assert not tmp_path.exists()


def test_a_home_that_another_process_uses_is_no_server(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from batchpredict.local.home.folder import lock_home\n"
        f"with lock_home(Path({str(tmp_path)!r})):\n"
        "    print('locked', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        done = local("status", tmp_path)
        assert done.returncode == 1
        assert f"in use by process {other.pid}, which is no server" in done.stdout
        assert f"process {other.pid}, which is no server, uses it" in local("env", tmp_path).stderr
        other.communicate()


def test_reset_asks_and_without_an_answer_deletes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "storage" / "kept").mkdir(parents=True)
    (home / "lock").write_text("")
    (home / "work-folder").write_text("/tmp/batchpredict-x")
    done = local("reset", home, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "E308 nothing was deleted: reset asks first; add --yes" in done.stderr
    assert local("reset", home, input="n\n").returncode == 0
    assert (home / "storage" / "kept").exists()
    said = local("reset", home, input="y\n").stdout
    assert "buckets 1" in said
    assert "deleted from" in said
    assert not home.exists()


@pytest.mark.parametrize("verb", ["up", "status", "env", "reset", "down"])
def test_every_verb_has_help(verb: str) -> None:
    done = command("local", verb, "--help")
    assert done.returncode == 0
    assert "--home" in done.stdout


def test_the_options_of_up_reach_the_services(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("batchpredict.cli.local_up.serve", lambda *given: seen.append(given))
    images = tmp_path / "images.toml"
    words = f"up --home {tmp_path} --port 9 --cold --no-isolation --no-cache --shards 3"
    local_verbs.main([*words.split(), "--images", str(images)], standalone_mode=False)
    settings = LocalSettings(
        warm=False,
        isolate=False,
        caching=False,
        images=images,
        port=9,
        batch=BatchSettings(shards=3),
    )
    assert seen == [(tmp_path, settings)]
    local_verbs.main(["up"], standalone_mode=False)
    assert seen[1] == (Path(".batchpredict"), LocalSettings())


def test_in_the_background_the_same_options_are_given_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[Any] = []
    module = "batchpredict.cli.local_up.start_in_background"
    monkeypatch.setattr(module, lambda *given: seen.append(given))
    words = ["up", "--background", "--home", str(tmp_path), "--cold", "--port", "9"]
    local_verbs.main(words, prog_name="batchpredict local", standalone_mode=False)
    [(home, again)] = seen
    assert home == tmp_path
    assert again[:2] == ["local", "up"]
    assert sorted(again[2:]) == sorted(
        ["--home", str(tmp_path), "--cold", "--port", "9", "--shards", "1"]
    )


def test_ports_out_of_range_are_usage(tmp_path: Path) -> None:
    assert local("up", tmp_path, "--port", "70000").returncode == 2


def test_a_port_is_free_again_for_the_next_session() -> None:
    first = listen_on_loopback()
    port = first.getsockname()[1]
    first.close()
    with listen_on_loopback(port) as again:
        assert again.getsockname()[1] == port

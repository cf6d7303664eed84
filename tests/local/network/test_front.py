"""The gRPC server in its own process: every call arrives, and it never outlives the services."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from batchpredict.local.network.certificates import Certificates, issue_certificates
from batchpredict.local.network.front.frames import read_frame, send_frame
from batchpredict.local.network.front.process import GrpcFront
from batchpredict.local.network.proxy import ConnectProxy
from batchpredict.local.network.sockets import listen_on_loopback, stop_listening

TIMEOUT = 20.0
HOST = "us-central1-aiplatform.googleapis.com"
PATH = "/google.cloud.aiplatform.v1.ModelService/GetModel"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue_certificates(tmp_path_factory.mktemp("certificates"))


def answer(path: str, headers: dict[str, str], data: bytes) -> tuple[int, str, bytes]:
    """Refuse what is called ``refused``; else return what came."""
    if data == b"refused":
        return 5, "no such thing: é", b""
    return 0, "", f"{path} {headers.get('x-who', '')} ".encode() + data


class World:
    """A front behind a proxy."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        self.folder = folder
        self.front = GrpcFront(folder, folder / "grpc.log", certificates, answer)
        self.listener = listen_on_loopback()
        ConnectProxy(1, self.front.take, lambda _: None).listen(self.listener)
        self._authority = certificates.authority.read_bytes()
        self.channels: list[grpc.Channel] = []

    def channel(self) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials(self._authority)
        proxy = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        options = [("grpc.http_proxy", proxy), ("grpc.use_local_subchannel_pool", 1)]
        options += [(f"grpc.max_{way}_message_length", 1 << 26) for way in ("send", "receive")]
        self.channels.append(grpc.secure_channel(f"{HOST}:443", credentials, options))
        return self.channels[-1]

    def close(self) -> None:
        for channel in self.channels:
            channel.close()
        stop_listening(self.listener)
        self.front.close()


def processes(folder: Path) -> list[int]:
    """Return the processes of a server and of its relay, oldest first."""
    mark = str(folder / "calls").encode()
    found = (path for path in Path("/proc").iterdir() if path.name.isdecimal())
    return sorted(int(path.name) for path in found if mark in command(path))


def command(process: Path) -> list[bytes]:
    try:
        return (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []  # it has ended


@pytest.fixture
def world(tmp_path: Path, certificates: Certificates) -> Iterator[World]:
    made = World(tmp_path, certificates)
    yield made
    made.close()


def ask(channel: grpc.Channel, data: bytes, path: str = PATH, who: str = "me") -> bytes:
    call = channel.unary_unary(path)
    return bytes(call(data, timeout=TIMEOUT, metadata=[("x-who", who), ("x-bin", b"\xff")]))


def test_path_metadata_and_message_arrive_and_the_reply_comes_back(world: World) -> None:
    assert ask(world.channel(), b"\x00\xff") == f"{PATH} me ".encode() + b"\x00\xff"
    assert ask(world.channel(), b"", "/any/Thing") == b"/any/Thing me "


def test_a_refusal_has_its_code_and_message(world: World) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ask(world.channel(), b"refused")
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "no such thing: é"


def test_large_messages_pass_both_ways(world: World) -> None:
    data = os.urandom(1 << 20) * 32
    assert ask(world.channel(), data).endswith(data)


def test_calls_at_once_get_their_own_replies(world: World) -> None:
    channels = [world.channel() for _ in range(8)]

    def one(number: int) -> bytes:
        return ask(channels[number % 8], b"%d" % number, who=str(number))

    with ThreadPoolExecutor(32) as pool:
        replies = list(pool.map(one, range(400)))
    assert replies == [f"{PATH} {number} {number}".encode() for number in range(400)]


def test_what_came_with_the_head_of_the_connect_is_not_lost(world: World) -> None:
    context = ssl.create_default_context(cadata=world._authority.decode())
    context.set_alpn_protocols(["h2"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=HOST)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    with socket.create_connection(world.listener.getsockname(), TIMEOUT) as client:
        client.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode() + outgoing.read())
        assert client.recv(39).endswith(b"established\r\n\r\n")
        while True:
            incoming.write(client.recv(65536))
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                continue
            break
    assert tls.selected_alpn_protocol() == "h2"


def test_a_module_in_the_working_folder_is_not_imported(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("grpc", "socket", "batchpredict"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a stranger was imported')\n")
    monkeypatch.chdir(tmp_path)
    assert ask(world.channel(), b"x").endswith(b"x")


def test_nothing_is_started_before_the_first_client(world: World) -> None:
    assert processes(world.folder) == []
    ask(world.channel(), b"")
    assert len(processes(world.folder)) == 2


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_takes_the_other_along_and_is_started_again(
    world: World, victim: int
) -> None:
    ask(world.channel(), b"")
    before = processes(world.folder)
    os.kill(before[victim], signal.SIGKILL)
    wait(lambda: not set(processes(world.folder)) & set(before))
    assert ask(world.channel(), b"again").endswith(b"again")


def test_it_ends_with_the_services_that_are_killed(
    tmp_path: Path, certificates: Certificates
) -> None:
    command = [sys.executable, "-c", SERVICES, str(tmp_path)]
    command += [str(path) for path in vars(certificates).values()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as services:
        assert services.stdout is not None
        assert services.stdout.readline() == "answered\n"
        assert len(processes(tmp_path)) == 2
        services.kill()
    wait(lambda: processes(tmp_path) == [])


SERVICES = """
import sys, time
from pathlib import Path
sys.path.insert(0, "tests")
from batchpredict.local.network.certificates import Certificates
from local.network import test_front
world = test_front.World(Path(sys.argv[1]), Certificates(*map(Path, sys.argv[2:])))
test_front.ask(world.channel(), b"")
print("answered", flush=True)
time.sleep(60)
"""


def wait(condition: Callable[[], bool]) -> None:
    """Wait until something holds; the limit of the test ends what never does."""
    pause = threading.Event()
    while not condition():
        pause.wait(0.01)


def test_a_frame_that_is_cut_is_no_frame() -> None:
    left, right = socket.socketpair()
    with left, right:
        send_frame(left, {"code": 0}, b"x" * 100_000)
        assert read_frame(right) == ({"code": 0}, b"x" * 100_000)
        left.sendall(b"\0\0\0\2\0\0\0\5{}abc")
        left.close()
        with pytest.raises(ConnectionError):
            read_frame(right)

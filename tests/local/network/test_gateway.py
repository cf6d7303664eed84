"""The HTTP server as clients on the wire meet it."""

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from batchpredict.local.network.certificates import Certificates, issue_certificates
from batchpredict.local.network.gateway import Gateway
from batchpredict.local.network.http import (
    ConnectionBrokenError,
    HttpRequest,
    HttpResponse,
    json_response,
)
from batchpredict.local.network.sockets import listen_on_loopback, stop_listening

TIMEOUT = 20.0
REAL_TOKEN = "ya29.a0AfH6SMBx"


def echo(request: HttpRequest) -> HttpResponse:
    if request.path == "/fails":
        raise RuntimeError("it broke")
    return json_response(
        {
            "verb": request.method,
            "path": request.path,
            "query": request.query,
            "body": request.body.decode(),
            "base": request.base_url,
        }
    )


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def gateway(lines: list[str]) -> Gateway:
    return Gateway(echo, lines.append)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    listener = listen_on_loopback()
    yield listener
    stop_listening(listener)


@pytest.fixture
def port(gateway: Gateway, listener: socket.socket) -> int:
    gateway.listen(listener)
    return int(listener.getsockname()[1])


@pytest.fixture
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)) as connection:
        yield connection


def ask(
    connection: http.client.HTTPConnection, verb: str, path: str, *arguments: object
) -> tuple[int, dict[str, object]]:
    connection.request(verb, path, *arguments)  # type: ignore[arg-type]
    reply = connection.getresponse()
    return reply.status, json.loads(reply.read())


def send_raw(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_a_request_arrives_as_it_was_sent(connection: http.client.HTTPConnection) -> None:
    status, seen = ask(connection, "PATCH", "/a%2Fb?x=1&x=2&y=", b"body")
    assert status == 200
    assert seen["verb"] == "PATCH"
    assert seen["path"] == "/a%2Fb"
    assert seen["query"] == [["x", "1"], ["x", "2"], ["y", ""]]
    assert seen["body"] == "body"
    assert seen["base"] == f"http://127.0.0.1:{connection.port}"


def test_a_chunked_body_is_put_together(connection: http.client.HTTPConnection) -> None:
    pieces = [b"one ", b"x" * 100_000, b" two"]
    connection.request("PUT", "/", iter(pieces), encode_chunked=True)
    assert json.loads(connection.getresponse().read())["body"].encode() == b"".join(pieces)
    assert ask(connection, "GET", "/next")[0] == 200


def test_trailers_and_extensions_of_chunks_are_skipped(port: int) -> None:
    head = b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"3;name=value\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"
    following = b"GET /following HTTP/1.1\r\nHost: localhost\r\n\r\n"
    replies = send_raw(port, head + body + following)
    assert b'"body": "abc"' in replies
    assert b'"path": "/following"' in replies


def test_a_connection_is_kept(connection: http.client.HTTPConnection) -> None:
    ask(connection, "GET", "/1")
    first = connection.sock
    ask(connection, "POST", "/2", b"x")
    assert connection.sock is first is not None


def test_a_head_reply_has_no_body(port: int) -> None:
    reply = send_raw(port, b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"\r\nContent-Length: " in reply
    assert b"Content-Length: 0" not in reply
    assert reply.endswith(b"\r\n\r\n")


def test_a_failing_service_is_a_500_and_the_connection_goes_on(
    connection: http.client.HTTPConnection,
) -> None:
    error = {"code": 500, "message": "RuntimeError: it broke"}
    assert ask(connection, "GET", "/fails") == (500, {"error": error})
    first = connection.sock
    assert ask(connection, "GET", "/works")[0] == 200
    assert connection.sock is first


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("/", f"Bearer {REAL_TOKEN}"),
        ("/", f"bearer  {REAL_TOKEN}"),
        (f"/?access_token={REAL_TOKEN}", ""),
    ],
)
def test_a_real_token_is_refused_and_not_written_down(
    connection: http.client.HTTPConnection, lines: list[str], path: str, header: str
) -> None:
    status, seen = ask(connection, "GET", path, None, {"Authorization": header})
    assert status == 400
    assert "real access token" in str(seen)
    assert lines == ["GET 127.0.0.1/"]


def test_the_local_token_is_taken(connection: http.client.HTTPConnection) -> None:
    header = {"Authorization": "Bearer batchpredict-local-token"}
    assert ask(connection, "GET", "/", None, header)[0] == 200


@pytest.mark.parametrize(
    "host",
    ["example.com", "evil.example:80", "googleapis.com.evil.com", "evilgoogleapis.com", "[::1]"],
)
def test_a_foreign_host_is_refused(connection: http.client.HTTPConnection, host: str) -> None:
    assert ask(connection, "GET", "/", None, {"Host": host})[0] == 403


@pytest.mark.parametrize(
    "host", ["127.0.0.1:1", "localhost", "storage.googleapis.com", "metadata.google.internal"]
)
def test_a_known_host_is_served(connection: http.client.HTTPConnection, host: str) -> None:
    assert ask(connection, "GET", "/", None, {"Host": host})[0] == 200


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: many\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
    ],
)
def test_a_length_that_is_none_is_a_400(port: int, lines: list[str], head: bytes) -> None:
    reply = send_raw(port, b"POST / HTTP/1.1\r\nHost: localhost\r\n" + head)
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert lines == []


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 10\r\n\r\nhalf",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhalf",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
def test_half_a_body_never_reaches_a_service(port: int, lines: list[str], rest: bytes) -> None:
    send_raw(port, b"PUT / HTTP/1.1\r\nHost: localhost\r\n" + rest)
    assert lines == []


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return issue_certificates(tmp_path)


@pytest.fixture
def secure(
    gateway: Gateway, listener: socket.socket, certificates: Certificates
) -> Callable[[ssl.SSLContext], str]:
    gateway.listen_tls(listener, certificates)

    def fetch(context: ssl.SSLContext) -> str:
        host = "storage.googleapis.com"
        address = listener.getsockname()
        with (
            socket.create_connection(address, timeout=TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=host) as client,
        ):
            client.sendall(b"GET / HTTP/1.1\r\nHost: storage.googleapis.com\r\n\r\n")
            return client.recv(65536).decode()

    return fetch


def test_a_client_that_knows_the_authority_is_served_over_tls(
    secure: Callable[[ssl.SSLContext], str], certificates: Certificates
) -> None:
    reply = secure(ssl.create_default_context(cafile=str(certificates.authority)))
    assert reply.startswith("HTTP/1.1 200 ")
    assert '"base": "https://storage.googleapis.com"' in reply


def test_a_client_that_does_not_know_it_refuses(
    secure: Callable[[ssl.SSLContext], str], lines: list[str]
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        secure(ssl.create_default_context())
    assert lines == []


def test_one_bad_greeting_does_not_end_the_service(
    secure: Callable[[ssl.SSLContext], str], certificates: Certificates, listener: socket.socket
) -> None:
    with suppress(OSError):  # reset at one moment or another
        assert b"HTTP" not in send_raw(listener.getsockname()[1], b"GET / HTTP/1.1\r\n\r\n")
    context = ssl.create_default_context(cafile=str(certificates.authority))
    assert secure(context).startswith("HTTP/1.1 200 ")


@pytest.mark.parametrize(("cut", "expected"), [(None, b"0123456789"), (4, b"0123"), (0, b"")])
def test_a_reply_that_is_cut_ends_the_connection(
    listener: socket.socket, cut: int | None, expected: bytes
) -> None:
    Gateway(lambda _: HttpResponse(200, b"0123456789", cut=cut), print).listen(listener)
    following = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    replies = send_raw(listener.getsockname()[1], following * 2)
    assert replies.count(b"Content-Length: 10\r\n") == (2 if cut is None else 1)
    assert replies.endswith(b"\r\n\r\n" + expected)


def test_a_service_may_end_the_connection_without_a_reply(
    listener: socket.socket, lines: list[str]
) -> None:
    def break_off(_: HttpRequest) -> HttpResponse:
        raise ConnectionBrokenError

    Gateway(break_off, lines.append).listen(listener)
    request = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert send_raw(listener.getsockname()[1], request * 2) == b""
    assert lines == ["GET localhost/x"]

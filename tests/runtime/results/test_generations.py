"""Asking Cloud Storage for generations: all pages, the token, and going on without the right."""

import io
import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from batchpredict.runtime.results.generations import metadata_token, stored_objects


class Metadata(BaseHTTPRequestHandler):
    """A metadata server that gives its token only to those who ask as Google's clients do."""

    def do_GET(self):
        asked = self.path == "/computeMetadata/v1/instance/service-accounts/default/token"
        right = asked and self.headers["Metadata-Flavor"] == "Google"
        content = json.dumps({"access_token": "t-1" if right else "wrong"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def metadata(monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), Metadata) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("GCE_METADATA_HOST", f"127.0.0.1:{server.server_port}")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # the token is not for a proxy
        yield
        server.shutdown()
        thread.join()


@pytest.fixture
def storage(monkeypatch, request):
    request.getfixturevalue("metadata")
    asked = []

    def answers(*pages):
        replies = iter(pages)

        def urlopen(request, timeout):
            assert timeout
            asked.append(request)
            page = next(replies)
            if isinstance(page, Exception):
                raise page
            return io.BytesIO(page)

        monkeypatch.setattr(urllib.request, "urlopen", urlopen)
        return asked

    return answers


@pytest.mark.usefixtures("metadata")
def test_the_token_is_that_of_the_metadata_server():
    assert metadata_token() == "t-1"


def test_the_generations_of_all_pages_are_known(storage):
    asked = storage(
        b'{"nextPageToken": "t 1", "items": [{"name": "o/a", "generation": "1"}]}',
        b'{"items": [{"name": "o/b", "generation": "2", "md5Hash": "m"}]}',
    )
    found = stored_objects("gs://my-bucket/o/")
    assert {name: item["generation"] for name, item in found.items()} == {"a": "1", "b": "2"}
    assert found["b"]["md5Hash"] == "m"
    first, second = (request.full_url for request in asked)
    assert first.startswith("https://storage.googleapis.com/storage/v1/b/my-bucket/o?prefix=o%2F&")
    assert second.endswith("&pageToken=t+1")


def test_the_token_does_not_follow_a_redirection(storage):
    asked = storage(b'{"items": []}')
    assert stored_objects("gs://b/o") == {}
    (request,) = asked
    assert request.unredirected_hdrs == {"Authorization": "Bearer t-1"}
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    "page", [OSError("HTTP Error 403: Forbidden"), b"no json", b'{"items": [{}]}', b"[]"]
)
def test_without_the_right_to_list_there_are_no_generations(storage, caplog, page):
    storage(page)
    assert stored_objects("gs://my-bucket/o") == {}
    assert "the generations of the objects in gs://my-bucket/o are not known" in caplog.text


def test_without_a_metadata_server_there_are_no_generations(monkeypatch, caplog):
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")
    assert stored_objects("gs://my-bucket/o") == {}
    assert "are not known" in caplog.text

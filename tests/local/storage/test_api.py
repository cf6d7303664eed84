"""The service on the wire: what the official client does not send."""

import errno
import json

import pytest

from batchpredict.local.network.http import HttpRequest
from batchpredict.local.storage.api import StorageApi
from batchpredict.local.storage.objects import ObjectStore

BASE = "http://127.0.0.1:9"
CHUNK = 256 * 1024


@pytest.fixture
def store(tmp_path):
    store = ObjectStore(tmp_path / "root")
    store.create_bucket("bkt")
    return store


@pytest.fixture
def send(store):
    api = StorageApi(store)

    def send(method, path, body=b"", headers=None, **query):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = HttpRequest(method, path, tuple(query.items()), headers or {}, data, BASE)
        return api.handle(request)

    return send


def upload(send, name, data=b"x", **query):
    path = "/upload/storage/v1/b/bkt/o"
    return send("POST", path, data, uploadType="media", name=name, **query)


def start(send, **query):
    path = "/upload/storage/v1/b/bkt/o"
    response = send("POST", path, {"name": "big"}, uploadType="resumable", **query)
    assert response.headers["Location"].startswith(f"{BASE}{path}?uploadType=resumable&upload_id=")
    upload_id = response.headers["Location"].rpartition("=")[2]

    def put(body, content_range=None, method="PUT", **headers):
        if content_range:
            headers["content-range"] = content_range
        return send(method, path, body, headers, uploadType="resumable", upload_id=upload_id)

    return put


def error(response):
    found = json.loads(response.body)["error"]
    assert found["code"] == response.status
    assert found["errors"][0]["message"] == found["message"]
    return found["errors"][0]["reason"], found["message"]


def staged(store):
    return list((store.root / ".staging").iterdir())


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("/storage/v1/b", True),
        ("/upload/storage/v1/b/x/o", True),
        ("/download/storage/v1/b/x/o/y", True),
        ("/batch/storage/v1", True),
        ("/storage/v10/b", False),
        ("/v1/projects/p", False),
        ("/", False),
    ],
)
def test_serves(store, path, served):
    assert StorageApi(store).serves(path) is served


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/other", 404),
        ("GET", "/storage/v1/b/bkt/iam", 501),
        ("GET", "/storage/v1/b/bkt/o/a/acl", 501),
        ("TRACE", "/storage/v1/b/bkt", 501),
        ("GET", "/storage/v1/", 501),
    ],
)
def test_unknown_route_is_named(send, method, path, status):
    response = send(method, path)
    assert response.status == status
    assert path in error(response)[1]


@pytest.mark.parametrize(
    "name",
    [
        "%2e%2e%2fx",
        "..%2F..%2Fetc%2Fpasswd",
        "%2Fetc%2Fpasswd",
        "a%00b",
        "%ff",
        "..",
        "",
        "a%2F%2Fb",
    ],
)
def test_path_escapes(send, store, name):
    (store.root.parent / "x").write_text("outside")
    for method in ("GET", "DELETE", "PATCH"):
        assert send(method, f"/storage/v1/b/bkt/o/{name}").status == 400
    for target in (f"b/bkt/o/{name}", "b/%2e%2e/o/x", "b/.metadata/o/x"):
        upload(send, "a")
        assert send("POST", f"/storage/v1/b/bkt/o/a/copyTo/{target}").status == 400
    assert (store.root.parent / "x").read_text() == "outside"


@pytest.mark.parametrize("bucket", ["..", "%2e%2e", ".metadata", ".staging", "%2Ftmp", "b%00kt"])
def test_bucket_escapes(send, bucket):
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/o"), ("GET", "/o/bkt")):
        assert send(method, f"/storage/v1/b/{bucket}{path}").status == 400
    response = send("POST", f"/upload/storage/v1/b/{bucket}/o", b"x", uploadType="media", name="a")
    assert response.status == 400


def test_symlink(send, store, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (store.root / "bkt/link").symlink_to(tmp_path / "secret")
    response = send("GET", "/storage/v1/b/bkt/o/link", alt="media")
    assert (response.status, error(response)[0]) == (403, "forbidden")
    assert upload(send, "link").status == 403
    assert b"link" not in send("GET", "/storage/v1/b/bkt/o").body


@pytest.mark.parametrize(
    ("header", "status", "body"),
    [
        ("bytes=0-0", 206, b"0"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=-99", 206, b"0123456789"),
        ("bytes=-1", 206, b"9"),
        ("bytes=0-1,3-4", 200, b"0123456789"),
        ("bytes=5-2", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
    ],
)
def test_range(send, header, status, body):
    upload(send, "a", b"0123456789")
    response = send("GET", "/storage/v1/b/bkt/o/a", headers={"range": header}, alt="media")
    assert (response.status, response.body) == (status, body)
    assert ("Content-Range" in response.headers) is (status == 206)


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_range_that_does_not_exist(send, header):
    upload(send, "a", b"0123456789")
    response = send("GET", "/download/storage/v1/b/bkt/o/a", headers={"range": header})
    assert response.status == 416
    assert response.headers["Content-Range"] == "bytes */10"


def test_ignored_parameters(send):
    upload(send, "a", userProject="p", prettyPrint="false", alt="json", projection="full")
    response = send("GET", "/storage/v1/b/bkt/o/a", fields="name", alt="json", userProject="p")
    assert json.loads(response.body)["name"] == "a"
    listed = send("GET", "/storage/v1/b/bkt/o", fields="items(name),nextPageToken")
    assert [item["name"] for item in json.loads(listed.body)["items"]] == ["a"]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/storage/v1/b/bkt/o", {"maxResults": "0"}),
        ("/storage/v1/b/bkt/o", {"maxResults": "many"}),
        ("/storage/v1/b/bkt/o", {"pageToken": "?"}),
        ("/storage/v1/b/bkt/o/a", {"ifGenerationMatch": "x"}),
        ("/storage/v1/b/bkt/o/a", {"generation": "x"}),
    ],
)
def test_bad_parameters(send, path, query):
    upload(send, "a")
    assert send("GET", path, **query).status == 400


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", {"metadata": {"a": 1}}, {"metadata": 1}])
def test_bad_body(send, body):
    upload(send, "a")
    assert send("PATCH", "/storage/v1/b/bkt/o/a", body).status == 400


def test_header_injection(send):
    upload(send, "a")
    body = {"contentDisposition": "inline\r\nSet-Cookie: a=b"}
    assert send("PATCH", "/storage/v1/b/bkt/o/a", body).status == 400
    send("PATCH", "/storage/v1/b/bkt/o/a", {"contentDisposition": "inline; filename=空"})
    response = send("GET", "/storage/v1/b/bkt/o/a", alt="media")
    sent = response.headers["Content-Disposition"].encode("latin-1")
    assert sent.decode() == "inline; filename=空"


def test_customer_encryption_is_refused(send):
    headers = {"x-goog-encryption-algorithm": "AES256"}
    response = send("GET", "/storage/v1/b/bkt/o/a", headers=headers)
    assert response.status == 501


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
@pytest.mark.parametrize("data", [b"", b"plain", b"\r\n--B", b"x\r\n", b"\0\xff\n", b"\r\n\r\n"])
def test_multipart_keeps_bytes(send, store, newline, data):
    lines = [b"--B", b"Content-Type: application/json", b"", b'{"name": "a"}']
    lines += [b"--B", b"Content-Type: text/x", b"", data.replace(b"--B", b"--C"), b"--B--"]
    headers = {"content-type": 'multipart/related; boundary="B"'}
    body = newline.join(lines)
    path = "/upload/storage/v1/b/bkt/o"
    response = send("POST", path, body, headers, uploadType="multipart")
    assert json.loads(response.body)["contentType"] == "text/x"
    assert (store.root / "bkt/a").read_bytes() == data.replace(b"--B", b"--C")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--B\r\n",
        b"--B\r\n\r\n{}\r\n--B--",
        b"--B\r\n\r\n{}\r\n--B\r\n\r\ncut off",
        b"--B\r\n\r\n{}\r\n--B\r\n\r\nx\r\n--B",
    ],
)
def test_broken_multipart(send, store, body):
    headers = {"content-type": "multipart/related; boundary=B"}
    path = "/upload/storage/v1/b/bkt/o"
    assert send("POST", path, body, headers, uploadType="multipart", name="a").status == 400
    assert store.names("bkt") == []


def test_checksum_of_header(send, store):
    path = "/upload/storage/v1/b/bkt/o"
    headers = {"x-goog-hash": "crc32c=AAAAAA==,md5=x"}
    response = send("POST", path, b"x", headers, uploadType="media", name="a")
    assert response.status == 400
    assert "doesn't match" in error(response)[1]
    assert store.names("bkt") == []


def test_resumable_asks_and_resumes(send, store):
    put = start(send)
    assert (put(b"", "bytes */*").status, put(b"", "bytes */*").headers) == (308, {})
    response = put(b"a" * CHUNK, f"bytes 0-{CHUNK - 1}/*")
    assert (response.status, response.headers["Range"]) == (308, f"bytes=0-{CHUNK - 1}")
    assert put(b"", "bytes */*").headers["Range"] == f"bytes=0-{CHUNK - 1}"
    # The reply was lost: the client sends the same bytes and some more.
    again = put(b"a" * CHUNK + b"b" * CHUNK, f"bytes 0-{2 * CHUNK - 1}/{2 * CHUNK + 1}")
    assert again.headers["Range"] == f"bytes=0-{2 * CHUNK - 1}"
    assert store.names("bkt") == []
    done = put(b"c", f"bytes {2 * CHUNK}-{2 * CHUNK}/{2 * CHUNK + 1}")
    assert done.status == 200
    assert (store.root / "bkt/big").read_bytes() == b"a" * CHUNK + b"b" * CHUNK + b"c"
    assert put(b"", f"bytes */{2 * CHUNK + 1}").body == done.body
    assert staged(store) == []


def test_resumable_in_one_request(send, store):
    assert start(send)(b"all").status == 200
    assert (store.root / "bkt/big").read_bytes() == b"all"
    assert start(send)(b"", "bytes */0").status == 200
    assert (store.root / "bkt/big").read_bytes() == b""


@pytest.mark.parametrize(
    ("body", "content_range"),
    [
        (b"x" * CHUNK, f"bytes {CHUNK}-{2 * CHUNK - 1}/*"),  # a gap
        (b"x", "bytes 0-0/*"),  # not a multiple
        (b"x", "bytes 0-1/2"),  # fewer bytes than said
        (b"x" * CHUNK, f"bytes 0-{CHUNK - 1}/5"),  # more than the total
        (b"x", "bytes 1-0/2"),
        (b"x", "nonsense"),
    ],
)
def test_resumable_bad_chunk(send, store, body, content_range):
    put = start(send)
    assert put(body, content_range).status == 400
    assert put(b"", "bytes */*").headers == {}
    assert store.names("bkt") == []


def test_resumable_cancel(send, store):
    put = start(send)
    put(b"a" * CHUNK, f"bytes 0-{CHUNK - 1}/*")
    assert put(b"", method="DELETE").status == 499
    assert put(b"b").status == 404
    assert staged(store) == []


def test_resumable_precondition_is_checked_again_at_the_end(send, store):
    put = start(send, ifGenerationMatch="0")
    upload(send, "big", b"other")
    query = {"uploadType": "resumable", "name": "big", "ifGenerationMatch": "0"}
    assert send("POST", "/upload/storage/v1/b/bkt/o", **query).status == 412
    assert put(b"late").status == 412
    assert (store.root / "bkt/big").read_bytes() == b"other"
    assert staged(store) == []
    assert put(b"late").status == 404


def test_resumable_wrong_checksum(send, store):
    put = start(send)
    assert put(b"data", **{"x-goog-hash": "crc32c=AAAAAA=="}).status == 400
    assert store.names("bkt") == []
    assert staged(store) == []


def test_resumable_of_another_bucket(send, store):
    store.create_bucket("other")
    path = "/upload/storage/v1/b/bkt/o"
    location = send("POST", path, {"name": "a"}, uploadType="resumable").headers["Location"]
    upload_id = location.rpartition("=")[2]
    assert send("PUT", "/upload/storage/v1/b/other/o", b"x", upload_id=upload_id).status == 404


@pytest.mark.parametrize(
    ("number", "status", "reason"),
    [
        (errno.ENOSPC, 507, "insufficientStorage"),
        (errno.EACCES, 403, "forbidden"),
        (errno.EIO, 500, "backendError"),
    ],
)
def test_failed_system_calls(send, store, monkeypatch, number, status, reason):
    upload(send, "a", b"old")
    put = start(send)

    def fail(_staged, _chunk):
        raise OSError(number, "what the system says")

    monkeypatch.setattr("batchpredict.local.storage.staging.Staged.write", fail)
    for response in (upload(send, "a", b"new"), put(b"x" * CHUNK, f"bytes 0-{CHUNK - 1}/*")):
        assert response.status == status
        assert error(response) == (reason, error(response)[1])
        assert "what the system says" in error(response)[1]
    monkeypatch.undo()
    assert put(b"rest").status == 404  # what was half written is not continued
    assert (store.root / "bkt/a").read_bytes() == b"old"
    assert staged(store) == []


@pytest.mark.parametrize(
    "url", ["/upload/storage/v1/b/bkt/o", "/batch/storage/v1", "http://x/download/storage/v1/b"]
)
def test_batch_holds_only_plain_calls(send, url):
    body = f"--B\r\nContent-Type: application/http\r\n\r\nPOST {url} HTTP/1.1\r\n\r\n\r\n--B--"
    headers = {"content-type": "multipart/mixed; boundary=B"}
    assert send("POST", "/batch/storage/v1", body.encode(), headers).status == 400


def test_batch_replies_in_order_with_ids(send, store):
    upload(send, "a")
    calls = [("DELETE", "/storage/v1/b/bkt/o/a"), ("GET", f"{BASE}/storage/v1/b/bkt/o/a?x=1")]
    pieces = [
        f"--B\r\nContent-Type: application/http\r\nContent-ID: <id+{number}>\r\n\r\n"
        f"{method} {url} HTTP/1.1\r\nAccept: */*\r\n\r\n\r\n"
        for number, (method, url) in enumerate(calls)
    ]
    headers = {"content-type": "multipart/mixed; boundary=B"}
    body = ("".join(pieces) + "--B--").encode()
    response = send("POST", "/batch/storage/v1", body, headers)
    text = response.body.decode()
    ids_and_states = ("<response-id+0>", "HTTP/1.1 204", "<response-id+1>", "HTTP/1.1 404")
    positions = [text.index(part) for part in ids_and_states]
    assert positions == sorted(positions)
    assert store.names("bkt") == []


def test_compose_limits(send):
    upload(send, "a")
    path = "/storage/v1/b/bkt/o/c/compose"
    for sources in ([], [{"name": "a"}] * 33, "a", [1], [{"name": "a", "generation": "x"}]):
        assert send("POST", path, {"sourceObjects": sources}).status == 400
    body = {"sourceObjects": [{"name": "a"}] * 32, "deleteSourceObjects": True}
    assert send("POST", path, body).status == 200
    assert send("GET", "/storage/v1/b/bkt/o/a").status == 404


def test_copy_of_named_generation(send):
    upload(send, "a")
    path = "/storage/v1/b/bkt/o/a/rewriteTo/b/bkt/o/b"
    assert send("POST", path, sourceGeneration="1").status == 404
    assert send("POST", path, {"contentType": "text/new"}).status == 200
    resource = json.loads(send("GET", "/storage/v1/b/bkt/o/b").body)
    assert resource["contentType"] == "text/new"
    assert send("POST", "/storage/v1/b/bkt/o/a/moveTo/o/a").status == 400


def test_bucket_conditions(send):
    path = "/storage/v1/b/bkt"
    assert send("GET", path, ifMetagenerationNotMatch="1").status == 304
    assert send("DELETE", path, ifMetagenerationMatch="9").status == 412
    assert send("PATCH", path, {"labels": {"a": "1"}}, ifMetagenerationMatch="1").status == 200
    assert send("PUT", path, {"labels": {"a": None}}, ifMetagenerationMatch="1").status == 412
    assert send("PUT", path, {"labels": {"a": None}}).status == 200
    assert "labels" not in json.loads(send("GET", path).body)
    assert send("DELETE", path).status == 204
    assert send("GET", path).status == 404

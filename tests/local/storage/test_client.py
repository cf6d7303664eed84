"""The official client against the service: what users of Cloud Storage do."""

import gzip
import io
import socket
import threading
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage import transfer_manager

from batchpredict.local.network.http import HttpRequest
from batchpredict.local.storage.api import StorageApi
from batchpredict.local.storage.objects import ObjectStore

KIB = 1024


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def _answer(self):
        url = urlsplit(self.path)
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b"".join(iter(self._chunk, b""))
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = tuple(parse_qsl(url.query, keep_blank_values=True))
        request = HttpRequest(self.command, url.path, query, headers, body, self.server.url)
        response = self.server.api.handle(request)
        self.server.seen.append(request)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    def _chunk(self):
        data = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return data

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, api):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api
        self.seen = []
        self.connections = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def get_request(self):
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def end_connections(self):
        for connection in self.connections:
            with suppress(OSError):  # the client closed it
                connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def store(tmp_path):
    return ObjectStore(tmp_path / "root")


@pytest.fixture
def server(store):
    with _Server(StorageApi(store)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
        server.end_connections()  # kept alive: closing waits for their threads


@pytest.fixture
def client(server):
    client = storage.Client(
        project="p",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": server.url},
    )
    with closing(client):
        yield client
        for thread in threading.enumerate():
            if "_background" in thread.name:  # the client looks up each bucket once more
                thread.join()


@pytest.fixture
def bucket(client):
    return client.create_bucket("models")


def put(bucket, *names):
    for name in names:
        bucket.blob(name).upload_from_string(name)


def names(listed):
    return [blob.name for blob in listed]


@pytest.mark.usefixtures("bucket")
def test_bucket_is_a_folder(client, store):
    assert (store.root / "models").is_dir()
    assert client.get_bucket("models").name == "models"
    assert [found.name for found in client.list_buckets()] == ["models"]
    assert client.bucket("models").exists()
    assert client.lookup_bucket("absent") is None


@pytest.mark.usefixtures("bucket")
def test_bucket_exists_already(client):
    with pytest.raises(exceptions.Conflict):
        client.create_bucket("models")


def test_bucket_absent(client):
    with pytest.raises(exceptions.NotFound):
        client.get_bucket("absent")
    with pytest.raises(exceptions.NotFound):
        client.bucket("absent").blob("a").upload_from_string("x")
    with pytest.raises(exceptions.NotFound):
        list(client.list_blobs("absent"))


def test_bucket_delete(bucket, store):
    put(bucket, "a/b")
    with pytest.raises(exceptions.Conflict, match="not empty"):
        bucket.delete()
    bucket.delete(force=True)
    assert not bucket.exists()
    assert not (store.root / "models").exists()


def test_bucket_labels(client, bucket):
    bucket.labels = {"a": "1", "b": "2"}
    bucket.patch()
    again = client.get_bucket("models")
    assert again.labels == {"a": "1", "b": "2"}
    assert again.metageneration == 2
    again.labels = {"b": "2"}
    again.patch()
    assert client.get_bucket("models").labels == {"b": "2"}


def test_bucket_versioning_is_refused(bucket):
    bucket.versioning_enabled = True
    with pytest.raises(exceptions.MethodNotImplemented, match="versions"):
        bucket.patch()


def test_string(bucket, store):
    blob = bucket.blob("a/b.csv")
    blob.upload_from_string("x,y\n", content_type="text/csv")
    assert (store.root / "models/a/b.csv").read_bytes() == b"x,y\n"
    assert blob.download_as_bytes() == b"x,y\n"
    assert blob.download_as_text() == "x,y\n"
    assert bucket.get_blob("a/b.csv").content_type == "text/csv"
    assert bucket.get_blob("a/b.csv").size == 4


def test_file_and_filename(bucket, tmp_path):
    source = tmp_path / "source.json"
    source.write_text("{}")
    bucket.blob("one").upload_from_filename(source)
    with source.open("rb") as file:
        bucket.blob("two").upload_from_file(file, size=2)
    bucket.blob("two").download_to_filename(tmp_path / "copy", checksum="md5")
    assert (tmp_path / "copy").read_text() == "{}"
    assert bucket.get_blob("one").content_type == "application/json"


@pytest.mark.parametrize("checksum", ["md5", "crc32c", "auto", None])
def test_upload_checksum(bucket, checksum):
    blob = bucket.blob("a")
    blob.upload_from_string("data", checksum=checksum)
    assert blob.download_as_bytes(checksum=checksum) == b"data"


@pytest.mark.parametrize("checksum", ["md5", "crc32c"])
def test_resumable_chunks(bucket, server, store, checksum):
    data = bytes(range(256)) * 4 * KIB + b"tail"
    blob = bucket.blob("big", chunk_size=256 * KIB)
    blob.upload_from_file(io.BytesIO(data), checksum=checksum)
    assert (store.root / "models/big").read_bytes() == data
    assert sum(request.method == "PUT" for request in server.seen) == 5
    assert list((store.root / ".staging").iterdir()) == []


def test_resumable_of_unknown_size(bucket):
    class Stream(io.BytesIO):
        def seekable(self):
            return False

    blob = bucket.blob("big", chunk_size=256 * KIB)
    blob.upload_from_file(Stream(b"x" * 512 * KIB))
    assert blob.download_as_bytes() == b"x" * 512 * KIB


def test_resumable_session_link_stays_here(bucket, server):
    link = bucket.blob("a").create_resumable_upload_session(content_type="text/plain", size=3)
    assert link.startswith(f"{server.url}/upload/storage/v1/b/models/o?")


def test_links_stay_here(bucket, server):
    put(bucket, "a b/ü")
    blob = bucket.get_blob("a b/ü")
    assert blob.media_link.startswith(f"{server.url}/download/storage/v1/b/models/o/a%20b%2F")
    assert blob.self_link.startswith(f"{server.url}/storage/v1/b/models/o/a%20b%2F")
    assert blob.download_as_bytes() == "a b/ü".encode()  # by its mediaLink


@pytest.mark.parametrize(
    ("start", "end", "expected"), [(2, 4, b"234"), (7, None, b"789"), (-3, None, b"789")]
)
def test_range(bucket, start, end, expected):
    blob = bucket.blob("digits")
    blob.upload_from_string("0123456789")
    assert blob.download_as_bytes(start=start, end=end) == expected


def test_range_beyond_the_end(bucket):
    blob = bucket.blob("digits")
    blob.upload_from_string("0123456789")
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=10)


def test_chunked_download(bucket):
    data = bytes(range(256)) * 3 * KIB
    bucket.blob("big").upload_from_string(data)
    assert bucket.blob("big", chunk_size=256 * KIB).download_as_bytes() == data


def test_empty_object(bucket, store):
    blob = bucket.blob("empty")
    blob.upload_from_string("")
    assert (store.root / "models/empty").read_bytes() == b""
    assert blob.download_as_bytes() == b""
    blob = bucket.blob("resumable", chunk_size=256 * KIB)
    blob.upload_from_file(io.BytesIO())
    assert blob.download_as_bytes() == b""


@pytest.mark.parametrize(
    "name",
    ["ä/ö 空.txt", "a%2Fb", "a?b#c&d=e+f", "a\\b", "...", ".hidden", "😀", "a.json/b", "x~"],
)
def test_odd_names(bucket, store, name):
    bucket.blob("a").upload_from_string("neighbour") if name[:2] != "a/" else None
    bucket.blob(name).upload_from_string("x")
    assert (store.root / "models" / name).read_text() == "x"
    assert name in names(bucket.list_blobs())
    bucket.get_blob(name).delete()
    assert names(bucket.list_blobs()) == ["a"]


def test_list_prefix_and_delimiter(bucket, client):
    put(bucket, "a/1", "a/2", "a/b/3", "c")
    assert names(client.list_blobs("models", prefix="a/")) == ["a/1", "a/2", "a/b/3"]
    listing = client.list_blobs("models", delimiter="/")
    assert names(listing) == ["c"]
    assert listing.prefixes == {"a/"}
    listing = client.list_blobs("models", prefix="a/", delimiter="/")
    assert names(listing) == ["a/1", "a/2"]
    assert listing.prefixes == {"a/b/"}


def test_list_pages(bucket, client):
    put(bucket, *(f"f{number}" for number in range(7)), "d/1", "d/2")
    assert names(client.list_blobs("models", max_results=3)) == ["d/1", "d/2", "f0"]
    pages = [names(page) for page in client.list_blobs("models", page_size=4).pages]
    assert pages == [["d/1", "d/2", "f0", "f1"], ["f2", "f3", "f4", "f5"], ["f6"]]
    listing = client.list_blobs("models", delimiter="/", page_size=2)
    first, *_ = [names(page) for page in listing.pages]
    assert first == ["f0"]  # "d/" took a place
    assert listing.prefixes == {"d/"}


def test_list_offsets(bucket, client):
    put(bucket, "a", "b", "c", "d")
    listed = client.list_blobs("models", start_offset="b", end_offset="d")
    assert names(listed) == ["b", "c"]


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("foo*bar", {"foobar"}),
        ("foo**bar", {"foo/bar", "foo/foobar", "foobar"}),
        ("**/foobar", {"foo/foobar", "foobar"}),
        ("*/ba[rz]", {"foo/bar", "foo/baz"}),
        ("*/ba[!a-y]", {"foo/baz"}),
        ("**/{foobar,baz}", {"foo/baz", "foo/foobar", "foobar"}),
        ("foo/{foo*,*baz}", {"foo/baz", "foo/foobar"}),
        ("foo?bar", set()),
        ("foo[^a]bar", set()),
        ("f.obar", set()),
    ],
)
def test_list_glob(bucket, client, glob, expected):
    put(bucket, "foo/bar", "foo/baz", "foo/foobar", "foobar")
    assert set(names(client.list_blobs("models", match_glob=glob))) == expected


def test_list_trailing_delimiter(bucket, client):
    bucket.blob("a/").upload_from_string("")
    put(bucket, "a/1")
    listing = client.list_blobs("models", delimiter="/", include_trailing_delimiter=True)
    assert names(listing) == ["a/"]
    assert listing.prefixes == {"a/"}


def test_folder_marker(bucket, client, store):
    bucket.blob("a/b/").upload_from_string("")
    assert (store.root / "models/a/b").is_dir()
    assert names(client.list_blobs("models")) == ["a/b/"]
    assert bucket.blob("a/b/").download_as_bytes() == b""
    put(bucket, "a/b/c")
    bucket.blob("a/b/c").delete()
    assert names(client.list_blobs("models")) == ["a/b/"]
    bucket.blob("a/b/").delete()
    assert not (store.root / "models/a").exists()
    with pytest.raises(exceptions.BadRequest, match="folder"):
        bucket.blob("a/b/").upload_from_string("data")


def test_create_only(bucket):
    blob = bucket.blob("a")
    blob.upload_from_string("first", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.upload_from_string("second", if_generation_match=0)
    big = bucket.blob("a", chunk_size=256 * KIB)
    with pytest.raises(exceptions.PreconditionFailed):
        big.upload_from_file(io.BytesIO(b"third"), if_generation_match=0)
    assert blob.download_as_bytes() == b"first"


def test_overwrite_of_known_generation(bucket):
    blob = bucket.blob("a")
    blob.upload_from_string("1")
    first = blob.generation
    blob.upload_from_string("2", if_generation_match=first)
    assert blob.generation > first
    with pytest.raises(exceptions.PreconditionFailed):
        blob.upload_from_string("3", if_generation_match=first)


def test_delete_with_generation(bucket):
    blob = bucket.blob("a")
    blob.upload_from_string("1")
    with pytest.raises(exceptions.PreconditionFailed):
        blob.delete(if_generation_match=blob.generation - 1)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.delete(if_metageneration_match=2)
    assert blob.exists()
    blob.delete(if_generation_match=blob.generation)
    assert not blob.exists()
    with pytest.raises(exceptions.NotFound):
        blob.delete()


def test_old_generation_is_gone(bucket):
    blob = bucket.blob("a")
    blob.upload_from_string("1")
    old = blob.generation
    blob.upload_from_string("2")
    with pytest.raises(exceptions.NotFound):
        bucket.blob("a", generation=old).download_as_bytes()
    with pytest.raises(exceptions.NotFound):
        bucket.blob("a", generation=old).delete()
    assert bucket.blob("a", generation=old).exists() is False
    assert bucket.get_blob("a", generation=blob.generation).size == 1


def test_reload_unless_changed(bucket):
    blob = bucket.blob("a")
    blob.upload_from_string("1")
    with pytest.raises(exceptions.NotModified):
        blob.reload(if_generation_not_match=blob.generation)
    with pytest.raises(exceptions.NotModified):
        blob.reload(if_etag_not_match=blob.etag)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.reload(if_etag_match="other")
    blob.reload(if_etag_match=blob.etag)


def test_patch_metadata(bucket):
    blob = bucket.blob("a.txt")
    blob.upload_from_string("1")
    generation = blob.generation
    blob.metadata = {"run": "7", "drop": "me"}
    blob.cache_control = "no-store"
    blob.patch()
    blob.metadata = {"drop": None}
    blob.patch()
    again = bucket.get_blob("a.txt")
    assert (again.metadata, again.cache_control) == ({"run": "7"}, "no-store")
    assert (again.generation, again.metageneration) == (generation, 3)
    assert again.content_type == "text/plain"
    with pytest.raises(exceptions.PreconditionFailed):
        again.patch(if_metageneration_match=2)


def test_update_metadata(bucket):
    blob = bucket.blob("a")
    blob.metadata = {"at": "upload"}
    blob.upload_from_string("1", content_type="text/plain")
    blob.metadata = {"new": "1"}
    blob.update()
    again = bucket.get_blob("a")
    assert (again.metadata, again.content_type) == ({"new": "1"}, "text/plain")


def test_overwrite_forgets_metadata(bucket):
    blob = bucket.blob("a")
    blob.metadata = {"of": "first"}
    blob.upload_from_string("1")
    bucket.blob("a").upload_from_string("2")
    assert bucket.get_blob("a").metadata is None


def test_compose(bucket, store):
    put(bucket, "one", "two")
    blob = bucket.blob("three")
    blob.content_type = "text/plain"
    blob.compose([bucket.blob("one"), bucket.blob("two")])
    assert (store.root / "models/three").read_text() == "onetwo"
    assert (blob.component_count, blob.md5_hash) == (2, None)
    assert blob.download_as_bytes() == b"onetwo"
    blob.compose([blob, bucket.blob("one")])
    assert blob.download_as_bytes() == b"onetwoone"
    assert blob.component_count == 3


def test_compose_of_absent_or_changed(bucket):
    put(bucket, "one")
    with pytest.raises(exceptions.NotFound):
        bucket.blob("x").compose([bucket.blob("one"), bucket.blob("absent")])
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("x").compose([bucket.blob("one")], if_source_generation_match=[1])
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("one").compose([bucket.blob("one")], if_generation_match=0)
    assert not bucket.blob("x").exists()


def test_rewrite_and_copy(bucket, client):
    other = client.create_bucket("other")
    source = bucket.blob("a")
    source.metadata = {"kept": "yes"}
    source.upload_from_string("data", content_type="text/plain")
    token, rewritten, total = other.blob("b").rewrite(source)
    assert (token, rewritten, total) == (None, 4, 4)
    bucket.copy_blob(source, other, "c")
    for name in ("b", "c"):
        copied = other.get_blob(name)
        assert (copied.metadata, copied.content_type) == ({"kept": "yes"}, "text/plain")
        assert copied.download_as_bytes() == b"data"


def test_copy_conditions(bucket):
    source = bucket.blob("a")
    source.upload_from_string("data")
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.copy_blob(source, bucket, "b", if_source_generation_match=1)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("a").rewrite(source, if_generation_match=0)
    with pytest.raises(exceptions.NotFound):
        bucket.copy_blob(bucket.blob("absent"), bucket, "b")
    assert names(bucket.list_blobs()) == ["a"]


def test_rename_and_move(bucket):
    put(bucket, "a/b")
    moved = bucket.move_blob(bucket.blob("a/b"), "c")
    assert moved.download_as_bytes() == b"a/b"
    bucket.rename_blob(moved, "d")
    assert names(bucket.list_blobs()) == ["d"]


def test_storage_class(bucket):
    blob = bucket.blob("a")
    blob.upload_from_string("x")
    blob.update_storage_class("NEARLINE")
    assert bucket.get_blob("a").storage_class == "NEARLINE"


def test_batch(bucket, client):
    put(bucket, "a", "ä b", "c")
    delete_together(client, bucket, "a", "ä b")
    assert names(bucket.list_blobs()) == ["c"]
    with client.batch():
        blob = bucket.blob("c")
        blob.metadata = {"in": "batch"}
        blob.patch()
    assert bucket.get_blob("c").metadata == {"in": "batch"}


def delete_together(client, bucket, *listed):
    with client.batch():
        for name in listed:
            bucket.blob(name).delete()


def test_batch_with_a_failure(bucket, client):
    put(bucket, "a", "b")
    with pytest.raises(exceptions.NotFound):
        delete_together(client, bucket, "a", "absent", "b")
    assert names(bucket.list_blobs()) == []
    missing = []
    bucket.delete_blobs([bucket.blob("gone")], on_error=missing.append)
    assert names(missing) == ["gone"]


def test_file_api(bucket):
    with bucket.blob("lines").open("w") as file:
        file.write("one\ntwo\n")
    with bucket.blob("lines").open("r") as file:
        assert file.read() == "one\ntwo\n"
    with bucket.blob("big").open("wb", chunk_size=256 * KIB) as file:
        file.write(b"x" * 700 * KIB)
    with bucket.blob("big").open("rb", chunk_size=256 * KIB) as file:
        file.seek(699 * KIB)
        assert file.read() == b"x" * KIB


def test_transfer_manager(bucket, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    listed = [f"{number}.txt" for number in range(20)]
    for name in listed:
        (source / name).write_text(name)
    threads = {"worker_type": transfer_manager.THREAD, "max_workers": 4}
    results = transfer_manager.upload_many_from_filenames(
        bucket, listed, source_directory=source, **threads
    )
    assert results == [None] * 20
    target = tmp_path / "target"
    target.mkdir()
    transfer_manager.download_many_to_path(
        bucket, listed, destination_directory=target, raise_exception=True, **threads
    )
    assert {path.name: path.read_text() for path in target.iterdir()} == {n: n for n in listed}


def test_download_chunks_concurrently(bucket, tmp_path):
    data = bytes(range(256)) * 2 * KIB
    bucket.blob("big").upload_from_string(data)
    transfer_manager.download_chunks_concurrently(
        bucket.blob("big"),
        tmp_path / "big",
        chunk_size=100 * KIB,
        worker_type=transfer_manager.THREAD,
    )
    assert (tmp_path / "big").read_bytes() == data


def test_gzip_is_served_as_stored(bucket, store):
    blob = bucket.blob("a.csv")
    blob.content_encoding = "gzip"
    packed = gzip.compress(b"plain")
    blob.upload_from_string(packed, content_type="text/csv")
    assert (store.root / "models/a.csv").read_bytes() == packed
    assert bucket.get_blob("a.csv").content_encoding == "gzip"
    assert blob.download_as_bytes(raw_download=True) == packed
    assert blob.download_as_bytes() == b"plain"


def test_file_of_a_step_is_an_object(bucket, store):
    path = store.root / "models/out/predictions.json"
    path.parent.mkdir()
    path.write_text("[1]")
    assert names(bucket.list_blobs(prefix="out/")) == ["out/predictions.json"]
    blob = bucket.get_blob("out/predictions.json")
    assert (blob.size, blob.content_type) == (3, "application/json")
    assert blob.download_as_bytes(checksum="md5") == b"[1]"
    path.write_text("[1, 2]")
    with pytest.raises(exceptions.PreconditionFailed):
        blob.upload_from_string("x", if_generation_match=blob.generation)
    with pytest.raises(exceptions.NotFound):
        blob.reload()  # it asks for the generation that it saw
    assert bucket.get_blob("out/predictions.json").size == 6
    blob = bucket.blob("out/predictions.json")
    blob.delete()
    assert not path.exists()


def test_rewritten_file_loses_metadata_of_old_generation(bucket, store):
    blob = bucket.blob("a.txt")
    blob.metadata = {"of": "upload"}
    blob.upload_from_string("1", content_type="application/x-upload")
    (store.root / "models/a.txt").write_text("by a step")
    again = bucket.get_blob("a.txt")
    assert (again.metadata, again.content_type) == (None, "text/plain")
    assert again.generation > blob.generation
    assert again.download_as_bytes(checksum="crc32c") == b"by a step"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "a//b", "a/./b", "a\0b", "a\nb"])
def test_names_that_are_no_files(bucket, store, name):
    with pytest.raises(exceptions.BadRequest, match="Invalid object name"):
        bucket.blob(name).upload_from_string("x")
    with pytest.raises(exceptions.BadRequest):
        bucket.blob(name).download_as_bytes()
    assert list((store.root / "models").rglob("*")) == []


def test_object_that_is_a_folder_of_another(bucket):
    put(bucket, "a/b", "f")
    with pytest.raises(exceptions.Conflict, match="both a file and a folder"):
        put(bucket, "a")
    with pytest.raises(exceptions.Conflict, match="both a file and a folder"):
        put(bucket, "f/g/h")
    assert names(bucket.list_blobs()) == ["a/b", "f"]
    assert not bucket.blob("a").exists()


def test_wrong_checksum_stores_nothing(bucket):
    blob = bucket.blob("a")
    blob.md5_hash = "AAAAAAAAAAAAAAAAAAAAAA=="
    with pytest.raises(exceptions.BadRequest, match="doesn't match"):
        blob.upload_from_string("x", checksum=None)
    assert not blob.exists()


def test_unsupported_is_said(bucket):
    with pytest.raises(exceptions.MethodNotImplemented, match="not supported by the local"):
        bucket.get_iam_policy()
    held = bucket.blob("a")
    held.upload_from_string("x")
    held.temporary_hold = True
    with pytest.raises(exceptions.MethodNotImplemented, match="temporaryHold"):
        held.patch()

"""The store on disk: names, paths, generations, atomic and concurrent writes."""

import errno
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from batchpredict.local.storage import checksums, sidecars, staging
from batchpredict.local.storage.conditions import Conditions
from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.objects import ObjectStore


@pytest.fixture
def store(tmp_path):
    store = ObjectStore(tmp_path / "root")
    store.create_bucket("bkt")
    return store


def put(store, name, data=b"x", conditions=None, **attributes):
    with store.staging.staged(data) as staged:
        return store.commit(staged, "bkt", name, attributes, conditions or Conditions())


def read(store, name):
    with store.open("bkt", name) as (_, file):
        return file.read()


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_path_of_uri(store):
    assert store.path("gs://bkt/a/b") == store.root / "bkt/a/b"
    assert store.path("gs://bkt/a/") == store.root / "bkt/a"
    assert store.path("gs://bkt") == store.path("gs://bkt/") == store.root / "bkt"
    assert store.path("gs://absent-bucket/a") == store.root / "absent-bucket/a"


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bkt/a",
        "/bkt/a",
        "gs:///a",
        "gs://../a",
        "gs://.metadata/bkt/a",
        "gs://.staging/a",
        "gs://BKT/a",
        "gs://bkt//etc/passwd",
        "gs://bkt/../x",
        "gs://bkt/a/../../../x",
        "gs://bkt/..",
        "gs://bkt/a/./b",
        "gs://bkt/a\0b",
        "gs://bkt/\ud800",
        "gs://bkt/" + "a/" * 512 + "a",
        "gs://bkt/" + "é" * 128,
    ],
)
def test_path_of_bad_uri(store, uri):
    with pytest.raises(StorageError) as caught:
        store.path(uri)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "name", ["a" * 223, "ab", "-abc", "abc-", "a/b", "ABC", "a\n", ".abc", ""]
)
def test_bad_bucket_name(store, name):
    with pytest.raises(StorageError, match="Invalid bucket name"):
        store.create_bucket(name)
    assert not store.bucket_exists(name)


def test_buckets(store):
    assert store.bucket_exists("bkt")
    assert not store.bucket_exists("other")
    with pytest.raises(StorageError) as caught:
        store.create_bucket("bkt")
    assert caught.value.status == 409
    (store.root / "by-hand").mkdir()
    assert store.buckets.names() == ["bkt", "by-hand"]


def test_names(store):
    put(store, "b")
    put(store, "a/1")
    (store.root / "bkt/a/2").write_text("by a step")
    (store.root / "bkt/empty").mkdir()
    assert store.names("bkt") == ["a/1", "a/2", "b"]
    assert store.names("bkt", "a/") == ["a/1", "a/2"]
    assert store.names("bkt", "a") == ["a/1", "a/2"]
    assert store.names("bkt", "a/2") == ["a/2"]
    for prefix in ("../", "/", "a//", "../../etc/", "b/", "x/"):
        assert store.names("bkt", prefix) == []
    with pytest.raises(StorageError, match="does not exist"):
        store.names("absent")


def test_listed_is_readable(store):
    odd = os.fsencode(store.root / "bkt") + b"/\xff"
    Path(os.fsdecode(odd)).write_text("no UTF-8 name")
    (store.root / "bkt/line\nbreak").write_text("x")
    os.mkfifo(store.root / "bkt/pipe")
    long = "é" * 127 + "x"  # 255 bytes: no room for ".json"
    put(store, long, contentType="text/csv")
    assert store.names("bkt") == [long]
    assert store.get("bkt", long).content_type == "text/csv"
    with pytest.raises(StorageError, match="No such object"):
        read(store, "pipe")


def test_symlinks_are_never_followed(store, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (store.root / "bkt/folder").symlink_to(outside)
    (store.root / "bkt/file").symlink_to(outside / "secret")
    (store.root / "linked-bucket").symlink_to(outside)
    assert store.names("bkt") == []
    assert store.names("bkt", "folder/") == []
    assert not store.bucket_exists("linked-bucket")
    assert store.buckets.names() == ["bkt"]
    for name in ("folder/secret", "file"):
        for act in (lambda n: read(store, n), lambda n: put(store, n), store_delete(store)):
            with pytest.raises(StorageError, match="symbolic link"):
                act(name)
    with pytest.raises(StorageError):
        store.path("gs://linked-bucket/secret")
    assert (outside / "secret").read_text() == "secret"


def store_delete(store):
    return lambda name: store.delete("bkt", name)


def test_link_that_appears_between_check_and_open(store, tmp_path):
    (tmp_path / "secret").write_text("secret")
    found = put(store, "a")
    found.path.unlink()
    found.path.symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links") as caught:
        store.checksums(found)
    assert caught.value.errno == errno.ELOOP


def test_root_may_lie_behind_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = ObjectStore(tmp_path / "link")
    store.create_bucket("bkt")
    put(store, "a")
    assert (tmp_path / "real/bkt/a").read_bytes() == b"x"


def test_generations_grow(store):
    seen = [put(store, "a").generation for _ in range(50)]
    store.delete("bkt", "a")
    seen.append(put(store, "a").generation)
    assert seen == sorted(set(seen))


def test_generation_grows_beyond_a_file_from_the_future(store):
    path = store.root / "bkt/a"
    path.write_text("x")
    future = 2**62
    os.utime(path, ns=(future, future))
    assert store.get("bkt", "a").generation == future
    assert put(store, "a").generation > future


def test_metadata_lies_outside_the_buckets(store):
    put(store, "a/b.txt", contentType="text/x")
    metadata = [".metadata/.buckets/bkt.json", ".metadata/bkt/a/b.txt.json"]
    assert files(store.root) == [*metadata, "bkt/a/b.txt"]
    store.delete("bkt", "a/b.txt")
    assert files(store.root) == [".metadata/.buckets/bkt.json"]
    assert not (store.root / "bkt/a").exists()


def test_metadata_of_objects_that_look_like_metadata(store):
    for name in ("a", "a.json/b", "a.json~/b", "a.json.json"):
        put(store, name, contentType=f"text/{name}")
    for name in ("a", "a.json/b", "a.json~/b", "a.json.json"):
        assert store.get("bkt", name).content_type == f"text/{name}"


def test_damaged_metadata_counts_as_none(store):
    put(store, "a.txt", contentType="text/x")
    for damage in ("{", "[]", '{"other": 1}', '{"generation": 1}'):
        (store.root / ".metadata/bkt/a.txt.json").write_text(damage)
        assert store.get("bkt", "a.txt").content_type == "text/plain"


def test_reader_keeps_what_it_opened(store):
    put(store, "a", b"old")
    with store.open("bkt", "a") as (found, file):
        put(store, "a", b"new!")
        assert (found.size, file.read()) == (3, b"old")
    assert read(store, "a") == b"new!"


def test_checksums_are_computed_once(store, monkeypatch):
    path = store.root / "bkt/a"
    path.write_bytes(b"one")
    os.utime(path, ns=(1, 1))
    first = store.checksums(store.get("bkt", "a"))
    counted = []
    monkeypatch.setattr(checksums, "_hash", lambda file: counted.append(file) or first)
    assert store.checksums(store.get("bkt", "a")) == first
    store.checksums(put(store, "b"))  # known since it was written
    assert counted == []


def test_checksums_of_a_rewritten_file(store):
    path = store.root / "bkt/a"
    now = time.time_ns() + 10**12  # so that no pause of this test makes it old
    path.write_bytes(b"one")
    os.utime(path, ns=(now, now))
    first = store.checksums(store.get("bkt", "a"))
    path.write_bytes(b"two")  # same size, and within the same tick of the clock
    os.utime(path, ns=(now, now))
    assert store.checksums(store.get("bkt", "a")) != first


class _FullDisk:
    def __init__(self, file):
        self._file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def write(self, chunk):
        self._file.write(chunk[: len(chunk) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")


def test_full_disk_while_data_is_written(store, monkeypatch):
    put(store, "a", b"old")
    before = files(store.root)
    real = Path.open
    monkeypatch.setattr(staging.Path, "open", lambda *a, **k: _FullDisk(real(*a, **k)))
    with pytest.raises(OSError, match="No space left"):
        put(store, "a", b"new data")
    monkeypatch.undo()
    assert files(store.root) == before
    assert read(store, "a") == b"old"


def test_full_disk_while_metadata_is_written(store, monkeypatch):
    put(store, "a", b"old", contentType="text/old")
    before = files(store.root)

    def write_half(path, text):
        path.write_bytes(text.encode()[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sidecars.Path, "write_text", write_half)
    with pytest.raises(OSError, match="No space left"):
        put(store, "a", b"new data")
    monkeypatch.undo()
    assert files(store.root) == before
    assert read(store, "a") == b"old"
    assert store.get("bkt", "a").content_type == "text/old"


def test_staged_data_that_was_tampered_with(store):
    with store.staging.staged(b"whole") as staged:
        staged.path.write_bytes(b"who")
        with pytest.raises(StorageError, match="changed while staged"):
            store.commit(staged, "bkt", "a", {})
    assert store.names("bkt") == []


def test_abandoned_uploads_are_removed_and_counted(store):
    """No session knows any more which upload they belong to."""
    for name in ("old", "new"):
        store.staging.begin().write(name.encode())
    assert store.staging.abandoned == 0
    assert ObjectStore(store.root).staging.abandoned == 2
    assert not list((store.root / ".staging").iterdir())


def test_delete_keeps_folders_that_are_in_use(store):
    put(store, "a/b/c")
    put(store, "a/d")
    store.delete("bkt", "a/b/c")
    assert (store.root / "bkt/a").is_dir()
    assert not (store.root / "bkt/a/b").exists()
    assert (store.root / "bkt").is_dir()


def test_delete_bucket_never_removes_what_is_no_object(store, tmp_path):
    (tmp_path / "target").write_text("x")
    (store.root / "bkt/deep/er").mkdir(parents=True)
    (store.root / "bkt/deep/link").symlink_to(tmp_path / "target")
    with pytest.raises(StorageError, match="no objects"):
        store.delete_bucket("bkt")
    assert (store.root / "bkt/deep/link").is_symlink()
    (store.root / "bkt/deep/link").unlink()
    store.delete_bucket("bkt")
    assert not store.bucket_exists("bkt")


def test_new_bucket_knows_nothing_of_an_old_one(store):
    put(store, "a/", b"", contentType="text/old")
    (store.root / "bkt/a").rmdir()
    (store.root / "bkt").rmdir()
    store.create_bucket("bkt")
    (store.root / "bkt/a").mkdir()
    assert store.names("bkt") == []


def together(act, count):
    start = threading.Barrier(count)

    def one(number):
        start.wait()
        try:
            return act(number)
        except StorageError as error:
            return error.status

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_exactly_one_creates(store):
    for attempt in range(20):
        name = f"race/{attempt}"
        results = together(
            lambda number, name=name: put(store, name, b"%d" % number, Conditions(0)), 8
        )
        winners = [n for n, result in enumerate(results) if not isinstance(result, int)]
        assert len(winners) == 1
        assert results.count(412) == 7
        assert read(store, name) == b"%d" % winners[0]


def test_exactly_one_replaces_a_generation(store):
    for _ in range(20):
        condition = Conditions(put(store, "a").generation)
        results = together(lambda number, c=condition: put(store, "a", b"%d" % number, c), 8)
        assert results.count(412) == 7


def test_upload_beside_deletion(store):
    """A folder that a deletion empties is not pulled away from under an upload."""
    for _ in range(50):
        put(store, "d/e/old")
        together(lambda n: store.delete("bkt", "d/e/old") if n else put(store, "d/e/new"), 2)
        assert store.names("bkt") == ["d/e/new"]
        store.delete("bkt", "d/e/new")


def test_file_that_a_step_removes_while_listed(store):
    found = put(store, "a")
    found.path.unlink()
    with pytest.raises(StorageError) as caught:
        store.checksums(found)
    assert caught.value.status == 404

"""Conformance of Cloud Storage: lists, copies and batches."""

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import storage


def put(bucket: storage.Bucket, *listed: str) -> None:
    for name in listed:
        bucket.blob(name).upload_from_string(name)


def names(listed: Any) -> list[str]:
    return [found.name for found in listed]


@pytest.fixture
def blob(bucket: storage.Bucket) -> storage.Blob:
    """An object that is there, in its first generation."""
    made = bucket.blob("a.txt")
    made.upload_from_string("first")
    return made


def test_list_prefix_and_delimiter(bucket: storage.Bucket) -> None:
    put(bucket, "a/1", "a/2", "a/b/3", "c")
    assert names(bucket.list_blobs(prefix="a/")) == ["a/1", "a/2", "a/b/3"]
    listing = bucket.list_blobs(prefix="a/", delimiter="/")
    assert (names(listing), listing.prefixes) == (["a/1", "a/2"], {"a/b/"})
    listing = bucket.list_blobs(delimiter="/")
    assert (names(listing), listing.prefixes) == (["c"], {"a/"})


def test_list_pages(bucket: storage.Bucket) -> None:
    put(bucket, *(f"f{number}" for number in range(7)))
    pages = [names(page) for page in bucket.list_blobs(page_size=3).pages]
    assert pages == [["f0", "f1", "f2"], ["f3", "f4", "f5"], ["f6"]]
    assert names(bucket.list_blobs(max_results=2)) == ["f0", "f1"]
    listing = bucket.list_blobs(page_size=3)
    next(listing.pages)
    assert names(bucket.list_blobs(page_token=listing.next_page_token)) == pages[1] + pages[2]


def test_list_order_is_that_of_utf8(bucket: storage.Bucket) -> None:
    put(bucket, "b", "B", "a/b", "a.b", "ä", "😀", "\ufffd")
    assert names(bucket.list_blobs()) == ["B", "a.b", "a/b", "b", "ä", "\ufffd", "😀"]


def test_list_offsets(bucket: storage.Bucket) -> None:
    put(bucket, "a", "b", "c", "d")
    assert names(bucket.list_blobs(start_offset="b")) == ["b", "c", "d"]
    assert names(bucket.list_blobs(end_offset="c")) == ["a", "b"]
    assert names(bucket.list_blobs(start_offset="b", end_offset="d")) == ["b", "c"]


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("foo*bar", {"foobar"}),
        ("**/foobar", {"foo/foobar", "foobar"}),
        ("*/ba[rz]", {"foo/bar", "foo/baz"}),
        ("**/{foobar,baz}", {"foo/baz", "foo/foobar", "foobar"}),
        ("foo?bar", set()),
    ],
)
def test_list_match_glob(bucket: storage.Bucket, glob: str, expected: set[str]) -> None:
    put(bucket, "foo/bar", "foo/baz", "foo/foobar", "foobar")
    assert set(names(bucket.list_blobs(match_glob=glob))) == expected


def test_list_some_fields(bucket: storage.Bucket, blob: storage.Blob) -> None:
    (found,) = bucket.list_blobs(fields="items(name,size),nextPageToken")
    assert (found.name, found.size) == (blob.name, 5)


def test_list_of_an_empty_bucket(bucket: storage.Bucket) -> None:
    assert names(bucket.list_blobs()) == []
    assert names(bucket.list_blobs(prefix="x")) == []


# Copies


def test_compose(bucket: storage.Bucket) -> None:
    put(bucket, "one", "two")
    made = bucket.blob("three")
    made.content_type = "text/x"
    made.compose([bucket.blob("one"), bucket.blob("two"), bucket.blob("one")])
    assert made.download_as_bytes() == b"onetwoone"
    found = bucket.get_blob("three")
    assert (found.component_count, found.md5_hash, found.content_type) == (3, None, "text/x")


def test_compose_preconditions(bucket: storage.Bucket) -> None:
    put(bucket, "one")
    with pytest.raises(exceptions.NotFound):
        bucket.blob("x").compose([bucket.blob("one"), bucket.blob("absent")])
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("x").compose([bucket.blob("one")], if_source_generation_match=[1])
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("one").compose([bucket.blob("one")], if_generation_match=0)
    assert names(bucket.list_blobs()) == ["one"]


def test_rewrite_into_another_bucket(client: storage.Client, bucket: storage.Bucket) -> None:
    other = client.create_bucket(f"{bucket.name}-other")
    source = bucket.blob("a")
    source.metadata = {"kept": "yes"}
    source.upload_from_string("data", content_type="text/x")
    assert other.blob("b").rewrite(source) == (None, 4, 4)
    found = other.get_blob("b")
    assert (found.metadata, found.content_type) == ({"kept": "yes"}, "text/x")
    other.delete(force=True)


def test_copy_and_its_preconditions(bucket: storage.Bucket, blob: storage.Blob) -> None:
    assert bucket.copy_blob(blob, bucket, "b").download_as_bytes() == b"first"
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.copy_blob(blob, bucket, "c", if_source_generation_match=1)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.copy_blob(blob, bucket, "b", if_generation_match=0)
    with pytest.raises(exceptions.NotFound):
        bucket.copy_blob(bucket.blob("absent"), bucket, "c")
    assert names(bucket.list_blobs()) == ["a.txt", "b"]


def test_rename_and_move(bucket: storage.Bucket, blob: storage.Blob) -> None:
    renamed = bucket.rename_blob(blob, "b/c")
    assert renamed.download_as_bytes() == b"first"
    assert bucket.move_blob(renamed, "d").download_as_bytes() == b"first"
    assert names(bucket.list_blobs()) == ["d"]


def test_storage_class_by_rewrite(bucket: storage.Bucket, blob: storage.Blob) -> None:
    blob.update_storage_class("NEARLINE")
    assert bucket.get_blob(blob.name).storage_class == "NEARLINE"


# Batches


def test_batch_delete(client: storage.Client, bucket: storage.Bucket) -> None:
    put(bucket, "a", "ä b", "c")
    with client.batch():
        bucket.blob("a").delete()
        bucket.blob("ä b").delete()
    assert names(bucket.list_blobs()) == ["c"]


def test_batch_patch(client: storage.Client, bucket: storage.Bucket, blob: storage.Blob) -> None:
    with client.batch():
        blob.metadata = {"in": "batch"}
        blob.patch()
    assert bucket.get_blob(blob.name).metadata == {"in": "batch"}


def delete_together(client: storage.Client, bucket: storage.Bucket, *listed: str) -> None:
    with client.batch():
        for name in listed:
            bucket.blob(name).delete()


def test_batch_in_which_one_call_fails(client: storage.Client, bucket: storage.Bucket) -> None:
    put(bucket, "a", "b")
    with pytest.raises(exceptions.NotFound):
        delete_together(client, bucket, "a", "absent", "b")
    assert names(bucket.list_blobs()) == []


def test_delete_many(bucket: storage.Bucket) -> None:
    put(bucket, "a", "b", "c")
    missing: list[storage.Blob] = []
    bucket.delete_blobs([bucket.blob("a"), bucket.blob("gone")], on_error=missing.append)
    assert names(missing) == ["gone"]
    assert names(bucket.list_blobs()) == ["b", "c"]

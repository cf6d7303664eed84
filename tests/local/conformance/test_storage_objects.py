"""Conformance of Cloud Storage, names, metadata, generations and preconditions."""

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY


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


# Names


@pytest.mark.parametrize(
    "name",
    [
        "ä/ö 空.txt",
        "a%2Fb",
        "a?b#c&d=e+f",
        "a b",
        "...",
        ".hidden",
        "😀",
        "x~",
        "a\\b",
        "k=v/x.csv",
    ],
)
def test_name(bucket: storage.Bucket, name: str) -> None:
    bucket.blob(name).upload_from_string("x")
    assert names(bucket.list_blobs()) == [name]
    assert bucket.get_blob(name).name == name
    assert bucket.blob(name).download_as_bytes() == b"x"
    bucket.delete_blob(name)
    assert names(bucket.list_blobs()) == []


def test_name_of_a_folder_marker(bucket: storage.Bucket) -> None:
    bucket.blob("a/").upload_from_string("")
    put(bucket, "a/b")
    assert names(bucket.list_blobs()) == ["a/", "a/b"]
    assert bucket.blob("a/").download_as_bytes() == b""


# Metadata


def test_metadata_patch_keeps_what_is_not_named(bucket: storage.Bucket) -> None:
    made = bucket.blob("m")
    made.metadata = {"run": "7", "drop": "me"}
    made.upload_from_string("x", content_type="text/plain")
    made.metadata = {"drop": None, "new": "ü"}
    made.cache_control = "no-store"
    made.patch()
    found = bucket.get_blob("m")
    assert (found.metadata, found.cache_control) == ({"run": "7", "new": "ü"}, "no-store")
    assert (found.content_type, found.metageneration) == ("text/plain", 2)


def test_metadata_update_replaces_all(bucket: storage.Bucket, blob: storage.Blob) -> None:
    blob.metadata = {"old": "1"}
    blob.patch()
    blob.metadata = {"new": "1"}
    blob.content_language = "en"
    blob.update()
    found = bucket.get_blob(blob.name)
    assert (found.metadata, found.content_language) == ({"new": "1"}, "en")


def test_metadata_is_of_one_generation(bucket: storage.Bucket, blob: storage.Blob) -> None:
    blob.metadata = {"of": "first"}
    blob.patch()
    bucket.blob(blob.name).upload_from_string("second")
    assert bucket.get_blob(blob.name).metadata is None
    assert bucket.get_blob(blob.name).metageneration == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.json", "application/json"), ("a.html", "text/html"), ("a.unknown-ending", None)],
)
def test_content_type_is_told_by_the_client(
    bucket: storage.Bucket, tmp_path: Any, name: str, expected: str | None
) -> None:
    (tmp_path / name).write_text("x")
    bucket.blob(name).upload_from_filename(tmp_path / name)
    found = bucket.get_blob(name).content_type
    assert found == (expected or "application/octet-stream")


def test_fields_and_times(blob: storage.Blob) -> None:
    blob.reload()
    assert blob.id == f"{blob.bucket.name}/{blob.name}/{blob.generation}"
    assert blob.time_created is not None
    assert blob.updated is not None
    assert blob.etag
    assert blob.storage_class == "STANDARD"


# Generations and preconditions


def test_generation_grows_with_each_upload(blob: storage.Blob) -> None:
    first = blob.generation
    blob.upload_from_string("second")
    assert blob.generation > first
    blob.metadata = {"a": "1"}
    blob.patch()
    assert blob.metageneration == 2


def test_generation_that_is_gone(bucket: storage.Bucket, blob: storage.Blob) -> None:
    old = blob.generation
    blob.upload_from_string("second")
    with pytest.raises(exceptions.NotFound):
        bucket.blob(blob.name, generation=old).download_as_bytes()
    assert bucket.get_blob(blob.name, generation=blob.generation).size == 6
    assert bucket.get_blob(blob.name, generation=old) is None


def test_upload_if_generation_match(bucket: storage.Bucket, blob: storage.Blob) -> None:
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob(blob.name).upload_from_string("x", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob(blob.name).upload_from_string("x", if_generation_match=1)
    bucket.blob(blob.name).upload_from_string("x", if_generation_match=blob.generation)
    bucket.blob("new").upload_from_string("x", if_generation_match=0)


def test_upload_if_generation_not_match(bucket: storage.Bucket, blob: storage.Blob) -> None:
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob(blob.name).upload_from_string("x", if_generation_not_match=blob.generation)
    bucket.blob(blob.name).upload_from_string("x", if_generation_not_match=1)


def test_upload_if_metageneration_match(bucket: storage.Bucket, blob: storage.Blob) -> None:
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob(blob.name).upload_from_string("x", if_metageneration_match=7)
    bucket.blob(blob.name).upload_from_string("x", if_metageneration_match=1)


def test_download_preconditions(blob: storage.Blob) -> None:
    assert blob.download_as_bytes(if_generation_match=blob.generation) == b"first"
    with pytest.raises(exceptions.PreconditionFailed):
        blob.download_as_bytes(if_generation_match=1)
    with pytest.raises(exceptions.NotModified):
        blob.download_as_bytes(if_generation_not_match=blob.generation)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.download_as_bytes(if_metageneration_match=5)


def test_reload_preconditions(blob: storage.Blob) -> None:
    blob.reload(if_generation_match=blob.generation, if_metageneration_match=1)
    with pytest.raises(exceptions.NotModified):
        blob.reload(if_generation_not_match=blob.generation)
    with pytest.raises(exceptions.NotModified):
        blob.reload(if_metageneration_not_match=1)
    with pytest.raises(exceptions.NotModified):
        blob.reload(if_etag_not_match=blob.etag)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.reload(if_etag_match="other")


def test_patch_preconditions(blob: storage.Blob) -> None:
    blob.metadata = {"a": "1"}
    with pytest.raises(exceptions.PreconditionFailed):
        blob.patch(if_generation_match=1)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.patch(if_metageneration_match=9)
    blob.patch(if_generation_match=blob.generation, if_metageneration_match=1)


def test_delete_preconditions(bucket: storage.Bucket, blob: storage.Blob) -> None:
    with pytest.raises(exceptions.PreconditionFailed):
        blob.delete(if_generation_match=1)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.delete(if_metageneration_match=9)
    blob.delete(if_generation_match=blob.generation)
    assert not bucket.blob(blob.name).exists()
    with pytest.raises(exceptions.NotFound):
        bucket.blob(blob.name).delete()


def test_a_precondition_makes_an_upload_safe_to_repeat(bucket: storage.Bucket) -> None:
    made = bucket.blob("once")
    made.upload_from_string("x", if_generation_match=0, retry=DEFAULT_RETRY)
    with pytest.raises(exceptions.PreconditionFailed):
        made.upload_from_string("x", if_generation_match=0, retry=DEFAULT_RETRY)

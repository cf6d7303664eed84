"""Conformance of Cloud Storage, first part: buckets and uploads.

Each test is one check with Google's client through the proxy, as a user's program runs it. What a
check expects is what the documentation of the JSON API says; the other parts are the files beside.
"""

import io
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import storage

KIB = 1024
CHUNK = 256 * KIB
DATA = bytes(range(256)) * 4 * KIB + b"tail"  # a MiB and a little


def names(listed: Any) -> list[str]:
    return [found.name for found in listed]


# Buckets


def test_bucket_create_and_get(client: storage.Client, bucket: storage.Bucket) -> None:
    found = client.get_bucket(bucket.name)
    assert (found.name, found.metageneration, found.storage_class) == (bucket.name, 1, "STANDARD")
    assert found.location
    assert found.time_created.tzinfo is not None


def test_bucket_list(client: storage.Client, bucket: storage.Bucket) -> None:
    assert bucket.name in names(client.list_buckets())
    assert names(client.list_buckets(prefix=bucket.name)) == [bucket.name]
    assert sum(len(list(page)) for page in client.list_buckets(page_size=1).pages) >= 1


def test_bucket_labels_patch_and_update(client: storage.Client, bucket: storage.Bucket) -> None:
    bucket.labels = {"a": "1", "b": "2"}
    bucket.patch()
    assert client.get_bucket(bucket.name).labels == {"a": "1", "b": "2"}
    bucket.labels = {"b": "3"}
    bucket.update()
    assert client.get_bucket(bucket.name).labels == {"b": "3"}


def test_bucket_that_exists_conflicts(client: storage.Client, bucket: storage.Bucket) -> None:
    with pytest.raises(exceptions.Conflict):
        client.create_bucket(bucket.name)


def test_bucket_that_is_absent(client: storage.Client) -> None:
    assert client.lookup_bucket("conformance-absent") is None
    assert not client.bucket("conformance-absent").exists()
    with pytest.raises(exceptions.NotFound):
        client.get_bucket("conformance-absent")


def test_bucket_metageneration_precondition(bucket: storage.Bucket) -> None:
    bucket.labels = {"a": "1"}
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.patch(if_metageneration_match=9)
    bucket.patch(if_metageneration_match=1)
    assert bucket.metageneration == 2


def test_bucket_delete(client: storage.Client, bucket: storage.Bucket) -> None:
    bucket.blob("a").upload_from_string("x")
    with pytest.raises(exceptions.Conflict):
        bucket.delete()
    bucket.blob("a").delete()
    bucket.delete()
    assert client.lookup_bucket(bucket.name) is None
    with pytest.raises(exceptions.NotFound):
        bucket.delete()


def test_bucket_name_that_is_invalid(client: storage.Client) -> None:
    with pytest.raises(exceptions.BadRequest):
        client.create_bucket("Not-A-Bucket")


# Uploads


def test_upload_simple_media(web: Any, bucket: storage.Bucket) -> None:
    url = f"https://storage.googleapis.com/upload/storage/v1/b/{bucket.name}/o"
    query = {"uploadType": "media", "name": "a/b c"}
    reply = web.post(url, params=query, data=b"x\0y", headers={"Content-Type": "text/x"})
    assert reply.status_code == 200
    assert reply.json()["contentType"] == "text/x"
    assert bucket.blob("a/b c").download_as_bytes() == b"x\0y"


def test_upload_multipart_from_string(bucket: storage.Bucket) -> None:
    blob = bucket.blob("a.csv")
    blob.metadata = {"run": "7"}
    blob.upload_from_string("x,y\n", content_type="text/csv")
    found = bucket.get_blob("a.csv")
    assert (found.content_type, found.size, found.metadata) == ("text/csv", 4, {"run": "7"})


def test_upload_from_filename(bucket: storage.Bucket, tmp_path: Path) -> None:
    (tmp_path / "source.json").write_bytes(DATA)
    bucket.blob("copy").upload_from_filename(tmp_path / "source.json")
    assert bucket.get_blob("copy").content_type == "application/json"
    assert bucket.blob("copy").download_as_bytes() == DATA


def test_upload_from_file_with_size(bucket: storage.Bucket) -> None:
    bucket.blob("part").upload_from_file(io.BytesIO(DATA), size=100)
    assert bucket.blob("part").download_as_bytes() == DATA[:100]


def test_upload_resumable_in_chunks(bucket: storage.Bucket) -> None:
    blob = bucket.blob("big", chunk_size=CHUNK)
    blob.metadata = {"of": "resumable"}
    blob.upload_from_file(io.BytesIO(DATA), content_type="application/x-part")
    found = bucket.get_blob("big")
    assert (found.size, found.content_type) == (len(DATA), "application/x-part")
    assert found.metadata == {"of": "resumable"}
    assert blob.download_as_bytes() == DATA


def test_upload_resumable_of_unknown_size(bucket: storage.Bucket) -> None:
    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

    bucket.blob("stream", chunk_size=CHUNK).upload_from_file(Stream(DATA))
    assert bucket.blob("stream").download_as_bytes() == DATA


def test_upload_resumable_goes_on_where_it_stood(web: Any, bucket: storage.Bucket) -> None:
    link = bucket.blob("again").create_resumable_upload_session(size=2 * CHUNK)
    first = {"Content-Range": f"bytes 0-{CHUNK - 1}/{2 * CHUNK}"}
    assert web.put(link, data=DATA[:CHUNK], headers=first).status_code == 308
    asked = web.put(link, data=b"", headers={"Content-Range": f"bytes */{2 * CHUNK}"})
    assert (asked.status_code, asked.headers["Range"]) == (308, f"bytes=0-{CHUNK - 1}")
    rest = {"Content-Range": f"bytes {CHUNK}-{2 * CHUNK - 1}/{2 * CHUNK}"}
    assert web.put(link, data=DATA[CHUNK : 2 * CHUNK], headers=rest).status_code == 200
    assert bucket.blob("again").download_as_bytes() == DATA[: 2 * CHUNK]


def test_upload_resumable_that_is_given_up(web: Any, bucket: storage.Bucket) -> None:
    link = bucket.blob("never").create_resumable_upload_session(size=CHUNK)
    assert web.delete(link).status_code == 499
    assert web.put(link, data=DATA[:CHUNK]).status_code in (404, 410, 499)
    assert not bucket.blob("never").exists()


def test_upload_by_the_file_interface(bucket: storage.Bucket) -> None:
    with bucket.blob("lines").open("w") as file:
        file.write("one\nzwei ü\n")
    with bucket.blob("lines").open("r") as file:
        assert list(file) == ["one\n", "zwei ü\n"]
    with bucket.blob("big").open("wb", chunk_size=CHUNK) as file:
        file.write(DATA)
    with bucket.blob("big").open("rb", chunk_size=CHUNK) as file:
        file.seek(CHUNK - 2)
        assert file.read(4) == DATA[CHUNK - 2 : CHUNK + 2]


def test_upload_of_nothing(bucket: storage.Bucket) -> None:
    bucket.blob("empty").upload_from_string("")
    bucket.blob("resumable", chunk_size=CHUNK).upload_from_file(io.BytesIO())
    for name in ("empty", "resumable"):
        assert bucket.get_blob(name).size == 0
        assert bucket.blob(name).download_as_bytes() == b""
    assert bucket.get_blob("empty").crc32c == "AAAAAA=="


def test_upload_of_some_megabytes(bucket: storage.Bucket, tmp_path: Path) -> None:
    data = DATA * 9
    blob = bucket.blob("large")
    blob.upload_from_file(io.BytesIO(data))
    blob.download_to_filename(tmp_path / "large", checksum="md5")
    assert (tmp_path / "large").read_bytes() == data


@pytest.mark.parametrize("checksum", ["md5", "crc32c", "auto", None])
def test_upload_with_checksum(bucket: storage.Bucket, checksum: str | None) -> None:
    blob = bucket.blob("sum")
    blob.upload_from_string("data", checksum=checksum)
    assert blob.download_as_bytes(checksum=checksum) == b"data"


def test_upload_with_a_wrong_checksum_stores_nothing(bucket: storage.Bucket) -> None:
    blob = bucket.blob("wrong")
    blob.md5_hash = "AAAAAAAAAAAAAAAAAAAAAA=="
    with pytest.raises(exceptions.BadRequest):
        blob.upload_from_string("x", checksum=None)
    assert not bucket.blob("wrong").exists()


def test_upload_into_an_absent_bucket(client: storage.Client) -> None:
    with pytest.raises(exceptions.NotFound):
        client.bucket("conformance-absent").blob("a").upload_from_string("x")

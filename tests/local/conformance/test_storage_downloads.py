"""Conformance of Cloud Storage: downloads, checksums, many files at once, and what is refused."""

import base64
import datetime
import gzip
import hashlib
import io
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
from google.api_core import exceptions
from google.cloud import storage
from google.cloud.storage import transfer_manager
from google.oauth2 import service_account

KIB = 1024
CHUNK = 256 * KIB
DATA = bytes(range(256)) * 4 * KIB + b"tail"  # a MiB and a little


def test_download_in_all_ways(bucket: storage.Bucket, tmp_path: Path) -> None:
    blob, stream = bucket.blob("text"), io.BytesIO()
    blob.upload_from_string("zwei ü", content_type="text/plain; charset=utf-8")
    assert blob.download_as_text() == "zwei ü"
    blob.download_to_file(stream)
    blob.download_to_filename(tmp_path / "text")
    assert stream.getvalue() == (tmp_path / "text").read_bytes() == "zwei ü".encode()


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(2, 4, b"234"), (7, None, b"789"), (-3, None, b"789"), (0, 0, b"0"), (8, 99, b"89")],
)
def test_download_range(
    bucket: storage.Bucket, start: int, end: int | None, expected: bytes
) -> None:
    blob = bucket.blob("digits")
    blob.upload_from_string("0123456789")
    assert blob.download_as_bytes(start=start, end=end) == expected


def test_download_range_beyond_the_end(bucket: storage.Bucket) -> None:
    bucket.blob("digits").upload_from_string("0123456789")
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        bucket.blob("digits").download_as_bytes(start=10)


def test_download_in_chunks(bucket: storage.Bucket) -> None:
    bucket.blob("big").upload_from_string(DATA)
    assert bucket.blob("big", chunk_size=CHUNK).download_as_bytes() == DATA


def test_download_by_its_media_link(bucket: storage.Bucket) -> None:
    bucket.blob("a b/ü?").upload_from_string("x")
    assert bucket.get_blob("a b/ü?").download_as_bytes() == b"x"


def test_download_of_what_is_gzipped(bucket: storage.Bucket) -> None:
    blob, packed = bucket.blob("a.csv"), gzip.compress(b"plain")
    blob.content_encoding = "gzip"
    blob.upload_from_string(packed, content_type="text/csv")
    assert blob.download_as_bytes(raw_download=True) == packed
    assert blob.download_as_bytes() == b"plain"


def test_download_of_what_is_absent(bucket: storage.Bucket) -> None:
    with pytest.raises(exceptions.NotFound):
        bucket.blob("absent").download_as_bytes()
    assert bucket.get_blob("absent") is None


def test_checksums_are_those_of_the_data(bucket: storage.Bucket) -> None:
    bucket.blob("sums").upload_from_string(DATA)
    found = bucket.get_blob("sums")
    assert base64.b64decode(found.md5_hash) == hashlib.md5(DATA).digest()
    assert base64.b64decode(found.crc32c) == google_crc32c.Checksum(DATA).digest()  # type: ignore[no-untyped-call]


def test_transfer_manager_many_files(bucket: storage.Bucket, tmp_path: Path) -> None:
    texts = {f"{number}.txt": f"text {number}" for number in range(20)}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    threads: dict[str, Any] = {"worker_type": transfer_manager.THREAD, "max_workers": 4}
    sent = transfer_manager.upload_many_from_filenames(
        bucket, list(texts), source_directory=tmp_path, blob_name_prefix="in/", **threads
    )
    assert sent == [None] * 20
    transfer_manager.download_many_to_path(
        bucket, [f"in/{name}" for name in texts], destination_directory=tmp_path / "out", **threads
    )
    assert {path.name: path.read_text() for path in (tmp_path / "out/in").iterdir()} == texts


def test_transfer_manager_slices_of_a_download(bucket: storage.Bucket, tmp_path: Path) -> None:
    bucket.blob("big").upload_from_string(DATA)
    transfer_manager.download_chunks_concurrently(
        bucket.blob("big"),
        tmp_path / "big",
        chunk_size=CHUNK,
        worker_type=transfer_manager.THREAD,
    )
    assert (tmp_path / "big").read_bytes() == DATA


# What is refused


def test_refused_the_xml_multipart_upload(bucket: storage.Bucket, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(DATA)
    with pytest.raises(Exception, match=r"50[01]|40\d"):
        transfer_manager.upload_chunks_concurrently(
            tmp_path / "big",
            bucket.blob("big"),
            chunk_size=CHUNK,
            worker_type=transfer_manager.THREAD,
        )
    assert not bucket.blob("big").exists()


def test_refused_a_signed_url(web: Any, bucket: storage.Bucket, key_pem: str) -> None:
    info = {
        "client_email": "someone@p.iam.gserviceaccount.com",
        "private_key": key_pem,
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    signer = service_account.Credentials.from_service_account_info(info)  # type: ignore[no-untyped-call]
    bucket.blob("a").upload_from_string("x")
    url = bucket.blob("a").generate_signed_url(
        datetime.timedelta(minutes=5), version="v4", credentials=signer
    )
    reply = web.get(url)
    assert reply.status_code >= 400
    assert reply.content != b"x"
    assert reply.json()["error"]["message"]


@pytest.mark.parametrize("what", ["acl", "iam", "notification", "versions"])
def test_refused_by_name(bucket: storage.Bucket, what: str) -> None:
    bucket.versioning_enabled = what == "versions"
    calls: dict[str, Any] = {
        "acl": lambda: bucket.acl.reload(),
        "iam": bucket.get_iam_policy,
        "notification": lambda: list(bucket.list_notifications()),
        "versions": bucket.patch,
    }
    with pytest.raises(exceptions.MethodNotImplemented):
        calls[what]()

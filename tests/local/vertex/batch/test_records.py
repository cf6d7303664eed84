"""The framing of TFRecord files, against a checksum that is worked out bit by bit."""

import io
import struct

import pytest

from batchpredict.local.vertex.batch.records import BrokenRecordError, read_records


def crc32c(data: bytes) -> int:
    """CRC-32C as RFC 3720 defines it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    rotated = (crc >> 15 | crc << 17) & 0xFFFFFFFF
    return struct.pack("<I", (rotated + 0xA282EAD8) & 0xFFFFFFFF)


def framed(*records: bytes) -> bytes:
    """The content of a TFRecord file."""
    found = b""
    for record in records:
        length = struct.pack("<Q", len(record))
        found += length + masked(length) + record + masked(record)
    return found


def read(content: bytes) -> list[bytes]:
    return list(read_records(io.BytesIO(content)))


def test_the_checksum_of_this_test_is_that_of_rfc_3720() -> None:
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize(
    "records", [[], [b""], [b"a"], [b"one", b"", b"three" * 1000], [bytes(range(256))] * 3]
)
def test_records_are_read(records: list[bytes]) -> None:
    assert read(framed(*records)) == records


GOOD = framed(b"one", b"second")


@pytest.mark.parametrize("size", range(1, len(GOOD)))
def test_a_file_that_is_cut_anywhere_is_broken(size: int) -> None:
    if size == len(framed(b"one")):
        assert read(GOOD[:size]) == [b"one"]
        return
    number = 1 if size < len(framed(b"one")) else 2
    with pytest.raises(BrokenRecordError, match=f"record {number} is cut"):
        read(GOOD[:size])


@pytest.mark.parametrize("place", range(len(GOOD)))
def test_a_byte_that_changed_anywhere_is_found(place: int) -> None:
    damaged = bytearray(GOOD)
    damaged[place] ^= 0x10
    with pytest.raises(BrokenRecordError, match="checksum"):
        read(bytes(damaged))


def test_a_length_beyond_reason_is_broken() -> None:
    length = struct.pack("<Q", 1 << 40)
    with pytest.raises(BrokenRecordError, match="record 1 has 1099511627776 bytes"):
        read(length + masked(length) + b"x")

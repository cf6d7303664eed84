"""The framing of TFRecord files.

A record is its length (8 bytes), the checksum of these, its bytes, and the checksum of those, all
little-endian; a checksum is a CRC-32C that is rotated and added to, as
tensorflow/core/lib/io/record_writer.h says.
"""

import struct
from collections.abc import Iterator
from typing import Protocol

import google_crc32c

LENGTH = struct.Struct("<QI")
CHECKSUM = struct.Struct("<I")
LONGEST = 1 << 30


class BrokenRecordError(ValueError):
    """A file is cut, or is no TFRecord file; the message says where and how."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_records(file: _Readable) -> Iterator[bytes]:
    """Yield the records of a file, each with both checksums verified.

    Raises:
        BrokenRecordError: The file ends within a record, or a checksum does not match.
    """
    number = 0
    while head := file.read(LENGTH.size):
        number += 1
        if len(head) < LENGTH.size:
            raise BrokenRecordError(f"record {number} is cut within its length")
        length, checksum = LENGTH.unpack(head)
        if masked_crc(head[:8]) != checksum:
            raise BrokenRecordError(
                f"record {number}: the checksum of its length does not match; is it a TFRecord "
                "file, and gzipped or not as instances_format says?"
            )
        yield _body(file, number, length)


def _body(file: _Readable, number: int, length: int) -> bytes:
    if length > LONGEST:
        raise BrokenRecordError(f"record {number} has {length} bytes, more than {LONGEST}")
    data, tail = file.read(length), file.read(CHECKSUM.size)
    if len(data) + len(tail) < length + CHECKSUM.size:
        raise BrokenRecordError(f"record {number} is cut: it has {len(data)} of {length} bytes")
    if masked_crc(data) != CHECKSUM.unpack(tail)[0]:
        raise BrokenRecordError(f"record {number}: the checksum of its bytes does not match")
    return data


def masked_crc(data: bytes) -> int:
    """Return the checksum of ``data`` as TFRecord files hold it."""
    crc = int(google_crc32c.value(data))
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF

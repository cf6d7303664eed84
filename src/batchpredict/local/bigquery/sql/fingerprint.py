"""FARM_FINGERPRINT: the Fingerprint64 of FarmHash, as its reference implementation defines it.

Lengths of up to 16, 32 and 64 bytes and longer ones are mixed in different ways. All arithmetic is
that of unsigned numbers of 64 bits, little-endian.
"""

from collections.abc import Callable

MASK = (1 << 64) - 1
K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
BLOCK = 64
SEED = 81
Pair = tuple[int, int]


def farm_fingerprint(data: bytes) -> int:
    """Return the fingerprint as BigQuery has it, a signed number."""
    size = len(data)
    ways: tuple[tuple[int, Callable[[bytes], int]], ...] = (
        (16, _short),
        (32, _medium),
        (64, _long),
    )
    mix = next((way for longest, way in ways if size <= longest), _blocks)
    value = mix(data) & MASK
    return value - (1 << 64) if value >> 63 else value


def _word(data: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _rotated(value: int, by: int) -> int:
    value &= MASK
    return (value >> by | value << (64 - by)) & MASK


def _shifted(value: int) -> int:
    value &= MASK
    return value ^ (value >> 47)


def _joined(u: int, v: int, factor: int) -> int:
    first = _shifted((u ^ v) * factor & MASK)
    second = _shifted(((v & MASK) ^ first) * factor)
    return second * factor & MASK


def _short(data: bytes) -> int:
    size = len(data)
    factor = K2 + size * 2
    if size >= 8:
        a, b = _word(data, 0) + K2 & MASK, _word(data, size - 8)
        c = _rotated(b, 37) * factor + a
        d = (_rotated(a, 25) + b) * factor
        return _joined(c & MASK, d & MASK, factor)
    if size >= 4:
        return _joined(size + (_word(data, 0, 4) << 3), _word(data, size - 4, 4), factor)
    if not size:
        return K2
    y = data[0] + (data[size >> 1] << 8)
    z = size + (data[size - 1] << 2)
    return _shifted(y * K2 & MASK ^ z * K0 & MASK) * K2 & MASK


def _medium(data: bytes) -> int:
    size = len(data)
    factor = K2 + size * 2
    a, b = _word(data, 0) * K1 & MASK, _word(data, 8)
    c, d = _word(data, size - 8) * factor & MASK, _word(data, size - 16) * K2 & MASK
    return _joined(*_crossed(a, b, c, d), factor)


def _crossed(a: int, b: int, c: int, d: int) -> Pair:
    first = _rotated(a + b, 43) + _rotated(c, 30) + d
    return first & MASK, a + _rotated(b + K2, 18) + c & MASK


def _long(data: bytes) -> int:
    size = len(data)
    factor = K2 + size * 2
    a, b = _word(data, 0) * K2 & MASK, _word(data, 8)
    c, d = _word(data, size - 8) * factor & MASK, _word(data, size - 16) * K2 & MASK
    y, other = _crossed(a, b, c, d)
    z = _joined(y, other, factor)
    e, f = _word(data, 16) * factor & MASK, _word(data, 24)
    g = (y + _word(data, size - 32)) * factor & MASK
    h = (z + _word(data, size - 24)) * factor & MASK
    first = _rotated(e + f, 43) + _rotated(g, 30) + h
    return _joined(first & MASK, e + _rotated(f + a, 18) + g & MASK, factor)


def _weak(data: bytes, at: int, a: int, b: int) -> Pair:
    w, x, y, z = (_word(data, at + offset) for offset in (0, 8, 16, 24))
    a += w
    b = _rotated(b + a + z, 21)
    c = a
    a += x + y
    b += _rotated(a, 44)
    return a + z & MASK, b + c & MASK


def _blocks(data: bytes) -> int:
    size = len(data)
    x = SEED * K2 + _word(data, 0) & MASK
    y = SEED * K1 + 113 & MASK
    z = _shifted(y * K2 + 113) * K2 & MASK
    v, w = (0, 0), (0, 0)
    for at in range(0, (size - 1) // BLOCK * BLOCK, BLOCK):
        x, y, z, v, w = _round(data, at, x, y, z, v, w, K1)
    factor = K1 + ((z & 0xFF) << 1)
    w0 = w[0] + (size - 1 & BLOCK - 1)
    v0 = v[0] + w0
    w0 += v0
    x, y, z, v, w = _round(data, size - BLOCK, x, y, z, (v0, v[1]), (w0, w[1]), factor, 9)
    first = _joined(v[0], w[0], factor) + _shifted(y) * K0 + z
    return _joined(first & MASK, _joined(v[1], w[1], factor) + x & MASK, factor)


def _round(
    data: bytes, at: int, x: int, y: int, z: int, v: Pair, w: Pair, factor: int, times: int = 1
) -> tuple[int, int, int, Pair, Pair]:
    """Mix one block in; the last one is weighed ``times``."""
    x = _rotated(x + y + v[0] + _word(data, at + 8), 37) * factor & MASK
    y = _rotated(y + v[1] + _word(data, at + 48), 42) * factor & MASK
    x ^= w[1] * times & MASK
    y = y + v[0] * times + _word(data, at + 40) & MASK
    z = _rotated(z + w[0], 33) * factor & MASK
    new_v = _weak(data, at, v[1] * factor & MASK, x + w[0])
    new_w = _weak(data, at + 32, z + w[1], y + _word(data, at + 16))
    return z, y, x, new_v, new_w

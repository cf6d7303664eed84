"""One spelling for each JSON value, so that instances can be compared as texts."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def canonical(text: str) -> str:
    """Return the one spelling of a JSON text: keys sorted, numbers normalised, no white space.

    Two texts have the same spelling when they mean the same: ``1.0``, ``1`` and ``1e0`` do, and
    ``-0.0`` and ``0``; ``"1"`` and ``1`` do not. A number with a point or an exponent counts as
    the double that it is read as, an integer as itself. ``NaN`` and ``Infinity`` stay.

    Args:
        text: A JSON text.

    Returns:
        The spelling; ``text`` as it is when it is no JSON, is nested more than 200 deep, holds an
        object with the same key twice, a number that no double can hold, or an integer of more
        than 4,300 digits.
    """
    return canonical_speller()(text)


def canonical_speller() -> "Callable[[str], str]":
    """Return ``canonical`` for many texts: preparing it takes longer than to spell a short one."""
    import json

    constants = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
    decode = json.JSONDecoder(
        parse_float=plain_number,
        parse_constant=constants.__getitem__,
        object_pairs_hook=unique_members,
    ).decode
    encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode

    def spell(text: str) -> str:
        try:
            value = decode(text)
            if text.count("[") + text.count("{") > 200 and nested_deeper(value, 200):
                return text
            spelt = encode(value)
        except (ValueError, RecursionError):
            return text
        try:
            spelt.encode()
        except UnicodeEncodeError:
            # Half of a surrogate pair cannot be stored as UTF-8, but as an escape it can.
            return json.dumps(value, sort_keys=True, separators=(",", ":"))
        return spelt

    return spell


def plain_number(literal: str) -> float | int:
    """Return the double of a JSON number, as an integer when it is one: ``1.0`` and ``1e0`` as 1.

    Raises:
        ValueError: It is beyond the range of a double.
    """
    import math
    from decimal import Decimal

    number = float(literal)
    if math.isinf(number):
        raise ValueError(f"{literal} is beyond the range of a double")
    if not number.is_integer():
        return number
    # Beyond 2**53 by way of the shortest decimal text: 1e23 is 10**23, not the double's own value.
    return int(number) if abs(number) < 2**53 else int(Decimal(repr(number)))


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of a JSON object.

    Raises:
        ValueError: A key stands twice.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object holds the same key twice")
    return members


def nested_deeper(value: object, limit: int) -> bool:
    """Say whether lists and objects stand in one another more than ``limit`` deep."""
    level = [value]
    for _ in range(limit + 1):
        level = [
            child
            for outer in level
            if isinstance(outer, (list, dict))
            for child in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)

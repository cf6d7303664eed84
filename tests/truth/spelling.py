"""How a value is spelt as JSON: white space, escapes, and numbers as they are written."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

SLOT = "@SLOT@"
REST = "@REST@"


class Number(str):
    """A number as it is written.

    ``Number(SLOT)`` is one that differs in each row, and ``Number(REST)`` is 1 minus that one.
    """

    __slots__ = ()


@dataclass(frozen=True)
class Style:
    """One way to write JSON."""

    ascii: bool = False
    comma: str = ", "
    colon: str = ": "
    pad: str = ""


def random_style(dice: Random, odd: bool = False) -> Style:
    """Choose between the ways of Python and of Google's services, or an odd one."""
    ways = [(" ,\t", " : ", " ")] if odd else [(", ", ": ", ""), (",", ":", "")]
    comma, colon, pad = dice.choice(ways)
    return Style(dice.random() < 0.5, comma, colon, pad)


def spell(value: Any, style: Style) -> str:
    """Return the JSON text of a value."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=style.ascii)
    if isinstance(value, dict):
        pairs = [f"{spell(n, style)}{style.colon}{spell(v, style)}" for n, v in value.items()]
        return f"{{{style.pad}{style.comma.join(pairs)}{style.pad}}}"
    if isinstance(value, list):
        return f"[{style.pad}{style.comma.join(spell(v, style) for v in value)}{style.pad}]"
    return json.dumps(value)


def filled(value: Any, slot: str) -> Any:
    """Return a value of a column with the number of this row in its place."""
    if isinstance(value, Number):
        return 1 - float(slot) if value == REST else float(value.replace(SLOT, slot))
    if isinstance(value, str):
        return value.replace(SLOT, slot)
    if isinstance(value, list):
        return [filled(part, slot) for part in value]
    if isinstance(value, dict):
        return {name: filled(part, slot) for name, part in value.items()}
    return value


def blocks(pool: int, rows: int) -> Iterator[tuple[int, int, int]]:
    """Deal rows out to a pool in blocks; yield the number, the first row and the one behind.

    Rows are written in random order, so that blocks do not show in a file.
    """
    for number in range(pool):
        yield number, rows * number // pool, rows * (number + 1) // pool


def laid_out(pool: list[str], slots: list[str]) -> list[str]:
    """Return the texts of all rows: those of a pool, in blocks, with the slots filled."""
    found: list[str] = []
    for number, start, end in blocks(len(pool), len(slots)):
        text = pool[number]
        head, _, tail = text.partition(SLOT)
        if SLOT in tail:
            found += [text.replace(SLOT, slot) for slot in slots[start:end]]
        elif SLOT in text:
            found += [f"{head}{slot}{tail}" for slot in slots[start:end]]
        else:
            found += [text] * (end - start)
    return found


ODD_TEXTS = (
    "",
    " ",
    "cat",
    "S\u00e3o Paulo",
    "\u6771\u4eac",
    "\U0001f642",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    'say "hi"',
    "back\\slash \\u0041",
    "tab\tnew\nline\r\n",
    "\u2028\u0085\u00a0",
    "e\u0301 is not \u00e9",
    "\ufeff",
    "null",
    "NaN",
    "true",
    "007",
    "1.10",
    "a,b;'c'",
    '{"prediction": 1}',
    "</script>",
    "\u0001\u001f\u007f",
    "$.a[0]",
    "x" * 1000,
    "\U0001f642" * 1000,
)

ODD_NUMBERS = (
    "0",
    "1",
    "-7",
    "-0.0",
    "1.10",
    "1E2",
    "1e+3",
    "5.8173126E-4",
    "0.30000000000000004",
    "0.1000000000000000055511151231257827",
    "2.0451931953430176",
    "5e-324",
    "1.7976931348623157e308",
    "9007199254740992",
    "9007199254740993",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551617",
    "123456789012345678901234567890",
    "1" + "0" * 300,
)


def odd_text(dice: Random) -> str:
    """Return a text that is easily spoiled."""
    return dice.choice(ODD_TEXTS)


def short_text(dice: Random) -> str:
    """Return an odd text that fits in a name or a cell."""
    return dice.choice([text for text in ODD_TEXTS if len(text) < 100])


def odd_number(dice: Random) -> Number:
    """Return a number that is easily spoiled."""
    return Number(dice.choice(ODD_NUMBERS))


def loses_digits(value: Any) -> bool:
    """Tell whether an integer in a value has more digits than a double keeps."""
    if isinstance(value, Number):
        return value.lstrip("-").isdigit() and int(float(value)) != int(value)
    if isinstance(value, list):
        return any(map(loses_digits, value))
    return isinstance(value, dict) and any(map(loses_digits, value.values()))

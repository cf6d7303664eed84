"""Lines of an output: rows with a prediction, rows with an error, and lines nobody can read."""

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from truth.custom import Made
from truth.layouts import FORMS, Layout
from truth.managed import explanation
from truth.spelling import Number, Style, odd_text, short_text, spell

PREDICTION = {"embedding": "predictions", "gemini": "response"}
INSTANCE = {"gemini": "request"}


class Variant(NamedTuple):
    """The text of a prediction but for its number, and the columns it gives."""

    text: str
    columns: dict[str, Any]
    noted: bool | None
    siblings: str  # further members of the row, each after a comma


class Template(NamedTuple):
    """A row but for instance (0), key (1) and prediction (2), which stand between the pieces.

    ``roles`` says in which order; the key or the instance may be absent.
    """

    pieces: tuple[str, ...]
    roles: tuple[int, ...]
    instance: bool
    extra: dict[str, Any] | None


class Failure(NamedTuple):
    """What the failures must say of an output row; None where nobody says what it should be."""

    key: str | None
    code: str | None
    message: str | None
    raw: str | None
    source: str = ""


def make_variants(layout: Layout, dice: Random, style: Style) -> list[Variant]:
    """Make the predictions of a layout."""
    made = [FORMS[layout.form].make(dice) for _ in range(max(5, min(300, layout.rows // 3)))]
    strict = layout.csv or layout.kind in ("custom", "embedding", "gemini")
    if "strays" in layout.odd and not strict:
        made[:: 1 + len(made) // 2] = [stray(dice) for _ in made[:: 1 + len(made) // 2]]
    return [variant(layout, dice, style, each) for each in made]


def stray(dice: Random) -> Made:
    """Make a prediction of none of Google's own forms."""
    return Made(dice.choice([0.5, odd_text(dice), True, None, {"other": 1}]), {}, True)


def variant(layout: Layout, dice: Random, style: Style, made: Made) -> Variant:
    """Spell a prediction, with an explanation where the layout has them."""
    columns, siblings = dict(made.columns), dict(made.siblings)
    seed = dice.random() if "orders" in layout.odd else layout.seed
    value = made.value if layout.csv else ordered(made.value, seed)
    if layout.explained and (layout.rows < 500 or dice.random() < 0.9):
        member, found = explanation(dice)
        text = spell(member, style)
        columns |= {**found, "explanation": text}
        siblings["explanation"] = Number(text)
    members = [f"{spell(n, style)}{style.colon}{spell(v, style)}" for n, v in siblings.items()]
    shown = "".join(style.comma + member for member in members)
    return Variant(spell(value, style), columns, made.noted, shown)


def ordered(value: Any, seed: float) -> Any:
    """Return a value with its members in an order that their names and a seed decide."""
    if isinstance(value, list):
        return [ordered(part, seed) for part in value]
    if not isinstance(value, dict):
        return value
    names = sorted(value, key=lambda name: Random(f"{seed} {name}").random())
    return {name: ordered(value[name], seed) for name in names}


def make_templates(layout: Layout, dice: Random, style: Style) -> list[Template]:
    """Make the rows of a layout but for what differs in each."""
    usual = template(layout, dice, style)
    odd = [template(layout, dice, style) for _ in range(3)] if "orders" in layout.odd else []
    return [usual] * (1 if layout.rows < 500 else 12) + odd


def template(layout: Layout, dice: Random, style: Style) -> Template:
    """Make a row, in whose text ``@0``, ``@1`` and ``@2`` stand for what differs."""
    parts = {PREDICTION.get(layout.kind, "prediction"): "@2"}
    instance = layout.named != "key"
    if instance:
        parts[INSTANCE.get(layout.kind, "instance")] = "@0"
    if layout.named in ("key", "both"):
        parts["key"] = "@1"
    if layout.named == "sibling":
        parts[layout.key_field] = "@1"
    extra = extra_members(dice) if "siblings" in layout.odd and dice.random() < 0.7 else {}
    parts |= {name: spell(value, style) for name, value in extra.items()}
    names = dice.sample(sorted(parts), len(parts))
    pairs = [f"{spell(name, style)}{style.colon}{parts[name]}" for name in names]
    text = f"{{{style.pad}{style.comma.join(pairs)}{style.pad}}}"
    first, *rest = re.split("@([012])", text)
    roles = tuple(map(int, rest[::2]))
    return Template((first, *rest[1::2]), roles, instance, extra or None)


def extra_members(dice: Random) -> dict[str, Any]:
    """Return members that no format knows, some with names that a reader may use itself."""
    every = {"batch": 7, "tags \U0001f642": ["a", short_text(dice)], "custom": {"a": {"b": None}}}
    names = ("score", "label", "source", "fits", "line", "filename", "t", "Prediction", "KEY", "")
    every |= {dice.choice(names): odd_text(dice)}
    return {name: every[name] for name in dice.sample(sorted(every), dice.randint(1, 3))}


def error_row(
    layout: Layout, dice: Random, style: Style, row: Template, shown: str, key: str
) -> tuple[str, str, str | None]:
    """Return a row without a prediction, and its code and message."""
    members, code, message = error_of(layout.kind, dice)
    if row.instance:
        members[INSTANCE.get(layout.kind, "instance")] = Number(shown)
    if layout.named in ("key", "both"):
        members["key"] = Number(key)
    if layout.named == "sibling":
        members[layout.key_field] = Number(key)
    shuffled = {name: members[name] for name in dice.sample(sorted(members), len(members))}
    return spell(shuffled, style), code, message


def error_of(kind: str, dice: Random) -> tuple[dict[str, Any], str, str | None]:
    """Return the members that tell an error, and its code and message."""
    message = odd_text(dice) or "m"
    if kind == "gemini":
        inner = {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}
        text, code = f"Bad Request: {json.dumps(inner)}", "INVALID_ARGUMENT"
        if dice.random() < 0.4:
            text, code = "Service agents are being provisioned", "ERROR"
        more: dict[str, Any] = {"response": {}} if dice.random() < 0.5 else {}
        return {"status": text, **more}, code, text
    if kind == "embedding":
        more = {"predictions": []} if dice.random() < 0.5 else {}
        return {"status": "quota exceeded", **more}, "ERROR", "quota exceeded"
    forms: list[tuple[dict[str, Any], str, str | None]] = [
        ({"error": {"status": "NOT_FOUND", "message": message}}, "NOT_FOUND", message),
        ({"error": {"code": 3, "message": message}}, "3", message),
        ({"error": {"message": message}}, "ERROR", message),
        ({"error": message}, "ERROR", message),
        ({"error": {"status": "INTERNAL"}}, "INTERNAL", None),
        ({}, "E222", None),
    ]
    return dice.choice(forms)


def unreadable(
    dice: Random, line: str, with_prediction: Callable[[str], str]
) -> tuple[str, bytes]:
    """Return what is wrong with a line, and the line as nobody can read it."""
    predictions = {
        "not a number": dice.choice(["NaN", "[1, NaN]", "Infinity", "-Infinity", '{"a":[NaN]}']),
        "key twice below": '{"a": 1, "b": {"c": 1, "c": 1}}',
        "half a surrogate": dice.choice(['"\\ud800"', '["\\udc00x"]', '{"\\ud83d": 1}']),
        "too large": dice.choice(["1e999", "[-1E+400]", "1" + "0" * 400, "9" * 5000]),
        "deep": dice.choice(["[" * 100_000 + "]" * 100_000, '{"a":' * 50_000, "[" * 3000]),
        "number form": dice.choice(["01", "+1", ".5", "1.", "0x10", "1_000", "--1", "1e"]),
        "half a literal": dice.choice(["tru", "nul", "True", "None", "'a'", "undefined"]),
        "escape": dice.choice(['"\\x41"', '"\\u12"', '"a\tb"', '"\x01"']),
    }
    closed = line.rstrip().removesuffix("}")
    lines = {
        "cut": line[: dice.randrange(1, len(line.rstrip()))].encode(),
        "key twice": f'{closed}, "prediction": 1, "prediction": 1}}'.encode(),
        "NUL": line.encode().replace(b":", b":\0", 1),
        "no JSON": dice.choice([b"hello", b"[1, 2]", b"7", b'"x"', b"null", b"{'a': 1}", b"\xff"]),
        "bytes": line.encode().replace(b'"', b'"\xc3\x28', 1),
        "UTF-16": line.encode("utf-16-le").replace(b"\n", b""),
        "two rows": f"{line} {line}".encode(),
        "trailing comma": f"{closed},}}".encode(),
    }
    what = dice.choice(sorted(predictions) + sorted(lines))
    if what in lines:
        return what, lines[what]
    return what, with_prediction(predictions[what]).encode()

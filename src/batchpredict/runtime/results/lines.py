"""One line of JSON Lines, strictly: its top-level members, each with its text as it stands."""

from typing import Any

from batchpredict.runtime.shards import strict_decoder


def line_decoders() -> tuple[Any, Any]:
    """Return a strict decoder, and one for what the service only echoes.

    An echoed instance is never interpreted, so that NaN or a key that stands twice in it does not
    cost the prediction beside it.
    """
    import json

    return strict_decoder(), json.JSONDecoder()


def split_members(text: str, decoders: tuple[Any, Any]) -> dict[str, tuple[str, Any]]:
    """Parse a line into ``{name: (its JSON text, its value)}``.

    Args:
        text: The line.
        decoders: From ``line_decoders``.

    Raises:
        ValueError: It is no JSON object, has a key twice, NaN or Infinity outside of the instance,
            a number that is too large, or is nested too deeply.
    """
    strict, lenient = decoders
    members: dict[str, tuple[str, Any]] = {}
    at = skip_to(text, 0, "{")
    if text[skip_space(text, at) :] == "}":
        return members
    try:
        while True:
            name, at = strict.raw_decode(text, skip_to(text, at, '"') - 1)
            start = skip_space(text, skip_to(text, at, ":"))
            decoder = lenient if name in ("instance", "request") else strict
            value, at = decoder.raw_decode(text, start)
            if name in members:
                raise ValueError("an object holds the same key twice")
            members[name] = (text[start:at], value)
            end = skip_space(text, at)
            if text[end : end + 1] != ",":
                break
            at = end + 1
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if text[skip_space(text, skip_to(text, at, "}")) :]:
        raise ValueError("something follows the JSON object")
    check_surrogates(text, members)
    check_numbers(text, members)
    members.pop("\x01", None)  # see own_text
    return members


def own_text(line: str) -> str:
    r"""Return a line, or the row of CSV that it was made of: its last member ``\x01`` then."""
    import json
    import re

    _, _, tail = line.rpartition(', "\\u0001": ')
    row = re.fullmatch(r'("(?:[^"\\]|\\.)*")\}\s*', tail)
    return str(json.loads(row[1])) if row else line


def skip_space(text: str, at: int) -> int:
    """Return the place of the first character from ``at`` on that is no white space of JSON."""
    while text[at : at + 1] in (" ", "\t", "\n", "\r"):
        at += 1
    return at


def skip_to(text: str, at: int, wanted: str) -> int:
    """Return the place behind the character that must come next.

    Raises:
        ValueError: Another one comes.
    """
    at = skip_space(text, at)
    if text[at : at + 1] != wanted:
        found = f"{text[at]!a}" if at < len(text) else "the line ends"
        raise ValueError(
            "not a JSON object" if at == 0 else f"{wanted!r} expected at character {at}, {found}"
        )
    return at + 1


def check_surrogates(text: str, members: dict[str, tuple[str, Any]]) -> None:
    """Refuse half of a surrogate pair, which is no text.

    Raises:
        ValueError: There is one.
    """
    import json

    if "\\u" not in text:
        return
    try:
        for name, (raw, value) in members.items():
            if "\\u" in name or "\\u" in raw:
                json.dumps([name, value], ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair") from None


def check_numbers(text: str, members: dict[str, tuple[str, Any]]) -> None:
    """Refuse a number outside of the instance that no double can hold.

    Raises:
        ValueError: There is one.
    """
    import json
    import math
    import re

    def refuse_infinite(literal: str) -> float:
        if math.isinf(float(literal)):
            raise ValueError(f"the number {literal[:20]} is out of range")
        return float(literal)

    if re.search(r"[eE]\+?\d{3}|\d{308}", text):
        decoder = json.JSONDecoder(parse_float=refuse_infinite, parse_int=refuse_infinite)
        for name, (raw, _) in members.items():
            if name not in ("instance", "request", "key"):
                decoder.decode(raw)


def key_text(raw: str) -> str | None:
    """Return a key as text: a JSON string as it is, a number as it is written, null as None."""
    import json

    if raw in ("null", "-0"):
        return None if raw == "null" else "0"
    if raw[0] in "[{":
        return json.dumps(json.loads(raw), ensure_ascii=False)
    return str(json.loads(raw)) if raw.startswith('"') else raw


def instance_key(raw: str, value: Any, key_field: str) -> str | None:
    """Return the key in an instance, None when it has none.

    Args:
        raw: The JSON text of the instance.
        value: The instance.
        key_field: The field that holds its key.
    """
    import json

    if not isinstance(value, dict) or key_field not in value:
        return None
    if raw.count(json.dumps(key_field)) > 1 or "\\u" in raw:
        pairs = json.JSONDecoder(object_pairs_hook=tuple).decode(raw)
        if [name for name, _ in pairs].count(key_field) > 1:
            raise ValueError("the instance holds its key twice")
    key = value[key_field]
    if key is None or isinstance(key, str):
        return key
    if type(key) in (int, float):
        # As it is written: 1.10 and 1.1 are different keys.
        key = json.JSONDecoder(parse_float=str, parse_int=str).decode(raw)[key_field]
        return key_text(str(key))
    return json.dumps(key, ensure_ascii=False)


def key_member(names: list[str], key_field: str) -> str:
    """Return which member of a row is its key, ``key`` or ``key_field``; "" for none."""
    usual = [name for name in ("key", key_field) if name in names]
    return next((name for name in usual if name not in ("instance", "prediction")), "")


def row_key(members: dict[str, tuple[str, Any]], key_field: str) -> str | None:
    """Return the key of an output row: ``key``, a sibling called ``key_field``, or its instance's.

    Args:
        members: From ``split_members``.
        key_field: The field that holds a key.

    Raises:
        ValueError: The instance holds its key twice.
    """
    name = key_member(list(members), key_field)
    if name:
        return key_text(members[name][0])
    for name in ("instance", "request"):
        if name in members:
            return instance_key(*members[name], key_field)
    return None


def recover_key(text: str, key_field: str) -> str | None:
    """Return the key of a line that is no valid row, when it still shows plainly."""
    import json
    import re

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        return {name: part for name, part in pairs if names.count(name) == 1}

    decoder = json.JSONDecoder(parse_float=str, parse_int=str, object_pairs_hook=once)
    try:
        row = decoder.decode(text)
    except (ValueError, RecursionError):
        literal = r'"(?:[^"\\]|\\.)*"|-?\d{1,100}(?:\.\d{1,100})?'
        start = re.match(rf'\s*\{{\s*"key"\s*:\s*({literal})\s*[,}}]', text)
        row = {"key": plain_key(start[1])} if start else None
    holder = row
    if isinstance(row, dict) and "key" not in row:
        holder = row.get("instance")
    name = "key" if holder is row else key_field
    key = holder.get(name) if isinstance(holder, dict) else None
    if key is not None and not isinstance(key, str):
        key = json.dumps(key, ensure_ascii=False)
    return key and key.encode(errors="replace").decode()


def plain_key(literal: str) -> str | None:
    """Return the key that a JSON text or number stands for, None when it is neither."""
    try:
        return key_text(literal)
    except ValueError:
        return None


def spell_out_numbers(raw: str) -> str:
    """Return the JSON text of an instance with NaN and Infinity, which no JSON has, as texts."""
    import re

    if "NaN" not in raw and "Infinity" not in raw:
        return raw
    tokens = r'"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)'
    return re.sub(tokens, lambda m: m[0] if m[0].startswith('"') else f'"{m[0]}"', raw)

"""The exact form of the lines of an output, learnt from its first rows, as regular expressions.

What matches is taken by SQL without a second look, so an expression accepts only what can be read
in one way: strict JSON, numbers that a double holds, and nothing that would change its type.
"""

from typing import Any


def shape_of(value: Any, depth: int = 4) -> Any:
    """Return the shape of a JSON value: a letter, ``("list", shape)`` or ``("object", members)``.

    Args:
        value: The value.
        depth: How deep it may be nested; the pattern of a list doubles with each level.

    Returns:
        None when the elements of a list differ in shape, names differ only in case, or it is
        nested deeper; the shape of an empty list's elements is "".
    """
    if value is None:
        return "null"
    for letter, kind in (("boolean", bool), ("number", (int, float)), ("text", str)):
        if isinstance(value, kind):
            return letter
    if not depth:
        return None
    if isinstance(value, list):
        inner = {shape_of(part, depth - 1) for part in value}
        return None if len(inner) > 1 or None in inner else ("list", inner.pop() if inner else "")
    members = tuple((name, shape_of(part, depth - 1)) for name, part in value.items())
    if len({name.casefold() for name in value}) < len(value):
        return None
    return None if any(shape is None for _, shape in members) else ("object", members)


def join_shapes(first: Any, second: Any) -> Any:
    """Return the shape that covers both, None when there is none."""
    if first == second or second == "":
        return first
    if first == "":
        return second
    if not isinstance(first, tuple) or not isinstance(second, tuple) or first[0] != second[0]:
        return None
    if first[0] == "list":
        inner = join_shapes(first[1], second[1])
        return None if inner is None else ("list", inner)
    if [name for name, _ in first[1]] != [name for name, _ in second[1]]:
        return None
    parts = [(a[0], join_shapes(a[1], b[1])) for a, b in zip(first[1], second[1], strict=True)]
    return None if any(shape is None for _, shape in parts) else ("object", tuple(parts))


def pattern_of(shape: Any, comma: str, colon: str) -> str:
    """Return the regular expression (RE2) of the JSON texts of a shape.

    A number has at most 15 digits before the point and 2 in the exponent: it is finite, and an
    integer is exact.

    Args:
        shape: From ``shape_of``.
        comma: What stands between two members, ``", "`` or ``","``.
        colon: What stands behind a name, ``": "`` or ``":"``.
    """
    import json

    if shape == "number":
        return r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,25})?(?:[eE][-+]?[0-9]{1,2})?"
    if shape == "text":
        return text_pattern()
    if isinstance(shape, str):
        return {"boolean": "(?:true|false)", "null": "null", "": ""}[shape]
    if shape[0] == "list":
        inner = pattern_of(shape[1], comma, colon)
        return rf"\[(?:{inner}(?:{comma}{inner})*)?\]"
    members = comma.join(
        escaped(json.dumps(name) + colon) + pattern_of(part, comma, colon)
        for name, part in shape[1]
    )
    return rf"\{{{members}\}}"


def text_pattern() -> str:
    """Return the regular expression of a JSON text; half of a surrogate pair does not match."""
    plain = r'[^"\\\x00-\x1f]'
    unit = r"(?:[0-9a-cefA-CEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2})"
    pair = r"[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    return rf'"(?:{plain}|\\(?:["\\/bfnrt]|u{unit}|u{pair}))*"'


def escaped(text: str) -> str:
    """Return a text as a regular expression of RE2 that matches only itself."""
    import re

    return re.sub(r"([^\w \"':,-])", r"\\\1", text)


def sql_type(shape: Any, members: list[str]) -> Any:
    """Return the structure that DuckDB's ``json_transform`` takes for a shape.

    Args:
        shape: From ``shape_of``.
        members: The members of an object that are wanted.
    """
    if isinstance(shape, str):
        return {"number": "DOUBLE", "text": "VARCHAR", "boolean": "BOOLEAN"}.get(shape, "JSON")
    if shape[0] == "list":
        return [sql_type(shape[1], [])]
    found = {name: sql_type(part, []) for name, part in shape[1] if name in members}
    return found or "JSON"


def line_form(text: str, members: dict[str, tuple[str, Any]]) -> dict[str, Any] | None:
    """Return how a line is put together, None when SQL could not take it apart.

    Args:
        text: The line, without its end.
        members: From ``split_members``.

    Returns:
        ``names`` of the members in order, ``comma`` and ``colon``.
    """
    import json

    names = list(members)
    for comma, colon in ((", ", ": "), (",", ":")):
        parts = [json.dumps(name) + colon + members[name][0] for name in names]
        if "{" + comma.join(parts) + "}" == text and all(name.isascii() for name in names):
            return {"names": names, "comma": comma, "colon": colon}
    return None

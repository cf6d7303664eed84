r"""Texts and comments of GoogleSQL, made plain before the statement is parsed.

The parser leaves escapes such as ``\x41`` or ``\u00e9`` as they stand. Here each literal is
decoded and written again with the few escapes that the parser knows; BYTES become
``FROM_HEX('…')``.
"""

import re

from batchpredict.local.bigquery.errors import invalid_query, not_tested

TOKEN = re.compile(
    r"""
    (?P<comment> --[^\n]* | \#[^\n]* | /\*.*?\*/ )
  | (?P<name> `(?:[^`\\]|\\.)*` )
  | (?P<prefix> (?<![\w@]) [rR]?[bB]?[rR]? ) (?P<quote> \"\"\" | ''' | " | ' )
  | (?P<word> [\w@]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
SIMPLE = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "?": "?",
    '"': '"',
    "'": "'",
    "`": "`",
}
NUMBERED = re.compile(r"[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})")


def plain(sql: str) -> str:
    """Return a statement whose literals the parser understands.

    Raises:
        BigQueryError: A literal is not closed, or has an escape that GoogleSQL has not.
    """
    pieces: list[str] = []
    at = 0
    while match := TOKEN.search(sql, at):
        pieces.append(_between(sql[at : match.start()]))
        at = match.end()
        if match["quote"]:
            literal, at = _literal(sql, match)
            pieces.append(literal)
        else:
            pieces.append(" " if match["comment"] else match[0])
    return "".join([*pieces, _between(sql[at:])])


def _between(text: str) -> str:
    """Return what stands between words and literals; the parser would turn pipes into a SELECT."""
    if "|>" in text:
        raise not_tested("pipe syntax (|>)")
    return text


def _literal(sql: str, match: re.Match[str]) -> tuple[str, int]:
    """Return a literal as the parser takes it, and where it ends."""
    quote, prefix = match["quote"], match["prefix"].lower()
    inside = re.compile(rf"(?:\\.|(?!{quote}|\\).)*", re.DOTALL).match(sql, match.end())
    assert inside is not None  # it matches nothing at least
    end = inside.end()
    body = inside[0]
    if not sql.startswith(quote, end) or (len(quote) == 1 and "\n" in body):
        raise invalid_query("Syntax error: Unclosed string literal")
    if "b" in prefix:
        content = _bytes(body, "r" in prefix)
        return f"FROM_HEX('{content.hex()}')", end + len(quote)
    decoded = body if "r" in prefix else decode(body)
    if "\0" in decoded:
        raise not_tested("a text with the character NUL")
    return "'" + decoded.replace("\\", "\\\\").replace("'", "\\'") + "'", end + len(quote)


def decode(body: str) -> str:
    """Return what a text between quotes stands for."""
    return re.sub(r"\\(.)([0-9a-fA-F]*)", _escape, body, flags=re.DOTALL)


def _escape(match: re.Match[str]) -> str:
    kind, rest = match[1], match[2]
    found = NUMBERED.match(kind + rest)
    if found:
        digits = next(group for group in found.groups() if group)
        number = int(digits, 8 if found[4] else 16)
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            raise invalid_query("Syntax error: Illegal escape sequence")
        return chr(number) + (kind + rest)[found.end() :]
    if kind not in SIMPLE:
        raise invalid_query(f"Syntax error: Illegal escape sequence: \\{kind}")
    return SIMPLE[kind] + rest


def _bytes(body: str, raw: bool) -> bytes:
    if raw:
        return body.encode()
    pieces = re.split(r"(\\[xX][0-9a-fA-F]{2}|\\[0-7]{3})", body)
    return b"".join(
        bytes([int(it[2:], 16) if it[1] in "xX" else int(it[1:], 8) & 255])
        if number % 2
        else decode(it).encode()
        for number, it in enumerate(pieces)
    )

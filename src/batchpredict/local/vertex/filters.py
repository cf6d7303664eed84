"""The grammar of list filters: the part of AIP-160 that the lists of Vertex AI document.

::

    expression = factor {"AND" factor}
    factor     = term {"OR" term}          OR binds closer than AND, as AIP-160 says
    term       = "NOT" term | "(" expression ")" | comparison
    comparison = field ("=" | "!=" | ":" | "<" | "<=" | ">" | ">=") value

A value may stand in single or double quotes, with a backslash before quotes and backslashes in it.
"""

import re
from collections.abc import Callable
from typing import Any

from batchpredict.local.vertex.errors import invalid

DEEPEST = 50
LONGEST = 5000
TOKEN = re.compile(
    r"""\s*(?:
    (?P<sign>[()]) |
    (?P<word>AND|OR|NOT)(?=[\s()]|$) |
    (?P<field>[A-Za-z_][\w.-]*(?:\."(?:[^"\\]|\\.)+")?)\s*
    (?P<operator><=|>=|!=|=|<|>|:)\s*
    (?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s()"']+)(?=[\s()]|$)
    )""",
    re.VERBOSE,
)
Test = Callable[[Any], bool]
Compare = Callable[[str, str, str], Test]


def unquoted(text: str) -> str:
    """Return what a quoted text stands for; other texts are returned as they are."""
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if text[:1] in ("'", '"') else text


def parse_filter(text: str, compare: Compare) -> Test:
    """Return the test that an expression stands for.

    Args:
        text: The expression.
        compare: Makes the test of one comparison from field, operator and value as written.

    Raises:
        ServiceError: INVALID_ARGUMENT; the message names what is not understood.
    """
    return _Parser(text, compare).whole()


class _Parser:
    def __init__(self, text: str, compare: Compare) -> None:
        if len(text) > LONGEST:
            raise invalid(f"the filter has {len(text)} characters; {LONGEST} are understood")
        self._text, self._compare = text.rstrip(), compare
        self._position = self._depth = 0

    def whole(self) -> Test:
        test = self._expression()
        if self._position < len(self._text):
            raise self._wrong("AND, OR or the end")
        return test

    def _expression(self) -> Test:
        tests = [self._factor()]
        while self._take("AND"):
            tests.append(self._factor())
        return lambda message: all(test(message) for test in tests)

    def _factor(self) -> Test:
        tests = [self._term()]
        while self._take("OR"):
            tests.append(self._term())
        return lambda message: any(test(message) for test in tests)

    def _term(self) -> Test:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._wrong(f"at most {DEEPEST} levels")
        if self._take("NOT"):
            inner = self._term()
            test: Test = lambda message: not inner(message)  # noqa: E731
        elif self._take("("):
            test = self._expression()
            if not self._take(")"):
                raise self._wrong('")"')
        else:
            test = self._comparison()
        self._depth -= 1
        return test

    def _comparison(self) -> Test:
        match = TOKEN.match(self._text, self._position)
        if match is None or not match["field"]:
            raise self._wrong("a comparison such as display_name=value")
        self._position = match.end()
        return self._compare(match["field"], match["operator"], match["value"])

    def _take(self, wanted: str) -> bool:
        match = TOKEN.match(self._text, self._position)
        found = match is not None and wanted in (match["sign"], match["word"])
        if match is not None and found:
            self._position = match.end()
        return found

    def _wrong(self, wanted: str) -> Exception:
        rest = self._text[self._position :].strip() or "its end"
        return invalid(f"filter {self._text!r}: {wanted} is expected at {rest!r}")

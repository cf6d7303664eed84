"""Listing: prefixes, delimiters, globs and pages over sorted names."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from batchpredict.local.network.http import HttpRequest
from batchpredict.local.storage.conditions import integer_parameter
from batchpredict.local.storage.errors import StorageError

_PAGE = 1000
_GLOB_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[[!^]?\]?[^\]]*\]|\\.|.", re.DOTALL)
# An entry of a listing: a name, and whether it is a common prefix rather than an object.
Entry = tuple[str, bool]


@dataclass(frozen=True)
class Query:
    """What to list.

    Attributes:
        prefix: Names start with it.
        delimiter: A name that has it after the prefix counts as the common prefix that ends there.
        start: First name, inclusive.
        end: Last name, exclusive; empty for no end.
        glob: Pattern that the whole name matches; empty for any.
        trailing: List an object also as itself when its name ends at the delimiter.
        page_size: Entries in a page; common prefixes count.
        page_token: From the page before.
    """

    prefix: str = ""
    delimiter: str = ""
    start: str = ""
    end: str = ""
    glob: str = ""
    trailing: bool = False
    page_size: int = _PAGE
    page_token: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> "Query":
        """Return what a request asks for."""
        if _flag(request, "softDeleted") or request.param("filter"):
            raise StorageError(
                501, "softDeleted and filter are not supported by the local Cloud Storage"
            )
        size = integer_parameter(request, "maxResults")
        if size is not None and size < 1:
            raise StorageError(400, f"Invalid value for maxResults: {size}")
        return cls(
            prefix=request.param("prefix"),
            delimiter=request.param("delimiter"),
            start=request.param("startOffset"),
            end=request.param("endOffset"),
            glob=request.param("matchGlob"),
            trailing=_flag(request, "includeTrailingDelimiter"),
            page_size=min(size or _PAGE, _PAGE),
            page_token=request.param("pageToken"),
        )


@dataclass(frozen=True)
class Page:
    """One page: objects, common prefixes and the token of the next page, empty on the last."""

    names: Sequence[str] = ()
    prefixes: Sequence[str] = field(default=())
    next_token: str = ""


def page(names: Iterable[str], query: Query) -> Page:
    """Return the page of ``names`` that ``query`` asks for."""
    entries = sorted(set(_entries(names, query)))
    if query.page_token:
        last = _parse_token(query.page_token)
        entries = [entry for entry in entries if entry > last]
    shown = entries[: query.page_size]
    return Page(
        [name for name, is_prefix in shown if not is_prefix],
        [name for name, is_prefix in shown if is_prefix],
        _token(shown[-1]) if len(entries) > len(shown) else "",
    )


def glob_pattern(glob: str) -> re.Pattern[str]:
    """Return a glob of Cloud Storage as a regular expression.

    ``*`` and ``?`` stay within a folder, ``**`` does not, ``[...]`` is one of a set of
    characters, ``{a,b}`` one of some patterns.
    """
    try:
        return re.compile("".join(_translated(glob)), re.DOTALL)
    except re.error:
        raise StorageError(400, f"Invalid matchGlob: {glob!r}") from None


def _flag(request: HttpRequest, name: str) -> bool:
    return request.param(name).lower() == "true"  # Python clients write "True"


def _entries(names: Iterable[str], query: Query) -> Iterator[Entry]:
    glob = glob_pattern(query.glob) if query.glob else None
    for name in names:
        if not _selected(name, query) or (glob and not glob.fullmatch(name)):
            continue
        rest = name[len(query.prefix) :]
        head, found, tail = rest.partition(query.delimiter) if query.delimiter else (rest, "", "")
        if not found or (query.trailing and not tail):
            yield name, False
        if found:
            yield query.prefix + head + found, True


def _selected(name: str, query: Query) -> bool:
    return (
        name.startswith(query.prefix)
        and name >= query.start
        and (not query.end or name < query.end)
    )


def _translated(glob: str) -> Iterator[str]:
    depth = 0
    at_segment_start = True
    for token in _GLOB_TOKEN.findall(glob):
        if token == "**/" and not at_segment_start:
            yield ".*/"
        elif depth and token in ",}":
            yield "|" if token == "," else ")"
        else:
            yield _translated_token(token)
        depth += (token == "{") - (token == "}" and depth > 0)
        at_segment_start = token[-1] in "/{,"
    yield ")" * depth


def _translated_token(token: str) -> str:
    fixed = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:"}
    if token in fixed:
        return fixed[token]
    if len(token) > 1 and token[0] == "[":
        negated = token[1] in "!^"
        members = token[2:-1] if negated else token[1:-1]
        escaped = re.sub(r"([\\\[\]^&~|])", r"\\\1", members)
        return f"(?!/)[{'^' if negated else ''}{escaped}]"
    return re.escape(token[-1])


def _token(last: Entry) -> str:
    return base64.urlsafe_b64encode(json.dumps(last).encode()).decode()


def _parse_token(token: str) -> Entry:
    try:
        name, is_prefix = json.loads(base64.urlsafe_b64decode(token))
        return str(name), bool(is_prefix)
    except (ValueError, TypeError):
        raise StorageError(400, f"Invalid pageToken: {token!r}") from None

"""Listing against an independent and slower statement of the same rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.listing import Query, glob_pattern, page

NAMES = st.lists(st.text("ab/.é", min_size=1, max_size=6), max_size=12, unique=True)
SHORT = st.text("ab/.é", max_size=2)


def everything(names, query):
    """All entries in order, read off the documentation rather than off the code."""
    objects, prefixes = set(), set()
    for name in names:
        if not name.startswith(query.prefix) or name < query.start:
            continue
        if query.end and name >= query.end:
            continue
        at = name.find(query.delimiter, len(query.prefix)) if query.delimiter else -1
        if at >= 0:
            prefixes.add(name[: at + len(query.delimiter)])
        if at < 0 or (query.trailing and at + len(query.delimiter) == len(name)):
            objects.add(name)
    return sorted(objects), sorted(prefixes)


def pages(names, query):
    token = ""
    while True:
        found = page(names, Query(**{**vars(query), "page_token": token}))
        yield found
        token = found.next_token
        if not token:
            return


@given(NAMES, SHORT, st.sampled_from(["", "/", "a", "./"]), SHORT, SHORT, st.booleans())
def test_one_page(names, prefix, delimiter, start, end, trailing):
    query = Query(prefix, delimiter, start, end, trailing=trailing)
    found = page(sorted(names), query)
    assert (list(found.names), list(found.prefixes)) == everything(names, query)
    assert found.next_token == ""


@given(NAMES, SHORT, st.sampled_from(["", "/", "a"]), st.integers(1, 4), st.booleans())
def test_pages(names, prefix, delimiter, size, trailing):
    query = Query(prefix, delimiter, trailing=trailing, page_size=size)
    found = list(pages(sorted(names), query))
    assert all(len(each.names) + len(each.prefixes) == size for each in found[:-1])
    objects = [name for each in found for name in each.names]
    prefixes = [name for each in found for name in each.prefixes]
    assert (objects, prefixes) == everything(names, query)


@given(NAMES, st.integers(1, 3), st.text("ab/", min_size=1, max_size=3))
def test_objects_that_come_between_pages_shift_nothing(names, size, added):
    query = Query(page_size=size)
    first = page(sorted(names), query)
    rest = Query(page_token=first.next_token) if first.next_token else Query(start="\U0010ffff")
    later = page(sorted({*names, added}), rest)
    assert set(later.names) - {added} == set(names) - set(first.names) - {added}


@pytest.mark.parametrize("token", ["x", "e30=", "é", "W10="])
def test_page_token_of_someone_else(token):
    with pytest.raises(StorageError, match="pageToken"):
        page(["a"], Query(page_token=token))


@pytest.mark.parametrize(
    ("glob", "name", "matches"),
    [
        ("*", "a", True),
        ("*", "a/b", False),
        ("**", "a/b", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("x**/b", "xa/c/b", True),
        ("x**/b", "xb", False),
        ("[a-c]", "b", True),
        ("[!a-c]", "/", False),
        ("[]]", "]", True),
        ("\\*", "*", True),
        ("\\*", "a", False),
        ("{a,b}{c,d}", "bd", True),
        ("{a,b", "b", True),
        ("a,b}", "a,b}", True),
        ("a+(b)", "a+(b)", True),
        ("?", "é", True),
        ("?", "/", False),
    ],
)
def test_glob(glob, name, matches):
    assert bool(glob_pattern(glob).fullmatch(name)) is matches


def test_glob_that_is_none():
    with pytest.raises(StorageError, match="matchGlob"):
        glob_pattern("[z-a]")

"""The one spelling of a JSON value."""

import json
import math
import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpredict.runtime.canonical import canonical, nested_deeper

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**53).map(lambda n: n * 10**20 + 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def respell(value, chance):
    """Write a value as another program might: other order, spaces, escapes, numbers."""
    space = chance.choice(["", " ", "\n", "\t "])
    if isinstance(value, dict):
        members = list(value.items())
        chance.shuffle(members)
        inside = [f"{respell(k, chance)}{space}:{space}{respell(v, chance)}" for k, v in members]
        return "{" + space + f"{space},".join(inside) + "}"
    if isinstance(value, list):
        return "[" + f",{space}".join(respell(item, chance) for item in value) + space + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=chance.random() < 0.5)
    if isinstance(value, float):
        return chance.choice([repr, "{:.17e}".format, "{:.20E}".format])(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < abs(value) < 2**53:
        return chance.choice(["{}", "{}.0", "{}e0", "{}.000E+0", "{}0e-1"]).format(value)
    return json.dumps(value)


def meaning(value):
    """A value that is equal exactly when the JSON means the same, without this module's ways."""
    if isinstance(value, dict):
        return ("object", frozenset((k, meaning(v)) for k, v in value.items()))
    if isinstance(value, list):
        return ("list", tuple(map(meaning, value)))
    if isinstance(value, (bool, str, type(None))):
        return (type(value), value)
    # A double means its shortest decimal text: that is what other programs write and read.
    return ("number", Decimal(repr(value)))


@given(VALUES, st.integers())
def test_every_way_to_write_a_value_has_the_same_spelling(value, seed):
    chance = random.Random(seed)
    spelt = canonical(respell(value, chance))
    assert spelt == canonical(respell(value, chance)) == canonical(json.dumps(value))
    assert meaning(json.loads(spelt)) == meaning(value)


@given(VALUES, VALUES)
def test_different_values_have_different_spellings(one, other):
    same = canonical(json.dumps(one)) == canonical(json.dumps(other))
    assert same == (meaning(one) == meaning(other))


@given(VALUES)
def test_a_spelling_is_its_own(value):
    spelt = canonical(json.dumps(value))
    assert canonical(spelt) == spelt
    spelt.encode()


@given(st.text())
def test_any_text_at_all_has_a_spelling(text):
    assert canonical(canonical(text)) == canonical(text)


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        (' { "b" : 1.0 , "a" : [ -0.0, -0, 1e2 ] } ', '{"a":[0,0,100],"b":1}'),
        ("9007199254740993", "9007199254740993"),
        ("-123456789012345678901234567890", "-123456789012345678901234567890"),
        ("1e23", "1" + "0" * 23),
        ("9007199254740992.0", "9007199254740992"),
        ("1.10", "1.1"),
        ("0.1e1", "1"),
        ("1e-400", "0"),
        ("5e-324", "5e-324"),
        ('"1.0"', '"1.0"'),
        ('"007"', '"007"'),
        ('"\\u00e9\\/"', '"é/"'),
        ('"é"', '"é"'),
        ('"\\ud83d\\ude00"', '"😀"'),
        ('["é", "\\ud800"]', '["\\u00e9","\\ud800"]'),
        ('{"é":1,"z":2}', '{"z":2,"é":1}'),
        ("[true, null]", "[true,null]"),
        ("[NaN, -Infinity ,Infinity]", "[NaN,-Infinity,Infinity]"),
    ],
)
def test_spellings_worked_out_by_hand(text, spelt):
    assert canonical(text) == spelt


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1, ]",
        "{'a': 1}",
        "01",
        "[1] [2]",
        '{ "a": 1, "a": 1 }',
        "[ 1e400 ]",
        "[ -1e400 ]",
        "[ " + "9" * 4301 + " ]",
        "\ufeff[ 1 ]",
        '"a\nb" ',
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
    ],
    ids=lambda text: repr(text)[:20],
)
def test_what_has_no_spelling_stays_as_it_is(text):
    assert canonical(text) == text


@pytest.mark.parametrize("opening", ["[ ", '{"a": '])
@pytest.mark.parametrize("inside", ["1", '[{"b": 2}, {}]'])
def test_200_levels_and_no_more(opening, inside):
    own = json.loads(inside) != 1
    closing = "]" if opening == "[ " else "}"

    def nested(levels):
        outer = levels - 2 * own
        return opening * outer + inside + closing * outer

    deep, deeper = nested(200), nested(201)
    assert canonical(deep) == deep.replace(" ", "")
    assert canonical(deeper) == deeper
    assert not nested_deeper(json.loads(deep), 200)
    assert nested_deeper(json.loads(deeper), 200)


def test_many_brackets_side_by_side_are_not_deep():
    assert canonical("[" + "[1.0], " * 500 + "{}]") == "[" + "[1]," * 500 + "{}]"


def test_a_double_keeps_all_its_digits():
    number = math.nextafter(0.1, 1)
    assert canonical(f"{number:.30f}") == repr(number) != canonical("0.1")

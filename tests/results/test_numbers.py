"""Numbers survive: as text, in keys, and bit by bit."""

import struct

import pytest


def line(key, prediction):
    return f'{{"key": "{key}", "prediction": {prediction}}}\n'


def bits(number):
    return struct.pack("<d", number).hex()


NEAREST = {
    "0.41421356237309503": "32effc997982da3f",
    "0.1": "9a9999999999b93f",
    "0.30000000000000004": "343333333333d33f",
    "5e-324": "0100000000000000",
    "2.2250738585072011e-308": "ffffffffffff0f00",
    "1.7976931348623157e308": "ffffffffffffef7f",
    "-0.0": "0000000000000080",
    "1e23": "f64ae1c7022db544",
    "9007199254740993": "0000000000004043",
    "9007199254740993.1": "0100000000004043",
}


def test_numbers_are_the_nearest_double(parse):
    parsed = parse("".join(line(text, text) for text in NEAREST))
    assert {key: bits(value) for key, value in parsed.column("value").items()} == NEAREST
    assert parsed.column("prediction") == {text: text for text in NEAREST}
    lists = parse("".join(line(text, f"[{text}]") for text in NEAREST))
    assert {key: bits(value[0]) for key, value in lists.column("vector").items()} == NEAREST


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        ("9007199254740993", True),
        ("9007199254740993.0", True),
        ("-9007199254740993.000", True),
        ("9007199254740993.1", False),  # a fraction is the nearest double, as all are
        ("9007199254740992.0", False),
        ("9007199254740993.0e0", False),
    ],
)
def test_an_integer_that_a_double_does_not_hold_is_noted(parse, text, noted):
    row = parse(line("a", text)).row
    assert ("more digits" in row.get("note", "")) == noted
    assert row["prediction"] == text


def test_scores_are_bit_exact(parse):
    numbers = ["0.61803398874989485", "0.38196601125010515", "1.4142135e-11", "2.2360679E-4"]
    parsed = parse(line("a", f"[{','.join(numbers)}]"), labels=["a", "b", "c", "d"])
    assert [bits(score) for score in parsed.row["scores"]] == [
        "50e92f37efc6e33f",
        "612da0912172d83f",
        "786f00725019af3d",
        "68304fb3ff4e2d3f",
    ]
    assert bits(parsed.row["score"]) == "50e92f37efc6e33f"


KEYS = [
    ('"007"', "007"),
    ('"1.10"', "1.10"),
    ("1.10", "1.10"),
    ("7", "7"),
    ("1e5", "1e5"),
    ("9007199254740993", "9007199254740993"),
    ("9223372036854775808", "9223372036854775808"),
    ("123456789012345678901234567890", "123456789012345678901234567890"),
    ('"9007199254740993"', "9007199254740993"),
    ('""', ""),
    ('" a "', " a "),
    ('"null"', "null"),
    ('"\\u00e9\\t\\"\\\\"', 'é\t"\\'),
    ('"2031-01-02"', "2031-01-02"),
    ("true", "true"),
]
PLACES = {
    "key": '"key": {}',
    "instance": '"instance": {{"id": {}}}',
    "sibling": '"instance": {{"x": 1}}, "id": {}',
}


@pytest.mark.parametrize("place", PLACES)
def test_keys_are_text(parse, place):
    rows = [(PLACES[place].format(literal), n) for n, (literal, _) in enumerate(KEYS)]
    parsed = parse(
        "".join(f'{{{where}, "prediction": {n}}}\n' for where, n in rows),
        instances="".join(f'{{"x": 1, "id": {literal}}}\n' for literal, _ in KEYS),
        key_field="id",
    )
    found = {KEYS[int(row["value"])][0]: row["key"] for row in parsed.rows}
    assert found == dict(KEYS)
    assert parsed.counts == (len(KEYS), 0, 0)


def test_a_key_of_minus_zero_is_matched(parse):
    parsed = parse('{"key": -0, "prediction": 1}\n', instances='{"key": -0}\n')
    assert parsed.counts == (1, 0, 0)


def test_keys_that_differ_beyond_2_to_53(parse):
    big = ["9007199254740992", "9007199254740993", "9007199254740994"]
    asked = "".join(f'{{"key": {key}}}\n' for key in big)
    output = "".join(f'{{"instance": {{"key": {k}}}, "prediction": {k}}}\n' for k in big[::-1])
    parsed = parse(output, instances=asked)
    assert parsed.counts == (3, 0, 0)
    assert parsed.column("prediction") == {key: key for key in big}


def test_texts_that_look_like_numbers_stay_texts(parse):
    texts = ["1.10", "007", "NaN", "1e999", "true", "null", "9007199254740993", "2031-01-02"]
    parsed = parse("".join(line(text, f'"{text}"') for text in texts))
    assert parsed.column("label") == {text: text for text in texts}
    assert set(parsed.column("value").values()) == {None}


def test_leading_zeros_are_no_json(parse):
    parsed = parse(line("a", "1") + '{"key": 007, "prediction": 1}\n', max_failed=1)
    assert parsed.counts == (1, 1, 0)
    assert parsed.failure["code"] == "E222"


def test_late_surprises_change_no_row_before_them(parse):
    head = "".join(line(f"k{i}", i) for i in range(3000))
    tail = line("frac", "0.5") + line("big", "9007199254740993") + line("text", '"n/a"')
    parsed = parse(head + tail + line("list", "[1]") + line("none", "null"))
    assert parsed.counts == (3005, 0, 0)
    values = parsed.column("value")
    assert [values[f"k{i}"] for i in (0, 1, 2999)] == [0.0, 1.0, 2999.0]
    assert values["frac"] == 0.5
    assert parsed.by_key["big"]["prediction"] == "9007199254740993"
    assert parsed.by_key["text"]["prediction"] == '"n/a"'
    assert parsed.by_key["list"]["prediction"] == "[1]"


def test_an_integer_of_5000_digits(parse):
    long = "9" * 5000
    parsed = parse(
        line("a", 1)
        + line("odd", long)
        + f'{{"instance": {{"key": "in", "x": {long}}}, "prediction": 2}}\n',
        max_failed=2,
    )
    assert sum(parsed.counts) == 3
    assert parsed.by_key["a"]["value"] == 1.0
    assert "odd" in [row.get("key") for row in parsed.failures if row["code"] == "E222"]
    if "in" in parsed.by_key:
        assert parsed.by_key["in"]["instance"] == f'{{"key": "in", "x": {long}}}'

"""What JSON readers get wrong: every row of section 13."""

import pytest

ONE = "prediction.results-00000-of-00001"


def line(key, prediction, ending="\n"):
    return f'{{"key": "{key}", "prediction": {prediction}}}{ending}'


VERBATIM = [
    "1.10",
    "0.1000",
    "-0.0",
    "-0",
    "1E5",
    "1e+05",
    "9007199254740993",
    "-9223372036854775809",
    "18446744073709551616",
    "123456789012345678901234567890",
    "0.12345678901234567890123",
    '{"b": 1.10, "a": [1e2, {"z": 9007199254740993}]}',
    '{ "spaced" :  [ 1 ,2 ] }',
    '"\\u00e9\\/\\n\\ud83d\\ude00"',
    '"é😀"',
    '["1.10", "007", "1e999", "NaN"]',
]


@pytest.mark.parametrize("labels", [[], ["a"]])
def test_raw_json_is_verbatim(parse, labels):
    lines = [f'{{"instance": {text}, "prediction": {text}}}\n' for text in VERBATIM]
    parsed = parse("".join(lines), labels=labels)
    wanted = sorted((text, text) for text in VERBATIM)
    assert sorted((row["instance"], row["prediction"]) for row in parsed.rows) == wanted


NOT_FINITE = ["NaN", "Infinity", "-Infinity"]


def test_a_prediction_that_is_not_finite(parse):
    odd = [*NOT_FINITE, "1e999", "-1e999", "[0.5, NaN]", '{"x": 1e400}', "nan", "inf", "-inf"]
    lines = {f"odd {n}": line(f"odd {n}", number) for n, number in enumerate(odd)}
    text = line("a", 1) + "".join(lines.values()) + line("b", 2)
    parsed = parse(text, max_failed=len(odd))
    assert parsed.column("value") == {"a": 1.0, "b": 2.0}
    found = {row["key"]: row["raw"] for row in parsed.failures}
    assert found == {key: text.rstrip("\n") for key, text in lines.items()}
    assert {row["code"] for row in parsed.failures} == {"E222"}
    assert {row["source"] for row in parsed.failures} == {ONE}


@pytest.mark.parametrize("number", NOT_FINITE)
def test_an_instance_that_is_not_finite(parse, number):
    parsed = parse(
        f'{{"instance": {{"key": "a", "x": [1.10, {number}], "t": "{number}, it"}}, '
        '"prediction": 0.5}\n{"instance": {"key": "b"}, "prediction": 1}\n'
    )
    assert parsed.column("value") == {"a": 0.5, "b": 1.0}
    instance = f'{{"key": "a", "x": [1.10, "{number}"], "t": "{number}, it"}}'
    assert parsed.by_key["a"]["instance"] == instance
    assert parsed.by_key["a"]["note"]
    assert "note" not in parsed.by_key["b"]
    assert parsed.summary["counts"]["noted"] == 1


def test_an_instance_with_a_number_too_large_for_a_double(parse):
    row = parse('{"instance": {"key": "a", "x": 1e999}, "prediction": 0.5}\n').row
    assert row["instance"] == '{"key": "a", "x": 1e999}'
    assert row["value"] == 0.5


def test_an_instance_that_is_nan_is_still_matched(parse):
    asked = '{"key": "a", "x": NaN}\n{"key": "b", "x": 1}\n'
    output = (
        '{"instance": {"key": "b", "x": 1}, "prediction": 1}\n'
        '{"instance": {"key": "a", "x": NaN}, "prediction": 2}\n'
    )
    parsed = parse(output, instances=asked)
    assert parsed.counts == (2, 0, 0) or parsed.error.startswith("E202 ")


TWICE = [
    '{"key": "odd", "prediction": 1, "prediction": 2}',
    '{"key": "odd", "prediction": 1, "prediction": 1}',
    '{"key": "odd", "key": "x", "prediction": 1}',
    '{"key": "odd", "prediction": {"label": "a", "label": "b"}}',
    '{"key": "odd", "prediction": [{"a": {"b": 1, "b": 1}}]}',
    '{"key": "odd", "pr\\u0065diction": 1, "prediction": 2}',
    '{"instance": {"key": "odd", "key": "x"}, "prediction": 1}',
]


def test_a_key_twice(parse):
    text = line("a", 1) + "".join(f"{odd}\n" for odd in TWICE) + line("b", 2)
    parsed = parse(text, max_failed=len(TWICE))
    assert parsed.column("value") == {"a": 1.0, "b": 2.0}
    assert {row["code"] for row in parsed.failures} == {"E222"}
    found = {row["raw"]: row for row in parsed.failures}
    assert sorted(found) == sorted(TWICE)
    # Which of two keys is meant cannot be told.
    assert [odd for odd in TWICE if odd.count('"key"') == 2 and "key" in found[odd]] == []


def test_another_name_twice_in_the_instance_is_kept_as_it_stands(parse):
    odd = '{"instance": {"key": "odd", "x": 1, "x": 2}, "prediction": 1}'
    parsed = parse(line("a", 1) + odd + "\n")
    assert parsed.by_key["odd"]["instance"] == '{"key": "odd", "x": 1, "x": 2}'


def test_half_of_a_surrogate_pair(parse):
    halves = ["\\ud800", "\\udfff", "\\ude00\\ud83d", "a\\uD83Dz"]
    odd = [line(f"odd {n}", f'"{half}"') for n, half in enumerate(halves)]
    odd += [f'{{"key": "{half}", "prediction": 3}}\n' for half in halves]
    parsed = parse(line("a", 1) + "".join(odd) + line("b", 2), max_failed=8)
    assert parsed.column("value") == {"a": 1.0, "b": 2.0}
    assert sorted(row["raw"] + "\n" for row in parsed.failures) == sorted(odd)
    assert parsed.summary["failure_codes"] == {"E222": 8}


def test_half_of_a_surrogate_pair_in_the_instance_is_never_silent(parse):
    odd = '{"instance": {"key": "odd", "t": "\\ud800"}, "prediction": 1}'
    parsed = parse(line("a", 1) + odd + "\n", max_failed=1)
    assert sum(parsed.counts) == 2
    assert parsed.failures or parsed.by_key["odd"]["note"]


def test_a_whole_surrogate_pair_is_one_character(parse):
    assert parse(line("a", '"\\ud83d\\ude00"')).row["label"] == "😀"


@pytest.mark.parametrize("rest", [line("b", 2), line("b", 2, "")])
def test_a_byte_order_mark(parse, rest):
    bom = b"\xef\xbb\xbf"
    name = "prediction.results-{:05d}-of-00002".format
    parsed = parse({name(0): bom + line("a", 1).encode(), name(1): bom + rest.encode()})
    assert parsed.column("value") == {"a": 1.0, "b": 2.0}


def test_blank_lines_and_line_ends(parse):
    text = "\n\r\n  \n" + line("a", 1, "\r\n") + "\n\t\n" + line("b", 2) + "\n" + line("c", 3, "")
    parsed = parse(text)
    assert parsed.column("value") == {"a": 1.0, "b": 2.0, "c": 3.0}
    assert parsed.counts == (3, 0, 0)
    assert set(parsed.column("prediction").values()) == {"1", "2", "3"}


def test_only_newlines_end_a_line(parse):
    text = "one\u2028two\u2029three\u0085four\u001efive".replace("\u001e", "\\u001e")
    parsed = parse(line("a", f'"{text}"') + line("b", '"x\\r\\ny"'))
    assert parsed.by_key["a"]["label"] == text.replace("\\u001e", "\u001e")
    assert parsed.by_key["b"]["label"] == "x\r\ny"


def test_an_escaped_nul_in_a_text(parse):
    parsed = parse(line("a", '"x\\u0000y"') + line("b", '"z"'))
    assert parsed.counts == (2, 0, 0)
    assert parsed.by_key["a"]["prediction"] == '"x\\u0000y"'
    assert parsed.by_key["a"].get("label") == "x\0y" or parsed.by_key["a"]["note"]
    assert parsed.by_key["b"]["label"] == "z"

"""A row reads the same whatever stands around it: in the usual form, or in an unusual one.

A blank before a line makes no difference to JSON, but takes the line out of the usual form.
"""

import random

import pytest

NUMBERS = [
    "0", "-0", "-0.0", "1.0", "1.10", "0.1", "1e5", "1E-7", "5e-324", "1e22", "1e23", "1e99",
    "1e100", "123456789012345", "1234567890123456", "9007199254740993", "18446744073709551616",
    "0.1234567890123456789012345", "0.12345678901234567890123456", "123456789012345.678901234567",
    "1e-99", "1e-320", "2.2250738585072011e-308", "179769313486231580e291", "4.35", "0.3", "1e+5",
    "01", "+1", ".5", "5.", "0x1", "1e", "--1", "1_000", "nan", "NaN", "inf", "-Infinity", "1e999",
]  # fmt: skip
TEXTS = [
    '""', '"a"', '" a "', '"é"', '"\\u00e9"', '"\\\\"', '"\\""', '"\\/"', '"\\n\\t"', '"😀"',
    '"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00\\ud83d"', '"\\u0000"', '"\\u0001"', '"\x7f"',
    '"\u2028"', '"NaN"', '"1.10"', '"null"', '"\\x"', '"\\u12"', '"\x01"', '"\t"', "'a'", "a",
    '"a" ', '"', '"a""b"', f'"{"m" * 1000}"', f'"{"m" * 1001}"', f'"{"é" * 999}"',
    '"\\uD800\\u0041"',
]  # fmt: skip
OTHERS = ["null", "true", "false", "True", "None", "[]", "{}", "[1]", '{"a":1}', "[1,]", "[,1]"]
INSTANCES = [
    '{"key":"a"}', '{"key":"a","key":"b"}', '{"x":"key"}', '{"key":"key"}', '{"x":{"key":"a"}}',
    '{"key":"a","x":{"key":"b"}}', '{"k\\u0065y":"a"}', '{"key":"\\u00e9"}', '{"key":"a\\"b"}',
    '{"key":"a\\\\"}', '{"key":null}', '{"key":true}', '{"key":["a"]}', '{"key":{"a":1}}',
    '{"key":""}', '{"key":" a "}', '{"key":"\\ud800"}', '{"key":"\\u0000"}', '{"key" :"a"}',
    '{"key":007}', '{"x":Infinity}', '{"x":NaN}', '{"x":"NaN"}', '{"x":1e999}', '{"x":"\\ud800"}',
    '{"x":/* */1}', '{"x":1}//', '{"x":"\x01"}', '{"x":"\\x"}', '{"x":01}', '{"x":.5}', '{"x":+1}',
    '{"x":1_0}', '{"x":0x1F}', '{x:1}', "{'x':1}", '{"x":1}}', '{"x":1', "7", '"t"', "null", "[]",
    '"a,\\"prediction\\":1"', '{"a":",\\"prediction\\":1"}', '{"prediction":1}', '{"x":1}{"x":2}',
    '{"a":2,"prediction":1}', '{"x":1},"x":{"y":2}', '\ufeff{"x":1}', '{"x":tru}', '{"x":"\\v"}',
    '{"X":1,"x":2}', '{"":1}', '{"x":"' + "m" * 3000 + '"}', '{"x":' + "[" * 99 + "]" * 99 + "}",
    '{"x":{"instance":1}}', '{"key":"a","x":{"instance":{"instance":1}}}', '{"customer_key":1}',
    '{"key":"a","customer_key":"b"}', '{"customer_key":"b","key":"a","x":"key\\""}',
    *(f'{{"key":{number}}}' for number in NUMBERS),
]  # fmt: skip
FORMS = {
    "number": ("custom", "{}", []),
    "text": ("custom", '"t"', []),
    "vector": ("custom", "[{},2.5]", []),
    "probability": ("custom", "{}", ["no", "yes"]),
    "scores": ("custom", "[{},0.5]", ["no", "yes"]),
    "tabular": ("classification", '{{"scores":[{},0.5],"classes":["a","b"]}}', []),
    "image": (
        "classification",
        '{{"ids":["1","2"],"displayNames":["a","b"],"confidences":[{},0.5]}}',
        [],
    ),
    "detection": (
        "detection",
        '{{"ids":["1"],"displayNames":["a"],"confidences":[0.5],"bboxes":[[{},1,0.5,0.25]]}}',
        [],
    ),
    "regression": ("regression", '{{"value":{},"lower_bound":1,"upper_bound":2}}', []),
    "forecast": (
        "forecast",
        '{{"value":1,"quantile_values":[0.1,0.9],"quantile_predictions":[{},2]}}',
        [],
    ),
    "sentiment": ("sentiment", '{{"sentiment":{}}}', []),
    "names": ("classification", '{{"scores":[0.25,0.5],"classes":[{},"b"]}}', []),
}


def both_ways(parse, lines, kind, labels):
    """Parse odd lines among usual ones, and with a blank before each; list what differs."""
    head = f"{lines[0]}\n" * 150
    found = []
    for blank in ("", " "):
        text = head + "".join(f"{blank}{line}\n" for line in lines)
        parsed = parse(text, kind=kind, labels=labels, max_failed=len(lines))
        assert sum(parsed.counts) == 150 + len(lines)
        rows = [repr(sorted(row.items())) for row in parsed.rows]
        failures = [
            repr([row["code"], row.get("key"), row.get("raw", "").strip()])
            for row in parsed.failures
        ]
        found.append(set(rows + failures))
    usual, other = found
    return [f"as usual {row}, else not" for row in usual - other] + [
        f"with a blank {row}, else not" for row in other - usual
    ]


@pytest.mark.parametrize("form", FORMS)
def test_predictions(parse, form):
    kind, text, labels = FORMS[form]
    cells = ["0.5", *NUMBERS, *TEXTS, *OTHERS]
    if form == "names":
        cells[0] = '"a"'
    predictions = [text.format(cell) for cell in cells]
    if form == "text":
        predictions = ['"t"', *TEXTS, *OTHERS, *NUMBERS]
    lines = [
        f'{{"instance":{{"key":"k{place}"}},"prediction":{prediction}}}'
        for place, prediction in enumerate(predictions)
    ]
    assert both_ways(parse, lines, kind, labels) == []


def test_blanks_around_the_instance(parse):
    around = (" {}", "{} ", "\t{}", "{}\t", "  {}  ")
    lines = [
        f'{{"instance":{it.format(instance)},"prediction":1}}'
        for instance in ('{"key":"a"}', '"t"', "5")
        for it in ("{}", *around)
    ]
    assert both_ways(parse, lines, "custom", []) == []


DIGITS = "12345678901234567890"


def test_digits_in_a_text_are_no_number(parse):
    lines = [
        f'{{"instance":{{"key":"a"}},"prediction":{{"scores":[1],"classes":["{text}"]}}}}'
        for text in ("a", DIGITS, f"a{DIGITS}", f"{DIGITS}b")
    ]
    assert both_ways(parse, lines, "classification", []) == []
    rows = parse("".join(f" {line}\n" for line in lines)).rows
    assert [row for row in rows if "note" in row] == []


@pytest.mark.parametrize(
    "instance",
    ['{"key":"k"}', '{"x":{"instance":1}}', '{"customer_key":1}', '{"key":1,"customer_key":2}'],
)
def test_usual_instances_are_read_by_sql(parse, caplog, instance):
    caplog.set_level("INFO")
    parsed = parse(f'{{"instance":{instance},"prediction":1}}\n' * 200)
    assert len(parsed.rows) == 200
    assert "not all lines are of one form" not in caplog.text
    assert all("note" not in row for row in parsed.rows)


@pytest.mark.parametrize("keyed", [True, False])
def test_instances(parse, keyed):
    usual = '{"key":"k"}' if keyed else '{"x":5}'
    lines = [
        f'{{"instance":{instance},"prediction":{place}}}'
        for place, instance in enumerate([usual, *INSTANCES])
    ]
    assert both_ways(parse, lines, "custom", []) == []


def test_fields_beside_the_prediction(parse):
    lines = [
        f'{{"instance":{{"key":"k{place}"}},"prediction":1,"more":{more}}}'
        for place, more in enumerate(["5", *NUMBERS, *TEXTS, *OTHERS, *INSTANCES])
    ]
    assert both_ways(parse, lines, "custom", []) == []


def test_keys_beside_the_prediction(parse):
    lines = [
        f'{{"key":{key},"prediction":{place}}}'
        for place, key in enumerate(['"k"', *NUMBERS, *TEXTS, *OTHERS])
    ]
    assert both_ways(parse, lines, "custom", []) == []


LINES = [
    '{"key":"a","prediction":1}', '{"key":"a","prediction":1,"prediction":2}',
    '{"key":"a","key":"b","prediction":1}', '{"key":"a","prediction":1,"PREDICTION":2}',
    '{"prediction":1,"key":"a"}', '{"key":"a", "prediction":1}', '{"key":"a","prediction": 1}',
    '{"key":"a","prediction":1 }', '{"key":"a","prediction":1,}', '{"key":"a","prediction":}',
    '{"key":"a","prediction"}', '{"key":"a"}', '{"prediction":1}', '{"key":"a","prediction":1}}',
    '{"key":"a","prediction":1}]', '{"key":"a","prediction":1', '{"key":"a","prediction":1}{}',
    '{"key":"a","prediction":1}\u00a0', '{"key":"a","prediction":1}\x0c',
    '{"key":"a","prediction":1}  ',
    '{"key":"a","prediction":1}\x00', '{"key":"a","prediction":1,"error":null}',
    '{"key":"a","prediction":1,"error":{"status":"INTERNAL","message":"m"}}',
    '{"key":"a","error":{"status":"INTERNAL","message":"m"}}', '{"KEY":"a","prediction":1}',
    '{"key":"a","pr\\u0065diction":1}', "{}", "[]", "null", "1", '"a"', "{", "}", "x",
    '{"key":"a"',
    '{"key":"a","prediction":1,"explanation":{"attributions":[{"featureAttributions":{"x":1}}]}}',
    '{"key":"a,\\"prediction\\":2","prediction":1}', '{"key":"a","prediction":"b\\",\\"key\\":1"}',
    '{"key":"a","instance":{"key":"b"},"prediction":1}', '{"key":"a","predictions":[1]}',
]  # fmt: skip


def test_whole_lines(parse):
    assert both_ways(parse, LINES, "custom", []) == []


def test_keys_that_come_late(parse):
    head = '{"instance":{"x":1},"prediction":1}\n' * 300
    parsed = parse(head + '{"instance":{"x":1,"key":"late"},"prediction":2}\n')
    assert [row.get("key") for row in parsed.rows if row["value"] == 2] == ["late"]


def test_keys_that_end_early(parse):
    head = '{"instance":{"key":"k"},"prediction":1}\n' * 300
    parsed = parse(head + '{"instance":{"x":1},"prediction":2}\n')
    assert [row.get("key") for row in parsed.rows if row["value"] == 2] == [None]


@pytest.mark.parametrize(("opening", "closing"), [("[ ", "] "), ('{"a":[', "]}"), ("[[ ", "]] ")])
def test_deep_instances_among_usual_rows(parse, opening, closing):
    usual = '{"instance":{"key":"k"},"prediction":1}\n' * 150
    instance = f'{{"key":"odd","x":{opening * 50_000}{closing * 50_000}}}'
    parsed = parse(f'{usual}{{"instance":{instance},"prediction":2}}\n{usual}', max_failed=1)
    assert sum(parsed.counts) == 301
    assert parsed.counts[0] >= 300
    assert all(row["instance"] == instance for row in parsed.rows if row["value"] == 2)


def test_an_explanation_that_comes_late_is_kept(parse):
    explanation = '{"attributions": [{"featureAttributions": {"x": 1.5}}]}'
    head = '{"key": "k", "prediction": 1}\n' * 300
    parsed = parse(head + f'{{"key": "late", "prediction": 2, "explanation": {explanation}}}\n')
    (row,) = [row for row in parsed.rows if row["key"] == "late"]
    assert '{"x": 1.5}' in row.get("explanation", "") + row.get("extra", "")


@pytest.mark.parametrize("unusual", ["", " "])
def test_lines_of_every_length(parse, unusual):
    sizes = [2**20 - 1, 2**20, 2**20 + 1, 2**21 - 1, 2**21, 2**21 + 1, 2**22, 5 * 10**6, 2**23]
    usual = [f'{{"instance":{{"key":"k{n}"}},"prediction":{n}}}\n' for n in range(200)]
    long = []
    for size in sizes:
        line = f'{{"instance":{{"key":"{size}","x":""}},"prediction":{size}}}'
        long.append(unusual + line.replace('""', f'"{"m" * (size - len(line) - 1)}"') + "\n")
    parsed = parse("".join(usual[:100] + long + usual[100:]))
    assert parsed.counts == (200 + len(sizes), 0, 0)
    assert {key: value for key, value in parsed.column("value").items() if key[0] != "k"} == {
        str(size): float(size) for size in sizes
    }


PIECES = [
    *'{}[]",:019.-eE \\u\t\r', "null", "true", "NaN", "nan", '"key"', ',"prediction":1', "é",
    "\\u00e9", "\\ud83d", "\x00", "\x01", "\u2028", '""', "[]", ',"key":"z"', "1e999", DIGITS,
]  # fmt: skip


def damaged(line, seed):
    """Return a line with some characters cut out, put in or repeated, the same at every run."""
    chance = random.Random(seed)
    for _ in range(chance.choice([1, 1, 2, 3])):
        start = chance.randrange(len(line) + 1)
        end = start + chance.choice([0, 0, 1, 1, 2, 5])
        piece = chance.choice([*PIECES, "", line[start : start + 12] * 2])
        line = line[:start] + piece + line[end:]
    return line


@pytest.mark.parametrize("form", ["number", "vector", "tabular", "image", "forecast", "text"])
def test_damaged_lines(parse, form):
    kind, text, labels = FORMS[form]
    usual = f'{{"instance":{{"key":"k1","x":[1.5]}},"prediction":{text.format("0.25")}}}'
    lines = [usual, *(damaged(usual, seed) for seed in range(300))]
    assert both_ways(parse, lines, kind, labels) == []

"""Which files of a folder are read (sections 3, 4, 5.4 and 11)."""

import pytest

ONE = "prediction.results-00000-of-00001"
STATS = "prediction.errors_stats-00000-of-00001"


def line(key, value=1):
    return f'{{"key": "{key}", "prediction": {value}}}\n'


def test_an_empty_file_of_errors(parse):
    parsed = parse({ONE: line("a"), STATS: ""})
    assert parsed.counts == (1, 0, 0)
    assert parsed.summary["error_statistics"] == []
    assert parsed.summary["unknown_files"] == []


STATISTICS = {
    "('Post fails. Non-OK result 504 (timeout), retry=3.', 16)\n": (
        "Post fails. Non-OK result 504 (timeout), retry=3.",
        16,
    ),
    '(\'Post fails. Non-OK result 422 ({"detail":[{"loc":["body"]}]}).\', 64)\n': (
        'Post fails. Non-OK result 422 ({"detail":[{"loc":["body"]}]}).',
        64,
    ),
    "('it\\'s \"quoted\"\\nand \\\\ more', 2)\n": ('it\'s "quoted"\nand \\ more', 2),
    '("it\'s plain", 1)\n': ("it's plain", 1),
    "('cut off he\n": ("('cut off he", None),
    "(['no text'], 3)\n": ("(['no text'], 3)", None),
    "('a share', 0.5)\n": ("('a share', 0.5)", None),
    "__import__('os').system('true')\n": ("__import__('os').system('true')", None),
}


def test_statistics_of_errors(parse):
    parsed = parse({ONE: line("a"), STATS: "".join(STATISTICS)})
    wanted = [{"message": message, "count": count} for message, count in STATISTICS.values()]
    assert parsed.summary["error_statistics"] == wanted
    assert parsed.counts == (1, 0, 0)


def test_statistics_never_count_as_rows(parse):
    parsed = parse(
        {ONE: line("a"), STATS: "('timeout', 64)\n('crash', 3)\n"},
        instances='{"key": "a"}\n{"key": "b"}\n',
        max_missing=1,
    )
    assert parsed.counts == (1, 0, 1)
    assert len(parsed.summary["error_statistics"]) == 2


def test_21_shards_19_of_them_empty(parse):
    name = "prediction.results-{:05d}-of-00021".format
    files = {name(index): "" for index in range(21)}
    files[name(4)] = line("a") + line("b")
    files[name(20)] = line("c")
    parsed = parse(files)
    assert parsed.column("source") == {"a": name(4), "b": name(4), "c": name(20)}
    assert [file["name"] for file in parsed.summary["files"]] == [name(i) for i in range(21)]
    assert [file["predicted"] for file in parsed.summary["files"]] == (
        [0] * 4 + [2] + [0] * 15 + [1]
    )
    assert parsed.summary["files"][0]["bytes"] == 0
    assert parsed.summary["files"][20]["bytes"] == len(line("c"))


@pytest.mark.parametrize("key", [True, False])
def test_duplicate_instances_are_a_multiset(parse, key):
    instance = '{"key": "a", "x": 1}' if key else '{"x": 1}'
    row = f'{{"instance": {instance}, "prediction": 5}}\n'
    asked = f"{instance}\n" * 3
    assert parse(row * 3, instances=asked).counts == (3, 0, 0)
    fewer = parse(row * 2, instances=asked, max_missing=1)
    assert fewer.counts == (2, 0, 1)
    assert fewer.failure["code"] == "MISSING"
    assert fewer.failure["instance"] == instance
    more = parse(row * 4, instances=asked)
    assert more.error.startswith("E224 ")
    assert more.summary["counts"]["duplicate"] == 1
    assert len(more.rows) == 4


def test_shuffled_rows_are_found_by_their_instance(parse):
    asked = "".join(f'{{"x": {i}, "y": [{i}.0, "t"]}}\n' for i in range(8))
    order = [5, 0, 7, 3, 1, 6, 2, 4]
    lines = [f'{{"prediction": {i}, "instance": {{"y":[{i},"t"],"x":{i}e0}}}}\n' for i in order]
    parsed = parse("".join(lines), instances=asked)
    assert parsed.counts == (8, 0, 0)
    assert parsed.summary["reconciled"] is True
    assert parsed.summary["matched_by"] == "instance"
    shuffled = {row["instance"]: row["value"] for row in parsed.rows}
    assert shuffled == {f'{{"y":[{i},"t"],"x":{i}e0}}': float(i) for i in range(8)}


DIFFERENT = [
    ("9007199254740993", "9007199254740992"),
    ("18446744073709551617", "18446744073709551616"),
    ("123456789012345678901234567890", "123456789012345678901234567891"),
    ("1", "true"),
    ("1", '"1"'),
    ("null", '""'),
    ("[]", "{}"),
    ("[1, 2]", "[2, 1]"),
    ('{"a": 1}', '{"a": 1, "b": null}'),
]
SAME = [
    ("100", "1E2"),
    ("1.0", "1"),
    ("0.5", "5e-1"),
    ('"\\u00e9"', '"é"'),
    ('{"a": 1, "b": 2}', '{"b":2,"a":1}'),
    ("123456789012345678901234567890", "123456789012345678901234567890"),
]


def matched(parse, pairs):
    """Parse rows whose instances are asked and answered in two spellings."""
    output = [
        f'{{"instance": {{"n": {n}, "x": {answered}}}, "prediction": 1}}\n'
        for n, (_, answered) in enumerate(pairs)
    ]
    asked = [f'{{"n": {n}, "x": {text}}}\n' for n, (text, _) in enumerate(pairs)]
    return parse("".join(output), instances="".join(asked), max_missing=len(pairs))


def test_instances_that_are_not_the_same(parse):
    parsed = matched(parse, DIFFERENT)
    assert parsed.error.startswith("E224 ")
    assert parsed.summary["counts"]["unexpected"] == len(DIFFERENT)
    wanted = [f'{{"n": {n}, "x": {asked}}}' for n, (asked, _) in enumerate(DIFFERENT)]
    assert sorted(row["instance"] for row in parsed.failures) == sorted(wanted)


def test_instances_that_are_the_same(parse):
    assert matched(parse, SAME).counts == (len(SAME), 0, 0)


def test_instances_that_were_sent_as_arrays(parse):
    parsed = parse(
        '{"instance": [2, "t"], "prediction": 1}\n{"instance": [4, "u"], "prediction": 2}\n',
        instances='{"a": "u", "b": 4, "c": 0}\n{"a": "t", "b": 2, "c": 0}\n',
        included_fields=["b", "a"],
    )
    assert parsed.counts == (2, 0, 0)
    assert parsed.summary["matched_by"] == "instance"


def test_the_monitoring_tree_is_no_shard(parse):
    tree = "job-5150/bp_monitoring"
    parsed = parse(
        {
            ONE: line("a"),
            f"{tree}/stats_training/stats/training_stats": b"\n\x07\x00\xff",
            f"{tree}/stats_and_anomalies/anomalies/x": line("never"),
            f"{tree}/{ONE}": line("never"),
        }
    )
    assert parsed.column("value") == {"a": 1.0}
    assert any(name.startswith("job-5150") for name in parsed.summary["unknown_files"])


def test_unknown_files_are_reported_and_not_read(parse):
    names = ["README.txt", ".prediction.results-00000-of-00001", "prediction.results", "x.jsonl",
             "predictions_x.jsonl", "old-" + ONE, ONE + ".bak"]  # fmt: skip
    parsed = parse({ONE: line("a"), **{name: line("never") for name in names}})
    assert parsed.column("value") == {"a": 1.0}
    assert sorted(parsed.summary["unknown_files"]) == sorted(names)


def test_the_old_service_has_no_folder_of_its_own(parse):
    parsed = parse(
        {
            "prediction.results-00000-of-00002": '{"prediction": [0.5, 0.25], "key": "a.jpg"}\n',
            "prediction.results-00001-of-00002": '{"prediction": [0.125, 1], "key": "b.jpg"}\n',
            "prediction.errors_stats-00000-of-00001": "",
        },
        directory="prefix",
    )
    assert parsed.column("vector") == {"a.jpg": [0.5, 0.25], "b.jpg": [0.125, 1.0]}


@pytest.mark.parametrize(
    "directory",
    [
        "prediction-leaves_20310226014942-2031-02-26T02:36:52.355258Z",
        "prediction-my-model-v2-prediction-2031_03_23T07_25_10_544Z",
        "prediction-model-2031-09-02T20:06:30.166279Z",
        "prediction-[ab]*?{x,y}-2031",
        "prediction-it's 100% 'ours' ü-2031",
        "prediction-a\\b$HOME-2031",
    ],
)
def test_names_of_folders(parse, directory):
    parsed = parse({ONE: line("a")}, directory=directory, instances='{"key": "a"}\n')
    assert parsed.counts == (1, 0, 0)
    assert parsed.column("source") == {"a": ONE}


@pytest.mark.parametrize(
    "name",
    [
        "prediction.results-00000-of-00001",
        "prediction.results-00000-of-00001.jsonl",
        "prediction.results-00000-of-00001.json",
        "explanation.results-00000-of-00001",
        "explanation.results-00000-of-00001.jsonl",
        "predictions_00001.jsonl",
        "predictions_0001.jsonl",
        "predictions_1.jsonl",
        "predictions.jsonl",
        "tables_1.jsonl",
    ],
)
def test_names_of_results(parse, name):
    parsed = parse({name: line("a", 2.5)})
    assert parsed.column("value") == {"a": 2.5}
    assert parsed.column("source") == {"a": name}
    assert parsed.summary["unknown_files"] == []


@pytest.mark.parametrize("name", ["errors_00001.jsonl", "errors_0001.jsonl", "errors.jsonl"])
def test_names_of_errors(parse, name):
    error = '{"instance": {"key": "b"}, "error": {"code": 3, "message": "too big"}}\n'
    parsed = parse({"predictions_00001.jsonl": line("a"), name: error}, max_failed=1)
    assert parsed.counts == (1, 1, 0)
    assert parsed.failure == {
        "key": "b",
        "instance": '{"key": "b"}',
        "code": "3",
        "message": "too big",
        "source": name,
    }


def test_every_instance_failed(parse):
    error = '{"instance": {"key": "b"}, "error": {"code": 3, "message": "too big"}}\n'
    for files in ({"errors_1.jsonl": error}, {"errors_1.jsonl": error, "predictions_1.jsonl": ""}):
        parsed = parse(files, max_failed=1)
        assert parsed.counts == (0, 1, 0)
        assert parsed.rows == []


def test_the_files_of_the_old_names_with_two_numbers(parse):
    parsed = parse({f"predictions_{i:05d}.jsonl": line(f"k{i}", i) for i in range(1, 11)})
    assert parsed.column("value") == {f"k{i}": float(i) for i in range(1, 11)}

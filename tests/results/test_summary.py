"""What the summary, the metrics and the report say."""

import json

import pytest

ONE = "prediction.results-00000-of-00001"


def line(key, prediction):
    return f'{{"key": "{key}", "prediction": {prediction}}}\n'


OUTPUT = (
    line("a", "[1.0, 0.0]")
    + line("b", "[0.5, 0.5]")
    + line("c", "[0.4375, 0.5625]")
    + line("d", "[0.03125, 0.96875]")
    + line("e", '"text"')
    + '{"key": "f", "error": {"status": "INTERNAL", "message": "m"}}\n'
    + '{"key": "g", "prediction": NaN}\n'
)
ASKED = "".join(f'{{"key": "{key}"}}\n' for key in "abcdefgh")


def test_the_counts(parse):
    parsed = parse(
        OUTPUT, instances=ASKED, labels=["no", "yes"], max_failed=2, max_missing=1, kind="custom"
    )
    assert parsed.counts == (5, 2, 1)
    counts = parsed.summary["counts"]
    wanted = {"input": 8, "predicted": 5, "failed": 2, "missing": 1, "unexpected": 0}
    assert {name: counts[name] for name in wanted} == wanted
    assert (counts["duplicate"], counts["unkeyed"]) == (0, 0)
    assert parsed.summary["format_version"] == 2
    assert parsed.summary["kind"] == "custom"
    assert (parsed.summary["reconciled"], parsed.summary["matched_by"]) == (True, "key")
    for name in ("input", "predicted", "failed", "missing"):
        assert parsed.metrics[name] == counts[name]


def test_the_distributions(parse):
    summary = parse(OUTPUT, labels=["no", "yes"], max_failed=2).summary
    assert summary["labels"] == {"no": 2, "yes": 2, "text": 1}
    assert summary["failure_codes"] == {"INTERNAL": 1, "E222": 1}
    # Twenty times the scores 1.0, 0.5, 0.5625 and 0.96875: 20 (the last bin is 19), 10, 11, 19.
    histogram = [0] * 20
    histogram[10], histogram[11], histogram[19] = 1, 1, 2
    assert summary["score_histogram"] == histogram
    assert summary["values"]["count"] == 0


def test_the_values(parse):
    output = line("a", 1) + line("b", 2.5) + line("c", -4.25) + line("d", "null")
    values = parse(output).summary["values"]
    assert values == {"count": 3, "min": -4.25, "mean": -0.25, "max": 2.5}


def test_the_files(parse):
    parsed = parse({ONE: OUTPUT}, max_failed=2)
    (file,) = parsed.summary["files"]
    assert (file["name"], file["bytes"]) == (ONE, len(OUTPUT))
    assert (file["predicted"], file["failed"]) == (5, 2)
    assert {"generation", "md5"} <= set(file)
    assert set(parsed.summary["versions"]) >= {"duckdb", "python"}


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({}, "E223"),
        ({"max_failed": 1, "max_missing": 1}, "E223"),
        ({"max_failed": 2}, "E223"),
        ({"max_failed": 0.25, "max_missing": 0.125}, ""),
        ({"max_failed": 0.24, "max_missing": 0.125}, "E223"),
        ({"max_failed": 2, "max_missing": 1}, ""),
    ],
)
def test_thresholds_after_everything_is_written(parse, limits, code):
    parsed = parse(OUTPUT, instances=ASKED, labels=["no", "yes"], **limits)
    assert parsed.error[:4] == code
    assert (len(parsed.rows), len(parsed.failures)) == (5, 3)
    assert parsed.summary["counts"]["missing"] == 1
    assert parsed.metrics["missing"] == 1
    assert parsed.report


def test_missing_rows_are_named(parse):
    parsed = parse(line("a", 1), instances='{"key": "a"}\n{"x": [1.10], "key": "b"}\n')
    assert parsed.error.startswith("E223 ")
    missing = parsed.failure
    assert missing.pop("message")
    assert missing == {"key": "b", "instance": '{"x": [1.10], "key": "b"}', "code": "MISSING"}


def test_the_report_is_markdown_and_safe(parse):
    text = '{"key": "a", "prediction": "<script>|`x`\\u001b[31m"}\n'
    parsed = parse(text)
    assert parsed.report.startswith("#")
    assert "<script>" not in parsed.report
    assert "\x1b" not in parsed.report


def test_the_summary_is_json_for_every_reader(parse):
    parsed = parse(line("a", 1.7976931348623157e308) + line("b", 1.7976931348623157e308))
    json.dumps(parsed.summary, allow_nan=False)
    assert parsed.counts == (2, 0, 0)
    assert parsed.summary["values"]["max"] == 1.7976931348623157e308


def test_an_output_without_rows(parse):
    parsed = parse("")
    assert parsed.counts == (0, 0, 0)
    assert parsed.rows == parsed.failures == []
    assert parsed.summary["values"]["count"] == 0
    assert parse("", instances="").counts == (0, 0, 0)
    assert parse("", instances=ASKED, max_missing=8).counts == (0, 0, 8)

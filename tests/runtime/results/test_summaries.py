"""The page for the console, as a renderer of Markdown shows it."""

import html
import re
from typing import Any

import pytest
from markdown_it import MarkdownIt

from batchpredict.runtime.results.summaries import plain_text, report_of

COUNTS = {
    "input": 0,
    "predicted": 0,
    "failed": 0,
    "missing": 0,
    "duplicate": 0,
    "unkeyed": 0,
    "unexpected": 0,
    "noted": 0,
}


def summary(counts: dict[str, int], **fields: Any) -> dict[str, Any]:
    return {
        "kind": "custom",
        "reconciled": True,
        "matched_by": "key",
        "counts": {**COUNTS, **counts},
        "files": [{"name": "prediction.results-00000-of-00001"}],
        "unknown_files": [],
        "error_statistics": [],
        "labels": {},
        "values": {"count": 0, "min": None, "mean": None, "max": None},
        "score_histogram": [0] * 20,
        "failure_codes": {},
        **fields,
    }


def rendered(page: str) -> tuple[str, dict[str, list[tuple[str, str]]]]:
    """Return the text outside of tables, and the rows of each table by its header."""
    shown = MarkdownIt("commonmark").enable("table").render(page)
    tables = {}
    for table in re.findall(r"<table>.*?</table>", shown, re.DOTALL):
        cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", table)
        pairs = list(zip(cells[::2], cells[1::2], strict=True))
        tables[pairs[0][0]] = [(html.unescape(a), html.unescape(b)) for a, b in pairs[1:]]
    return re.sub(r"<table>.*?</table>", "", shown, flags=re.DOTALL), tables


def test_a_clean_run_shows_nothing_that_is_zero_but_the_four_counts() -> None:
    labels = {"Adelie": 1039, "Gentoo": 30}
    text, tables = rendered(report_of(summary({"input": 1069, "predicted": 1069}, labels=labels)))
    assert "<h1>1,069 of 1,069 rows predicted (100.00 %)</h1>" in text
    assert "|" not in text
    assert tables == {
        "Rows and files": [
            ("input", "1,069"),
            ("predicted", "1,069"),
            ("failed", "0"),
            ("missing", "0"),
            ("kind of the predictions", "custom"),
            ("rows matched by", "key"),
            ("files", "1"),
        ],
        "Labels": [("Adelie", "1039"), ("Gentoo", "30")],
    }


def test_a_run_with_failures_says_why_and_what_was_not_read() -> None:
    content = summary(
        {"input": 8, "predicted": 4, "failed": 3, "missing": 1, "unkeyed": 1, "noted": 2},
        kind="classification",
        matched_by="instance",
        unknown_files=["notes.txt", "old"],
        failure_codes={"E222": 3, "MISSING": 1},
        error_statistics=[{"message": "a | b", "count": 3}, {"message": "odd", "count": None}],
        values={"count": 2, "min": -1.5, "mean": 0.25, "max": 2.0},
        score_histogram=[1, *[0] * 18, 3],
    )
    text, tables = rendered(report_of(content))
    assert "<h1>4 of 8 rows predicted (50.00 %)</h1>" in text
    assert tables["Rows and files"][2:] == [
        ("failed", "3"),
        ("missing", "1"),
        ("unkeyed", "1"),
        ("noted", "2"),
        ("kind of the predictions", "classification"),
        ("rows matched by", "instance"),
        ("files", "1"),
        ("unknown files", "2"),
    ]
    reasons = tables["Why rows failed (see <code>failures</code>)"]
    assert reasons == [("E222", "3"), ("MISSING", "1")]
    assert tables["What the service says of errors"] == [("a | b", "3"), ("odd", "")]
    assert tables["Values"] == [("count", "2"), ("min", "-1.5"), ("mean", "0.25"), ("max", "2.0")]
    assert tables["Scores"] == [("0.00 to 0.05", "1"), ("0.95 to 1.00", "3")]


def test_without_instances_nothing_is_said_of_missing_rows() -> None:
    content = summary({"input": 3, "predicted": 3}, reconciled=False, matched_by=None)
    text, tables = rendered(report_of(content))
    assert "The input is not known" in text
    rows = dict(tables["Rows and files"])
    assert rows["missing"] == "not known"
    assert "rows matched by" not in rows


@pytest.mark.parametrize(
    ("good", "share"), [(99_999, "99.99 %"), (1, "0.00 %"), (100_000, "100.00 %")]
)
def test_all_is_said_of_all_rows_only(good: int, share: str) -> None:
    page = report_of(summary({"input": 100_000, "predicted": good}))
    assert page.startswith(f"# {good:,} of 100,000 rows predicted ({share})\n")


def test_an_output_without_rows_has_no_share() -> None:
    assert report_of(summary({})).startswith("# 0 of 0 rows predicted\n")


HOSTILE = r"a|b`c`*d*_e_[f](http://g)![h](i)<script>&lt;&#60;~~j~~\|# k"


def test_what_a_stranger_wrote_is_shown_as_it_is() -> None:
    page = report_of(summary({}, labels={HOSTILE: 1, "tw\no\x1b[2J": 2}))
    _, tables = rendered(page)
    assert tables["Labels"] == [(HOSTILE, "1"), ("tw o [2J", "2")]
    assert "<script>" not in page


def test_a_long_text_is_cut() -> None:
    assert plain_text("x" * 999) == "x" * 200

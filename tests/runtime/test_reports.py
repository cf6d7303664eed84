import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest

from batchpredict.runtime.evaluation import confusion_of, scores_of
from batchpredict.runtime.figures import (
    draw,
    plot_confusion,
    plot_histogram,
    plot_truth,
    shortened,
)
from batchpredict.runtime.reports import histogram_figure, metric_rows, truth_figure, write_report


def joined_rows(classes=3, rows=200, scored=True, seed=0):
    random = np.random.default_rng(seed)
    names = np.array([f"class {i}" for i in range(classes)], dtype=object)
    scores = random.dirichlet(np.ones(classes), rows)
    truth = names[[random.choice(classes, p=p) for p in scores]]
    return {
        "keys": np.array([f"row-{i}" for i in range(rows)], dtype=object),
        "truth": truth,
        "predicted": names[scores.argmax(axis=1)],
        "scores": scores if scored else None,
        "rows_without_prediction": 0,
    }, names.tolist()


def number_rows(rows=120):
    random = np.random.default_rng(0)
    truth = random.normal(100, 20, rows)
    return {
        "keys": np.array([f"row-{i}" for i in range(rows)], dtype=object),
        "truth": truth,
        "predicted": truth + random.normal(0, 5, rows),
        "scores": None,
        "rows_without_prediction": 0,
    }


def report(tmp_path, joined, labels, task="classification", title="Evaluation"):
    path = tmp_path / "report.html"
    confusion = {} if task == "regression" else confusion_of(joined, labels)
    scores = scores_of(joined, task, labels)
    write_report(str(path), title, task, scores, joined, labels, confusion)
    return path.read_text(encoding="utf-8")


class Page(HTMLParser):
    """The tags of a page with their attributes, and the tags that are left open."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "br", "img", "link", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(params=["classes", "pair", "labels only", "numbers"])
def text(request, tmp_path):
    if request.param == "numbers":
        return report(tmp_path, number_rows(), [], "regression")
    joined, labels = joined_rows(
        classes=2 if request.param == "pair" else 3, scored=request.param != "labels only"
    )
    return report(tmp_path, joined, labels)


def test_the_report_needs_nothing_else(text):
    page = Page(text)
    assert page.open == []
    tags = [tag for tag, _ in page.tags]
    assert not {"script", "link", "iframe", "img", "image"} & set(tags)
    policy = dict(page.tags)["meta"]  # the last one, of the colour scheme
    assert policy
    metas = [attributes for tag, attributes in page.tags if tag == "meta"]
    assert metas[1] == {
        "http-equiv": "Content-Security-Policy",
        "content": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    }
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href"):
                assert value.startswith("#")
    assert "@import" not in text
    assert set(re.findall(r"url\(([^)]{1})", text)) <= {"#"}


def test_each_figure_has_a_name_and_a_table(text):
    page = Page(text)
    figures = text.count("<figure>")
    svgs = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(svgs) == figures >= 1
    assert {svg["role"] for svg in svgs} == {"img"}
    assert text.count("<details>") == figures
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {svg["aria-labelledby"] for svg in svgs} <= set(ids)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    assert used <= set(ids)


def test_the_colours_follow_the_page(text):
    assert "prefers-color-scheme: dark" in text
    svg = "".join(re.findall(r"<svg.*?</svg>", text, re.S))
    assert "#000000" not in svg
    assert "#ffffff" not in svg
    assert "currentColor" in svg


def test_the_report_is_the_same_at_every_run(tmp_path):
    joined, labels = joined_rows()
    assert report(tmp_path, joined, labels) == report(tmp_path, joined, labels)


def test_what_the_report_shows(tmp_path):
    joined, labels = joined_rows()
    text = report(tmp_path, joined, labels, title="Penguins")
    headings = re.findall(r"<h[12]>(.*?)</h[12]>", text)
    assert headings == [
        "Penguins",
        "Metrics",
        "Confusion matrix",
        "ROC curves",
        "Scores",
        "Classes",
        "Worst rows",
    ]
    accuracy = f"{(joined['truth'] == joined['predicted']).mean():.4f}"
    assert f'<th scope="row">accuracy</th><td class="n">{accuracy}</td>' in text
    assert len(re.findall(r"<td>\s*row-\d+</td>", text)) == 20
    numbers = report(tmp_path, number_rows(), [], "regression")
    assert re.findall(r"<h2>(.*?)</h2>", numbers) == [
        "Metrics",
        "Predicted and true values",
        "Residuals",
        "Worst rows",
    ]


def test_names_from_the_data_are_escaped(tmp_path):
    joined, _ = joined_rows(2)
    evil = "<script>alert('$x_1$ & é 漢')</script>"
    for column in ("truth", "predicted"):
        joined[column] = np.where(joined[column] == "class 1", evil, joined[column])
    joined["keys"][:] = evil
    text = report(tmp_path, joined, ["class 0", evil], title=evil)
    assert "<script" not in text
    Page(text)


def test_more_than_fifty_classes_have_no_matrix(tmp_path):
    joined, labels = joined_rows(51, 300)
    text = report(tmp_path, joined, labels)
    assert "Confusion matrix" not in text
    assert text.count("<polyline") == 0
    assert text.count('<th scope="row">class 50</th>') == 1


def test_the_cells_of_many_classes_have_no_numbers():
    def matrix(size):
        return {"classes": list(range(size)), "matrix": np.full((size, size), 77).tolist()}

    assert draw("m", "M", plot_confusion, matrix(15)).count(">77<") == 225
    assert draw("m", "M", plot_confusion, matrix(16)).count(">77<") == 0


def test_predictions_that_are_all_right(tmp_path):
    joined, labels = joined_rows()
    assert "Every prediction is right." in report(
        tmp_path, {**joined, "predicted": joined["truth"]}, labels
    )


def test_one_row_is_enough(tmp_path):
    joined, labels = joined_rows(2, 1)
    assert "ROC" not in "".join(re.findall(r"<h2>.*?</h2>", report(tmp_path, joined, labels)))
    assert "Residuals" in report(tmp_path, number_rows(1), [], "regression")


def test_metrics_are_shown_with_their_meaning():
    rows = metric_rows({"mae": 1234.5, "rmse": 0.00012345, "rows_evaluated": 12345, "other": 0.0})
    assert [row[:2] for row in rows] == [
        ["mae", "1,234.5000"],
        ["rmse", "0.000123"],
        ["rows evaluated", "12,345"],
        ["other", "0.0000"],
    ]
    assert rows[3][2] == ""


def test_a_histogram_counts_each_row_once():
    series = {"right": np.array([0.5, 0.9, 1.0]), "wrong": np.array([0.5])}
    figure = histogram_figure("h", "Scores", "p", series, np.linspace(0.5, 1, 3))
    assert figure["head"] == ["p", "right", "wrong"]
    assert figure["rows"] == [["0.5 to 0.75", 1, 1], ["0.75 to 1", 2, 0]]


def test_the_table_of_true_values_has_ten_groups():
    rows = truth_figure(number_rows(25))["rows"]
    assert sum(row[1] for row in rows) == 25
    assert len(rows) == 10


def test_a_figure_is_an_element_of_its_own():
    confusion = {
        "classes": ["a", "b", "c", "$x_1$", "e" * 30],
        "matrix": np.eye(5, dtype=int).tolist(),
    }
    svg = draw("one", "A & B", plot_confusion, confusion)
    root = ET.fromstring(svg)
    assert root.attrib["aria-labelledby"] == "one-title"
    assert "width" not in root.attrib
    assert "height" not in root.attrib
    assert root[0].text == "A & B"
    texts = [element.text for element in root.iter() if element.tag.endswith("}text")]
    assert texts.count("1") == 5
    assert {"e" * 17 + "…", "$x_1$"} <= set(texts)
    assert shortened(5) == "5"


def test_large_data_stays_small():
    many = np.linspace(0, 1, 100_000)
    assert len(draw("t", "T", plot_truth, many, many)) < 400_000
    assert "legend" not in draw("h", "H", plot_histogram, [0, 1, 2], {"rows": [3, 4]}, "x")

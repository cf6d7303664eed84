"""The evaluation report: one HTML file that needs nothing else."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.evaluation import class_table, roc_curves, usable_scores, worst_rows
from batchpredict.runtime.figures import (
    draw,
    plot_confusion,
    plot_histogram,
    plot_roc,
    plot_truth,
)
from batchpredict.runtime.report_template import report_template

if TYPE_CHECKING:
    import numpy


def metric_rows(scores: dict[str, float]) -> list[list[str]]:
    """Return name, value and meaning of each metric."""
    meaning = {
        "accuracy": "share of rows with the right class",
        "balanced_accuracy": "mean of the recall of each class",
        "f1_macro": "mean over the classes of the harmonic mean of precision and recall",
        "precision_macro": "mean over the classes: of the rows given a class, the right share",
        "recall_macro": "mean over the classes: of the rows of a class, the share that is found",
        "log_loss": "mean of -log of the probability given to the true class; 0 is best",
        "roc_auc": "probability that a row of a class scores above one of another; 0.5 is chance",
        "r2": "share of the variance that the model explains; 1 is best",
        "mae": "mean absolute error, in the unit of the target",
        "rmse": "root of the mean squared error, in the unit of the target",
        "median_absolute_error": "half of the rows have a smaller error",
        "rows_evaluated": "rows with a true value and a prediction",
        "rows_without_prediction": "rows with a true value that have no prediction",
    }
    rows = []
    for name, value in scores.items():
        small = 0 < abs(value) < 0.001
        text = f"{value:,}" if isinstance(value, int) else f"{value:{'.3g' if small else ',.4f'}}"
        rows.append([name.replace("_", " "), text, meaning.get(name, "")])
    return rows


def confusion_figure(confusion: dict[str, Any]) -> dict[str, Any]:
    """Return the confusion matrix as a figure with its table."""
    classes = confusion["classes"]
    rows = [[n, *row] for n, row in zip(classes, confusion["matrix"], strict=True)]
    title = "Confusion matrix"
    return {
        "title": title,
        "note": "Rows are true classes, columns predicted ones; the shade is the share of a row.",
        "svg": draw("confusion", title, plot_confusion, confusion),
        "head": ["true \\ predicted", *classes],
        "rows": rows,
    }


def roc_figure(curves: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """Return the ROC curves as a figure with a table of about ten points of each."""
    rows = []
    for label, curve in list(curves.items())[:10]:
        last = len(curve["fpr"]) - 1
        for i in sorted({round(last * part / 9) for part in range(10)}):
            point = (curve[name][i] for name in ("thresholds", "fpr", "tpr"))
            rows.append([label, *(f"{value:.3f}" for value in point)])
    title = "ROC curve" if len(curves) == 1 else "ROC curves"
    return {
        "title": title,
        "note": "Each class against the others; the dashed line is chance.",
        "svg": draw("roc", title, plot_roc, curves),
        "head": ["class", "threshold", "false positive rate", "true positive rate"],
        "rows": rows,
    }


def histogram_figure(
    name: str, title: str, label: str, series: "dict[str, numpy.ndarray[Any, Any]]", bins: Any
) -> dict[str, Any]:
    """Return a histogram as a figure with its table.

    Args:
        name: Prefix of the ids.
        title: Heading.
        label: What is counted.
        series: Values by series.
        bins: Number of bins, or their edges.
    """
    import itertools

    import numpy as np

    edges = np.histogram_bin_edges(np.concatenate(list(series.values())), bins)
    counts = {n: np.histogram(values, edges)[0].tolist() for n, values in series.items()}
    ranges = [f"{a:,.4g} to {b:,.4g}" for a, b in itertools.pairwise(edges)]
    return {
        "title": title,
        "note": "",
        "svg": draw(name, title, plot_histogram, edges.tolist(), counts, label),
        "head": [label, *counts],
        "rows": [list(row) for row in zip(ranges, *counts.values(), strict=True)],
    }


def truth_figure(joined: dict[str, Any]) -> dict[str, Any]:
    """Return predicted by true value as a figure, with a table of ten groups of rows."""
    import numpy as np

    order = np.argsort(joined["truth"], kind="stable")
    rows = []
    for group in np.array_split(order, min(10, len(order))):
        truth, predicted = joined["truth"][group], joined["predicted"][group]
        means = (f"{values.mean():,.4g}" for values in (truth, predicted))
        rows.append([f"{truth.min():,.4g} to {truth.max():,.4g}", len(group), *means])
    title = "Predicted and true values"
    return {
        "title": title,
        "note": "On the dashed line the prediction is exact.",
        "svg": draw("truth", title, plot_truth, joined["truth"], joined["predicted"]),
        "head": ["true", "rows", "mean true", "mean predicted"],
        "rows": rows,
    }


def classification_figures(
    joined: dict[str, Any], labels: list[str], confusion: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the figures of a classification; a matrix of more than 50 classes is left out."""
    import numpy as np

    figures = [confusion_figure(confusion)] if len(confusion["classes"]) <= 50 else []
    scores = usable_scores(joined, labels)
    if scores is not None:
        curves = roc_curves(joined["truth"], scores, labels)
        figures += [roc_figure(curves)] if curves else []
        right, sure = joined["truth"] == joined["predicted"], scores.max(axis=1)
        series = {"right": sure[right], "wrong": sure[~right]}
        label, bins = "probability of the predicted class", np.linspace(1 / len(labels), 1, 21)
        figures.append(histogram_figure("scores", "Scores", label, series, bins))
    return figures


def regression_figures(joined: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the figures of a regression."""
    residuals = {"rows": joined["predicted"] - joined["truth"]}
    title = "Residuals"
    return [
        truth_figure(joined),
        histogram_figure("residuals", title, "predicted minus true", residuals, 20),
    ]


def write_report(
    path: str,
    title: str,
    task: str,
    scores: dict[str, float],
    joined: dict[str, Any],
    labels: list[str],
    confusion: dict[str, Any],
) -> None:
    """Write the report of an evaluation.

    Args:
        path: Where the HTML file goes.
        title: Its heading.
        task: ``classification`` or ``regression``.
        scores: The metrics.
        joined: From ``join_predictions``.
        labels: The labels in the order of the scores.
        confusion: From ``confusion_of``; empty for a regression.
    """
    import jinja2

    classes = class_table(confusion) if confusion else []
    if confusion:
        figures = classification_figures(joined, labels, confusion)
    else:
        figures = regression_figures(joined)
    worst = worst_rows(joined, task)
    template = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(report_template())
    text = template.render(
        title=title,
        task=task,
        metrics=metric_rows(scores),
        figures=figures,
        classes=classes,
        worst=worst,
        worst_note="Wrong rows, the surest first." if classes else "The largest errors first.",
    )
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)

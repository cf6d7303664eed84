"""Metrics and a report of predictions whose truth is known."""

from typing import List, NamedTuple  # noqa: UP035 - kept as KFP documents it

from kfp import dsl
from kfp.dsl import HTML, ClassificationMetrics, Dataset, Input, Metrics, Output

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.evaluation import (
    confusion_of,
    roc_curves,
    scores_of,
    usable_scores,
)
from batchpredict.runtime.evaluation_data import (
    check_numeric_truth,
    join_predictions,
    load_side,
)
from batchpredict.runtime.reports import write_report
from batchpredict.runtime.split_checks import check_choice
from batchpredict.runtime.tables import open_database


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[
        images.DUCKDB,
        images.JINJA2,
        images.MATPLOTLIB,
        images.NUMPY,
        images.SCIKIT_LEARN,
    ],
    additional_funcs=carried(
        check_choice,
        check_numeric_truth,
        confusion_of,
        join_predictions,
        load_side,
        open_database,
        roc_curves,
        scores_of,
        usable_scores,
        write_report,
    ),
)
def evaluate_predictions(
    predictions: Input[Dataset],
    truth: Input[Dataset],
    target_column: str,
    task: str,
    metrics: Output[Metrics],
    classification_metrics: Output[ClassificationMetrics],
    report: Output[HTML],
    key_column: str = "key",
    labels: List[str] = [],  # noqa: UP006
    title: str = "Evaluation",
) -> NamedTuple("Outputs", [("scores", dict)]):
    """Compare predictions with the truth, joined by key.

    Args:
        predictions: Parquet, as parse_predictions writes it.
        truth: A table (Parquet or CSV) with the key and the true values, as the test split.
        target_column: The column of the truth that was predicted.
        task: classification or regression.
        key_column: The column of the truth that holds the keys of the predictions.
        labels: The classes in the order of the scores, as train_model returns them; needed for
            log_loss, roc_auc and the ROC curve.
        title: Heading of the report.

    Returns:
        metrics: The scores, for the console.
        classification_metrics: The confusion matrix (up to 50 classes), and the ROC curve when
            there are two classes with scores; empty for a regression.
        report: One HTML file with metrics, plots, classes and the worst rows.
        scores: The metrics by name. classification: accuracy, balanced_accuracy, f1_macro,
            precision_macro, recall_macro, log_loss, roc_auc; regression: r2, mae, rmse,
            median_absolute_error; both: rows_evaluated, rows_without_prediction.
    """
    import logging
    import tempfile
    from collections import namedtuple

    check_choice("task", task, ["classification", "regression"])
    report.uri += ".html"
    regression = task == "regression"
    with tempfile.TemporaryDirectory() as folder, open_database(folder) as con:
        column = "value" if regression else "label"
        load_side(con, predictions.uri, predictions.path, "predictions", "key", column)
        load_side(con, truth.uri, truth.path, "truth", key_column, target_column)
        if regression:
            check_numeric_truth(con, target_column)
        joined = join_predictions(con, key_column, target_column, task)
    confusion = {} if regression else confusion_of(joined, labels)
    scores = scores_of(joined, task, labels)
    for name, value in scores.items():
        metrics.log_metric(name, value)
    if confusion and len(confusion["classes"]) <= 50:
        classification_metrics.log_confusion_matrix(confusion["classes"], confusion["matrix"])
    probabilities = None if regression else usable_scores(joined, labels)
    if probabilities is not None and len(labels) == 2:
        for curve in roc_curves(joined["truth"], probabilities, labels).values():
            classification_metrics.log_roc_curve(curve["fpr"], curve["tpr"], curve["thresholds"])
    write_report(report.path, title, task, scores, joined, labels, confusion)
    logging.info("%s", scores)
    return namedtuple("Outputs", "scores")(scores)

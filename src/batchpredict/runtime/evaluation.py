"""Metrics of predictions."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy


def usable_scores(joined: dict[str, Any], labels: list[str]) -> "numpy.ndarray[Any, Any] | None":
    """Return the scores as probabilities that add up to 1 exactly, or None.

    A model computes in single precision, so that its sums differ from 1 by 1e-7, for which
    scikit-learn warns; anything further from 1 is no probability.
    """
    import numpy as np

    scores = joined["scores"]
    if scores is None or scores.shape[1] != len(labels) or set(joined["truth"]) - set(labels):
        return None
    sums = scores.sum(axis=1, keepdims=True)
    good = np.isfinite(scores).all() and (scores >= 0).all() and (abs(sums - 1) < 1e-3).all()
    return np.asarray(scores / sums) if good else None


def roc_curves(
    truth: "numpy.ndarray[Any, Any]", scores: "numpy.ndarray[Any, Any]", labels: list[str]
) -> dict[str, dict[str, list[float]]]:
    """Return the ROC curve of each label against the others, of at most 200 points.

    Args:
        truth: The true labels.
        scores: Probabilities, rows by labels.
        labels: The labels in the order of the scores.

    Returns:
        ``fpr``, ``tpr`` and ``thresholds`` (finite) by label, without labels that no row or every
        row has, and without the first label of a pair, whose curve is the mirror image.
    """
    import numpy as np
    from sklearn.metrics import roc_curve

    curves = {}
    for position, label in enumerate(labels):
        positive = truth == label
        if not positive.any() or positive.all() or (len(labels) == 2 and position == 0):
            continue
        fpr, tpr, thresholds = roc_curve(positive, scores[:, position])
        shown = np.unique(np.linspace(0, len(fpr) - 1, 200).round().astype(int))
        # The first threshold is infinite, which is no JSON.
        finite = np.clip(thresholds, 0, 1)
        curves[label] = {
            "fpr": fpr[shown].tolist(),
            "tpr": tpr[shown].tolist(),
            "thresholds": finite[shown].tolist(),
        }
    return curves


def score_metrics(
    truth: "numpy.ndarray[Any, Any]", scores: "numpy.ndarray[Any, Any]", labels: list[str]
) -> dict[str, float]:
    """Return ``log_loss`` and, when it is defined, ``roc_auc`` (mean of one against the rest)."""
    import numpy as np
    from sklearn.metrics import log_loss, roc_auc_score

    order = np.argsort(labels)
    found = {"log_loss": float(log_loss(truth, scores[:, order], labels=sorted(labels)))}
    first = 1 if len(labels) == 2 else 0
    areas = [
        roc_auc_score(truth == label, scores[:, position])
        for position, label in enumerate(labels)
        if position >= first and 0 < (truth == label).sum() < len(truth)
    ]
    return {**found, "roc_auc": float(np.mean(areas))} if areas else found


def classification_metrics_of(joined: dict[str, Any], labels: list[str]) -> dict[str, float]:
    """Return the metrics of a classification.

    Args:
        joined: From ``join_predictions``.
        labels: The labels in the order of the scores; empty when there are none.
    """
    import warnings

    from sklearn import metrics

    pair = (joined["truth"], joined["predicted"])
    macro: dict[str, Any] = {"average": "macro", "zero_division": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class that only stands among the predictions
        found = {
            "accuracy": metrics.accuracy_score(*pair),
            "balanced_accuracy": metrics.balanced_accuracy_score(*pair),
            "f1_macro": metrics.f1_score(*pair, **macro),
            "precision_macro": metrics.precision_score(*pair, **macro),
            "recall_macro": metrics.recall_score(*pair, **macro),
        }
    scores = usable_scores(joined, labels)
    extra = {} if scores is None else score_metrics(joined["truth"], scores, labels)
    return {name: float(value) for name, value in {**found, **extra}.items()}


def regression_metrics_of(joined: dict[str, Any]) -> dict[str, float]:
    """Return the metrics of a regression; r2 is left out when a single row is evaluated."""
    from sklearn import metrics

    pair = (joined["truth"], joined["predicted"])
    found = {
        "mae": float(metrics.mean_absolute_error(*pair)),
        "rmse": float(metrics.root_mean_squared_error(*pair)),
        "median_absolute_error": float(metrics.median_absolute_error(*pair)),
    }
    r2 = {"r2": float(metrics.r2_score(*pair))} if len(joined["truth"]) > 1 else {}
    return {**r2, **found}


def scores_of(joined: dict[str, Any], task: str, labels: list[str]) -> dict[str, Any]:
    """Return the metrics of the task and the counts of rows.

    Args:
        joined: From ``join_predictions``.
        task: ``classification`` or ``regression``.
        labels: The labels in the order of the scores; empty when there are none.
    """
    if task == "regression":
        found = regression_metrics_of(joined)
    else:
        found = classification_metrics_of(joined, labels)
    counts = {
        "rows_evaluated": len(joined["keys"]),
        "rows_without_prediction": joined["rows_without_prediction"],
    }
    return {**found, **counts}


def confusion_of(joined: dict[str, Any], labels: list[str]) -> dict[str, Any]:
    """Return the classes and the counts of true (row) by predicted (column).

    Args:
        joined: From ``join_predictions``.
        labels: The classes that come first, in this order; others follow, sorted.
    """
    from sklearn.metrics import confusion_matrix

    others = sorted({*joined["truth"], *joined["predicted"]} - set(labels))
    classes = [*labels, *others]
    matrix = confusion_matrix(joined["truth"], joined["predicted"], labels=classes)
    return {"classes": classes, "matrix": matrix.tolist()}


def class_table(confusion: dict[str, Any]) -> list[dict[str, Any]]:
    """Return precision, recall, f1 (0 when undefined) and support of each class."""
    matrix, rows = confusion["matrix"], []
    for i, name in enumerate(confusion["classes"]):
        hit, support = matrix[i][i], sum(matrix[i])
        chosen = sum(row[i] for row in matrix)
        precision, recall = hit / chosen if chosen else 0.0, hit / support if support else 0.0
        f1 = 2 * hit / (support + chosen) if support + chosen else 0.0
        row = {"class": name, "precision": precision, "recall": recall, "f1": f1}
        rows.append({**row, "support": support})
    return rows


def worst_rows(joined: dict[str, Any], task: str, most: int = 20) -> list[dict[str, Any]]:
    """Return the rows that the model got most wrong.

    Args:
        joined: From ``join_predictions``.
        task: ``classification``: wrong rows, the surest first; ``regression``: the largest errors.
        most: How many rows at most.

    Returns:
        ``key``, ``truth``, ``predicted``, and ``score`` or ``error``.
    """
    import numpy as np

    truth, predicted, scores = joined["truth"], joined["predicted"], joined["scores"]
    sure = np.zeros(len(truth)) if scores is None else np.max(scores, axis=1)
    name, measure = "score", sure
    wrong = np.flatnonzero(truth != predicted)
    if task == "regression":
        name, measure = "error", predicted - truth
    order = wrong[np.argsort(-abs(measure[wrong]), kind="stable")][:most]
    rows = []
    for i in order:
        row = {"key": str(joined["keys"][i]), "truth": truth[i], "predicted": predicted[i]}
        shown = task == "regression" or scores is not None
        rows.append({**row, name: float(measure[i])} if shown else row)
    return rows

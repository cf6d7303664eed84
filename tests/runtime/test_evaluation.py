import math

import numpy as np
import pytest
from sklearn import metrics

from batchpredict.runtime.evaluation import (
    class_table,
    confusion_of,
    regression_metrics_of,
    roc_curves,
    scores_of,
    usable_scores,
    worst_rows,
)
from batchpredict.runtime.evaluation_data import check_numeric_truth, join_predictions, load_side
from batchpredict.runtime.tables import open_database


def joined_rows(truth, predicted, scores=None):
    return {
        "keys": np.array([f"k{i}" for i in range(len(truth))], dtype=object),
        "truth": np.array(list(truth), dtype=object),
        "predicted": np.array(list(predicted), dtype=object),
        "scores": None if scores is None else np.array(scores, dtype=float),
        "rows_without_prediction": 0,
    }


PAIR = joined_rows("aabb", "abbb", [[0.9, 0.1], [0.4, 0.6], [0.35, 0.65], [0.2, 0.8]])


def test_metrics_by_hand():
    found = scores_of(PAIR, "classification", ["a", "b"])
    assert found == {
        "accuracy": 0.75,
        "balanced_accuracy": 0.75,
        "f1_macro": pytest.approx((2 / 3 + 0.8) / 2),
        "precision_macro": pytest.approx((1 + 2 / 3) / 2),
        "recall_macro": 0.75,
        "log_loss": pytest.approx(-sum(map(math.log, (0.9, 0.4, 0.65, 0.8))) / 4),
        "roc_auc": 1.0,
        "rows_evaluated": 4,
        "rows_without_prediction": 0,
    }
    assert all(type(value) in (int, float) for value in found.values())


def test_regression_metrics_by_hand():
    joined = {"truth": np.array([1.0, 2.0, 4.0]), "predicted": np.array([1.0, 3.0, 2.0])}
    assert regression_metrics_of(joined) == {
        "r2": pytest.approx(1 - 5 / (14 / 3)),
        "mae": 1.0,
        "rmse": pytest.approx(math.sqrt(5 / 3)),
        "median_absolute_error": 1.0,
    }
    one = {name: values[1:2] for name, values in joined.items()}
    assert list(regression_metrics_of(one)) == ["mae", "rmse", "median_absolute_error"]


def test_scores_of_several_classes_in_any_label_order():
    random = np.random.default_rng(0)
    scores = random.dirichlet(np.ones(3), 90)
    truth = random.choice(["c", "a", "b"], 90)
    joined = joined_rows(truth, truth, scores)
    found = scores_of(joined, "classification", ["c", "a", "b"])
    ordered = scores[:, [1, 2, 0]]
    assert found["log_loss"] == pytest.approx(metrics.log_loss(truth, ordered), abs=1e-12)
    area = metrics.roc_auc_score(truth, ordered, multi_class="ovr")
    assert found["roc_auc"] == pytest.approx(area, abs=1e-12)


def test_scores_in_single_precision_are_used():
    single = np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]], dtype=np.float32).astype(float)
    scores = usable_scores(joined_rows("ab", "ab", single), ["a", "b", "c"])
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("joined", "labels"),
    [
        (joined_rows("ab", "ab"), ["a", "b"]),
        (joined_rows("ab", "ab", [[1, 0], [1, 0]]), ["a", "b", "c"]),
        (joined_rows("ab", "ab", [[1, 0], [1, 0]]), []),
        (joined_rows("az", "ab", [[1, 0], [1, 0]]), ["a", "b"]),
        (joined_rows("ab", "ab", [[3, 1], [1, 0]]), ["a", "b"]),
        (joined_rows("ab", "ab", [[1.5, -0.5], [1, 0]]), ["a", "b"]),
        (joined_rows("ab", "ab", [[math.nan, 1], [1, 0]]), ["a", "b"]),
    ],
)
def test_what_are_no_probabilities_gives_no_log_loss(joined, labels):
    assert usable_scores(joined, labels) is None
    found = scores_of(joined, "classification", labels)
    assert "log_loss" not in found
    assert "roc_auc" not in found


def test_one_true_class_has_no_roc():
    joined = joined_rows("aa", "ab", [[0.9, 0.1], [0.4, 0.6]])
    assert "roc_auc" not in scores_of(joined, "classification", ["a", "b"])
    assert roc_curves(joined["truth"], joined["scores"], ["a", "b"]) == {}


def test_roc_curves_are_finite_and_short():
    random = np.random.default_rng(1)
    positive = random.random(5000)
    truth = np.where(random.random(5000) < positive, "b", "a").astype(object)
    curves = roc_curves(truth, np.column_stack([1 - positive, positive]), ["a", "b"])
    assert list(curves) == ["b"]
    curve = curves["b"]
    assert {len(values) for values in curve.values()} == {200}
    assert curve["thresholds"][0] == 1.0
    assert all(math.isfinite(value) for values in curve.values() for value in values)
    assert (curve["fpr"][0], curve["tpr"][0]) == (0, 0)
    assert (curve["fpr"][-1], curve["tpr"][-1]) == (1, 1)
    several = roc_curves(np.array(list("abc")), np.eye(3), ["a", "b", "c"])
    assert list(several) == ["a", "b", "c"]


def test_confusion_and_classes():
    joined = joined_rows("aabbz", "abbby")
    confusion = confusion_of(joined, ["b", "a"])
    assert confusion["classes"] == ["b", "a", "y", "z"]
    assert confusion["matrix"] == [[2, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]
    assert class_table(confusion) == [
        {"class": "b", "precision": 2 / 3, "recall": 1.0, "f1": 0.8, "support": 2},
        {"class": "a", "precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 2},
        {"class": "y", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0},
        {"class": "z", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
    ]


def test_the_worst_rows():
    assert worst_rows(PAIR, "classification") == [
        {"key": "k1", "truth": "a", "predicted": "b", "score": 0.6}
    ]
    wrong = joined_rows("aaa", "bbb", [[0.4, 0.6], [0.1, 0.9], [0.3, 0.7]])
    assert [row["key"] for row in worst_rows(wrong, "classification", 2)] == ["k1", "k2"]
    assert worst_rows(joined_rows("ab", "bb"), "classification") == [
        {"key": "k0", "truth": "a", "predicted": "b"}
    ]
    joined = {**wrong, "truth": np.array([1.0, 2, 3]), "predicted": np.array([1.5, 2, 1])}
    assert worst_rows(joined, "regression") == [
        {"key": "k2", "truth": 3.0, "predicted": 1.0, "error": -2.0},
        {"key": "k0", "truth": 1.0, "predicted": 1.5, "error": 0.5},
    ]


@pytest.fixture
def sides(tmp_path):
    folder = tmp_path / "database"
    folder.mkdir()
    with open_database(str(folder)) as con:

        def load(predictions, truth, task="classification"):
            for name, query in (("predictions", predictions), ("truth", truth)):
                con.execute(f"COPY ({query}) TO '{tmp_path}/{name}' (FORMAT parquet)")
            column = "value" if task == "regression" else "label"
            load_side(con, "u", f"{tmp_path}/predictions", "predictions", "key", column)
            load_side(con, "u", f"{tmp_path}/truth", "truth", "id", "y")
            if task == "regression":
                check_numeric_truth(con, "y")
            return join_predictions(con, "id", "y", task)

        yield load


PREDICTIONS = (
    "SELECT * FROM (VALUES ('1', 'a', [0.9::DOUBLE, 0.1]), ('2', 'b', [0.2, 0.8]), "
    "('3', NULL, NULL), ('9', 'a', [1, 0])) t(key, label, scores)"
)
TRUTH = (
    "SELECT * FROM (VALUES (2, 'b'), (1, 'b'), (3, 'a'), (4, 'a'), (5, NULL), (NULL, 'a')) "
    "t(id, y)"
)


def test_rows_are_joined_by_key(sides):
    joined = sides(PREDICTIONS, TRUTH)
    assert joined["keys"].tolist() == ["1", "2"]
    assert joined["truth"].tolist() == ["b", "b"]
    assert joined["predicted"].tolist() == ["a", "b"]
    assert joined["scores"].tolist() == [[0.9, 0.1], [0.2, 0.8]]
    assert joined["rows_without_prediction"] == 3


@pytest.mark.parametrize(
    "scores",
    [
        "NULL::DOUBLE[]",
        "CASE n WHEN 1 THEN [1::DOUBLE] END",
        "[n::DOUBLE] || range(n)::DOUBLE[]",
        "'x'",
    ],
)
def test_uneven_scores_are_not_used(sides, scores):
    joined = sides(
        f"SELECT n::VARCHAR AS key, 'a' AS label, {scores} AS scores FROM range(3) t(n)",
        "SELECT n AS id, 'a' AS y FROM range(3) t(n)",
    )
    assert joined["scores"] is None
    assert len(joined["keys"]) == 3


def test_numbers_are_joined(sides):
    joined = sides(
        "SELECT n::VARCHAR AS key, n * 1.5 AS value FROM range(3) t(n)",
        "SELECT n AS id, n AS y FROM range(1, 4) t(n)",
        "regression",
    )
    assert joined["truth"].tolist() == [1, 2]
    assert joined["predicted"].tolist() == [1.5, 3.0]
    assert joined["rows_without_prediction"] == 1


def test_e203_predictions_without_labels(sides):
    with pytest.raises(ValueError, match=r"^E203 the table predictions has no column 'label'"):
        sides("SELECT '1' AS key, 2 AS value", TRUTH)


def test_e206_truth_without_its_key(sides):
    with pytest.raises(ValueError, match=r"^E206 the table truth has no column 'id'"):
        sides(PREDICTIONS, "SELECT 1 AS key, 'a' AS y")


def test_e206_a_key_that_stands_twice(sides):
    with pytest.raises(ValueError, match=r"^E206 the table truth holds the key '1' 2 times"):
        sides(PREDICTIONS, f"{TRUTH} UNION ALL SELECT 1, 'a'")


def test_e206_a_prediction_that_stands_twice(sides):
    with pytest.raises(ValueError, match=r"^E206 the table predictions holds the key '2' 2 times"):
        sides(f"{PREDICTIONS} UNION ALL SELECT '2', 'a', NULL", TRUTH)


def test_e209_truth_that_is_no_number(sides):
    with pytest.raises(ValueError, match=r"^E209 .*'y' is not numeric in 1 rows"):
        sides("SELECT '1' AS key, 2 AS value", "SELECT 1 AS id, 'x' AS y", "regression")


@pytest.mark.parametrize(
    ("task", "column", "said"),
    [("classification", "label", "labels"), ("regression", "value", "keys")],
)
def test_e231_nothing_to_evaluate(sides, task, column, said):
    with pytest.raises(ValueError, match=rf"^E231 nothing to evaluate: none of the 1 .*{said}"):
        sides(f"SELECT '1' AS key, 2 AS {column}", "SELECT 2 AS id, 5 AS y", task)

import json
from pathlib import Path

import duckdb
import joblib
import numpy as np
import pytest
from kfp import dsl
from sklearn import metrics as oracle

from batchpredict.components.evaluate_predictions import evaluate_predictions
from batchpredict.components.parse_predictions import parse_predictions
from batchpredict.components.split_dataset import split_dataset
from batchpredict.components.train_model import train_model

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"


@pytest.fixture
def run(tmp_path):
    """The whole way from penguins to an evaluation, with a model asked in memory."""

    def dataset(name):
        return dsl.Dataset(uri=str(tmp_path / name))

    def run(target, algorithm):
        splits = {name: dataset(name) for name in ("train", "test", "instances")}
        found = split_dataset.python_func(
            dataset=dsl.Dataset(uri=str(PENGUINS)),
            **splits,
            target_column=target,
            algorithm=algorithm,
        )
        model = dsl.Model(uri=str(tmp_path / "model"))
        trained = train_model.python_func(
            train=splits["train"],
            model=model,
            target_column=target,
            feature_columns=found.feature_columns,
            task=found.task,
            algorithm=algorithm,
        )
        with duckdb.connect() as con:
            rows = con.execute(f"SELECT * FROM '{splits['test'].path}'").fetchall()
        table = np.array([row[1:-1] for row in rows], dtype=object)
        answers = ask(model, table)
        truth = np.array([row[-1] for row in rows])
        (tmp_path / "job").mkdir()
        lines = [
            json.dumps({"key": r[0], "prediction": a}) for r, a in zip(rows, answers, strict=True)
        ]
        lines.sort(key=hash)
        (tmp_path / "job" / "prediction.results-0-of-1").write_text("\n".join(lines) + "\n")
        predictions = dataset("predictions")
        parse_predictions.python_func(
            output_directory=dataset("job"),
            predictions=predictions,
            failures=dataset("failures"),
            summary=dataset("summary"),
            metrics=dsl.Metrics(uri="m"),
            report=dsl.Markdown(uri=str(tmp_path / "page")),
            labels=trained.labels,
            instances=splits["instances"],
        )
        outputs = {
            "metrics": dsl.Metrics(uri="m"),
            "classification_metrics": dsl.ClassificationMetrics(uri="c"),
            "report": dsl.HTML(uri=str(tmp_path / "report")),
        }
        result = evaluate_predictions.python_func(
            predictions=predictions,
            truth=splits["test"],
            target_column=target,
            task=found.task,
            labels=trained.labels,
            **outputs,
        )
        return result.scores, truth, answers, trained.labels, outputs

    return run


def ask(model, table):
    if model.metadata["framework"] == "xgboost":
        import xgboost

        booster = xgboost.Booster(model_file=str(Path(model.path) / "model.bst"))
        return booster.predict(xgboost.DMatrix(table.astype(float))).tolist()
    return joblib.load(Path(model.path) / "model.joblib").predict(table).tolist()


def test_labels_score_as_scikit_learn_scores_them(run):
    scores, truth, answers, _, outputs = run("species", "linear")
    macro = {"average": "macro"}
    assert scores == {
        "accuracy": oracle.accuracy_score(truth, answers),
        "balanced_accuracy": oracle.balanced_accuracy_score(truth, answers),
        "f1_macro": oracle.f1_score(truth, answers, **macro),
        "precision_macro": oracle.precision_score(truth, answers, **macro),
        "recall_macro": oracle.recall_score(truth, answers, **macro),
        "rows_evaluated": 86,
        "rows_without_prediction": 0,
    }
    assert outputs["metrics"].metadata == scores
    matrix = oracle.confusion_matrix(truth, answers).tolist()
    logged = outputs["classification_metrics"].metadata["confusionMatrix"]
    assert [row["row"] for row in logged["rows"]] == matrix
    assert "confidenceMetrics" not in outputs["classification_metrics"].metadata


def test_a_pair_has_a_roc_curve(run):
    scores, truth, answers, labels, outputs = run("sex", "xgboost")
    said = [labels[answer >= 0.5] for answer in answers]
    assert scores["accuracy"] == oracle.accuracy_score(truth, said)
    assert scores["roc_auc"] == oracle.roc_auc_score(truth == labels[1], answers)
    assert scores["log_loss"] == pytest.approx(
        oracle.log_loss(truth == labels[1], answers), abs=1e-12
    )
    logged = outputs["classification_metrics"].metadata
    text = json.dumps(logged, allow_nan=False)
    assert '"confidenceThreshold": 1.0' in text
    assert 2 < len(logged["confidenceMetrics"]) <= 200


def test_several_classes_have_scores(run):
    scores, truth, answers, labels, outputs = run("species", "xgboost")
    said = [labels[int(np.argmax(answer))] for answer in answers]
    assert scores["accuracy"] == oracle.accuracy_score(truth, said)
    even = np.array(answers) / np.sum(answers, axis=1, keepdims=True)
    assert scores["log_loss"] == pytest.approx(oracle.log_loss(truth, even), abs=1e-12)
    area = oracle.roc_auc_score(truth, even, multi_class="ovr")
    assert scores["roc_auc"] == pytest.approx(area, abs=1e-12)
    assert "confidenceMetrics" not in outputs["classification_metrics"].metadata


def test_a_regression(run):
    scores, truth, answers, _, outputs = run("body_mass_g", "linear")
    assert scores == {
        "r2": pytest.approx(oracle.r2_score(truth, answers), abs=1e-12),
        "mae": pytest.approx(oracle.mean_absolute_error(truth, answers)),
        "rmse": pytest.approx(oracle.root_mean_squared_error(truth, answers)),
        "median_absolute_error": oracle.median_absolute_error(truth, answers),
        "rows_evaluated": 86,
        "rows_without_prediction": 0,
    }
    assert outputs["classification_metrics"].metadata == {}
    assert outputs["report"].uri.endswith("report.html")
    assert "Residuals" in Path(outputs["report"].path).read_text()


@pytest.fixture
def evaluate(tmp_path):
    def run(predictions, truth, **parameters):
        sides = {}
        for name, query in (("predictions", predictions), ("truth", truth)):
            path = tmp_path / f"{name}.parquet"
            with duckdb.connect() as con:
                con.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
            sides[name] = dsl.Dataset(uri=str(path))
        outputs = {
            "metrics": dsl.Metrics(uri="m"),
            "classification_metrics": dsl.ClassificationMetrics(uri="c"),
            "report": dsl.HTML(uri=str(tmp_path / "report")),
        }
        parameters = {"target_column": "y", "task": "classification", **parameters}
        result = evaluate_predictions.python_func(**sides, **outputs, **parameters)
        return result.scores, outputs

    return run


def test_rows_without_a_prediction_are_counted(evaluate):
    scores, _ = evaluate(
        "SELECT n::VARCHAR AS key, 'a' AS label FROM range(3) t(n)",
        "SELECT n AS id, CASE n % 2 WHEN 0 THEN 'a' ELSE 'b' END AS y FROM range(5) t(n)",
        key_column="id",
    )
    assert (scores["rows_evaluated"], scores["rows_without_prediction"]) == (3, 2)
    assert scores["accuracy"] == 2 / 3


def test_more_than_fifty_classes_have_no_logged_matrix(evaluate):
    query = "SELECT n::VARCHAR AS key, 'c' || n AS {} FROM range(51) t(n)"
    scores, outputs = evaluate(query.format("label"), query.format("y"))
    assert scores["accuracy"] == 1
    assert outputs["classification_metrics"].metadata == {}


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"target_column": "z"}, "E203"),
        ({"key_column": "id"}, "E206"),
        ({"task": "auto"}, "E207"),
        ({"task": "regression"}, "E203"),
    ],
)
def test_errors_stop_the_step(evaluate, parameters, code):
    query = "SELECT 'k' AS key, 'a' AS {}"
    with pytest.raises(ValueError, match=rf"^{code} "):
        evaluate(query.format("label"), query.format("y"), **parameters)


def test_e209_truth_that_is_no_number(evaluate):
    with pytest.raises(ValueError, match=r"^E209 "):
        evaluate("SELECT 'k' AS key, 1 AS value", "SELECT 'k' AS key, 'x' AS y", task="regression")


def test_e231_nothing_to_evaluate(evaluate):
    with pytest.raises(ValueError, match=r"^E231 "):
        evaluate("SELECT 'k' AS key, 'a' AS label", "SELECT 'l' AS key, 'a' AS y")

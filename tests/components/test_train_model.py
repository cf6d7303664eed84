import csv
import io
import json
import math
import pickle
import random
from pathlib import Path

import duckdb
import joblib
import numpy as np
import pytest
from kfp import dsl
from sklearn.datasets import load_diabetes

from batchpredict import images
from batchpredict.components.split_dataset import split_dataset
from batchpredict.components.train_model import train_model

pytestmark = [
    pytest.mark.filterwarnings("ignore:No 'allowed_extensions':UserWarning"),
    pytest.mark.filterwarnings("ignore:Loading model.joblib:RuntimeWarning"),
]
PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "diabetes.csv"
    data = load_diabetes()
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*data.feature_names, "progression"])
        writer.writerows([*row, y] for row, y in zip(data.data.tolist(), data.target, strict=True))
    return path


@pytest.fixture
def fit(tmp_path):
    def run(dataset, target, algorithm, **parameters):
        splits = {n: dsl.Dataset(uri=str(tmp_path / n)) for n in ("train", "test", "instances")}
        found = split_dataset.python_func(
            dataset=dsl.Dataset(uri=str(dataset)),
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
            **parameters,
        )
        return found, splits, model, trained

    return run


def serve(framework, model, tmp_path, monkeypatch):
    """Google's own prediction server code, as the prebuilt container runs it."""
    if framework == "xgboost":
        from google.cloud.aiplatform.prediction.xgboost.predictor import (
            XgboostPredictor as Predictor,
        )
    else:
        from google.cloud.aiplatform.prediction.sklearn.predictor import (
            SklearnPredictor as Predictor,
        )
    (tmp_path / "container").mkdir()
    monkeypatch.chdir(tmp_path / "container")
    predictor = Predictor()
    predictor.load(model.path)

    def predict(instances):
        request = json.loads(json.dumps({"instances": instances}))
        reply = predictor.postprocess(predictor.predict(predictor.preprocess(request)))
        return json.loads(json.dumps(reply))["predictions"]

    return predict


def instances_of(splits, features):
    lines = Path(splits["instances"].path).read_text(encoding="utf-8").splitlines()
    return [[json.loads(line)[name] for name in features] for line in lines]


def table_of(splits, features):
    with duckdb.connect() as con:
        columns = ", ".join(f'"{name}"' for name in features)
        rows = con.execute(
            f"SELECT {columns} FROM '{splits['test'].path}' ORDER BY key"
        ).fetchall()
    return np.array(rows, dtype=object)


def batches(rows, sizes=(1, 2, 7)):
    for size in sizes:
        yield [rows[i : i + size] for i in range(0, len(rows), size)]


@pytest.mark.parametrize("algorithm", ["linear", "random_forest"])
@pytest.mark.parametrize("target", ["species", "sex", "body_mass_g"])
def test_any_batch_predicts_as_the_model_in_memory(fit, tmp_path, monkeypatch, algorithm, target):
    found, splits, model, _ = fit(PENGUINS, target, algorithm, hyperparameters={})
    predict = serve("sklearn", model, tmp_path, monkeypatch)
    rows = instances_of(splits, found.feature_columns)
    loaded = joblib.load(Path(model.path) / "model.joblib")
    wanted = loaded.predict(table_of(splits, found.feature_columns)).tolist()
    if found.task == "regression":
        wanted = pytest.approx(wanted, rel=1e-12)
    assert predict(rows) == wanted
    for parts in batches(rows):
        assert [value for part in parts for value in predict(part)] == wanted
    shuffled = random.Random(0).sample(range(len(rows)), len(rows))
    again = predict([rows[i] for i in shuffled])
    assert [again[shuffled.index(i)] for i in range(len(rows))] == wanted


def test_numbers_only_predict_alike_with_and_without_a_null(fit, diabetes, tmp_path, monkeypatch):
    found, splits, model, trained = fit(diabetes, "progression", "linear")
    assert (found.task, trained.labels) == ("regression", [])
    predict = serve("sklearn", model, tmp_path, monkeypatch)
    rows = instances_of(splits, found.feature_columns)
    assert np.asarray(rows).dtype == float
    wanted = predict(rows)
    with_null = [*rows, [None] * len(rows[0])]
    assert np.asarray(with_null).dtype == object
    assert predict(with_null)[:-1] == pytest.approx(wanted, rel=1e-12)
    assert math.isfinite(predict(with_null)[-1])


@pytest.mark.parametrize("target", ["species", "sex", "body_mass_g"])
def test_xgboost_predicts_in_any_batch_with_nulls(fit, tmp_path, monkeypatch, target):
    import xgboost

    found, splits, model, trained = fit(PENGUINS, target, "xgboost")
    predict = serve("xgboost", model, tmp_path, monkeypatch)
    rows = instances_of(splits, found.feature_columns)
    table = table_of(splits, found.feature_columns)
    rows[0][3] = table[0, 3] = rows[5][0] = table[5, 0] = None
    booster = xgboost.Booster(model_file=str(Path(model.path) / "model.bst"))
    table = table.astype(float)
    wanted = booster.predict(xgboost.DMatrix(table)).tolist()
    assert predict(rows) == wanted
    for parts in batches(rows):
        assert [value for part in parts for value in predict(part)] == wanted
    if target == "species":
        assert trained.labels == ["Adelie", "Chinstrap", "Gentoo"]
        assert {len(prediction) for prediction in wanted} == {3}
    elif target == "sex":
        assert trained.labels == ["female", "male"]
        assert all(0 <= probability <= 1 for probability in wanted)


def test_the_second_label_of_a_pair_is_what_xgboost_gives_the_probability_of(fit):
    import xgboost

    found, splits, model, trained = fit(PENGUINS, "sex", "xgboost")
    booster = xgboost.Booster(model_file=str(Path(model.path) / "model.bst"))
    with duckdb.connect() as con:
        query = f"SELECT sex FROM '{splits['test'].path}' ORDER BY key"
        truth = [row[0] for row in con.execute(query).fetchall()]
    table = table_of(splits, found.feature_columns).astype(float)
    said = booster.predict(xgboost.DMatrix(table)) >= 0.5
    right = np.mean([trained.labels[int(yes)] == t for yes, t in zip(said, truth, strict=True)])
    assert right > 0.8


@pytest.mark.parametrize("algorithm", ["linear", "random_forest"])
def test_the_pickle_names_nothing_that_the_container_lacks(fit, algorithm):
    _, _, model, _ = fit(PENGUINS, "species", algorithm, hyperparameters={"random_state": 1})
    stored = (Path(model.path) / "model.joblib").read_bytes()
    loaded = joblib.load(Path(model.path) / "model.joblib")
    modules = set()

    class Collector(pickle.Unpickler):
        def find_class(self, module, name):
            modules.add(module.partition(".")[0])
            return super().find_class(module, name)

    Collector(io.BytesIO(pickle.dumps(loaded))).load()
    assert {"sklearn", "numpy"} <= modules
    assert modules <= {"sklearn", "numpy", "builtins", "scipy"}
    assert b"batchpredict" not in stored
    assert b"__main__" not in stored


def test_the_model_says_what_it_is(fit):
    found, splits, model, trained = fit(PENGUINS, "species", "xgboost")
    assert model.metadata == {
        "framework": "xgboost",
        "framework_version": "2.1.4",
        "algorithm": "xgboost",
        "task": "classification",
        "labels": ["Adelie", "Chinstrap", "Gentoo"],
        "feature_columns": found.feature_columns,
        "target_column": "species",
        "categories": splits["train"].metadata["categories"],
    }
    assert trained.serving_image == images.XGBOOST_SERVING


def test_scikit_learn_is_served_by_its_container(fit):
    _, _, model, trained = fit(PENGUINS, "species", "linear")
    assert trained.serving_image == images.SKLEARN_SERVING
    assert model.metadata["framework"] == "scikit-learn"
    assert "categories" not in model.metadata


def test_an_own_container(fit):
    trained = fit(PENGUINS, "species", "linear", sklearn_serving_image="mine")[3]
    assert trained.serving_image == "mine"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"algorithm": "linear", "hyperparameters": {"Cc": 1}}, "E211"),
        ({"algorithm": "xgboost", "hyperparameters": {"etaa": 1}}, "E211"),
        ({"algorithm": "xgboost", "hyperparameters": {"objective": "x"}}, "E207"),
    ],
)
def test_hyperparameters_are_checked(fit, parameters, code):
    with pytest.raises(ValueError, match=rf"^{code} "):
        fit(PENGUINS, "species", **parameters)


def test_hyperparameters_as_a_pipeline_passes_them(fit):
    _, _, model, _ = fit(
        PENGUINS,
        "species",
        "random_forest",
        hyperparameters={"max_depth": 2.0, "n_estimators": 9.0},
    )
    forest = joblib.load(Path(model.path) / "model.joblib")[-1]
    assert len(forest.estimators_) == 9
    assert max(tree.get_depth() for tree in forest.estimators_) == 2


@pytest.mark.parametrize(("task", "algorithm"), [("auto", "linear"), ("regression", "svm")])
def test_e207_unknown_choice(tmp_path, task, algorithm):
    with pytest.raises(ValueError, match=r"^E207 "):
        train_model.python_func(
            train=dsl.Dataset(uri=str(tmp_path)),
            model=dsl.Model(uri=str(tmp_path)),
            target_column="y",
            feature_columns=["x"],
            task=task,
            algorithm=algorithm,
        )

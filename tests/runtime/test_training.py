import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression

from batchpredict.runtime.tables import open_database
from batchpredict.runtime.training import (
    sklearn_estimator,
    sklearn_pipeline,
    train_and_save,
    train_xgboost,
    whole_numbers,
    xgboost_parameters,
)
from batchpredict.runtime.training_data import class_labels, read_training, regression_target

NAN, CLASSIFY, REGRESS = float("nan"), "classification", "regression"


@pytest.fixture
def parquet(tmp_path):
    (tmp_path / "database").mkdir()

    def write(query):
        path = str(tmp_path / "train.parquet")
        with open_database(str(tmp_path / "database")) as con:
            con.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
        return path

    return write


def two_classes(parquet):
    return parquet("SELECT n::DOUBLE AS x, 'c' || (n // 20) AS y FROM range(40) t(n)")


def test_columns_are_numbers_or_texts(parquet):
    path = parquet(
        "SELECT * FROM (VALUES (1.5::DOUBLE, 'x', 1), (NULL, NULL, 2)) t(a, \"b c\", d)"
    )
    found = read_training(path, ["b c", "a", "d"])
    assert list(found) == ["b c", "a", "d"]
    assert found["b c"].tolist() == ["x", None]
    np.testing.assert_array_equal(found["a"], [1.5, NAN])
    assert found["d"].dtype == float


def test_e201_e202_e203_of_the_train_split(parquet, tmp_path):
    with pytest.raises(ValueError, match=r"^E201 there is no dataset"):
        read_training(str(tmp_path / "none"), ["a"])
    (tmp_path / "text").write_text("a\n1\n")
    with pytest.raises(ValueError, match=r"^E202 .* is not readable as Parquet") as caught:
        read_training(str(tmp_path / "text"), ["a"])
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"^E203 .*'aa'.*did you mean 'a'\?"):
        read_training(parquet("SELECT 1 AS a"), ["aa"])
    with pytest.raises(ValueError, match=r"^E202 .* has no rows"):
        read_training(parquet("SELECT 1 AS a WHERE false"), ["a"])


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        ({"max_depth": 6.0}, {"max_depth": 6}),
        ({"C": 0.5, "class_weight": "balanced"}, {"C": 0.5, "class_weight": "balanced"}),
        ({"max_features": 1}, {"max_features": 1.0}),
        ({"max_features": 2.0}, {"max_features": 2}),
        ({"bootstrap": True}, {"bootstrap": True}),
        ({"tol": float("inf")}, {"tol": float("inf")}),
    ],
)
def test_numbers_get_their_type_back(given, typed):
    found = whole_numbers(given)
    assert found == typed
    assert [type(v) for v in found.values()] == [type(v) for v in typed.values()]


def test_labels_are_sorted_texts():
    assert class_labels(np.array(["b", "a", "b"], dtype=object), "y") == ["a", "b"]
    assert class_labels(np.array([2.0, 1.0]), "y") == ["1.0", "2.0"]


def test_e204_and_e205_of_a_classification():
    with pytest.raises(ValueError, match=r"^E204 .*'y' holds one class only, 'a'"):
        class_labels(np.array(["a", "a"], dtype=object), "y")
    for missing in (np.array(["a", None, "b"], dtype=object), np.array([1.0, NAN, 2.0])):
        with pytest.raises(ValueError, match=r"^E205 the target column 'y' has rows without"):
            class_labels(missing, "y")


def test_e205_and_e209_of_a_regression():
    with pytest.raises(ValueError, match=r"^E209 the target column 'y' is not numeric"):
        regression_target(np.array(["1"], dtype=object), "y")
    with pytest.raises(ValueError, match=r"^E205 the target column 'y' has rows without"):
        regression_target(np.array([1.0, NAN]), "y")


@pytest.mark.parametrize(
    ("task", "algorithm", "name"),
    [
        (CLASSIFY, "linear", "LogisticRegression"),
        (REGRESS, "linear", "Ridge"),
        (CLASSIFY, "random_forest", "RandomForestClassifier"),
        (REGRESS, "random_forest", "RandomForestRegressor"),
    ],
)
def test_the_estimator_of_a_task(task, algorithm, name):
    estimator = sklearn_estimator(task, algorithm, 7, {})
    assert type(estimator).__name__ == name
    assert estimator.random_state == 7
    assert sklearn_estimator(task, algorithm, 7, {"random_state": 3.0}).random_state == 3
    assert name != "LogisticRegression" or estimator.max_iter == 1000


def test_e211_unknown_hyperparameter(parquet, tmp_path):
    with pytest.raises(ValueError, match=r"^E211 .*'n_estimatorz'.*mean 'n_estimators'"):
        sklearn_estimator(CLASSIFY, "random_forest", 0, {"n_estimatorz": 5})
    arguments = (two_classes(parquet), str(tmp_path / "m"), "y", ["x"], CLASSIFY, "xgboost")
    with pytest.raises(ValueError, match=r'^E211 .*no hyperparameter "max_dept"$'):
        train_and_save(*arguments, {"max_dept": 3}, 0)


@pytest.mark.parametrize(
    ("algorithm", "hyperparameters"),
    [
        ("linear", {"C": -1}),
        ("linear", {"C": "much"}),
        ("xgboost", {"max_depth": "deep"}),
        ("xgboost", {"num_boost_round": "many"}),
    ],
)
def test_e207_bad_hyperparameter(parquet, tmp_path, algorithm, hyperparameters):
    path = two_classes(parquet)
    with pytest.raises(ValueError, match=r"^E207 training failed: ") as caught:
        train_and_save(path, str(tmp_path), "y", ["x"], CLASSIFY, algorithm, hyperparameters, 0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["objective", "num_class", "booster"])
def test_e207_parameters_that_the_task_decides(name):
    with pytest.raises(ValueError, match=rf"^E207 hyperparameters holds '{name}'"):
        xgboost_parameters(REGRESS, [], 0, {name: "x"})


def test_e207_xgboost_of_texts(tmp_path):
    text = np.array(["a", "b"], dtype=object)
    with pytest.raises(ValueError, match=r"^E207 the feature 'f' is text"):
        train_xgboost({"f": text}, np.array([0.0, 1.0]), {}, str(tmp_path))


def test_xgboost_parameters_of_a_task():
    base = {"seed": 3, "max_depth": 2}
    given = {"max_depth": 2.0}
    assert xgboost_parameters(REGRESS, [], 3, given) == {**base, "objective": "reg:squarederror"}
    pair = xgboost_parameters(CLASSIFY, ["a", "b"], 3, given)
    assert pair == {**base, "objective": "binary:logistic"}
    several = xgboost_parameters(CLASSIFY, ["a", "b", "c"], 3, given)
    assert several == {**base, "objective": "multi:softprob", "num_class": 3}


def test_the_models_are_saved_where_a_container_looks(parquet, tmp_path):
    path = two_classes(parquet)
    linear = train_and_save(path, str(tmp_path / "a"), "y", ["x"], CLASSIFY, "linear", {}, 0)
    assert (tmp_path / "a" / "model.joblib").is_file()
    assert linear == {
        "framework": "scikit-learn",
        "framework_version": sklearn.__version__,
        "labels": ["c0", "c1"],
    }
    options = {"num_boost_round": 3.0}
    boosted = train_and_save(
        path, str(tmp_path / "b"), "y", ["x"], CLASSIFY, "xgboost", options, 0
    )
    assert (tmp_path / "b" / "model.bst").is_file()
    assert boosted["framework"] == "xgboost"


# What numpy.asarray makes of JSON: text when a text stands beside numbers, objects beside a null.
ROWS = [[1.5, "a"], [None, "b"], [2.25, None], [4.0, "None"], [-3e-7, "zz"], [None, None]]


def test_a_row_means_the_same_in_any_batch():
    table = np.array([[1.5, "a"], [2.5, "b"], [None, "a"], [4, None], [0, "None"]], dtype=object)
    pipeline = sklearn_pipeline([0], [1], LogisticRegression()).fit(table, list("xyxyx"))
    prepared = pipeline[0]
    whole = prepared.transform(np.asarray(ROWS))
    alone = np.vstack([prepared.transform(np.asarray([row])) for row in ROWS])
    np.testing.assert_array_equal(whole, alone)
    assert np.asarray(ROWS[:1]).dtype.kind == "U"
    assert np.asarray(ROWS).dtype == object
    levels = prepared.named_transformers_["categories"][-1].categories_[0].tolist()
    assert levels == ["None", "a", "b", None]
    indicators = whole[:, 1:].tolist()
    assert indicators == [
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
        [1, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 1],
    ]
    median, scaled = 2.0, whole[:, 0]
    scale = np.std([1.5, 2.5, median, 4, 0])
    np.testing.assert_allclose(scaled, [(v - 2) / scale for v in (1.5, 2, 2.25, 4, -3e-7, 2)])


def test_a_column_without_values_does_not_stop_training():
    table = np.array([[NAN, 1.0], [NAN, 2.0]])
    pipeline = sklearn_pipeline([0, 1], [], LogisticRegression()).fit(table, ["a", "b"])
    assert pipeline.predict(np.asarray([[None, 2.0]])).tolist() == ["b"]

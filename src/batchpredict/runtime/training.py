"""Models that the prebuilt prediction containers of Vertex AI load as they are."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.tables import absent_column
from batchpredict.runtime.training_data import class_labels, read_training, regression_target

if TYPE_CHECKING:
    import numpy


def whole_numbers(hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """Give hyperparameters back the type that a pipeline parameter loses.

    A pipeline passes every number as a double, so that 6 may arrive as 6.0, which the estimators
    refuse. A 1 of those that take a share as well as a count means the whole.
    """
    shares = ("max_features", "max_samples", "min_samples_split")
    typed: dict[str, Any] = {}
    for name, value in hyperparameters.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and name in shares and value == 1:
            typed[name] = 1.0
        else:
            typed[name] = int(value) if number and float(value).is_integer() else value
    return typed


def sklearn_estimator(
    task: str, algorithm: str, seed: int, hyperparameters: dict[str, Any]
) -> Any:
    """Return an untrained scikit-learn estimator.

    Args:
        task: ``classification`` or ``regression``.
        algorithm: ``linear`` or ``random_forest``.
        seed: Random state, unless the hyperparameters give one.
        hyperparameters: Arguments of the estimator.

    Raises:
        ValueError: E211, a hyperparameter that the estimator does not know.
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.linear_model import LogisticRegression, Ridge

    estimators: dict[tuple[str, str], Any] = {
        ("classification", "linear"): LogisticRegression(max_iter=1000, random_state=seed),
        ("regression", "linear"): Ridge(random_state=seed),
        ("classification", "random_forest"): RandomForestClassifier(random_state=seed),
        ("regression", "random_forest"): RandomForestRegressor(random_state=seed),
    }
    estimator = estimators[task, algorithm]
    known = sorted(estimator.get_params())
    for name in hyperparameters:
        if name not in known:
            text = absent_column(type(estimator).__name__, name, known)
            raise ValueError(
                f"E211 training failed because of the hyperparameter '{name}': "
                + text.replace("column", "hyperparameter").replace("columns", "hyperparameters")
            )
    return estimator.set_params(**whole_numbers(hyperparameters))


def sklearn_pipeline(numbers: list[int], categories: list[int], estimator: Any) -> Any:
    """Return an untrained pipeline that reads what the prediction container makes of JSON.

    The container calls ``numpy.asarray`` on a list of lists: an array of text when numbers and
    texts stand together, of objects when a value is null. Each column is brought to its own type
    first, so that a row means the same in any batch. Only names of scikit-learn and numpy are
    used, since the container holds no code of ours.

    Args:
        numbers: Positions of the numeric features.
        categories: Positions of the text features; a missing text is a level of its own.
        estimator: The last step.
    """
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    number = make_pipeline(
        FunctionTransformer(np.asarray, kw_args={"dtype": float}),
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
    )
    category = make_pipeline(
        FunctionTransformer(np.asarray, kw_args={"dtype": object}),
        OneHotEncoder(handle_unknown="ignore"),
    )
    parts = [("numbers", number, numbers), ("categories", category, categories)]
    return make_pipeline(ColumnTransformer([part for part in parts if part[2]]), estimator)


def train_sklearn(
    features: list[Any], targets: "numpy.ndarray[Any, Any]", estimator: Any, folder: str
) -> None:
    """Train a scikit-learn pipeline and save it as ``model.joblib``.

    Args:
        features: One array for each feature: float64, or object for text.
        targets: Texts for a classifier, numbers for a regressor.
        estimator: What to train after the preprocessing.
        folder: Where the model goes.

    Raises:
        ValueError: E207, a hyperparameter's value that the estimator does not take.
    """
    import os

    import joblib
    import numpy as np

    texts = [i for i, column in enumerate(features) if column.dtype == object]
    numbers = [i for i in range(len(features)) if i not in texts]
    table = np.empty((len(targets), len(features)), dtype=object if texts else float)
    for position, column in enumerate(features):
        table[:, position] = column
    pipeline = sklearn_pipeline(numbers, texts, estimator)
    try:
        pipeline.fit(table, targets)
    except (ValueError, TypeError) as error:
        raise ValueError(f"E207 training failed: {' '.join(str(error).split())}") from error
    os.makedirs(folder, exist_ok=True)
    joblib.dump(pipeline, os.path.join(folder, "model.joblib"))


def xgboost_parameters(
    task: str, labels: list[str], seed: int, hyperparameters: dict[str, Any]
) -> dict[str, Any]:
    """Return the parameters of ``xgboost.train``.

    Raises:
        ValueError: E207, a hyperparameter that would change the shape of a prediction.
    """
    for name in ("objective", "num_class", "booster"):
        if name in hyperparameters:
            raise ValueError(
                f"E207 hyperparameters holds '{name}', which the task decides; remove it"
            )
    objective: dict[str, Any] = {"objective": "reg:squarederror"}
    if task == "classification":
        several = {"objective": "multi:softprob", "num_class": len(labels)}
        objective = {"objective": "binary:logistic"} if len(labels) == 2 else several
    return {"seed": seed, **objective, **whole_numbers(hyperparameters)}


def train_xgboost(
    features: dict[str, Any],
    targets: "numpy.ndarray[Any, Any]",
    parameters: dict[str, Any],
    folder: str,
) -> None:
    """Train an XGBoost model and save it as ``model.bst``.

    Args:
        features: One float64 array for each feature, by name.
        targets: Class indices or numbers.
        parameters: Of ``xgboost.train``, and ``num_boost_round`` (default 100).
        folder: Where the model goes.

    Raises:
        ValueError: E207 a text feature or a bad value, E211 an unknown hyperparameter.
    """
    import os
    import warnings

    import numpy as np
    import xgboost

    for name, column in features.items():
        if column.dtype == object:
            raise ValueError(
                f"E207 the feature '{name}' is text, and algorithm 'xgboost' reads numbers; "
                "split the dataset with algorithm='xgboost', which turns texts into numbers"
            )
    given = {name: value for name, value in parameters.items() if name != "num_boost_round"}
    table = xgboost.DMatrix(np.column_stack(list(features.values())), label=targets)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            booster = xgboost.train(given, table, parameters.get("num_boost_round", 100))
        except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split("Stack trace")[0].split())
            raise ValueError(f"E207 training failed: {reason}") from error
        os.makedirs(folder, exist_ok=True)
        booster.save_model(os.path.join(folder, "model.bst"))
    unused = [str(w.message) for w in caught if "are not used" in str(w.message)]
    if unused:
        names = unused[0].partition("Parameters: {")[2].partition("}")[0].strip()
        raise ValueError(f"E211 training failed because XGBoost has no hyperparameter {names}")


def train_and_save(
    dataset: str,
    folder: str,
    target: str,
    features: list[str],
    task: str,
    algorithm: str,
    hyperparameters: dict[str, Any],
    seed: int,
) -> dict[str, Any]:
    """Train a model and save it as its prediction container expects it.

    Args:
        dataset: Path of the train split, a Parquet file.
        folder: Where the model goes.
        target: The column to predict.
        features: The feature columns, in order.
        task: ``classification`` or ``regression``.
        algorithm: ``linear``, ``random_forest`` or ``xgboost``.
        hyperparameters: Of the estimator.
        seed: Makes the training repeatable.

    Returns:
        ``framework``, ``framework_version`` and ``labels``.

    Raises:
        ValueError: E201 to E211, what is wrong with the dataset or a hyperparameter.
    """
    import sys

    import numpy as np

    columns = read_training(dataset, [*features, target])
    given = columns.pop(target)
    labels = class_labels(given, target) if task == "classification" else []
    if labels:
        targets = np.array([str(value) for value in given])
    else:
        targets = regression_target(given, target)
    if algorithm == "xgboost":
        indices = np.searchsorted(labels, targets) if labels else targets
        parameters = xgboost_parameters(task, labels, seed, hyperparameters)
        train_xgboost(columns, indices, parameters, folder)
    else:
        estimator = sklearn_estimator(task, algorithm, seed, hyperparameters)
        train_sklearn(list(columns.values()), targets, estimator, folder)
    name = "xgboost" if algorithm == "xgboost" else "scikit-learn"
    version = sys.modules[name.replace("scikit-", "sk")].__version__
    return {"framework": name, "framework_version": version, "labels": labels}

"""A model that a prebuilt prediction container of Vertex AI loads as it is."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.split_checks import check_choice
from batchpredict.runtime.training import train_and_save


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[
        images.DUCKDB,
        images.JOBLIB,
        images.NUMPY,
        images.SCIKIT_LEARN,
        images.SCIPY,
        images.XGBOOST,
    ],
    additional_funcs=carried(check_choice, train_and_save),
)
def train_model(
    train: Input[Dataset],
    model: Output[Model],
    target_column: str,
    feature_columns: list,
    task: str,
    algorithm: str = "linear",
    hyperparameters: dict = {},
    seed: int = 0,
    sklearn_serving_image: str = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest",
    xgboost_serving_image: str = "us-docker.pkg.dev/vertex-ai/prediction/xgboost-cpu.2-1:latest",
) -> NamedTuple("Outputs", [("serving_image", str), ("labels", list)]):
    """Train a model on the train split.

    Args:
        train: Parquet, as split_dataset writes it.
        target_column: The column to predict.
        feature_columns: The features; a prediction takes a list of values in this order.
        task: classification or regression.
        algorithm: linear (logistic regression, or ridge), random_forest or xgboost.
        hyperparameters: Arguments of the scikit-learn estimator or parameters of xgboost.train
            with num_boost_round (default 100). A whole number is taken as an integer; 1 for
            max_features, max_samples or min_samples_split means all.
        seed: Makes the training repeatable.
        sklearn_serving_image: Prediction container of a scikit-learn model.
        xgboost_serving_image: Prediction container of an XGBoost model.

    Returns:
        model: Folder with model.joblib or model.bst. Metadata: framework, framework_version,
            algorithm, task, labels, feature_columns, target_column, and categories for xgboost.
        serving_image: The prediction container that loads the model.
        labels: The classes in the order of the model's scores; empty for a regression.
    """
    import logging
    from collections import namedtuple

    check_choice("task", task, ["classification", "regression"])
    check_choice("algorithm", algorithm, ["linear", "random_forest", "xgboost"])
    trained = train_and_save(
        train.path,
        model.path,
        target_column,
        feature_columns,
        task,
        algorithm,
        hyperparameters,
        seed,
    )
    model.metadata.update(
        trained,
        algorithm=algorithm,
        task=task,
        feature_columns=feature_columns,
        target_column=target_column,
    )
    if "categories" in train.metadata:
        model.metadata["categories"] = train.metadata["categories"]
    image = xgboost_serving_image if algorithm == "xgboost" else sklearn_serving_image
    logging.info("trained %s %s for %s", algorithm, task, image)
    return namedtuple("Outputs", "serving_image labels")(image, trained["labels"])

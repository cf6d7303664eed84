"""The main job: from a table to a model that is measured, and deployed when it is good enough."""

from kfp import dsl

from batchpredict import placeholders
from batchpredict.components.batch_predict import batch_predict
from batchpredict.components.deploy_model import deploy_model
from batchpredict.components.evaluate_predictions import evaluate_predictions
from batchpredict.components.gate import gate
from batchpredict.components.parse_in_parallel import parse_in_parallel
from batchpredict.components.parse_predictions import parse_predictions
from batchpredict.components.split_dataset import split_dataset
from batchpredict.components.train_model import train_model
from batchpredict.components.upload_model import upload_model


@dsl.pipeline(name="train-and-batch-predict")
def train_and_batch_predict(
    dataset_uri: str,
    target_column: str,
    key_column: str = "",
    ignore_columns: list = [],
    task: str = "auto",
    algorithm: str = "linear",
    hyperparameters: dict = {},
    test_fraction: float = 0.25,
    seed: int = 0,
    model_display_name: str = "train-and-batch-predict",
    endpoint_display_name: str = "train-and-batch-predict",
    machine_type: str = "n1-standard-2",
    max_failed: float = 0.0,
    max_missing: float = 0.0,
    parse_parallelism: int = 1,
    gate_metric: str = "auto",
    gate_threshold: float = 0.8,
) -> None:
    """Split a table, train, upload, batch predict the held-back rows, measure, and deploy.

    Args:
        dataset_uri: Table in Cloud Storage, CSV or Parquet, such as ``gs://bucket/table.csv``.
        target_column: Column to predict.
        key_column: Column that identifies a row; made from the row number when empty.
        ignore_columns: Columns that are no features.
        task: ``classification``, ``regression``, or ``auto`` to tell by the target.
        algorithm: ``linear``, ``random_forest`` or ``xgboost``.
        hyperparameters: Hyperparameters of the algorithm, by the names of its library.
        test_fraction: Share of the rows that is held back and batch predicted.
        seed: Number that decides the split and the training.
        model_display_name: Name in the Model Registry; a model of this name gets a new version.
        endpoint_display_name: Name of the endpoint; made when there is none.
        machine_type: Machine of the batch prediction job and of the endpoint.
        max_failed: Rows (from 1) or share (below 1) that may fail.
        max_missing: Rows (from 1) or share (below 1) that may be missing in the output.
        parse_parallelism: Steps that read the output side by side, for outputs beyond one step.
        gate_metric: Metric that decides on deployment; ``auto`` is accuracy or r2.
        gate_threshold: What the metric must reach.
    """
    dataset = dsl.importer(artifact_uri=dataset_uri, artifact_class=dsl.Dataset)
    split = split_dataset(
        dataset=dataset.output,
        target_column=target_column,
        key_column=key_column,
        task=task,
        test_fraction=test_fraction,
        algorithm=algorithm,
        ignore_columns=ignore_columns,
        seed=seed,
    )
    # The table behind a URI may change: what depends on it is computed each time.
    split.set_caching_options(False)
    trained = train_model(
        train=split.outputs["train"],
        target_column=target_column,
        feature_columns=split.outputs["feature_columns"],
        task=split.outputs["task"],
        algorithm=algorithm,
        hyperparameters=hyperparameters,
        seed=seed,
    )
    uploaded = upload_model(
        model=trained.outputs["model"],
        display_name=model_display_name,
        serving_container_image_uri=trained.outputs["serving_image"],
    )
    predicted = batch_predict(
        job_display_name="train-and-batch-predict",
        model=uploaded.outputs["model"],
        gcs_source_uris=split.outputs["instances_uris"],
        gcs_destination_output_uri_prefix=f"{placeholders.RUN_ROOT}/batch-predictions",
        instance_type="array",
        key_field=split.outputs["key_column"],
        included_fields=split.outputs["feature_columns"],
        machine_type=machine_type,
    )
    with dsl.If(parse_parallelism > 1, name="parse-side-by-side"):
        parsed_parts = parse_in_parallel(
            output_directory=predicted.outputs["gcs_output_directory"],
            instances=split.outputs["instances"],
            parallelism=parse_parallelism,
            key_field=split.outputs["key_column"],
            labels=trained.outputs["labels"],
            max_failed=max_failed,
            max_missing=max_missing,
        )
    with dsl.Else(name="parse-in-one-step"):
        parsed = parse_predictions(
            output_directory=predicted.outputs["gcs_output_directory"],
            instances=split.outputs["instances"],
            key_field=split.outputs["key_column"],
            labels=trained.outputs["labels"],
            max_failed=max_failed,
            max_missing=max_missing,
        )
        parsed.set_caching_options(False)
    evaluated = evaluate_predictions(
        predictions=dsl.OneOf(parsed_parts.outputs["predictions"], parsed.outputs["predictions"]),
        truth=split.outputs["test"],
        target_column=target_column,
        task=split.outputs["task"],
        key_column=split.outputs["key_column"],
        labels=trained.outputs["labels"],
    )
    decided = gate(
        scores=evaluated.outputs["scores"], metric=gate_metric, threshold=gate_threshold
    )
    with dsl.If(decided.outputs["decision"] == "pass", name="gate-passed"):
        deploy_model(
            model=uploaded.outputs["model"],
            instances=split.outputs["instances"],
            feature_columns=split.outputs["feature_columns"],
            endpoint_display_name=endpoint_display_name,
            dedicated_resources_machine_type=machine_type,
        )

"""Predict the failed and missing rows of a batch prediction again."""

from typing import NamedTuple

from google_cloud_pipeline_components.types.artifact_types import VertexModel
from kfp import dsl

from batchpredict import placeholders
from batchpredict.components.batch_predict import batch_predict
from batchpredict.components.merge_retried import merge_retried
from batchpredict.components.parse_predictions import parse_predictions
from batchpredict.components.select_failed_instances import select_failed_instances


class Outputs(NamedTuple):
    """What the graph hands on."""

    predictions: dsl.Dataset
    failures: dsl.Dataset
    summary: dsl.Artifact


@dsl.pipeline(name="retry-failed-instances")
def retry_failed_instances(
    predictions: dsl.Input[dsl.Dataset],
    failures: dsl.Input[dsl.Dataset],
    summary: dsl.Input[dsl.Artifact],
    instances: dsl.Input[dsl.Dataset],
    job_display_name: str,
    model: dsl.Input[VertexModel],
    gcs_destination_output_uri_prefix: str,
    instance_type: str = "",
    key_field: str = "",
    included_fields: list = [],
    excluded_fields: list = [],
    model_parameters: dict = {},
    machine_type: str = "n1-standard-2",
    starting_replica_count: int = 1,
    max_replica_count: int = 1,
    manual_batch_tuning_parameters_batch_size: int = 0,
    service_account: str = "",
    labels: dict = {},
    encryption_spec_key_name: str = "",
    project: str = placeholders.PROJECT,
    location: str = placeholders.LOCATION,
    instance_key_field: str = "key",
    class_labels: list = [],
    target_column: str = "",
    max_failed: float = 0.0,
    max_missing: float = 0.0,
) -> Outputs:
    """Predict the rows that failed or are missing once more, and merge: no row stands twice.

    The parameters of the job are those of batch_predict and should be those of the first job. When
    nothing failed no job is started, and the outputs are the first result. Parse the first output
    with the instances, and with max_failed and max_missing high enough to get here.

    A job of which not one row can be predicted fails, and so does this.

    Args:
        predictions: The predictions that parse_predictions wrote.
        failures: The failures that it wrote.
        summary: The summary that it wrote.
        instances: The JSON Lines that were predicted.
        job_display_name: Name of the second job.
        model: The model version that predicts.
        gcs_destination_output_uri_prefix: Folder that gets a new folder with the predictions.
        instance_type: What the model gets for an instance: ``object``, ``array``, or "" for what
            the line holds.
        key_field: Field that identifies an instance; the model does not get it, the prediction
            carries it instead of the instance.
        included_fields: Fields that the model gets, in this order; all when empty.
        excluded_fields: Fields that the model does not get.
        model_parameters: Parameters of the prediction.
        machine_type: Machine of each replica.
        starting_replica_count: Replicas at the start.
        max_replica_count: Most replicas.
        manual_batch_tuning_parameters_batch_size: Instances in one request to the model; 0 leaves
            it to the service, which takes 64. The service fails a request as a whole: 1 saves
            the rows that stood beside a bad one.
        service_account: Account that the model's container runs as.
        labels: Labels of the job.
        encryption_spec_key_name: Key that encrypts the job.
        project: Project of the job; the pipeline run's own by default.
        location: Region of the job; the pipeline run's own by default.
        instance_key_field: Field that tells an instance apart when the job has no key_field: the
            key_field that parse_predictions had.
        class_labels: The ``labels`` that parse_predictions had.
        target_column: The ``target_column`` that parse_predictions had.
        max_failed: Rows (from 1) or share of all input (below 1) that may fail in the end.
        max_missing: Rows (from 1) or share of all input (below 1) that may be missing in the end.

    Returns:
        predictions: The rows of both rounds.
        failures: The rows that failed again, or are missing again.
        summary: Counts of the result and of each round.
    """
    selected = select_failed_instances(
        failures=failures,
        summary=summary,
        instances=instances,
        key_field=instance_key_field,
        included_fields=included_fields,
        job_key_field=key_field,
    )
    selected.set_caching_options(False)  # what lies behind the same URI changes from day to day
    with dsl.If(selected.outputs["rows"] > 0, name="some-failed"):
        predicted = batch_predict(
            job_display_name=job_display_name,
            model=model,
            gcs_source_uris=selected.outputs["retry_uris"],
            gcs_destination_output_uri_prefix=gcs_destination_output_uri_prefix,
            instance_type=instance_type,
            key_field=key_field,
            included_fields=included_fields,
            excluded_fields=excluded_fields,
            model_parameters=model_parameters,
            machine_type=machine_type,
            starting_replica_count=starting_replica_count,
            max_replica_count=max_replica_count,
            manual_batch_tuning_parameters_batch_size=manual_batch_tuning_parameters_batch_size,
            service_account=service_account,
            labels=labels,
            encryption_spec_key_name=encryption_spec_key_name,
            max_failed=1e15,  # merge_retried decides, on the merged counts
            project=project,
            location=location,
        )
        parsed = parse_predictions(
            output_directory=predicted.outputs["gcs_output_directory"],
            instances=selected.outputs["retry_instances"],
            kind=selected.outputs["kind"],
            key_field=selected.outputs["key_field"],
            labels=class_labels,
            target_column=target_column,
            included_fields=included_fields,
            max_failed=1e15,
            max_missing=1e15,
        )
        parsed.set_caching_options(False)
        merged = merge_retried(
            first_predictions=predictions,
            first_failures=failures,
            first_summary=summary,
            second_predictions=parsed.outputs["predictions"],
            second_failures=parsed.outputs["failures"],
            second_summary=parsed.outputs["summary"],
            key_field=selected.outputs["key_field"],
            included_fields=included_fields,
            max_failed=max_failed,
            max_missing=max_missing,
        )
        merged.set_caching_options(False)
    with dsl.Else(name="none-failed"):
        kept = merge_retried(
            first_predictions=predictions,
            first_failures=failures,
            first_summary=summary,
        )
        kept.set_caching_options(False)
    return Outputs(
        predictions=dsl.OneOf(merged.outputs["predictions"], kept.outputs["predictions"]),
        failures=dsl.OneOf(merged.outputs["failures"], kept.outputs["failures"]),
        summary=dsl.OneOf(merged.outputs["summary"], kept.outputs["summary"]),
    )

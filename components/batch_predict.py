"""Run a batch prediction job on Vertex AI and wait for it."""

from typing import NamedTuple

from google_cloud_pipeline_components.types.artifact_types import (
    VertexBatchPredictionJob,
    VertexModel,
)
from google_cloud_pipeline_components.v1.batch_predict_job import ModelBatchPredictOp
from kfp import dsl

from batchpredict import placeholders


class Outputs(NamedTuple):
    """What the graph hands on."""

    batchpredictionjob: VertexBatchPredictionJob
    gcs_output_directory: dsl.Artifact
    gcp_resources: str


@dsl.pipeline(name="batch-predict")
def batch_predict(
    job_display_name: str,
    model: dsl.Input[VertexModel],
    gcs_source_uris: list,
    gcs_destination_output_uri_prefix: str,
    instances_format: str = "jsonl",
    predictions_format: str = "jsonl",
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
) -> Outputs:
    """Predict every instance of files in Cloud Storage with Google's ModelBatchPredictOp.

    The names are those of ModelBatchPredictOp. Unlike there, the region is the pipeline run's own
    by default, and a run never takes an older job's result from the cache.

    Args:
        job_display_name: Name of the job. Google's component puts it unescaped into JSON: use no
            quotes, backslashes or line ends.
        model: The model version that predicts.
        gcs_source_uris: Files with instances; may hold wildcards.
        gcs_destination_output_uri_prefix: Folder that gets a new folder with the predictions.
        instances_format: Format of the instances, such as ``jsonl`` or ``csv``.
        predictions_format: Format of the predictions, such as ``jsonl``.
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
            it to the service, which takes 64.
        service_account: Account that the model's container runs as.
        labels: Labels of the job.
        encryption_spec_key_name: Key that encrypts the job.
        project: Project of the job; the pipeline run's own by default.
        location: Region of the job; the pipeline run's own by default.

    Returns:
        batchpredictionjob: The job.
        gcs_output_directory: Folder with the predictions.
        gcp_resources: Where the job is, as serialized JSON.
    """
    job = ModelBatchPredictOp(
        job_display_name=job_display_name,
        model=model,
        gcs_source_uris=gcs_source_uris,
        gcs_destination_output_uri_prefix=gcs_destination_output_uri_prefix,
        instances_format=instances_format,
        predictions_format=predictions_format,
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
        project=project,
        location=location,
    )
    job.set_caching_options(False)  # what lies behind the same URI changes from day to day
    return Outputs(
        batchpredictionjob=job.outputs["batchpredictionjob"],
        gcs_output_directory=job.outputs["gcs_output_directory"],
        gcp_resources=job.outputs["gcp_resources"],
    )

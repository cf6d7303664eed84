"""Run a batch prediction job on Vertex AI with Google's component, checked before and after."""

from typing import NamedTuple

from google_cloud_pipeline_components.types.artifact_types import (
    BQTable,
    UnmanagedContainerModel,
    VertexBatchPredictionJob,
    VertexModel,
)
from google_cloud_pipeline_components.v1.batch_predict_job import ModelBatchPredictOp
from kfp import dsl

from batchpredict import placeholders
from batchpredict.components.check_batch_request import check_batch_request
from batchpredict.components.wait_batch_prediction_job import wait_batch_prediction_job


class Outputs(NamedTuple):
    """What the graph hands on."""

    batchpredictionjob: VertexBatchPredictionJob
    gcs_output_directory: dsl.Artifact
    bigquery_output_table: BQTable
    gcp_resources: str
    job_resource_name: str
    output: str
    state: str
    successful_count: int
    failed_count: int
    incomplete_count: int
    replica_hours: float
    error_message: str
    console_link: str


@dsl.pipeline(name="batch-predict")
def batch_predict(
    job_display_name: str,
    model: dsl.Input[VertexModel] = None,
    unmanaged_container_model: dsl.Input[UnmanagedContainerModel] = None,
    instances_format: str = "jsonl",
    predictions_format: str = "jsonl",
    gcs_source_uris: list = [],
    bigquery_source_input_uri: str = "",
    instance_type: str = "",
    key_field: str = "",
    included_fields: list = [],
    excluded_fields: list = [],
    model_parameters: dict = {},
    gcs_destination_output_uri_prefix: str = "",
    bigquery_destination_output_uri: str = "",
    machine_type: str = "",
    accelerator_type: str = "",
    accelerator_count: int = 0,
    starting_replica_count: int = 0,
    max_replica_count: int = 0,
    service_account: str = placeholders.SERVICE_ACCOUNT,
    manual_batch_tuning_parameters_batch_size: int = 0,
    generate_explanation: bool = False,
    explanation_metadata: dict = {},
    explanation_parameters: dict = {},
    labels: dict = {},
    encryption_spec_key_name: str = placeholders.ENCRYPTION_KEY,
    max_failed: float = -1.0,
    project: str = placeholders.PROJECT,
    location: str = placeholders.LOCATION,
) -> Outputs:
    """Predict every instance with Google's ModelBatchPredictOp between two steps of ours.

    Names and defaults are those of ModelBatchPredictOp, but for the region: it is the run's own.
    A first step checks the request and says everything that is wrong with it. A last one tells
    what came of the job, also when Google's step failed: the service's own words, the counts, the
    costs. A run never takes an older job's result from the cache.

    What Google's component cannot do, run_batch_prediction_job can: it waits for ever for a job in
    the states EXPIRED and PARTIALLY_SUCCEEDED, and when it is killed at the wrong moment it may
    start a second job.

    Args:
        job_display_name: Name of the job: letters, digits, spaces and ._-()
        model: The model version that predicts.
        unmanaged_container_model: A container that is not registered, instead of a model.
        instances_format: jsonl, csv, bigquery, tf-record, tf-record-gzip or file-list.
        predictions_format: jsonl, csv or bigquery.
        gcs_source_uris: Files with instances; may hold wildcards.
        bigquery_source_input_uri: Table with instances, bq://PROJECT.DATASET.TABLE.
        instance_type: What the model gets for an instance: ``object``, ``array``, or "" for what
            the line holds.
        key_field: Field that identifies an instance; the model does not get it, the prediction
            carries it instead of the instance.
        included_fields: Fields that the model gets, in this order; all when empty.
        excluded_fields: Fields that the model does not get.
        model_parameters: Parameters of the prediction. 0, false and "" are refused, since Google's
            component would drop them.
        gcs_destination_output_uri_prefix: Folder that gets a new folder with the predictions.
        bigquery_destination_output_uri: Dataset or table that gets the predictions.
        machine_type: Machine of each replica; a model of your own needs one.
        accelerator_type: Accelerator of each machine.
        accelerator_count: Accelerators of each machine.
        starting_replica_count: Replicas at the start.
        max_replica_count: Most replicas; the service does not scale batch prediction.
        service_account: Account that the model's container runs as; the run's own by default.
        manual_batch_tuning_parameters_batch_size: Instances in one request to the model; 0 leaves
            it to the service, which takes 64.
        generate_explanation: Whether to explain each prediction.
        explanation_metadata: Metadata of the explanation, in the spelling of REST or of Python.
        explanation_parameters: Parameters of the explanation, in either spelling.
        labels: Labels of the job; two are added.
        encryption_spec_key_name: Key that encrypts the job; the run's own by default.
        max_failed: Instances that may fail: a share below 1, else a number; -1 for any number but
            all.
        project: Project of the job; the pipeline run's own by default.
        location: Region of the job; the pipeline run's own by default.

    Returns:
        batchpredictionjob: The job.
        gcs_output_directory: Folder with the predictions.
        bigquery_output_table: Table with the predictions.
        gcp_resources: Where the job is, as serialized JSON.
        job_resource_name: The job's resource name.
        output: The folder, or the table as bq://PROJECT.DATASET.TABLE.
        state: The job's state, such as JOB_STATE_SUCCEEDED.
        successful_count: Instances with a prediction; -1 when the service does not say.
        failed_count: Instances without one; -1 when the service does not say.
        incomplete_count: Instances that were never attempted; -1 when the service does not know.
        replica_hours: What the job has used.
        error_message: The service's own words on a failure.
        console_link: The job's page in the console.
    """
    inputs = {name: value for name, value in locals().items() if name != "max_failed"}
    checked = check_batch_request(**inputs)
    checked.set_caching_options(False)
    names = ("labels", "explanation_metadata", "explanation_parameters")
    job = ModelBatchPredictOp(**{**inputs, **{name: checked.outputs[name] for name in names}})
    job.set_caching_options(False)  # what lies behind the same URI changes from day to day
    told = wait_batch_prediction_job(
        gcp_resources="",
        step_label=checked.outputs["step_label"],
        project=project,
        location=location,
        max_failed=max_failed,
        deadline_seconds=1,  # Google's component has waited; a job that goes on is told as such
        poll_interval_seconds=1,
    )
    told.after(job).ignore_upstream_failure().set_caching_options(False)
    artifacts = ("batchpredictionjob", "gcs_output_directory", "bigquery_output_table")
    given = {name: job.outputs[name] for name in (*artifacts, "gcp_resources")}
    rest = {name: told.outputs[name] for name in Outputs._fields if name not in given}
    return Outputs(**given, **rest)

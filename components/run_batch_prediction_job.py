"""Run a batch prediction job with every field that the API has, and never two of them.

In a pipeline::

    job = run_batch_prediction_job(
        job_display_name="nightly",
        model_name="projects/my-project/locations/europe-west4/models/1234@champion",
        gcs_source_uris=["gs://my-bucket/instances-*.jsonl"],
        gcs_destination_output_uri_prefix="gs://my-bucket/predictions",
        machine_type="n1-standard-4",
        model_parameters={"confidenceThreshold": 0.0},
    )
    parsed = parse_predictions(batchpredictionjob=job.outputs["batchpredictionjob"])
"""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Input, Output, OutputPath

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.request.building import api_version, request_body
from batchpredict.runtime.request.calls import job_calls
from batchpredict.runtime.request.outcomes import require_success, wait_for_job
from batchpredict.runtime.request.stepping import (
    fill_artifacts,
    request_values,
    require_request,
    told_outputs,
    write_resources,
)
from batchpredict.runtime.request.submitting import (
    cancel_strangers,
    cancel_when_stopped,
    run_label,
    submit_job,
)


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.GOOGLE_AUTH, images.REQUESTS],
    additional_funcs=carried(
        api_version,
        cancel_strangers,
        cancel_when_stopped,
        fill_artifacts,
        job_calls,
        request_body,
        request_values,
        require_request,
        require_success,
        run_label,
        submit_job,
        told_outputs,
        wait_for_job,
        write_resources,
    ),
)
def run_batch_prediction_job(
    batchpredictionjob: Output[Artifact],
    gcs_output_directory: Output[Artifact],
    bigquery_output_table: Output[Artifact],
    submission: Output[Artifact],
    gcp_resources: OutputPath(str),
    job_display_name: str,
    model: Input[Artifact] = None,
    model_name: str = "",
    endpoint: str = "",
    unmanaged_container_model: Input[Artifact] = None,
    gcs_source_uris: list = [],
    bigquery_source_input_uri: str = "",
    multimodal_source_dataset_name: str = "",
    instances_format: str = "jsonl",
    instance_type: str = "",
    key_field: str = "",
    included_fields: list = [],
    excluded_fields: list = [],
    model_parameters: dict = {},
    model_parameters_json: str = "",
    predictions_format: str = "jsonl",
    gcs_destination_output_uri_prefix: str = "",
    bigquery_destination_output_uri: str = "",
    multimodal_destination_bigquery_uri: str = "",
    multimodal_destination_display_name: str = "",
    machine_type: str = "",
    accelerator_type: str = "",
    accelerator_count: int = 0,
    gpu_partition_size: str = "",
    tpu_topology: str = "",
    multihost_gpu_node_count: int = 0,
    min_gpu_driver_version: str = "",
    reservation_affinity_type: str = "",
    reservation_affinity_key: str = "",
    reservation_affinity_values: list = [],
    starting_replica_count: int = 0,
    max_replica_count: int = 0,
    spot: bool = False,
    flex_start_max_runtime_duration: str = "",
    service_account: str = "{{$.pipeline_service_account}}",
    manual_batch_tuning_parameters_batch_size: int = 0,
    generate_explanation: bool = False,
    explanation_metadata: dict = {},
    explanation_parameters: dict = {},
    labels: dict = {},
    encryption_spec_key_name: str = "{{$.pipeline_encryption_key_name}}",
    disable_container_logging: bool = False,
    model_monitoring_config: dict = {},
    max_failed: float = -1.0,
    wait: bool = True,
    deadline_seconds: int = 0,
    poll_interval_seconds: int = 20,
    settle_seconds: int = 180,
    project: str = "{{$.pipeline_google_cloud_project_id}}",
    location: str = "{{$.pipeline_google_cloud_location}}",
    run_name: str = "{{$.pipeline_job_name}}",
) -> NamedTuple(
    "Outputs",
    [
        ("job_resource_name", str),
        ("output", str),
        ("state", str),
        ("successful_count", int),
        ("failed_count", int),
        ("incomplete_count", int),
        ("replica_hours", float),
        ("error_message", str),
        ("console_link", str),
    ],
):
    """Run one batch prediction job, however often the step is tried, and tell what came of it.

    The inputs have the names of ModelBatchPredictOp, and there is one for each field of the API's
    versions v1 and v1beta1; v1beta1 is asked only for what v1 lacks. The request is checked first,
    and every fault is said at once. A step that is killed and started again takes up the job that
    it made; a cancelled step cancels it. After a job that failed, the next attempt of the step
    makes another one. Set caching off: what lies behind the same URI changes from day to day.

    Args:
        batchpredictionjob: The job, as ModelBatchPredictOp gives it.
        gcs_output_directory: Folder with the predictions, for a job that writes to Cloud Storage.
        bigquery_output_table: Table with the predictions, for a job that writes to BigQuery.
        submission: Notes of the submission, by which the next attempt finds the job.
        gcp_resources: Where the job is, as serialized JSON. Vertex AI cancels it with the run.
        job_display_name: Name of the job: letters, digits, spaces and ._-()
        model: The model, as ModelUploadOp gives it.
        model_name: The model by name, with @VERSION or @ALIAS if need be, or
            publishers/P/models/ID; instead of the artifact.
        endpoint: An endpoint that predicts, instead of a model (v1beta1).
        unmanaged_container_model: A container that is not registered, instead of a model.
        gcs_source_uris: Files with instances; may hold wildcards.
        bigquery_source_input_uri: Table with instances, bq://PROJECT.DATASET.TABLE.
        multimodal_source_dataset_name: Multimodal dataset with instances.
        instances_format: jsonl, csv, bigquery, tf-record, tf-record-gzip or file-list.
        instance_type: What the model gets for an instance: object, array, or "" for what the line
            holds.
        key_field: Field that identifies an instance; the model does not get it, the prediction
            carries it instead of the instance.
        included_fields: Fields that the model gets, in this order; all when empty.
        excluded_fields: Fields that the model does not get.
        model_parameters: Parameters of the prediction; 0, false and "" are sent.
        model_parameters_json: The same as JSON, for what is no object.
        predictions_format: jsonl, csv or bigquery.
        gcs_destination_output_uri_prefix: Folder that gets a new folder with the predictions.
        bigquery_destination_output_uri: bq://PROJECT, bq://PROJECT.DATASET, or a table that does
            not exist yet.
        multimodal_destination_bigquery_uri: Table of a new multimodal dataset.
        multimodal_destination_display_name: Name of that dataset.
        machine_type: Machine of each replica.
        accelerator_type: Accelerator of each machine, such as NVIDIA_L4.
        accelerator_count: Accelerators of each machine.
        gpu_partition_size: Partition of each GPU, such as 1g.10gb.
        tpu_topology: Topology of the TPUs, such as 2x2x1.
        multihost_gpu_node_count: Nodes of a replica (v1beta1).
        min_gpu_driver_version: Oldest GPU driver (v1beta1).
        reservation_affinity_type: NO_RESERVATION, ANY_RESERVATION or SPECIFIC_RESERVATION.
        reservation_affinity_key: compute.googleapis.com/reservation-name for a specific one.
        reservation_affinity_values: Its resource name.
        starting_replica_count: Replicas at the start.
        max_replica_count: Most replicas; the service does not scale batch prediction.
        spot: Whether to take spot machines (v1beta1).
        flex_start_max_runtime_duration: Seconds of a flex start, such as 86400s (v1beta1).
        service_account: Account that the model's container runs as; the run's own by default.
        manual_batch_tuning_parameters_batch_size: Instances in one request to the model; 0 leaves
            it to the service, which takes 64.
        generate_explanation: Whether to explain each prediction.
        explanation_metadata: Metadata of the explanation, as in REST.
        explanation_parameters: Parameters of the explanation, as in REST.
        labels: Labels of the job; the step adds two.
        encryption_spec_key_name: Key that encrypts the job; the run's own by default.
        disable_container_logging: Whether the model's container writes no logs.
        model_monitoring_config: Model monitoring with alerts, as in REST (v1beta1).
        max_failed: Instances that may fail: a share below 1, else a number; -1 for any number but
            all.
        wait: Whether to wait for the job's end. If not, counts are -1: see
            wait_for_batch_prediction_job.
        deadline_seconds: How long to wait for its end; 0 for as long as it takes.
        poll_interval_seconds: How often to look.
        settle_seconds: Seconds after which a job is in the service's list, whoever asked for it.
        project: Project of the job; the pipeline run's own by default.
        location: Region of the job; the pipeline run's own by default.
        run_name: Name of the pipeline run, which the job bears as a label; leave it as it is.

    Returns:
        batchpredictionjob: The job.
        gcs_output_directory: Folder with the predictions.
        bigquery_output_table: Table with the predictions.
        submission: Notes of the submission.
        gcp_resources: Where the job is.
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
    from collections import namedtuple

    values = request_values({**locals(), "labels": {**labels, **run_label(run_name)}})
    require_request(values, location)
    version = api_version(values)
    parent = f"projects/{project}/locations/{location}"
    calls = job_calls(parent, version, submission.uri)
    cancel_when_stopped(calls, submission.uri)
    name = submit_job(calls, request_body(values), submission.uri, settle_seconds)
    write_resources(gcp_resources, location, version, name)
    job = calls["get"](name)
    if wait:
        job = wait_for_job(calls, name, deadline_seconds, poll_interval_seconds)
    cancel_strangers(calls, name, submission.uri)
    fill_artifacts(job, batchpredictionjob, gcs_output_directory, bigquery_output_table)
    told = told_outputs(job)
    if wait:
        require_success(job, max_failed)
    return namedtuple("Outputs", list(told))(**told)

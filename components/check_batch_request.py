"""Check a batch prediction request before Google's component sends it."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Input, Output

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.request.launching import launcher_inputs, write_request
from batchpredict.runtime.request.stepping import request_values, require_request
from batchpredict.runtime.request.submitting import run_label


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.GOOGLE_AUTH, images.REQUESTS],
    additional_funcs=carried(
        launcher_inputs, request_values, require_request, run_label, write_request
    ),
)
def check_batch_request(
    request: Output[Artifact],
    job_display_name: str,
    project: str,
    location: str,
    model: Input[Artifact] = None,
    unmanaged_container_model: Input[Artifact] = None,
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
    service_account: str = "",
    manual_batch_tuning_parameters_batch_size: int = 0,
    generate_explanation: bool = False,
    explanation_metadata: dict = {},
    explanation_parameters: dict = {},
    labels: dict = {},
    encryption_spec_key_name: str = "",
    run_name: str = "{{$.pipeline_job_name}}",
) -> NamedTuple(
    "Outputs",
    [
        ("step_label", str),
        ("labels", dict),
        ("explanation_metadata", dict),
        ("explanation_parameters", dict),
    ],
):
    """Refuse a request that the service or Google's component would refuse, lose or corrupt.

    The inputs are those of ModelBatchPredictOp. All faults are said at once. Then the cloud is
    asked whether the model takes the formats, and where buckets and datasets lie; what the step's
    account may not see is left out, and the log says so.

    Args:
        request: The job as REST takes it.
        job_display_name: Name of the job: letters, digits, spaces and ._-()
        project: Project of the job.
        location: Region of the job.
        model: The model.
        unmanaged_container_model: A container that is not registered, instead of a model.
        instances_format: Format of the instances.
        predictions_format: Format of the predictions.
        gcs_source_uris: Files with instances.
        bigquery_source_input_uri: Table with instances.
        instance_type: What the model gets for an instance.
        key_field: Field that identifies an instance.
        included_fields: Fields that the model gets.
        excluded_fields: Fields that the model does not get.
        model_parameters: Parameters of the prediction.
        gcs_destination_output_uri_prefix: Folder for the predictions.
        bigquery_destination_output_uri: Dataset or table for the predictions.
        machine_type: Machine of each replica.
        accelerator_type: Accelerator of each machine.
        accelerator_count: Accelerators of each machine.
        starting_replica_count: Replicas at the start.
        max_replica_count: Most replicas.
        service_account: Account that the model's container runs as.
        manual_batch_tuning_parameters_batch_size: Instances in one request to the model.
        generate_explanation: Whether to explain each prediction.
        explanation_metadata: Metadata of the explanation, in the spelling of REST or of Python.
        explanation_parameters: Parameters of the explanation, in either spelling.
        labels: Labels of the job.
        encryption_spec_key_name: Key that encrypts the job.
        run_name: Name of the pipeline run, which the job bears as a label; leave it as it is.

    Returns:
        request: The job as REST takes it.
        step_label: Value of the label batchpredict-step, by which the job is found.
        labels: The labels with that one, and one for the run.
        explanation_metadata: In the spelling of Google's component.
        explanation_parameters: In the spelling of Google's component.
    """
    from collections import namedtuple

    values = request_values({**locals(), "labels": {**labels, **run_label(run_name)}})
    require_request(values, location)
    given = launcher_inputs(values, request.uri)
    write_request(request, values, f"projects/{project}/locations/{location}")
    return namedtuple("Outputs", list(given))(**given)

"""Wait for a batch prediction job that another step has started."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Output

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.request.calls import job_calls, job_to_wait_for
from batchpredict.runtime.request.outcomes import require_success, wait_for_job
from batchpredict.runtime.request.stepping import fill_artifacts, told_outputs


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.GOOGLE_AUTH, images.REQUESTS],
    additional_funcs=carried(
        fill_artifacts, job_calls, job_to_wait_for, require_success, told_outputs, wait_for_job
    ),
)
def wait_batch_prediction_job(
    batchpredictionjob: Output[Artifact],
    gcs_output_directory: Output[Artifact],
    bigquery_output_table: Output[Artifact],
    gcp_resources: str = "",
    step_label: str = "",
    project: str = "",
    location: str = "",
    max_failed: float = -1.0,
    deadline_seconds: int = 0,
    poll_interval_seconds: int = 20,
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
    """Wait until a batch prediction job has ended, and tell what came of it.

    Goes after run_batch_prediction_job with wait=False, when other steps shall run meanwhile. A
    step that is cancelled leaves the job running. Set caching off: the same job has another state
    tomorrow.

    Args:
        batchpredictionjob: The job, as ModelBatchPredictOp gives it.
        gcs_output_directory: Folder with the predictions, for a job that writes to Cloud Storage.
        bigquery_output_table: Table with the predictions, for a job that writes to BigQuery.
        gcp_resources: Where the job is, as run_batch_prediction_job gives it.
        step_label: Instead of it the label that check_batch_request gave the job, which finds a
            job whose step failed.
        project: Project of a job that is found by its label.
        location: Region of a job that is found by its label.
        max_failed: Instances that may fail: a share below 1, else a number; -1 for any number but
            all.
        deadline_seconds: How long to wait; 0 for as long as it takes.
        poll_interval_seconds: How often to look.

    Returns:
        batchpredictionjob: The job.
        gcs_output_directory: Folder with the predictions.
        bigquery_output_table: Table with the predictions.
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

    place = f"projects/{project}/locations/{location}"
    parent, version, name = job_to_wait_for(gcp_resources, step_label, place)
    calls = job_calls(parent, version, "")
    job = wait_for_job(calls, name, deadline_seconds, poll_interval_seconds)
    fill_artifacts(job, batchpredictionjob, gcs_output_directory, bigquery_output_table)
    told = told_outputs(job)
    require_success(job, max_failed)
    return namedtuple("Outputs", list(told))(**told)

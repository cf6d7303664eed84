"""The BigQuery table of a batch prediction job as files that parse_predictions reads.

In a pipeline::

    job = ModelBatchPredictOp(
        model=model,
        job_display_name="penguins",
        bigquery_source_input_uri="bq://my-project.data.penguins",
        instances_format="bigquery",
        predictions_format="bigquery",
        bigquery_destination_output_uri="bq://my-project.predictions",
    )
    rows = fetch_bigquery_output(
        batchpredictionjob=job.outputs["batchpredictionjob"], key_field="id"
    )
    parsed = parse_predictions(output_directory=rows.outputs["output_directory"], key_field="id")
"""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Input, Output

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.results.bigquery import locate_table
from batchpredict.runtime.results.bigquery_fetch import fetch_exported, fetch_tables


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.DUCKDB, images.GOOGLE_AUTH, images.REQUESTS],
    additional_funcs=carried(fetch_exported, fetch_tables, locate_table),
)
def fetch_bigquery_output(
    output_directory: Output[Artifact],
    batchpredictionjob: Input[Artifact] = None,
    bigquery_output_table: Input[Artifact] = None,
    exported: Input[Artifact] = None,
    key_field: str = "key",
    target_column: str = "",
    api: str = "https://bigquery.googleapis.com",
) -> NamedTuple("Outputs", [("rows", int), ("failed", int)]):
    """Bring what a batch prediction job wrote to BigQuery into files for parse_predictions.

    Goes between ModelBatchPredictOp and parse_predictions, which gets the output_directory. The
    tables errors and errors_validation of the same job are read as well. A job can succeed and
    leave nothing else, when no row was valid: the rows of errors are then written beside an empty
    file of predictions, and parse_predictions counts them as failed. Without a failed row there,
    an absent table is the error E226. Every number keeps its digits.

    Args:
        output_directory: Where the files go.
        batchpredictionjob: The job, as ModelBatchPredictOp gives it.
        bigquery_output_table: The table, as ModelBatchPredictOp gives it; instead of the job, or
            beside it. The step's account needs roles/bigquery.dataViewer.
        exported: Parquet that BigQuery exported, a file or a folder, instead of a table; for
            tables of many gigabytes. Files whose names start with errors are of tables of errors.
        key_field: The column that tells a row apart; a table without it has no keys.
        target_column: The predicted column, where several columns could hold the prediction.
        api: Address of BigQuery; another one of googleapis.com for a region or a private endpoint.

    Returns:
        output_directory: predictions_1.jsonl in the form of a job's files, and errors_1.jsonl;
            either may be empty. Metadata: rows, failed, table, generation (the table's etag).
        rows: Number of rows of the table.
        failed: Number of rows of the tables of errors.
    """
    import logging
    from collections import namedtuple

    job, table = (
        artifact.metadata if artifact else {}
        for artifact in (batchpredictionjob, bigquery_output_table)
    )
    if exported and (batchpredictionjob or bigquery_output_table):
        raise ValueError("E207 exported stands beside a job or a table; give one or the other")
    folder = output_directory.path
    if exported:
        found = fetch_exported(exported.uri, exported.path, folder, key_field, target_column)
    else:
        uri = bigquery_output_table.uri if bigquery_output_table else ""
        name = locate_table(job, table, uri)
        found = fetch_tables(name, folder, key_field, target_column, api)
    told = {item: found[item] for item in ("rows", "failed", "table", "generation")}
    output_directory.metadata.update(told)
    logging.info("%s", found)
    return namedtuple("Outputs", "rows failed")(found["rows"], found["failed"])

"""The tables of all files of a batch prediction's output as one result."""

from typing import List, NamedTuple  # noqa: UP035 - kept as KFP documents it

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Markdown, Metrics, Output

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.reconciliation import check_counts, check_thresholds
from batchpredict.runtime.results.manifest import account
from batchpredict.runtime.results.reading import merge_predictions
from batchpredict.runtime.results.sharing import check_parts
from batchpredict.runtime.results.sources import describe_output_files
from batchpredict.runtime.results.summaries import write_results
from batchpredict.runtime.tables import open_database


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.DUCKDB],
    additional_funcs=carried(
        account,
        check_parts,
        check_counts,
        check_thresholds,
        describe_output_files,
        merge_predictions,
        open_database,
        write_results,
    ),
)
def merge_summaries(
    parts: Input[List[Dataset]],  # noqa: UP006
    failed_parts: Input[List[Dataset]],  # noqa: UP006
    plan: str,
    predictions: Output[Dataset],
    failures: Output[Dataset],
    summary: Output[Artifact],
    metrics: Output[Metrics],
    report: Output[Markdown],
    output_directory: Input[Artifact] = None,
    batchpredictionjob: Input[Artifact] = None,
    instances: Input[Dataset] = None,
    included_fields: List[str] = [],  # noqa: UP006
    max_failed: float = 0.0,
    max_missing: float = 0.0,
) -> NamedTuple("Outputs", [("predicted", int), ("failed", int), ("missing", int)]):
    """Put the tables of parse_shards together, and account for every input row.

    The result is that of parse_predictions on the whole output. All outputs are written before the
    step fails because of a threshold.

    Args:
        parts: The predictions of each parse_shards.
        failed_parts: The failures of each parse_shards.
        plan: How they were read, from split_shards.
        output_directory: Folder of the output, which the job reports as
            outputInfo.gcsOutputDirectory.
        batchpredictionjob: The job, as ModelBatchPredictOp gives it; instead of the folder.
        instances: The rows that were predicted, JSON Lines or (by its name) CSV. With them every
            input row is accounted for: predicted, failed or missing.
        included_fields: The fields that the model got, in order, when it got lists and there are
            no keys to match rows by; all when empty.
        max_failed: Failed rows to accept: 0 none, below 1 a share of the input, else a number.
        max_missing: Missing rows to accept, likewise.

    Returns:
        predictions: Parquet, as parse_predictions writes it.
        failures: Parquet, as parse_predictions writes it.
        summary: JSON, as parse_predictions writes it. Written last.
        metrics: Numbers of input, predicted, failed, missing, unexpected, duplicate and noted
            rows.
        report: The summary as a page.
        predicted: Number of input rows with a prediction.
        failed: Number of input rows with an error, or an output row that could not be read.
        missing: Number of input rows without an output row.
    """
    import json
    import tempfile
    from collections import namedtuple

    check_thresholds(max_failed, max_missing)
    check_parts(len(parts or []), len(failed_parts or []))  # KFP gives None for an empty list
    endings = {predictions: "parquet", failures: "parquet", summary: "json", report: "md"}
    for artifact, extension in endings.items():
        artifact.uri += f".{extension}"
    with tempfile.TemporaryDirectory() as scratch, open_database(scratch) as con:
        output = describe_output_files(output_directory, batchpredictionjob)
        merge_predictions(con, [part.path for part in parts], predictions.path)
        output["predictions"] = [predictions.path]
        output["failed"] = [part.path for part in failed_parts]
        known = instances.path if instances else ""
        content = account(
            con, output, json.loads(plan), known, included_fields, scratch, failures.path
        )
    counts = content["counts"]
    write_results(content, metrics, predictions, report.path, summary.path)
    check_counts(counts, max_failed, max_missing, failures.uri)
    done = namedtuple("Outputs", "predicted failed missing")
    return done(counts["predicted"], counts["failed"], counts["missing"])

"""The output of a batch prediction job as tables, every input row accounted for."""

from typing import List, NamedTuple  # noqa: UP035 - kept as KFP documents it

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Markdown, Metrics, Output

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.reconciliation import check_counts, check_thresholds
from batchpredict.runtime.results.kinds import check_kind, check_labels
from batchpredict.runtime.results.manifest import account
from batchpredict.runtime.results.reading import read_results
from batchpredict.runtime.results.sniffing import sniff_lines
from batchpredict.runtime.results.sources import open_output
from batchpredict.runtime.results.summaries import write_results
from batchpredict.runtime.tables import open_database


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.DUCKDB],
    additional_funcs=carried(
        account,
        check_counts,
        check_kind,
        check_labels,
        check_thresholds,
        open_database,
        open_output,
        read_results,
        sniff_lines,
        write_results,
    ),
)
def parse_predictions(
    predictions: Output[Dataset],
    failures: Output[Dataset],
    summary: Output[Artifact],
    metrics: Output[Metrics],
    report: Output[Markdown],
    output_directory: Input[Artifact] = None,
    batchpredictionjob: Input[Artifact] = None,
    instances: Input[Dataset] = None,
    kind: str = "auto",
    key_field: str = "key",
    labels: List[str] = [],  # noqa: UP006
    target_column: str = "",
    included_fields: List[str] = [],  # noqa: UP006
    max_failed: float = 0.0,
    max_missing: float = 0.0,
) -> NamedTuple("Outputs", [("predicted", int), ("failed", int), ("missing", int)]):
    """Turn what a batch prediction job wrote into tables, whatever model wrote it.

    Reads the files of custom models, of AutoML (tables, images, texts, videos, forecasts), of
    embedding models and of Gemini, in JSON Lines or CSV, with or without explanations. All
    outputs are written before the step fails because of a threshold.

    Args:
        output_directory: Folder of the output, which the job reports as
            outputInfo.gcsOutputDirectory.
        batchpredictionjob: The job, as ModelBatchPredictOp gives it; instead of the folder. For a
            job that writes to BigQuery see fetch_bigquery_output.
        instances: The rows that were predicted, JSON Lines or (by its name) CSV. With them every
            input row is accounted for: predicted, failed or missing.
        kind: What the predictions are: custom, classification, detection, segmentation,
            extraction, sentiment, video, regression, forecast, embedding, gemini; auto tells it
            by most of the first rows.
        key_field: The field of an instance that tells it apart.
        labels: The classes in the order of a custom model's scores, as train_model returns them;
            empty for a regression or when the model predicts names.
        target_column: The predicted column, where the columns of a CSV file or a table leave a
            choice.
        included_fields: The fields that the model got, in order, when it got lists and there are
            no keys to match rows by; all when empty.
        max_failed: Failed rows to accept: 0 none, below 1 a share of the input, else a number.
        max_missing: Missing rows to accept, likewise.

    Returns:
        predictions: Parquet: key, instance and prediction (JSON), label, score, labels, scores,
            value, the columns of the kind, extra, note, source.
        failures: Parquet: key, instance (JSON), code, message, raw, source. Code MISSING: the
            input row has no output row; E222: the output row could not be read.
        summary: JSON: kind, counts, files, distributions, error statistics, versions. Written
            last.
        metrics: Numbers of input, predicted, failed, missing, unexpected, duplicate and noted
            rows.
        report: The summary as a page.
        predicted: Number of input rows with a prediction.
        failed: Number of input rows with an error, or an output row that could not be read.
        missing: Number of input rows without an output row.
    """
    import os
    import tempfile
    from collections import namedtuple

    check_thresholds(max_failed, max_missing)
    check_kind(kind)
    check_labels(labels)
    endings = {predictions: "parquet", failures: "parquet", summary: "json", report: "md"}
    for artifact, extension in endings.items():
        artifact.uri += f".{extension}"
    with tempfile.TemporaryDirectory() as scratch, open_database(scratch) as con:
        output = open_output(con, output_directory, batchpredictionjob, target_column, scratch, [])
        plan = sniff_lines(output["sample"], output["paths"], kind, key_field, labels)
        read_results(con, output["paths"], plan, scratch, predictions.path)
        output["predictions"] = [predictions.path]
        output["failed"] = [os.path.join(scratch, "failed.jsonl")]
        known = instances.path if instances else ""
        content = account(con, output, plan, known, included_fields, scratch, failures.path)
    counts = content["counts"]
    write_results(content, metrics, predictions, report.path, summary.path)
    check_counts(counts, max_failed, max_missing, failures.uri)
    done = namedtuple("Outputs", "predicted failed missing")
    return done(counts["predicted"], counts["failed"], counts["missing"])

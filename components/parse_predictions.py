"""The output of a batch prediction job as tables, every input row accounted for."""

from typing import List, NamedTuple  # noqa: UP035 - kept as KFP documents it

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Output

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.predictions import (
    write_keys,
    write_rows,
)
from batchpredict.runtime.reconciliation import (
    check_counts,
    check_thresholds,
    count_output,
    describe_output,
    load_rows,
    reconcile,
    write_summary,
    write_tables,
)
from batchpredict.runtime.shards import (
    list_shards,
    parse_error_counts,
)
from batchpredict.runtime.tables import (
    count_rows,
    open_database,
)


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.DUCKDB],
    additional_funcs=carried(
        check_counts,
        check_thresholds,
        count_output,
        count_rows,
        describe_output,
        list_shards,
        load_rows,
        open_database,
        parse_error_counts,
        reconcile,
        write_keys,
        write_rows,
        write_summary,
        write_tables,
    ),
)
def parse_predictions(
    output_directory: Input[Artifact],
    predictions: Output[Dataset],
    failures: Output[Dataset],
    summary: Output[Artifact],
    metrics: Output[Metrics],
    instances: Input[Dataset] = None,
    key_field: str = "key",
    labels: List[str] = [],  # noqa: UP006
    max_failed: float = 0.0,
    max_missing: float = 0.0,
) -> NamedTuple("Outputs", [("predicted", int), ("failed", int), ("missing", int)]):
    """Turn the JSON Lines that a custom model's batch prediction wrote into tables.

    All outputs are written before the step fails because of a threshold.

    Args:
        output_directory: Folder with the files prediction.results-*-of-*, which the job reports as
            outputInfo.gcsOutputDirectory.
        instances: The JSON Lines that were predicted. With them every input row is accounted for:
            predicted, failed or missing.
        key_field: The field of an instance that tells it apart.
        labels: The classes in the order of the model's scores, as train_model returns them; empty
            for a regression or when the model predicts names.
        max_failed: Failed rows to accept: 0 none, below 1 a share of the input, else a number.
        max_missing: Missing rows to accept, likewise.

    Returns:
        predictions: Parquet: key, prediction (its JSON), label, score, scores, value, source.
        failures: Parquet: key, instance (JSON), code, message, source. Code MISSING: the input row
            has no output row; E222: the output row could not be read.
        summary: JSON: files, counts, distributions, error statistics, versions. Written last.
        metrics: Numbers of input, predicted, failed and missing rows.
        predicted: Number of input rows with a prediction.
        failed: Number of input rows with an error, or an output row that could not be read.
        missing: Number of input rows without an output row.
    """
    import logging
    import os
    import tempfile
    from collections import namedtuple

    check_thresholds(max_failed, max_missing)
    for artifact, extension in (
        (predictions, "parquet"),
        (failures, "parquet"),
        (summary, "json"),
    ):
        artifact.uri += f".{extension}"
    folder = output_directory.path
    shards = list_shards(folder)
    errors = [e for n in shards["errors"] for e in parse_error_counts(os.path.join(folder, n))]
    with tempfile.TemporaryDirectory() as scratch, open_database(scratch) as con:
        written = write_rows(folder, shards["results"], scratch, key_field, labels)
        longest = written["longest"]
        if instances:
            longest = max(longest, write_keys(instances.path, key_field, scratch))
        load_rows(con, scratch, longest)
        counts = reconcile(con) if instances else count_output(con)
        write_tables(con, predictions.path, failures.path, counts if instances else None)
        found = describe_output(con)
        predictions.metadata["rows"] = count_rows(con, "predicted")
    for name in ("input", "predicted", "failed", "missing"):
        metrics.log_metric(name, counts[name])
    content = {
        "reconciled": bool(instances),
        "counts": counts,
        "files": written["files"],
        "unknown_files": shards["unknown"],
        "error_statistics": errors,
        **found,
    }
    write_summary(content, summary.path)
    logging.info("%s", counts)
    check_counts(counts, max_failed, max_missing)
    done = namedtuple("Outputs", "predicted failed missing")
    return done(counts["predicted"], counts["failed"], counts["missing"])

"""A batch prediction's result and that of its retry as one."""

from typing import List  # noqa: UP035 - kept as KFP documents it

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Output

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.reconciliation import check_counts, check_thresholds
from batchpredict.runtime.results.summaries import write_summary
from batchpredict.runtime.retry_merging import (
    check_retried,
    join_summaries,
    join_tables,
    merge_counts,
    write_merged,
)
from batchpredict.runtime.retrying import open_result, read_summary
from batchpredict.runtime.tables import open_database


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.DUCKDB],
    additional_funcs=carried(
        check_counts,
        check_retried,
        check_thresholds,
        join_summaries,
        join_tables,
        merge_counts,
        open_database,
        open_result,
        read_summary,
        write_merged,
        write_summary,
    ),
)
def merge_retried(
    first_predictions: Input[Dataset],
    first_failures: Input[Dataset],
    first_summary: Input[Artifact],
    predictions: Output[Dataset],
    failures: Output[Dataset],
    summary: Output[Artifact],
    metrics: Output[Metrics],
    second_predictions: Input[Dataset] = None,
    second_failures: Input[Dataset] = None,
    second_summary: Input[Artifact] = None,
    key_field: str = "key",
    included_fields: List[str] = [],  # noqa: UP006
    max_failed: float = 0.0,
    max_missing: float = 0.0,
) -> None:
    """Put the predictions of a retry to those of the first round, every row accounted for.

    All outputs are written before the step fails because of a threshold. Without a second round
    the outputs are the first result, at its place.

    Args:
        first_predictions: Parquet, as parse_predictions writes it.
        first_failures: The failures beside it.
        first_summary: The summary beside it.
        second_predictions: Predictions of what select_failed_instances wrote.
        second_failures: The failures beside it.
        second_summary: The summary beside it.
        key_field: The field of an instance that tells it apart, as parse_predictions had it.
        included_fields: The fields that the model got, in order, when it got lists and there are
            no keys to match rows by; as parse_predictions had them.
        max_failed: Failed rows to accept: 0 none, below 1 a share of all input, else a number.
        max_missing: Missing rows to accept, likewise.

    Returns:
        predictions: Parquet: the rows of both rounds, in the columns of the first.
        failures: Parquet: the rows that failed again, or are missing again.
        summary: JSON as parse_predictions writes it, with the counts of each round. Written last.
        metrics: The counts of the result.
    """
    import logging
    import tempfile

    check_thresholds(max_failed, max_missing)
    first = read_summary(first_summary.path)
    counts = first["counts"]
    if second_predictions:
        outputs = ((predictions, ".parquet"), (failures, ".parquet"), (summary, ".json"))
        for artifact, extension in outputs:
            artifact.uri += extension
        second = read_summary(second_summary.path)
        tables = {
            "first_predictions": first_predictions,
            "first_failures": first_failures,
            "second_predictions": second_predictions,
            "second_failures": second_failures,
        }
        with tempfile.TemporaryDirectory() as scratch, open_database(scratch) as con:
            for name, table in tables.items():
                told = ["key", "instance", *["source"] * name.endswith("failures")]
                open_result(con, name, table.uri, table.path, told)
            join_tables(con)
            counts = merge_counts(con, first, second)
            keyed = first["matched_by"] == second["matched_by"] == "key"
            by, kind = "key" if keyed else "instance", first["kind"]
            check_retried(con, scratch, by, kind, key_field, included_fields)
            write_merged(con, predictions.path, failures.path)
            content = join_summaries(con, first, second, counts)
        predictions.metadata.update(rows=counts["predicted"], kind=content["kind"])
        write_summary(content, summary.path)
    else:
        kept = ((predictions, first_predictions), (failures, first_failures))
        for artifact, given in (*kept, (summary, first_summary)):
            artifact.uri = given.uri
            artifact.metadata.update(given.metadata)
    for name, number in counts.items():
        metrics.log_metric(name, number)
    logging.info("%s", counts)
    check_counts(counts, max_failed, max_missing, failures.uri)

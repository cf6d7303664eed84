"""The output of a batch prediction job as tables, read by several steps side by side."""

from typing import NamedTuple

from kfp import dsl

from batchpredict.components.merge_summaries import merge_summaries
from batchpredict.components.parse_shards import parse_shards
from batchpredict.components.split_shards import split_shards


class Outputs(NamedTuple):
    """What the graph hands on."""

    predictions: dsl.Dataset
    failures: dsl.Dataset
    summary: dsl.Artifact
    predicted: int
    failed: int
    missing: int


@dsl.pipeline(name="parse-in-parallel")
def parse_in_parallel(
    output_directory: dsl.Input[dsl.Artifact],
    instances: dsl.Input[dsl.Dataset],
    parallelism: int = 4,
    kind: str = "auto",
    key_field: str = "key",
    labels: list = [],
    target_column: str = "",
    included_fields: list = [],
    max_failed: float = 0.0,
    max_missing: float = 0.0,
) -> Outputs:
    """Do what parse_predictions does in several steps side by side, for outputs beyond one step.

    Args:
        output_directory: Folder of the output, which the job reports as
            outputInfo.gcsOutputDirectory.
        instances: The rows that were predicted, JSON Lines or (by its name) CSV.
        parallelism: The most steps that read; a file is never cut.
        kind: What the predictions are, as for parse_predictions.
        key_field: The field of an instance that tells it apart.
        labels: The classes in the order of a custom model's scores, as train_model returns them.
        target_column: The predicted column, where the columns of CSV leave a choice.
        included_fields: The fields that the model got, in order, when it got lists and there are
            no keys to match rows by; all when empty.
        max_failed: Failed rows to accept: 0 none, below 1 a share of the input, else a number.
        max_missing: Missing rows to accept, likewise.

    Returns:
        predictions: Parquet, as parse_predictions writes it.
        failures: Parquet, as parse_predictions writes it.
        summary: JSON, as parse_predictions writes it.
        predicted: Number of input rows with a prediction.
        failed: Number of input rows with an error, or an output row that could not be read.
        missing: Number of input rows without an output row.
    """
    split = split_shards(
        parallelism=parallelism,
        output_directory=output_directory,
        kind=kind,
        key_field=key_field,
        labels=labels,
        target_column=target_column,
    )
    split.set_caching_options(False)
    with dsl.ParallelFor(split.outputs["groups"], name="parse-groups") as group:
        part = parse_shards(
            group=group,
            plan=split.outputs["plan"],
            output_directory=output_directory,
            target_column=target_column,
        )
        part.set_caching_options(False)
    merged = merge_summaries(
        parts=dsl.Collected(part.outputs["predictions"]),
        failed_parts=dsl.Collected(part.outputs["failures"]),
        plan=split.outputs["plan"],
        output_directory=output_directory,
        instances=instances,
        included_fields=included_fields,
        max_failed=max_failed,
        max_missing=max_missing,
    )
    merged.set_caching_options(False)
    return Outputs(
        predictions=merged.outputs["predictions"],
        failures=merged.outputs["failures"],
        summary=merged.outputs["summary"],
        predicted=merged.outputs["predicted"],
        failed=merged.outputs["failed"],
        missing=merged.outputs["missing"],
    )

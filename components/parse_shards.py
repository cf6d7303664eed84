"""Some files of a batch prediction's output as tables, one of several steps side by side."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.results.reading import read_results
from batchpredict.runtime.results.sources import open_output
from batchpredict.runtime.tables import open_database


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.DUCKDB],
    additional_funcs=carried(open_database, open_output, read_results),
)
def parse_shards(
    group: str,
    plan: str,
    predictions: Output[Dataset],
    failures: Output[Dataset],
    output_directory: Input[Artifact] = None,
    batchpredictionjob: Input[Artifact] = None,
    target_column: str = "",
) -> None:
    """Turn some files of a batch prediction's output into tables, for merge_summaries.

    Args:
        group: The names of the files, from split_shards.
        plan: How to read them, from split_shards.
        output_directory: Folder of the output, which the job reports as
            outputInfo.gcsOutputDirectory.
        batchpredictionjob: The job, as ModelBatchPredictOp gives it; instead of the folder.
        target_column: The predicted column, where the columns of CSV leave a choice.

    Returns:
        predictions: Parquet, the rows of these files as parse_predictions writes them.
        failures: JSON Lines, the rows of these files that hold no prediction.
    """
    import json
    import os
    import shutil
    import tempfile

    predictions.uri += ".parquet"
    failures.uri += ".jsonl"
    names = json.loads(group)
    with tempfile.TemporaryDirectory() as scratch, open_database(scratch) as con:
        output = open_output(
            con, output_directory, batchpredictionjob, target_column, scratch, names
        )
        paths = output["paths"] if names else []
        read_results(con, paths, json.loads(plan), scratch, predictions.path)
        shutil.copyfile(os.path.join(scratch, "failed.jsonl"), failures.path)

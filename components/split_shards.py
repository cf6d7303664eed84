"""The files of a batch prediction's output in groups, for steps that run side by side."""

from typing import List, NamedTuple  # noqa: UP035 - kept as KFP documents it

from kfp import dsl
from kfp.dsl import Artifact, Input

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.results.kinds import check_kind, check_labels
from batchpredict.runtime.results.layout import list_results
from batchpredict.runtime.results.sharing import check_parallelism, group_files
from batchpredict.runtime.results.sniffing import sniff_lines
from batchpredict.runtime.results.sources import open_output, output_folder, sample_files
from batchpredict.runtime.tables import open_database


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.DUCKDB],
    additional_funcs=carried(
        check_kind,
        check_labels,
        check_parallelism,
        group_files,
        list_results,
        open_database,
        open_output,
        output_folder,
        sample_files,
        sniff_lines,
    ),
)
def split_shards(
    parallelism: int,
    output_directory: Input[Artifact] = None,
    batchpredictionjob: Input[Artifact] = None,
    kind: str = "auto",
    key_field: str = "key",
    labels: List[str] = [],  # noqa: UP006
    target_column: str = "",
) -> NamedTuple("Outputs", [("groups", List[str]), ("plan", str)]):  # noqa: UP006
    """Share the files of a batch prediction's output between steps, by size.

    Args:
        parallelism: The most groups to make; a file is never cut.
        output_directory: Folder of the output, which the job reports as
            outputInfo.gcsOutputDirectory.
        batchpredictionjob: The job, as ModelBatchPredictOp gives it; instead of the folder.
        kind: What the predictions are, as for parse_predictions.
        key_field: The field of an instance that tells it apart.
        labels: The classes in the order of a custom model's scores, as train_model returns them.
        target_column: The predicted column, where the columns of CSV leave a choice.

    Returns:
        groups: For each step the names of its files, as JSON; for parse_shards.
        plan: How to read all of them, told from the first rows, as JSON; for parse_shards and
            merge_summaries.
    """
    import json
    import os
    import tempfile
    from collections import namedtuple

    check_parallelism(parallelism)
    check_kind(kind)
    check_labels(labels)
    folder, _ = output_folder(output_directory, batchpredictionjob)
    found = list_results(folder)
    names = found["jsonl"] + found["csv"] + found["errors"]
    some = [
        os.path.basename(path)
        for path in sample_files([os.path.join(folder, name) for name in names])
    ]
    for only in (some, []):  # all files only when the sample holds no prediction
        with tempfile.TemporaryDirectory() as scratch, open_database(scratch) as con:
            output = open_output(
                con, output_directory, batchpredictionjob, target_column, scratch, only
            )
            whole = output["paths"] if not only else []
            plan = sniff_lines(output["sample"], whole, kind, key_field, labels)
        if plan["told"]:
            break
    groups = group_files(folder, names, parallelism)
    done = namedtuple("Outputs", "groups plan")
    return done([json.dumps(group) for group in groups], json.dumps(plan))

"""The failed and missing rows of a batch prediction as the input of another one."""

from typing import List, NamedTuple  # noqa: UP035 - kept as KFP documents it

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.retrying import (
    choose_lines,
    open_result,
    read_summary,
    write_chosen,
)
from batchpredict.runtime.tables import count_rows, open_database


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.DUCKDB],
    additional_funcs=carried(
        choose_lines, count_rows, open_database, open_result, read_summary, write_chosen
    ),
)
def select_failed_instances(
    failures: Input[Dataset],
    summary: Input[Artifact],
    instances: Input[Dataset],
    retry_instances: Output[Dataset],
    key_field: str = "key",
    included_fields: List[str] = [],  # noqa: UP006
    job_key_field: str = "",
) -> NamedTuple(
    "Outputs", [("retry_uris", list), ("rows", int), ("key_field", str), ("kind", str)]
):
    """Write the lines of a batch prediction's input that failed or are missing in its output.

    The lines are those of the input, unchanged and in its order. Of a key that stands three times
    and failed once, one line is written.

    Args:
        failures: Parquet, as parse_predictions writes it when it is given the instances.
        summary: The summary of the same result.
        instances: The JSON Lines that were predicted.
        key_field: The field of an instance that tells it apart, as parse_predictions had it.
        included_fields: The fields that the model got, in order, when it got lists and there are
            no keys to match rows by; as parse_predictions had them.
        job_key_field: The key_field of the job; it goes before key_field unless it is empty.

    Returns:
        retry_instances: JSON Lines: the failed and missing rows.
        retry_uris: URI of retry_instances in a list, as a batch prediction job takes it.
        rows: Number of rows to predict again.
        key_field: The field that was used.
        kind: Kind of the first result, to parse the second one alike; auto when it has no
            predictions and nobody said the kind.
    """
    import logging
    import tempfile
    from collections import namedtuple

    retry_instances.uri += ".jsonl"
    field = job_key_field or key_field
    told = read_summary(summary.path)
    with tempfile.TemporaryDirectory() as scratch, open_database(scratch) as con:
        open_result(con, "failures", failures.uri, failures.path, ["key", "instance", "source"])
        choose_lines(con, scratch, instances.path, field, included_fields, told)
        rows = count_rows(con, "chosen")
        write_chosen(con, instances.path, retry_instances.path)
    retry_instances.metadata["rows"] = rows
    logging.info("%d of %d rows to predict again", rows, told["counts"]["input"])
    outputs = namedtuple("Outputs", "retry_uris rows key_field kind")
    # Without predictions the kind is custom unless the user gave one.
    kind = told["kind"] if told["counts"]["predicted"] or told["kind"] != "custom" else "auto"
    return outputs([retry_instances.uri], rows, field, kind)

"""Predictions at a place that stays."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Dataset, Input

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.publishing import publish_files, replaced_rows
from batchpredict.runtime.publishing_bigquery import check_columns, publish_table
from batchpredict.runtime.publishing_part import (
    check_part,
    check_publication,
    describe_part,
    load_part,
    part_uris,
)
from batchpredict.runtime.tables import open_database


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.DUCKDB, images.GOOGLE_AUTH, images.REQUESTS],
    additional_funcs=carried(
        check_columns,
        check_part,
        check_publication,
        describe_part,
        load_part,
        open_database,
        part_uris,
        publish_files,
        publish_table,
        replaced_rows,
    ),
)
def publish_predictions(
    predictions: Input[Dataset],
    destination: str,
    run_key: str,
    mode: str = "append",
    key_column: str = "key",
    partition_column: str = "",
    partition_value: str = "",
) -> NamedTuple("Outputs", [("rows", int), ("changed", bool)]):
    """Publish predictions to a folder of Parquet files or a BigQuery table that outlives the run.

    Readers see the former state or the new one, never a part of it. To publish the same run again
    changes nothing. One run at a time may publish to a folder.

    In a folder, read the files that _manifest.json lists under files, and no others. With DuckDB:
    SET VARIABLE files = (SELECT ['FOLDER/' || file FOR file IN files] FROM
    read_json('FOLDER/_manifest.json')); FROM read_parquet(getvariable('files')). What was replaced
    is removed by the publication after the next.

    BigQuery loads from Cloud Storage, into a table named DESTINATION__staging_… that is removed at
    the end. It has been tried with an emulation of BigQuery only.

    Args:
        predictions: Parquet, as parse_predictions or join_predictions writes it.
        destination: gs://bucket/folder, an absolute path, or bq://project.dataset.table (the
            dataset must exist, the table is made). The first publication determines the columns.
        run_key: Tells the runs apart, such as the name of the pipeline job; it becomes the column
            run_key. The same key with other rows is an error.
        mode: append adds the rows; overwrite_partition replaces the rows of one partition; merge
            replaces the rows that have the same key and adds the others.
        key_column: The column to merge by; in each publication a key stands once.
        partition_column: The column that tells the partitions apart, such as data_date. It is
            added when the predictions do not have it, as a DATE if partition_value is one.
        partition_value: The partition of these predictions, such as 2026-01-31.

    Returns:
        rows: Number of rows of this run.
        changed: False when this run was published already.
    """
    import logging
    import tempfile
    from collections import namedtuple

    check_publication(destination, run_key, mode, partition_column, partition_value)
    partition = [partition_column, partition_value] if partition_column else []
    key = key_column if mode == "merge" else ""
    with tempfile.TemporaryDirectory() as scratch, open_database(scratch) as con:
        added = {"run_key": run_key, **dict([partition] if partition else [])}
        types = load_part(con, predictions.uri, predictions.path, added)
        check_part(con, types, key, partition)
        rows, fingerprint = describe_part(con, mode, predictions.uri)
        run = {"run_key": run_key, "mode": mode, "rows": rows, "fingerprint": fingerprint}
        if destination.startswith("bq://"):
            uris = part_uris(predictions.uri, predictions.path)
            check_columns(types, partition, uris)
            dated = bool(partition) and types[partition_column] == "DATE"
            run |= {"key_column": key, "partition": partition, "dated": dated}
            changed = publish_table(destination.removeprefix("bq://").rsplit(".", 2), uris, run)
        else:
            replaced = replaced_rows(mode, key, partition)
            folder = Dataset(uri=destination).path
            changed = publish_files(con, folder, run, replaced)
    logging.info("%d rows of %s: %s", rows, run_key, "published" if changed else "known")
    outputs = namedtuple("Outputs", "rows changed")
    return outputs(rows, changed)

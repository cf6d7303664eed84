"""Predictions beside the rows that they were made for."""

from typing import List, NamedTuple  # noqa: UP035 - kept as KFP documents it

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.joining import (
    check_names,
    columns_added,
    load_given,
    match_by_instance,
    pair_rows,
    write_joined,
)
from batchpredict.runtime.joining_inputs import load_input
from batchpredict.runtime.joining_keys import match_by_key
from batchpredict.runtime.tables import count_rows, open_database


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.DUCKDB],
    additional_funcs=carried(
        check_names,
        columns_added,
        count_rows,
        load_given,
        load_input,
        match_by_instance,
        match_by_key,
        open_database,
        pair_rows,
        write_joined,
    ),
)
def join_predictions(
    predictions: Input[Dataset],
    table: Input[Dataset],
    joined: Output[Dataset],
    key_column: str = "key",
    columns: List[str] = [],  # noqa: UP006
    prefix: str = "",
) -> NamedTuple("Outputs", [("rows", int), ("rows_with_prediction", int)]):
    """Add the predictions to the table that was predicted, in the table's own order.

    Every row of the table is in the output exactly once; one without a prediction has nulls in the
    added columns. Where a key stands more than once, its predictions must be the same; when they
    are fewer than its rows, and these differ, nobody can tell which row was not predicted: all of
    them get nulls, and note says why. The n-th row of an equal instance gets its n-th prediction.
    One that is left over is an error.

    Args:
        predictions: Parquet, as parse_predictions writes it.
        table: The table that was predicted: CSV (all columns are texts; an empty cell and NA are
            missing), Parquet, or the JSON Lines that were predicted, which become the columns
            key_column and instance (the line as it is).
        key_column: The column (in JSON Lines the field) that holds the keys of the predictions.
            Keys are compared as texts: 007 is not 7. Empty to match by the whole instance: then
            the row, made an object of the fields that the instances have or a list, must be the
            instance, whatever the order of its fields and the spelling of its numbers.
        columns: The columns of the predictions to add. When empty: all typed ones (label, score,
            scores, value, …) and note that are not null in every row, so that they depend on the
            data; prediction (the JSON) only when no typed one is filled; never key, instance,
            extra, source, explanation.
        prefix: Put before the names of the added columns.

    Returns:
        joined: Parquet: the columns of the table, then the added ones. Metadata: rows,
            rows_with_prediction, rows_in_doubt (without a prediction, as nobody can tell whether
            it is theirs).
        rows: Number of rows of the table, and of the output.
        rows_with_prediction: How many of them have a prediction.
    """
    import logging
    import tempfile
    from collections import namedtuple

    joined.uri += ".parquet"
    match = "key" if key_column else "instance"
    with tempfile.TemporaryDirectory() as scratch, open_database(scratch) as con:
        shown, lines = load_input(con, table.uri, table.path, key_column, scratch)
        chosen = load_given(con, predictions.uri, predictions.path, columns, match)
        doubtful = 0
        if key_column:
            key = next(name for name, to in shown.items() if to == key_column)
            doubtful = match_by_key(con, key, lines)
        else:
            match_by_instance(con, list(shown), lines)
        added = columns_added(chosen, prefix, doubtful > 0, bool(columns))
        check_names(list(shown.values()), list(added))
        rows, matched = count_rows(con, "input"), pair_rows(con, match)
        write_joined(con, shown, added, joined.path)
    counts = {"rows": rows, "rows_with_prediction": matched, "rows_in_doubt": doubtful}
    joined.metadata.update(counts)
    logging.info("%d of %d rows have a prediction", matched, rows)
    outputs = namedtuple("Outputs", "rows rows_with_prediction")
    return outputs(rows, matched)

"""A table becomes train, test and the instances of a batch prediction."""

from typing import List, NamedTuple  # noqa: UP035 - kept as KFP documents it

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.split_checks import check_split_options
from batchpredict.runtime.splitting import (
    encode_categories,
    prepare_split,
    write_splits,
)
from batchpredict.runtime.tables import (
    count_rows,
    open_database,
    sql_name,
    table_files,
)


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.DUCKDB],
    additional_funcs=carried(
        check_split_options,
        count_rows,
        encode_categories,
        open_database,
        prepare_split,
        sql_name,
        table_files,
        write_splits,
    ),
)
def split_dataset(
    dataset: Input[Dataset],
    train: Output[Dataset],
    test: Output[Dataset],
    instances: Output[Dataset],
    target_column: str,
    key_column: str = "",
    task: str = "auto",
    test_fraction: float = 0.25,
    algorithm: str = "linear",
    ignore_columns: List[str] = [],  # noqa: UP006
    seed: int = 0,
) -> NamedTuple(
    "Outputs",
    [
        ("task", str),
        ("key_column", str),
        ("feature_columns", list),
        ("instances_uris", list),
        ("test_rows", int),
    ],
):
    """Split a table into train and test, and write the test rows as batch prediction input.

    A row's place depends on its key and the seed, not on the order of the rows.

    Args:
        dataset: A CSV file (UTF-8, commas, a header; also .csv.gz), a Parquet file, or a folder of
            such files. An empty CSV cell and NA are missing.
        target_column: The column to predict. Rows without it are left out.
        key_column: The column that tells the rows apart; it is never a feature. Empty: a column
            "key" is made, row-000001 for the first row.
        task: classification, regression, or auto: regression when the target is a number with more
            than 10 different values.
        test_fraction: Share of the rows that goes to test, above 0 and below 1; in classification
            the share of each class.
        algorithm: What will be trained: linear, random_forest or xgboost. For xgboost a text is
            replaced by its index among the sorted texts of the train split.
        ignore_columns: Columns that are no features.
        seed: Another number gives another split.

    Returns:
        train: Parquet: key, features, target. Metadata: rows, columns, rows_without_target, and
            categories for xgboost.
        test: Parquet of the same columns, to evaluate the predictions with.
        instances: JSON Lines: the test rows without the target, one object for each.
        task: classification or regression.
        key_column: Name of the key column in the three files.
        feature_columns: Names of the features, in the order of training.
        instances_uris: URI of the instances in a list, as a batch prediction job takes it.
        test_rows: Number of test rows.
    """
    import logging
    import tempfile
    from collections import namedtuple

    check_split_options(task, algorithm, test_fraction, target_column, key_column, ignore_columns)
    for artifact, extension in ((train, "parquet"), (test, "parquet"), (instances, "jsonl")):
        artifact.uri += f".{extension}"
    paths = {"train": train.path, "test": test.path, "instances": instances.path}
    with tempfile.TemporaryDirectory() as folder, open_database(folder) as con:
        task, key, features = prepare_split(
            con,
            table_files(dataset.uri, dataset.path),
            target_column,
            key_column,
            task,
            test_fraction,
            ignore_columns,
            seed,
        )
        columns = [sql_name(name) for name in features]
        levels: dict = {}
        if algorithm == "xgboost":
            columns, levels = encode_categories(con, features)
        write_splits(con, key, columns, target_column, paths)
        rows, tested = count_rows(con, "placed"), count_rows(con, "placed", '" test"')
        left_out = count_rows(con, "source") - rows
    names = [key, *features, target_column]
    train.metadata.update(rows=rows - tested, columns=names, rows_without_target=left_out)
    test.metadata.update(rows=tested, columns=names)
    instances.metadata.update(rows=tested, columns=names[:-1])
    if levels:
        train.metadata["categories"] = levels
    logging.info(
        "%s: %d train rows, %d test rows, %d left out: no target",
        task,
        rows - tested,
        tested,
        left_out,
    )
    outputs = namedtuple("Outputs", "task key_column feature_columns instances_uris test_rows")
    return outputs(task, key, features, [instances.uri], tested)

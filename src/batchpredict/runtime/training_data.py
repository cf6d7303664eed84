"""The train split as numpy arrays."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.tables import absent_column

if TYPE_CHECKING:
    import numpy


def read_training(path: str, columns: list[str]) -> dict[str, Any]:
    """Read columns of a Parquet file as numpy arrays.

    Args:
        path: A Parquet file.
        columns: The columns to read.

    Returns:
        By column: float64 with NaN where missing, or object (text) with None where missing.

    Raises:
        ValueError: E201, E202 or E203, the file is not there, not readable or lacks a column.
    """
    import os

    import duckdb
    import numpy as np

    if not os.path.isfile(path):
        raise ValueError(f"E201 there is no dataset at {path}; give a Parquet file")
    with duckdb.connect() as con:
        try:
            table = con.read_parquet(path)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"E202 {path} is not readable as Parquet: {reason}") from None
        for name in columns:
            if name not in table.columns:
                raise ValueError(f"E203 {absent_column('the dataset', name, table.columns)}")
        types = dict(zip(table.columns, map(str, table.types), strict=True))
        found = table.select(*(duckdb.ColumnExpression(name) for name in columns)).fetchnumpy()
    if not len(found[columns[0]]):
        raise ValueError(f"E202 the dataset {path} has no rows")
    arrays: dict[str, Any] = {}
    for name in columns:
        masked, missing = found[name], np.ma.getmaskarray(found[name])
        if types[name] == "VARCHAR":
            arrays[name] = np.ma.getdata(masked).astype(object)
            arrays[name][missing] = None
        else:
            arrays[name] = np.ma.filled(masked.astype(float), np.nan)
    return arrays


def class_labels(targets: "numpy.ndarray[Any, Any]", column: str) -> list[str]:
    """Return the classes of a target column, sorted.

    Raises:
        ValueError: E204, there is only one; E205, a target is missing.
    """
    if any(value is None or value != value for value in targets):
        raise ValueError(f"E205 the target column '{column}' has rows without a value")
    labels = sorted({str(value) for value in targets})
    if len(labels) < 2:
        raise ValueError(
            f"E204 the target column '{column}' holds one class only, {labels[0]!r}; "
            "a classifier needs at least two"
        )
    return labels


def regression_target(
    targets: "numpy.ndarray[Any, Any]", column: str
) -> "numpy.ndarray[Any, Any]":
    """Return a target column as numbers.

    Raises:
        ValueError: E209, it holds text; E205, a target is missing.
    """
    import numpy as np

    if targets.dtype == object:
        raise ValueError(f"E209 the target column '{column}' is not numeric; use classification")
    if not np.isfinite(targets).all():
        raise ValueError(f"E205 the target column '{column}' has rows without a value")
    return targets

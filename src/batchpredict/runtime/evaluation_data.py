"""Predictions beside the truth, joined by key."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.tables import (
    absent_column,
    column_types,
    count_rows,
    load_table,
    sql_name,
    table_files,
)

if TYPE_CHECKING:
    import duckdb


def load_side(
    con: "duckdb.DuckDBPyConnection", uri: str, path: str, name: str, key: str, column: str
) -> None:
    """Read the predictions or the truth, and see that its keys tell the rows apart.

    Args:
        con: The scratch database.
        uri: Where the artifact says it is.
        path: The same place as a local path.
        name: The table's name, ``predictions`` or ``truth``.
        key: Its key column.
        column: The column that it must have besides.

    Raises:
        ValueError: E201, E202 no table; E203, E206 a column is absent; E206 a key stands twice.
    """
    load_table(con, table_files(uri, path), name)
    columns = list(column_types(con, name))
    for code, wanted in (("E206", key), ("E203", column)):
        if wanted not in columns:
            raise ValueError(f"{code} {absent_column(f'the table {name}', wanted, columns)}")
    query = (
        f"SELECT CAST({sql_name(key)} AS VARCHAR) AS k, count(*) FROM {name} "
        "WHERE k IS NOT NULL GROUP BY k HAVING count(*) > 1 ORDER BY k LIMIT 1"
    )
    twice = con.execute(query).fetchone()
    if twice:
        raise ValueError(
            f"E206 the table {name} holds the key {twice[0]!r} {twice[1]} times; "
            "a key must stand in one row only"
        )


def check_numeric_truth(con: "duckdb.DuckDBPyConnection", target: str) -> None:
    """Refuse a true value that is no number.

    Raises:
        ValueError: E209.
    """
    column = sql_name(target)
    no_number = f"{column} IS NOT NULL AND TRY_CAST({column} AS DOUBLE) IS NULL"
    texts = count_rows(con, "truth", no_number)
    if texts:
        raise ValueError(
            f"E209 the target column '{target}' is not numeric in {texts} rows of the truth; "
            "evaluate it with task='classification'"
        )


def join_predictions(
    con: "duckdb.DuckDBPyConnection", key: str, target: str, task: str
) -> dict[str, Any]:
    """Join the tables ``truth`` and ``predictions`` by key; rows without a truth are left out.

    Args:
        con: The scratch database.
        key: The key column of the truth.
        target: The true values.
        task: ``classification`` or ``regression``.

    Returns:
        ``keys``, ``truth``, ``predicted`` as arrays ordered by key, ``scores`` (rows by labels, or
        None unless every row has the same number of them), and ``rows_without_prediction``.

    Raises:
        ValueError: E231, no row has both a truth and a prediction.
    """
    import numpy as np

    form, column = ("DOUBLE", "value") if task == "regression" else ("VARCHAR", "label")
    listed = column_types(con, "predictions").get("scores") == "DOUBLE[]"
    scores = "p.scores" if listed and task == "classification" else "NULL::DOUBLE[]"
    con.execute(
        f"CREATE TABLE joined AS SELECT t.k, t.v, CAST(p.{column} AS {form}) AS predicted, "
        f"{scores} AS scores FROM (SELECT CAST({sql_name(key)} AS VARCHAR) AS k, "
        f"CAST({sql_name(target)} AS {form}) AS v FROM truth) t LEFT JOIN predictions p "
        "ON p.key = t.k WHERE t.v IS NOT NULL"
    )
    rows, without = count_rows(con, "joined"), count_rows(con, "joined", "predicted IS NULL")
    if rows == without:
        raise ValueError(
            f"E231 nothing to evaluate: none of the {rows} rows of the truth has a prediction; "
            f"see that key_column '{key}' holds the keys of the predictions"
            + (", and that parse_predictions was given the labels" if column == "label" else "")
        )
    query = "SELECT k, v, predicted, scores FROM joined WHERE predicted IS NOT NULL ORDER BY k"
    found = con.execute(query).fetchnumpy()
    lists = [] if np.ma.is_masked(found["scores"]) else list(found["scores"])
    even = lists and len({len(row) for row in lists}) == 1
    return {
        "keys": np.ma.getdata(found["k"]),
        "truth": np.ma.getdata(found["v"]),
        "predicted": np.ma.getdata(found["predicted"]),
        "scores": np.array([list(row) for row in lists], dtype=float) if even else None,
        "rows_without_prediction": without,
    }

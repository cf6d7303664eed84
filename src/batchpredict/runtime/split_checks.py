"""What a table must be like to be split."""

from typing import TYPE_CHECKING

from batchpredict.runtime.tables import absent_column, count_rows, sql_name

if TYPE_CHECKING:
    import duckdb


def check_choice(name: str, value: object, allowed: list[str]) -> None:
    """Refuse a parameter's value that is not among the allowed ones.

    Raises:
        ValueError: E207.
    """
    if value not in allowed:
        raise ValueError(f"E207 {name} is {value!r}; give one of {', '.join(allowed)}")


def check_split_options(
    task: str, algorithm: str, fraction: float, target: str, key: str, ignored: list[str]
) -> None:
    """Refuse options of the split that cannot be meant.

    Raises:
        ValueError: E207, naming the parameter and what it may be.
    """
    check_choice("task", task, ["auto", "classification", "regression"])
    check_choice("algorithm", algorithm, ["linear", "random_forest", "xgboost"])
    if not 0 < fraction < 1:
        raise ValueError(f"E207 test_fraction is {fraction}; give a number between 0 and 1")
    if key == target:
        raise ValueError(f"E207 key_column and target_column are both '{target}'")
    for name, role in ((target, "target_column"), (key, "key_column")):
        if name in ignored:
            raise ValueError(f"E207 ignore_columns holds '{name}', which is also the {role}")


def check_split_columns(columns: list[str], target: str, key: str, ignored: list[str]) -> None:
    """Refuse a table that lacks a column, or whose columns leave no room for a key.

    Raises:
        ValueError: E203 target, E206 key, E207 ``ignore_columns``.
    """
    if target not in columns:
        raise ValueError(f"E203 {absent_column('the dataset', target, columns)}")
    if key and key not in columns:
        raise ValueError(f"E206 {absent_column('the dataset', key, columns)} (key_column)")
    taken = [name for name in columns if name.casefold() == "key"]
    if taken and not key:
        raise ValueError(
            f"E206 the dataset has a column '{taken[0]}' while key_column is empty; "
            f"give key_column='{taken[0]}' when it tells the rows apart, else rename it"
        )
    for name in ignored:
        if name not in columns:
            raise ValueError(
                f"E207 {absent_column('the dataset', name, columns)} (ignore_columns)"
            )
    if not set(columns) - {target, key, *ignored}:
        raise ValueError("E207 ignore_columns leaves no feature column; leave at least one")


def check_key(con: "duckdb.DuckDBPyConnection", key: str) -> None:
    """Refuse a key column of the table ``source`` that does not tell the rows apart.

    Raises:
        ValueError: E206, with a value as example.
    """
    nulls = count_rows(con, "source", f"{sql_name(key)} IS NULL")
    if nulls:
        raise ValueError(f"E206 the key column '{key}' is empty in {nulls} rows; fill it")
    query = (
        f"SELECT CAST({sql_name(key)} AS VARCHAR) AS k, count(*) FROM source "
        "GROUP BY k HAVING count(*) > 1 ORDER BY k LIMIT 1"
    )
    twice = con.execute(query).fetchone()
    if twice:
        raise ValueError(
            f"E206 the key column '{key}' holds {twice[0]!r} in {twice[1]} rows; "
            "a key must stand in one row only"
        )


def check_rows(
    con: "duckdb.DuckDBPyConnection", features: list[str], target: str, task: str
) -> None:
    """Refuse rows that nothing can be learned from.

    Raises:
        ValueError: E204 one class only, E205 a column without any value.
    """
    if not count_rows(con, "rows"):
        raise ValueError(f"E205 the target column '{target}' has no value in any row")
    counts = ", ".join(f"count({sql_name(name)})" for name in features)
    found = con.execute(f"SELECT {counts} FROM rows").fetchone() or ()
    empty = [name for name, count in zip(features, found, strict=True) if count == 0]
    if empty:
        raise ValueError(
            f"E205 the column '{empty[0]}' has no value in any row with a target; "
            "remove it or put it in ignore_columns"
        )
    query = f"SELECT count(DISTINCT {sql_name(target)}), min({sql_name(target)}) FROM rows"
    classes, only = con.execute(query).fetchone() or (0, "")
    if task == "classification" and classes < 2:
        raise ValueError(
            f"E204 the target column '{target}' holds one class only, {only!r}; "
            "a classifier needs at least two"
        )

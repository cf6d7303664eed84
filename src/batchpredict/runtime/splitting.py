"""A table becomes train, test and the instances of a batch prediction."""

from typing import TYPE_CHECKING

from batchpredict.runtime.split_checks import (
    check_key,
    check_rows,
    check_split_columns,
)
from batchpredict.runtime.tables import (
    column_types,
    count_rows,
    file_format,
    load_table,
    sql_name,
    sql_text,
)

if TYPE_CHECKING:
    import duckdb


def numeric_columns(con: "duckdb.DuckDBPyConnection", typed: bool) -> set[str]:
    """Return the columns of ``source`` that hold numbers.

    Args:
        con: The scratch database.
        typed: Whether the file declares types (Parquet). If not, a column is numeric when every
            cell that is not missing is a number.
    """
    import re

    types = column_types(con, "source")
    if typed:
        sizes = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
        numbers = {"FLOAT", "DOUBLE", "BIGNUM", *sizes, *("U" + size for size in sizes)}
        return {c for c, t in types.items() if t in numbers or re.fullmatch(r"DECIMAL\(.*\)", t)}
    # DuckDB reads 2020_1 as 20201; such a cell is a name rather than a number.
    checks = [
        f"count(*) FILTER ({c} IS NOT NULL AND (TRY_CAST({c} AS DOUBLE) IS NULL "
        f"OR contains({c}, '_')))"
        for c in map(sql_name, types)
    ]
    texts = con.execute(f"SELECT {', '.join(checks)} FROM source").fetchone() or ()
    return {name for name, count in zip(types, texts, strict=True) if count == 0}


def number_of(name: str) -> str:
    """Return the SQL of a column as a finite DOUBLE; NaN and infinity count as missing."""
    value = f"CAST({sql_name(name)} AS DOUBLE)"
    return f"CASE WHEN isfinite({value}) THEN {value} END"


def decide_task(
    con: "duckdb.DuckDBPyConnection", task: str, target: str, numeric: set[str]
) -> str:
    """Return the task, decided from the target of ``source`` when it is ``auto``.

    Raises:
        ValueError: E209, regression is asked for and the target is not numeric.
    """
    if task == "auto":
        if target not in numeric:
            return "classification"
        query = f"SELECT count(DISTINCT {number_of(target)}) FROM source"
        many = (con.execute(query).fetchone() or (0,))[0] > 10
        return "regression" if many else "classification"
    if task == "regression" and target not in numeric:
        raise ValueError(
            f"E209 the target column '{target}' is not numeric, so it has no regression; "
            "remove the cells that are no numbers, or use task='classification'"
        )
    return task


def normalise(
    con: "duckdb.DuckDBPyConnection",
    key: str,
    features: list[str],
    target: str,
    task: str,
    numeric: set[str],
) -> None:
    """Make the table ``rows``: key, features, target; rows without a target are left out.

    Args:
        con: The scratch database with the table ``source``.
        key: Name of the key column; when ``source`` has none of that name, keys are made.
        features: The feature columns, in order.
        target: The target column; DOUBLE for regression, else VARCHAR.
        task: ``classification`` or ``regression``.
        numeric: The columns that hold numbers.
    """
    made = "printf('row-%06d', rowid + 1)"
    own = key in column_types(con, "source")
    columns = [f"{f'CAST({sql_name(key)} AS VARCHAR)' if own else made} AS {sql_name(key)}"]
    for name in [*features, target]:
        number = task == "regression" if name == target else name in numeric
        value = number_of(name) if number else f"CAST({sql_name(name)} AS VARCHAR)"
        columns.append(f"{value} AS {sql_name(name)}")
    con.execute(
        f"CREATE TABLE rows AS SELECT * FROM (SELECT {', '.join(columns)} FROM source) "
        f"WHERE {sql_name(target)} IS NOT NULL"
    )


def place_rows(
    con: "duckdb.DuckDBPyConnection", key: str, target: str, task: str, fraction: float, seed: int
) -> None:
    """Make the table ``placed``: ``rows`` with a column ``" test"``, true in the test split.

    A row's place depends on its key and the seed only, never on the order of the rows.

    Raises:
        ValueError: E208, one of the two splits would be empty.
    """
    stratified = task == "classification"
    group = f"PARTITION BY {sql_name(target)}" if stratified else ""
    count = f"count(*) OVER ({group})"
    share = f"round({count} * {fraction!r}::DOUBLE)"
    quota = f"least({share}, {count} - 1)" if stratified else share
    order = f"md5('{seed}:' || {sql_name(key)}), {sql_name(key)}"
    con.execute(
        f"CREATE TABLE placed AS SELECT *, row_number() OVER ({group} ORDER BY {order}) "
        f'<= {quota} AS " test" FROM rows'
    )
    rows, tested = count_rows(con, "placed"), count_rows(con, "placed", '" test"')
    if tested in (0, rows):
        empty = "test" if tested == 0 else "train"
        raise ValueError(
            f"E208 {rows} rows with test_fraction {fraction} leave the {empty} split empty; "
            "give more rows or another test_fraction"
        )


def encode_categories(
    con: "duckdb.DuckDBPyConnection", features: list[str]
) -> tuple[list[str], dict[str, list[str]]]:
    """Turn text features into numbers, for a model that reads numbers only.

    Args:
        con: The scratch database with the table ``placed``.
        features: The feature columns, in order.

    Returns:
        The SQL of each feature, a text being its index among the sorted levels of the train split
        (null when missing or not among them), and those levels by column.
    """
    types, expressions, levels = column_types(con, "placed"), [], {}
    for position, name in enumerate(features):
        column = sql_name(name)
        if types[name] == "DOUBLE":
            expressions.append(column)
            continue
        query = f'SELECT DISTINCT {column} FROM placed WHERE NOT " test" AND {column} IS NOT NULL'
        levels[name] = [row[0] for row in con.execute(f"{query} ORDER BY 1").fetchall()]
        code = "NULL"
        if levels[name]:
            con.execute(f"CREATE TYPE level{position} AS ENUM ({query} ORDER BY 1)")
            code = f"enum_code(TRY_CAST({column} AS level{position}))"
        expressions.append(f"CAST({code} AS DOUBLE) AS {column}")
    return expressions, levels


def prepare_split(
    con: "duckdb.DuckDBPyConnection",
    files: list[str],
    target: str,
    key: str,
    task: str,
    fraction: float,
    ignored: list[str],
    seed: int,
) -> tuple[str, str, list[str]]:
    """Read a table and place each of its rows in train or test, as the table ``placed``.

    Args:
        con: An empty scratch database.
        files: CSV or Parquet files.
        target: The column to predict.
        key: The column that tells the rows apart; empty to make a column ``key``.
        task: ``auto``, ``classification`` or ``regression``.
        fraction: Share of the rows that goes to test, above 0 and below 1.
        ignored: Columns that are no features.
        seed: Another seed gives another split.

    Returns:
        The task, the name of the key column and the feature columns in the table's order.

    Raises:
        ValueError: E202 to E209, what is wrong with the table.
    """
    load_table(con, files, "source")
    columns = list(column_types(con, "source"))
    check_split_columns(columns, target, key, ignored)
    if key:
        check_key(con, key)
    features = [name for name in columns if name not in {target, key, *ignored}]
    numeric = numeric_columns(con, typed=file_format(files[0]) == "parquet")
    task = decide_task(con, task, target, numeric)
    normalise(con, key or "key", features, target, task, numeric)
    check_rows(con, features, target, task)
    place_rows(con, key or "key", target, task, fraction, seed)
    return task, key or "key", features


def write_splits(
    con: "duckdb.DuckDBPyConnection",
    key: str,
    features: list[str],
    target: str,
    outputs: dict[str, str],
) -> None:
    """Write train and test as Parquet and the instances as JSON Lines, ordered by key.

    Args:
        con: The scratch database with the table ``placed``.
        key: The key column.
        features: SQL of each feature column.
        target: The target column.
        outputs: Paths of ``train``, ``test`` and ``instances``.
    """
    columns = ", ".join([sql_name(key), *features])
    for split, test in (("train", "NOT"), ("test", "")):
        query = f'SELECT {columns}, {sql_name(target)} FROM placed WHERE {test} " test"'
        con.execute(
            f"COPY ({query} ORDER BY {sql_name(key)}) TO {sql_text(outputs[split])} "
            "(FORMAT parquet, COMPRESSION zstd)"
        )
    con.execute(
        f'COPY (SELECT {columns} FROM placed WHERE " test" ORDER BY {sql_name(key)}) '
        f"TO {sql_text(outputs['instances'])} (FORMAT json)"
    )

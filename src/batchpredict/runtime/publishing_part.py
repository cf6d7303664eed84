"""What is to be published, whatever the place: the predictions, checked, with their run's key."""

from typing import TYPE_CHECKING

from batchpredict.runtime.joining_inputs import view_table
from batchpredict.runtime.split_checks import check_choice
from batchpredict.runtime.tables import (
    absent_column,
    column_types,
    count_rows,
    file_format,
    sql_name,
    sql_text,
    table_files,
)

if TYPE_CHECKING:
    import duckdb


def check_publication(
    destination: str, run_key: str, mode: str, partition_column: str, partition_value: str
) -> None:
    """Refuse parameters that cannot be meant.

    Raises:
        ValueError: E207 an unknown mode; E263 another one is missing or malformed.
    """
    check_choice("mode", mode, ["append", "overwrite_partition", "merge"])
    if not run_key.strip() or len(run_key) > 500:
        raise ValueError(
            "E263 run_key is empty or longer than 500 characters; give each run its own, the "
            "same when it is repeated, such as the name of the pipeline job"
        )
    if bool(partition_column) != bool(partition_value):
        raise ValueError("E263 partition_column and partition_value need each other; give both")
    if partition_column.casefold() == "run_key":
        raise ValueError("E263 run_key is no partition; give another partition_column")
    if mode == "overwrite_partition" and not partition_column:
        raise ValueError(
            "E263 mode is overwrite_partition without a partition; give partition_column and "
            "partition_value, such as data_date and 2026-01-31"
        )
    check_destination(destination)


def check_destination(destination: str) -> None:
    """Refuse what is no place to publish to.

    Raises:
        ValueError: E263.
    """
    import os
    import re

    scheme = re.match(r"([a-z0-9]+)://(.*)", destination)
    table = r"[a-z0-9.:-]+\.[A-Za-z0-9_]+\.[A-Za-z0-9_-]+"
    known = {"gs": r"[^/]+/.+", "bq": table}.get(scheme[1] if scheme else "", "")
    # A relative path would be in the container, which is gone when the step ends.
    place = known and re.fullmatch(known, scheme[2]) if scheme else os.path.isabs(destination)
    if not place:
        raise ValueError(
            f"E263 the destination {destination!r} is no place to publish to; give "
            "gs://bucket/folder, an absolute path, or bq://project.dataset.table"
        )


def load_part(
    con: "duckdb.DuckDBPyConnection", uri: str, path: str, added: dict[str, str]
) -> dict[str, str]:
    """Name what is to be published ``part``: the predictions, and columns of one value.

    Args:
        con: The scratch database.
        uri: Where the artifact of the predictions says they are.
        path: The same place as a local path.
        added: Values of the columns to add, by name: of ``run_key``, and of the partition if any.

    Returns:
        Types by column of the part.

    Raises:
        ValueError: E201, E202 no Parquet; E228 it has a column ``run_key`` already.
    """
    files = table_files(uri, path)
    if file_format(files[0]) != "parquet":
        raise ValueError(f"E202 {uri} is no Parquet; give the output of parse_predictions")
    view_table(con, files, "predictions")
    taken = {name.casefold() for name in column_types(con, "predictions")}
    if "run_key" in taken:
        raise ValueError(
            "E228 the predictions have a column 'run_key', which publishing adds; rename it, "
            "or join with prefix"
        )
    # A partition column that is there already is checked, not added.
    new = {name: value for name, value in added.items() if name.casefold() not in taken}
    columns = "".join(f", {part_value(text)} AS {sql_name(name)}" for name, text in new.items())
    con.execute(f"CREATE VIEW part AS SELECT *{columns} FROM predictions")
    return column_types(con, "part")


def part_value(text: str) -> str:
    """Return the SQL of a value to add: a DATE when it is written as one, else a text."""
    import datetime
    import re

    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            datetime.date.fromisoformat(text)
            return f"DATE {sql_text(text)}"
    except ValueError:
        pass
    return f"{sql_text(text)}::VARCHAR"


def check_part(
    con: "duckdb.DuckDBPyConnection", types: dict[str, str], key: str, partition: list[str]
) -> None:
    """See that the part has one row for each key to merge by, and one partition only.

    Args:
        con: The scratch database, with ``part``.
        types: Its types by column.
        key: The key column to merge by; empty for none.
        partition: The partition's column and value; empty for none.

    Raises:
        ValueError: E264 another partition; E266 no key column, a row without a key or a key twice.
    """
    if partition:
        check_partition(con, types, *partition)
    if key:
        check_merge_key(con, types, key)


def check_partition(
    con: "duckdb.DuckDBPyConnection", types: dict[str, str], name: str, value: str
) -> None:
    """See that all rows of the part are of one partition.

    Raises:
        ValueError: E264.
    """
    if name not in types:
        raise ValueError(f"E264 {absent_column('the predictions', name, list(types))}")
    other = f"{sql_name(name)}::VARCHAR IS DISTINCT FROM {sql_text(value)}"
    if rows := count_rows(con, "part", other):
        raise ValueError(
            f"E264 {rows} rows of the predictions have another '{name}' than {value!r}; publish "
            "each partition by itself"
        )


def check_merge_key(con: "duckdb.DuckDBPyConnection", types: dict[str, str], key: str) -> None:
    """See that each row of the part has a key of its own.

    Raises:
        ValueError: E266.
    """
    if key not in types:
        raise ValueError(f"E266 {absent_column('the predictions', key, list(types))}")
    column = sql_name(key)
    twice = con.execute(
        f"SELECT {column}::VARCHAR, count(*) FROM part GROUP BY {column} "
        f"HAVING count(*) > 1 OR {column} IS NULL ORDER BY 1 NULLS FIRST LIMIT 1"
    ).fetchone()
    if twice:
        raise ValueError(
            f"E266 the predictions cannot be merged by '{key}': {twice[1]} rows have "
            f"{'no key' if twice[0] is None else f'the key {twice[0]!r}'}; a key must stand in "
            "one row only"
        )


def describe_part(con: "duckdb.DuckDBPyConnection", mode: str, uri: str) -> tuple[int, str]:
    """Return the number of rows of ``part`` and a fingerprint, the same in whatever order.

    Raises:
        ValueError: E202, the predictions cannot be read to their end.
    """
    import hashlib

    import duckdb

    try:
        # The alias stands for the row, unless a column has that very name.
        row = sql_name("the whole row")
        query = f"SELECT count(*), sum(md5_number_lower(to_json({row})::VARCHAR)) FROM part {row}"
        rows, total = con.execute(query).fetchone() or (0, None)
    except duckdb.Error as error:
        reason = " ".join(str(error).split())[:400]
        raise ValueError(f"E202 {uri} is not readable as Parquet: {reason}") from None
    return rows, hashlib.md5(f"{mode} {rows} {total}".encode()).hexdigest()


def same_run(run_key: str, published: str, fingerprint: str) -> None:
    """See that what was published for a run key is what is to be published again.

    Raises:
        ValueError: E267.
    """
    if published != fingerprint:
        raise ValueError(
            f"E267 the run {run_key!r} is published already, with other rows or another mode; "
            "nothing was changed; give a run_key of its own"
        )


def compare_schemas(published: dict[str, str], types: dict[str, str]) -> None:
    """Refuse columns that differ from those that are published.

    Raises:
        ValueError: E265.
    """
    if published == types:
        return
    both = [name for name in types if name in published]
    found = [
        *(f"'{name}' is missing" for name in published if name not in types),
        *(f"'{name}' is new" for name in types if name not in published),
        *(f"'{n}' is {types[n]}, not {published[n]}" for n in both if types[n] != published[n]),
    ]
    raise ValueError(
        f"E265 the columns are not those that are published: {'; '.join(found[:10])}; "
        "publish to another destination, or with the same kind, columns and partition_column"
    )


def part_uris(uri: str, path: str) -> list[str]:
    """Return the URIs of the files of a table, for a service that reads them itself."""
    import os

    if os.path.isfile(path):
        return [uri]
    return [f"{uri.rstrip('/')}/{os.path.basename(file)}" for file in table_files(uri, path)]

"""What BigQuery is told to publish a run's rows at once."""

from typing import Any


def bigquery_text(text: str) -> str:
    """Return a text as a literal of GoogleSQL, whose escapes are those of JSON."""
    import json

    return json.dumps(text, ensure_ascii=False)


def publication_sql(
    table: list[str],
    staging: list[str],
    schema: dict[str, str],
    run: dict[str, Any],
    exists: bool,
) -> str:
    """Return the SQL that publishes the staged rows at once, unless the run's rows are there.

    Args:
        table: The destination.
        staging: The loaded rows.
        schema: Their types by column.
        run: As in ``publish_table``.
        exists: Whether there is a destination; else it is made.
    """
    target, staged = (f"`{'.'.join(name)}`" for name in (table, staging))
    key = bigquery_text(run["run_key"])
    columns = {**{f"`{name}`": f"`{name}`" for name in schema}, "`run_key`": key}
    if run["partition"]:
        columns.setdefault(f"`{run['partition'][0]}`", partition_literal(run))
    rows = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    if not exists:
        partitioned = f" PARTITION BY `{run['partition'][0]}`" if run["dated"] else ""
        return f"CREATE TABLE {target}{partitioned} AS SELECT {rows} FROM {staged}"
    new = f"NOT EXISTS (SELECT 1 FROM {target} WHERE `run_key` = {key})"
    insert = f"INSERT INTO {target} ({', '.join(columns)}) SELECT {rows} FROM {staged} WHERE {new}"
    replaced = replaced_condition(staged, schema, run)
    if not replaced:
        return insert
    delete = f"DELETE FROM {target} WHERE {replaced} AND {new}"
    return f"BEGIN TRANSACTION;\n{delete};\n{insert};\nCOMMIT TRANSACTION;"


def partition_literal(run: dict[str, Any]) -> str:
    """Return the partition of a run as a literal of GoogleSQL."""
    return f"{'DATE ' * run['dated']}{bigquery_text(run['partition'][1])}"


def replaced_condition(staged: str, schema: dict[str, str], run: dict[str, Any]) -> str:
    """Return the SQL condition of the published rows that give way, "" for none.

    Args:
        staged: The loaded rows, as SQL.
        schema: Their types by column.
        run: As in ``publish_table``.
    """
    if run["mode"] == "merge":
        name = f"`{run['key_column']}`"
        return f"{name} IN (SELECT {name} FROM {staged})"
    if run["mode"] != "overwrite_partition":
        return ""
    name = run["partition"][0]
    column = f"CAST(`{name}` AS STRING)" if schema.get(name) == "INT64" else f"`{name}`"
    return f"{column} = {partition_literal(run)}"

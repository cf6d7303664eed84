"""A BigQuery table as cells of JSON text."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.results.bigquery import check_whole, locate_table
from batchpredict.runtime.results.bigquery_api import (
    bigquery_request,
    dataset_address,
    describe_table,
    table_pages,
)
from batchpredict.runtime.results.bigquery_cells import cell_writer
from batchpredict.runtime.tables import count_rows, sql_name, sql_text
from batchpredict.runtime.vertex_api import google_session

if TYPE_CHECKING:
    import duckdb


def load_bigquery(con: "duckdb.DuckDBPyConnection", uri: str, scratch: str, api: str) -> set[str]:
    """Read a BigQuery table into the table ``source``, each cell as JSON text.

    Args:
        con: An empty scratch database.
        uri: ``bq://PROJECT.DATASET.TABLE``.
        scratch: Folder for the rows on their way.
        api: Address of BigQuery.

    Returns:
        The columns that hold bytes.

    Raises:
        ValueError: E202, the table has no rows; E226, the URI names no table; E284, ``api`` is no
            address of Google.
        RuntimeError: E226, there is no such table; E281, BigQuery refused; E282, the table
            changed while it was read.
    """
    import os

    path = os.path.join(scratch, "cells.csv")
    fields = save_cells(uri, path, api)
    columns = ", ".join(f"{sql_text(field['name'])}: 'VARCHAR'" for field in fields)
    con.execute(
        f"CREATE TABLE source AS FROM read_csv({sql_text(path)}, columns = {{{columns}}}, "
        "header = false, auto_detect = false, delim = ',', quote = '\"', escape = '\"', "
        "nullstr = '', max_line_size = 33554432)"
    )
    os.remove(path)
    if not count_rows(con, "source"):
        raise ValueError(f"E202 the dataset {uri} has no rows")
    return {str(field["name"]) for field in fields if str(field["type"]).upper() == "BYTES"}


def bigquery_columns(names: list[str], texts: list[str]) -> dict[str, str]:
    """Return the SQL of columns of ``source``, which ``load_bigquery`` made, as JSON texts.

    Args:
        names: The columns.
        texts: Columns whose cells are texts, whatever they look like.
    """
    return {
        name: quoted_cell_sql(sql_name(name)) if name in texts else sql_name(name)
        for name in names
    }


def save_cells(uri: str, path: str, api: str) -> "list[dict[str, Any]]":
    """Write the rows of a table as CSV whose cells are JSON texts, and return its columns.

    Raises:
        ValueError: E226, E284; RuntimeError: E226, E281, E282, as ``load_bigquery``.
    """
    import csv

    name = locate_table({}, {}, uri)
    rows = total = 0
    with google_session(api) as session:
        home = dataset_address(api, *name[:2])
        found = describe_table(session, home, name[2])
        if found is None:
            raise RuntimeError(
                f"E226 there is no table {uri}; correct its name, and see that the step's account "
                "may read the dataset (roles/bigquery.dataViewer)"
            )
        fields = list(found.get("schema", {}).get("fields", []))
        writers = [cell_writer(field, {}) for field in fields]
        # Half of a surrogate pair has no bytes in UTF-8; its escape is JSON.
        with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            target = csv.writer(file)
            for page in table_pages(session, found["address"]):
                cells = [[cell.get("v") for cell in row["f"]] for row in page.get("rows") or []]
                target.writerows(cell_texts(row, writers) for row in cells)
                rows, total = rows + len(cells), int(page.get("totalRows") or 0)
                if rows > total:
                    break
        check_whole(uri, found, bigquery_request(session, found["address"]) or {}, rows, total)
    return fields


def cell_texts(values: list[Any], writers: list[Any]) -> list[str]:
    """Return the values of a row as JSON texts, "" for a missing one.

    Raises:
        RuntimeError: E282, the table changed its columns.
    """
    if len(values) != len(writers):
        raise RuntimeError(
            f"E282 BigQuery sent a row of {len(values)} values for {len(writers)} columns; the "
            "table changed while it was read, run the step again"
        )
    pairs = zip(values, writers, strict=True)
    return ["" if value is None else write(value) for value, write in pairs]


def quoted_cell_sql(cell: str) -> str:
    """Return the SQL of a JSON text as a JSON string; one that is a string stays as it is."""
    other = f"CAST(to_json({cell}) AS VARCHAR)"
    return f"CASE WHEN starts_with({cell}, '\"') THEN {cell} ELSE {other} END"

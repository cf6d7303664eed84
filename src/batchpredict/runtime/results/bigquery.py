"""Tables of predictions and errors in BigQuery, read through its REST API.

What is said of the API here comes from its reference and from Google's client; the code has run
against a local server that speaks it, never against Google.
"""

from typing import Any

from batchpredict.runtime.results.bigquery_api import (
    bigquery_request,
    check_table_names,
    dataset_address,
    describe_table,
    table_pages,
)
from batchpredict.runtime.results.bigquery_cells import record_writer
from batchpredict.runtime.results.bigquery_lines import error_converter
from batchpredict.runtime.vertex_api import google_session


def locate_table(
    job: dict[str, Any], table: dict[str, Any], uri: str = ""
) -> tuple[str, str, str]:
    """Return project, dataset and table of a job's predictions.

    Args:
        job: Metadata of the artifact ``batchpredictionjob``: ``bigqueryOutputDataset``
            (``bq://project.dataset``) and ``bigqueryOutputTable``.
        table: Metadata of the artifact ``bigquery_output_table``: ``projectId``, ``datasetId`` and
            ``tableId``.
        uri: The artifact's URI, ``bq://project.dataset.table`` or the address of its REST
            resource; any other is not looked at.

    Raises:
        ValueError: E226, none of them names a table, they name different ones, or a name has
            characters that BigQuery does not allow.
    """
    dataset = str(job.get("bigqueryOutputDataset") or "").removeprefix("bq://")
    parts = [
        tuple(str(table.get(name) or "") for name in ("projectId", "datasetId", "tableId")),
        split_uri(uri),
        (*dataset.rpartition(".")[::2], str(job.get("bigqueryOutputTable") or "")),
    ]
    found = [(p[0], p[1], p[2]) for p in dict.fromkeys(parts) if len(p) == 3 and all(p)]
    if len(found) != 1:
        names = " and ".join("bq://" + ".".join(name) for name in found)
        raise ValueError(
            f"E226 the artifact names {'different tables, ' + names if found else 'no table'}; "
            "give the artifact batchpredictionjob or bigquery_output_table of a job whose "
            "predictions go to BigQuery"
        )
    check_table_names(*found[0])
    return found[0]


def split_uri(uri: str) -> tuple[str, ...]:
    """Return project, dataset and table of a table's URI, or () when it is none."""
    import re
    from urllib.parse import unquote

    rest = r"/bigquery/v2/projects/([^/]+)/datasets/([^/]+)/tables/([^/?#]+)"
    address = re.fullmatch(r"https://[a-z0-9.-]*googleapis\.com" + rest, uri)
    if address:
        return tuple(unquote(part) for part in address.groups())
    # A project of an organisation's domain has dots: example.com:project.
    return tuple(uri[5:].rsplit(".", 2)) if uri.startswith("bq://") else ()


def download_table(
    project: str,
    dataset: str,
    table: str,
    path: str,
    api: str = "https://bigquery.googleapis.com",
    required: bool = True,
) -> dict[str, Any]:
    """Write all rows of a table as JSON Lines, one page in memory at a time.

    Integers and NUMERIC keep their digits, a TIMESTAMP is written as a model gets it, BYTES as
    base64. NaN and the infinities stand as ``NaN`` and ``Infinity``, as in a custom model's files.

    Args:
        project: From ``locate_table``, as ``dataset`` and ``table``.
        dataset: Name of the dataset.
        table: Name of the table.
        path: File to write.
        api: Address of the service, at googleapis.com or on this machine.
        required: Whether a table that is absent is an error; else it counts as empty.

    Returns:
        ``name`` (``bq://…``), ``rows``, ``generation`` (the table's etag), ``bytes`` (in BigQuery)
        and ``nonfinite`` (values that are no number).

    Raises:
        ValueError: E226, a name is not valid; E284, ``api`` is not.
        RuntimeError: E226, there is no such table, only perhaps one of errors; E281, BigQuery
            refused; E282, the table changed while it was read.
    """
    check_table_names(project, dataset, table)
    name = f"bq://{project}.{dataset}.{table}"
    with google_session(api) as session:
        home = dataset_address(api, project, dataset)
        found = describe_table(session, home, table)
        if found is not None:
            return save_table(session, name, found, path)
        if required:
            raise RuntimeError(absent_table(session, home, project, dataset, table))
    open(path, "w").close()
    return {"name": name, "rows": 0, "generation": "", "bytes": 0, "nonfinite": 0}


def save_table(session: Any, name: str, found: dict[str, Any], path: str) -> dict[str, Any]:
    """Write the rows of a table that ``describe_table`` found, and see that they are all there.

    Raises:
        RuntimeError: E281, BigQuery refused; E282, the table changed while it was read.
    """
    odd = {"nonfinite": 0}
    rows = total = 0
    write = record_writer(found.get("schema", {}).get("fields", []), odd)
    # Half of a surrogate pair has no bytes in UTF-8; its escape is JSON.
    with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        for page in table_pages(session, found["address"]):
            lines = [write(row["f"]) + "\n" for row in page.get("rows") or []]
            file.writelines(lines)
            rows, total = rows + len(lines), int(page.get("totalRows") or 0)
            if rows > total:
                break
    check_whole(name, found, bigquery_request(session, found["address"]) or {}, rows, total)
    generation = str(found.get("etag") or found.get("lastModifiedTime") or "")
    size = int(found.get("numBytes") or 0)
    return {"name": name, "rows": rows, "generation": generation, "bytes": size, **odd}


def check_whole(
    name: str, before: dict[str, Any], after: dict[str, Any], rows: int, total: int
) -> None:
    """See that as many rows were read as the table has, and that it was the same all the time.

    Rows that were streamed a moment ago stand in a buffer, which is read but not counted; then the
    number counts that the pages gave.

    Raises:
        RuntimeError: E282.
    """
    streaming = "streamingBuffer" in before or "streamingBuffer" in after
    counts = {int(found.get("numRows") or 0) for found in (before, after)}
    same = before.get("lastModifiedTime") == after.get("lastModifiedTime")
    if rows != total or not (streaming or (counts == {rows} and same)):
        raise RuntimeError(
            f"E282 {rows} rows of {name} were read, and it has {max(total, *counts)}"
            f"{'' if same else ', and it was changed meanwhile'}; run the step again when nothing "
            "writes to the table"
        )


def error_tables(session: Any, home: str, table: str) -> list[str]:
    """Return the tables of errors that belong to a table of predictions, of the same job.

    They bear the job's time: ``errors_validation_<time>`` and ``errors_<time>``, perhaps with
    another number behind it.

    Raises:
        RuntimeError: E281, BigQuery refused.
    """
    import re

    stamp = re.search(r"\d{4}_\d\d_\d\dT\d\d_\d\d_\d\d_\d+Z", table)
    own = table.removeprefix("predictions")
    if own == table:
        return []
    end = rf"_{stamp[0]}.*" if stamp else re.escape(own)
    query: dict[str, Any] = {"maxResults": 1000}
    names: list[str] = []
    # BigQuery holds far fewer tables than a million in a dataset.
    for _ in range(1000):
        page = bigquery_request(session, f"{home}/tables", query) or {}
        references = [item.get("tableReference", {}) for item in page.get("tables") or []]
        names += [str(reference.get("tableId")) for reference in references]
        if page.get("nextPageToken") in (None, "", query.get("pageToken")):
            break
        query["pageToken"] = page["nextPageToken"]
    found = [name for name in names if re.fullmatch(rf"errors(?:_validation)?{end}", name)]
    exact = [name for name in found if name.endswith(own)]
    return sorted(exact or found)


def absent_table(session: Any, home: str, project: str, dataset: str, table: str) -> str:
    """Say that a job left no table of predictions, and what its errors are."""
    what = f"E226 there is no table bq://{project}.{dataset}.{table}"
    errors = error_tables(session, home, table)
    if not errors:
        return (
            f"{what}, nor one of errors of the same time; see in the job whether it predicted "
            "anything, and that the step's account may read the dataset"
        )
    first = next(filter(None, (first_message(session, home, name) for name in errors)), "")
    return (
        f"{what}, only {', '.join(errors)}: no row was predicted though the job may have "
        f"succeeded; the first message is {first!r}; correct the instances and predict again"
    )


def first_message(session: Any, home: str, table: str) -> str:
    """Return the message of a row of a table of errors, "" when it has none."""
    import json

    found = describe_table(session, home, table)
    if found is None:
        return ""
    write = record_writer(found.get("schema", {}).get("fields", []), {})
    page = bigquery_request(session, f"{found['address']}/data", {"maxResults": 1}) or {}
    failures = [error_converter("")(write(row["f"])) for row in page.get("rows") or []]
    return str(json.loads(failures[0])["error"]["message"])[:500] if failures else ""


def download_errors(
    project: str,
    dataset: str,
    table: str,
    path: str,
    key_field: str = "",
    api: str = "https://bigquery.googleapis.com",
) -> list[dict[str, Any]]:
    """Write the rows of the error tables that belong to a table of predictions, as JSON Lines.

    Each line holds ``key`` (when the row has one), ``instance``, and ``error`` with ``code`` and
    ``message``.

    Args:
        project: From ``locate_table``, as ``dataset`` and ``table``.
        dataset: Name of the dataset.
        table: Name of the table of predictions, whether it exists or not.
        path: File to write; empty when the job left no table of errors.
        key_field: The column that identifies a row, "" when there is none.
        api: As for ``download_table``.

    Returns:
        For each table of errors what ``download_table`` returns.

    Raises:
        ValueError: E226, a name is not valid; E284, ``api`` is not.
        RuntimeError: E281, BigQuery refused; E282, the table changed while it was read.
    """
    import os

    check_table_names(project, dataset, table)
    saved: list[dict[str, Any]] = []
    with google_session(api) as session, open(path, "w", encoding="utf-8") as file:
        home = dataset_address(api, project, dataset)
        for name in error_tables(session, home, table):
            found = describe_table(session, home, name)
            if found is None:
                continue
            source, convert = f"{path}.rows", error_converter(key_field)
            saved.append(save_table(session, f"bq://{project}.{dataset}.{name}", found, source))
            with open(source, encoding="utf-8", newline="\n") as rows:
                file.writelines(convert(row) + "\n" for row in rows)
            os.remove(source)
    return saved

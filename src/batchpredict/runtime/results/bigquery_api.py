"""Calls to BigQuery's REST API from inside a step, with the step's own credentials."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.vertex_api import google_request

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_table_names(project: str, dataset: str, table: str) -> None:
    """Refuse names that BigQuery does not allow; they become part of an address.

    Raises:
        ValueError: E226.
    """
    import re
    import unicodedata

    kinds = {unicodedata.category(character) for character in table}
    letters = all(kind[0] in "LMN" or kind in ("Pc", "Pd", "Zs") for kind in kinds)
    checks = (
        (project, re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,127}", project)),
        (dataset, re.fullmatch(r"[A-Za-z0-9_-]{1,1024}", dataset)),
        (table, letters and 0 < len(table) <= 1024),
    )
    for name, fits in checks:
        if not fits:
            raise ValueError(
                f"E226 {name[:200]!a} is no name of a BigQuery project, dataset or table; give "
                "the artifact as the job wrote it"
            )


def dataset_address(api: str, project: str, dataset: str) -> str:
    """Return the address of a dataset's REST resource."""
    from urllib.parse import quote

    return f"{api.rstrip('/')}/bigquery/v2/projects/{quote(project)}/datasets/{quote(dataset)}"


def bigquery_request(
    session: Any, address: str, query: "dict[str, Any] | None" = None
) -> "dict[str, Any] | None":
    """Send one GET to BigQuery and return its JSON reply, or None when there is no such resource.

    Args:
        session: From ``google_session``.
        address: The resource.
        query: Parameters of the request.

    Raises:
        RuntimeError: E281, the service refused or did not answer; the message is its own.
    """
    from urllib.parse import urlencode

    url = f"{address}?{urlencode(query)}" if query else address
    try:
        reply = google_request("GET", url, accepted=(404,), session=session)
    except RuntimeError as error:
        reason = str(error).partition(" ")[2]
        raise RuntimeError(
            f"E281 BigQuery could not be read: {reason}; see that the step's account may read "
            "the table (roles/bigquery.dataViewer), then run the step again"
        ) from None
    return None if "error" in reply else reply


def describe_table(session: Any, home: str, table: str) -> "dict[str, Any] | None":
    """Return a table's resource (tables.get) with its address, or None when there is none."""
    from urllib.parse import quote

    address = f"{home}/tables/{quote(table, safe='')}"
    found = bigquery_request(session, address)
    return found and {**found, "address": address}


def table_pages(session: Any, address: str) -> "Iterator[dict[str, Any]]":
    """Yield the pages of a table's rows (tabledata.list).

    The service itself ends a page at about 10 MB, so that wide rows need no smaller number.

    Raises:
        RuntimeError: E282, the table vanished or the pages lead nowhere.
    """
    query: dict[str, Any] = {"maxResults": 10_000, "formatOptions.useInt64Timestamp": "true"}
    empty = 0
    while empty < 10:
        page = bigquery_request(session, f"{address}/data", query)
        if page is None:
            break
        yield page
        token = page.get("pageToken")
        if not token:
            return
        empty = 0 if page.get("rows") and token != query.get("pageToken") else empty + 1
        query["pageToken"] = token
    raise RuntimeError(
        f"E282 the pages of {address} {'lead nowhere' if empty else 'ended in the middle'}; the "
        "table was deleted or replaced while it was read, run the step again"
    )

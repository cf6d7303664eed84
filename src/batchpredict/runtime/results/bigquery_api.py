"""Calls to BigQuery's REST API from inside a step, with the step's own credentials."""

from typing import TYPE_CHECKING, Any

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
    bad = [
        name
        for name, valid in (
            (project, re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,127}", project)),
            (dataset, re.fullmatch(r"[A-Za-z0-9_-]{1,1024}", dataset)),
            (
                table,
                0 < len(table) <= 1024
                and all(k[0] in "LMN" or k in ("Pc", "Pd", "Zs") for k in kinds),
            ),
        )
        if not valid
    ]
    if bad:
        raise ValueError(
            f"E226 {bad[0][:200]!a} is no name of a BigQuery project, dataset or table; give the "
            "artifact as the job wrote it"
        )


def dataset_address(api: str, project: str, dataset: str) -> str:
    """Return the address of a dataset's REST resource."""
    from urllib.parse import quote

    return f"{api.rstrip('/')}/bigquery/v2/projects/{quote(project)}/datasets/{quote(dataset)}"


def bigquery_session(api: str) -> Any:
    """Open a session for BigQuery with the step's own credentials.

    Args:
        api: Address of the service. A token goes to Google over TLS only; a server on this
            machine gets none.

    Raises:
        ValueError: E284, the address is another one.
        RuntimeError: E281, there are no credentials.
    """
    from urllib.parse import urlsplit

    import google.auth
    import requests
    from google.auth.transport.requests import AuthorizedSession

    parts = urlsplit(api)
    if parts.hostname in ("localhost", "127.0.0.1", "::1"):
        session = requests.Session()
        session.trust_env = False
        return session
    host = f".{parts.hostname}"
    if parts.scheme != "https" or not host.endswith(".googleapis.com") or parts.username:
        raise ValueError(
            f"E284 {api!r} is no address of BigQuery, https://….googleapis.com; leave it out"
        )
    try:
        scopes = ["https://www.googleapis.com/auth/cloud-platform"]
        return AuthorizedSession(google.auth.default(scopes=scopes)[0])
    except google.auth.exceptions.GoogleAuthError as error:
        raise RuntimeError(f"E281 there are no credentials for BigQuery: {error}") from None


def bigquery_request(
    session: Any, address: str, query: "dict[str, Any] | None" = None
) -> "dict[str, Any] | None":
    """Send one GET to BigQuery and return its JSON reply, or None when there is no such resource.

    What may pass, such as 429, 5xx or a broken connection, is tried six times in half a minute.

    Raises:
        RuntimeError: E281, the service refused or did not answer; the message is its own.
    """
    import time

    import google.auth.exceptions
    import requests

    reason = ""
    for pause in (0, 1, 2, 4, 8, 16):
        time.sleep(pause)
        try:
            reply = session.get(address, params=query, timeout=(30, 300), allow_redirects=False)
            content = reply.json()
        except google.auth.exceptions.RefreshError as error:
            reason = str(error)
            break
        except (requests.RequestException, google.auth.exceptions.TransportError) as error:
            reason = f"{type(error).__name__}: {error}"
            continue
        if reply.status_code == 404:
            return None
        if reply.status_code < 300 and isinstance(content, dict):
            return content
        reason, passing = refusal_of(reply.status_code, content)
        if not passing:
            break
    raise RuntimeError(
        f"E281 BigQuery did not give {address}: {reason[:1000]}; see that the step's account may "
        "read the table (roles/bigquery.dataViewer), then run the step again"
    )


def refusal_of(status: int, content: Any) -> tuple[str, bool]:
    """Return what the service says of a refused request, and whether it may pass."""
    error = content.get("error") if isinstance(content, dict) else None
    error = error if isinstance(error, dict) else {}
    details = [item for item in error.get("errors") or [] if isinstance(item, dict)]
    reasons = {str(item.get("reason")) for item in details}
    passing = status == 429 or status >= 500 or "rateLimitExceeded" in reasons
    return f"{status} {error.get('message', '')}".strip(), passing


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

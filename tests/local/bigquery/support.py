"""Google's client of BigQuery, and of the service alone. No tests."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery

from batchpredict.local import PROJECT
from batchpredict.local.bigquery.api import BigQueryApi
from batchpredict.local.network.gateway import Gateway
from batchpredict.local.network.http import HttpRequest, HttpResponse
from batchpredict.local.network.sockets import listen_on_loopback, stop_listening
from batchpredict.local.session import LocalVertex
from batchpredict.local.storage.objects import ObjectStore


@contextlib.contextmanager
def connect(vertex: LocalVertex) -> Iterator[bigquery.Client]:
    """Yield a client that goes to Google's host through the session's proxy."""
    anonymous = AnonymousCredentials()  # type: ignore[no-untyped-call]
    with AuthorizedSession(anonymous) as session:
        session.trust_env = False
        session.proxies = {"https": vertex.environment["HTTPS_PROXY"]}
        session.verify = vertex.environment["REQUESTS_CA_BUNDLE"]
        yield bigquery.Client(PROJECT, anonymous, _http=session)


class Service:
    """BigQuery alone, behind a gateway of its own.

    Attributes:
        api: The service.
        store: The objects that it loads and extracts.
        requests: What it was asked.
        url: Where it is.
    """

    def __init__(self, home: Path, clock: Any = None) -> None:
        self.store = ObjectStore(home / "storage")
        times = {"clock": clock} if clock else {}
        self.api = BigQueryApi(home / "bigquery", self.store, **times)
        self.requests: list[HttpRequest] = []
        self._listener = listen_on_loopback()
        Gateway(self.answer, lambda _: None).listen(self._listener)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        self.requests.append(request)
        return self.api.handle(request)

    def client(self, project: str = PROJECT) -> bigquery.Client:
        """Return Google's client."""
        options = ClientOptions(api_endpoint=self.url)  # type: ignore[no-untyped-call]
        anonymous = AnonymousCredentials()  # type: ignore[no-untyped-call]
        return bigquery.Client(project, anonymous, client_options=options)

    def close(self) -> None:
        """Stop it."""
        stop_listening(self._listener)
        self.api.close()


class Tables:
    """Tables of the local service for a reader: ``add`` takes rows as lists of values."""

    def __init__(self, found: Service, project: str, dataset: str) -> None:
        self.api = found.url
        self._dataset = f"{project}.{dataset}"
        self._client = found.client(project)
        self._client.create_dataset(self._dataset)

    def add(self, name: str, fields: list[dict[str, Any]], rows: list[list[Any]]) -> None:
        """Make a table."""
        schema = [bigquery.SchemaField.from_api_repr(field) for field in fields]
        config = bigquery.LoadJobConfig(schema=schema)
        names = [field["name"] for field in fields]
        table = f"{self._dataset}.{name}"
        self._client.create_table(bigquery.Table(table, schema=schema))
        if rows:
            lines = [dict(zip(names, row, strict=True)) for row in rows]
            self._client.load_table_from_json(lines, table, job_config=config).result()

    def etag(self, name: str) -> str:
        """Return what the service calls the state of a table."""
        return str(self._client.get_table(f"{self._dataset}.{name}").etag)


@contextlib.contextmanager
def service(home: Path, clock: Any = None) -> Iterator[Service]:
    """Yield BigQuery over a folder."""
    found = Service(home, clock)
    try:
        yield found
    finally:
        found.close()

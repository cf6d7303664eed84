"""Official clients against the running services, as a user's program has them."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import google.auth.transport.requests as google_requests
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage
from local.bigquery.support import connect
from local.conformance.tables import ROWS, SCHEMA

from batchpredict.local.session import LocalVertex


def proxied_session(vertex: LocalVertex) -> google_requests.AuthorizedSession:
    """Return a session that reaches the services as the exported environment leads it there."""
    session = google_requests.AuthorizedSession(AnonymousCredentials())  # type: ignore[no-untyped-call]
    session.trust_env = False
    session.proxies = {"https": vertex.environment["HTTPS_PROXY"]}
    session.verify = vertex.environment["REQUESTS_CA_BUNDLE"]
    return session


@pytest.fixture(scope="session")
def web(vertex: LocalVertex) -> Iterator[google_requests.AuthorizedSession]:
    with proxied_session(vertex) as session:
        yield session


@pytest.fixture(scope="session")
def client(web: google_requests.AuthorizedSession) -> storage.Client:
    """Google's client of Cloud Storage; the real host is in its requests."""
    return storage.Client(project="p", credentials=AnonymousCredentials(), _http=web)  # type: ignore[no-untyped-call]


@pytest.fixture
def bucket(client: storage.Client, request: pytest.FixtureRequest) -> Iterator[storage.Bucket]:
    """A bucket of the check's own."""
    digest = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:20]
    made = client.create_bucket(f"conformance-{digest}")
    yield made
    if made.exists():
        made.delete(force=True)


@pytest.fixture(scope="session")
def key_pem() -> str:
    """The private key of nobody."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = serialization.NoEncryption()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return key.private_bytes(*form).decode()


@pytest.fixture(scope="session")
def bq(vertex: LocalVertex) -> Iterator[bigquery.Client]:
    """Google's client of BigQuery; the real host is in its requests."""
    with connect(vertex) as found:
        found.create_dataset("conformance")
        yield found


@pytest.fixture
def table(bq: bigquery.Client, request: pytest.FixtureRequest) -> str:
    """A table of the check's own with three rows."""
    name = f"{bq.project}.conformance.{request.node.name.partition('[')[0]}"
    config = bigquery.LoadJobConfig(schema=SCHEMA)
    bq.load_table_from_json(ROWS, name, job_config=config).result()
    return name


@pytest.fixture
def rows(bq: bigquery.Client) -> Callable[..., list[tuple[Any, ...]]]:
    """Return the rows of a query."""

    def rows(sql: str, **config: Any) -> list[tuple[Any, ...]]:
        found = bq.query(sql, job_config=bigquery.QueryJobConfig(**config)).result()
        return [tuple(row) for row in found]

    return rows

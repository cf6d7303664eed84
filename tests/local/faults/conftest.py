"""Clients of the running services, and no plan left behind."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage

from batchpredict.local import PROJECT
from batchpredict.local.faults.registry import Faults
from batchpredict.local.session import LocalVertex


@pytest.fixture
def faults(vertex: LocalVertex) -> Iterator[Faults]:
    yield vertex.faults
    vertex.faults.verify()


@pytest.fixture
def bucket(vertex: LocalVertex) -> Iterator[storage.Bucket]:
    """A bucket through Google's client, which goes through the proxy."""
    with closing(AuthorizedSession(AnonymousCredentials())) as session:  # type: ignore[no-untyped-call]
        session.trust_env = False
        session.proxies = {"https": vertex.environment["HTTPS_PROXY"]}
        session.verify = vertex.environment["REQUESTS_CA_BUNDLE"]
        client = storage.Client(PROJECT, AnonymousCredentials(), _http=session)  # type: ignore[no-untyped-call]
        if not vertex.store.bucket_exists("faults"):
            vertex.store.create_bucket("faults")
        yield client.bucket("faults")

"""One BigQuery for the tests of this folder."""

from collections.abc import Iterator

import pytest
from google.cloud import bigquery
from local.bigquery.support import Service, service


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """BigQuery without the other services."""
    with service(tmp_path_factory.mktemp("bigquery")) as found:
        yield found


@pytest.fixture(scope="session")
def client(alone: Service) -> bigquery.Client:
    """Google's client of it."""
    return alone.client()


@pytest.fixture(scope="module")
def dataset(client: bigquery.Client, request: pytest.FixtureRequest) -> str:
    """A dataset of the module's own, by its name."""
    name = request.module.__name__.rpartition(".")[2]
    client.create_dataset(name)
    return name

"""One database for the tests of this folder."""

import time
from collections.abc import Iterator

import pytest
from local.bigquery.sql.support import Evaluate, evaluator

from batchpredict.local.bigquery.warehouse import Warehouse


@pytest.fixture(scope="session")
def evaluate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluate]:
    """Return the rows of a query."""
    warehouse = Warehouse(tmp_path_factory.mktemp("sql"), time.time)
    yield evaluator(warehouse)
    warehouse.close()

"""What the tests of batch prediction jobs share."""

import re
from collections.abc import Iterator

import pytest
from local.vertex.batch.support import Bucket

from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.jobs import JobService


@pytest.fixture
def bucket(vertex: LocalVertex, request: pytest.FixtureRequest) -> Bucket:
    """A bucket of the test's own."""
    return Bucket(vertex, re.sub(r"\W+", "-", request.node.name).strip("-"))


@pytest.fixture
def service(vertex: LocalVertex) -> Iterator[JobService]:
    """The service of jobs; its settings are put back."""
    found: JobService = vertex.services._services["JobService"]
    before = found.settings
    yield found
    found.settings = before

"""Clients and schedules for the tests of schedules."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from local.vertex.schedules.support import schedule

from batchpredict.local.runs import PARENT


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, gapic: Callable[[str, str], Any]) -> Any:
    return gapic("schedule", request.param)


@pytest.fixture
def make(gapic: Callable[[str, str], Any]) -> Iterator[Callable[..., Any]]:
    """Create schedules that are gone after the test."""
    client, made = gapic("schedule", "grpc"), []

    def create(*command: str, **fields: Any) -> Any:
        made.append(client.create_schedule(parent=PARENT, schedule=schedule(*command, **fields)))
        return made[-1]

    yield create
    for one in made:
        client.delete_schedule(name=one.name).result()

"""A pytest plugin: the fixture ``local_vertex`` gives a test Vertex AI on this machine.

The services start with the first test that asks for them and serve the whole session.
"""

import contextlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from batchpredict.local.session import LocalVertex
    from batchpredict.local.settings import LocalSettings
    from batchpredict.local.testing import LocalVertexFixture

HOME_OPTION = "--local-vertex-home"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that keeps the home folder."""
    group = parser.getgroup("batchpredict")
    group.addoption(
        HOME_OPTION,
        metavar="DIR",
        help="Keep what the fixture local_vertex makes in this folder.",
    )


@pytest.fixture(scope="session")
def local_vertex_settings() -> "LocalSettings":
    """How the services run; a conftest.py may have a fixture of this name instead.

    Steps are not taken from earlier runs: a test that runs a step means to run it.
    """
    from batchpredict.local.settings import LocalSettings

    return LocalSettings(caching=False)


@pytest.fixture(scope="session")
def local_vertex_session(
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
    local_vertex_settings: "LocalSettings",
) -> "Iterator[LocalVertex]":
    """The services, from the first test that needs them to the end of the session."""
    given = pytestconfig.getoption(HOME_OPTION)
    home = Path(given) if given else tmp_path_factory.mktemp("local-vertex")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")  # each has services of its own
    with contextlib.ExitStack() as stack:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # KFP and Google's packages warn about themselves
            from batchpredict.local.session import local_vertex

            vertex = stack.enter_context(local_vertex(home / worker, local_vertex_settings))
        vertex.sandbox.wait_ready()
        yield vertex


@pytest.fixture
def local_vertex(
    local_vertex_session: "LocalVertex", monkeypatch: pytest.MonkeyPatch
) -> "Iterator[LocalVertexFixture]":
    """Vertex AI on this machine; Google's clients in the test, and what it starts, find it."""
    from batchpredict.local.testing import LocalVertexFixture, redirect

    redirect(local_vertex_session.environment, monkeypatch)
    fixture = LocalVertexFixture(local_vertex_session)
    yield fixture
    fixture.faults.verify()

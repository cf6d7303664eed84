"""What the tests of verbs share."""

import pytest
from talking import compiled


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The compiled pipeline of two small steps."""
    return str(compiled(tmp_path_factory.mktemp("talk")))

"""What several tests of runtime functions share."""

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials

from batchpredict.local.session import LocalVertex


@pytest.fixture
def services(vertex: LocalVertex, monkeypatch: pytest.MonkeyPatch) -> LocalVertex:
    """The running services, for functions that call Google with requests in this process."""
    for name in ("HTTPS_PROXY", "https_proxy", "REQUESTS_CA_BUNDLE", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, vertex.environment[name])
    monkeypatch.setattr(google.auth, "default", lambda scopes: (AnonymousCredentials(), scopes))
    return vertex

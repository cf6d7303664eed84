"""What the fixture ``local_vertex`` of the pytest plugin gives to a test."""

import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from batchpredict.local.faults.registry import Faults
from batchpredict.local.home.connection import MISLEADING
from batchpredict.local.outcomes import Outcome, run_pipeline
from batchpredict.local.session import LocalVertex

GOOGLE_METADATA = "google.auth.compute_engine._metadata"


class LocalVertexFixture:
    """The services as one test sees them; all tests of a session share what they hold.

    Attributes:
        vertex: The services.
        home: Folder of the state.
        environment: Variables that lead a client of another process here.
        services: The Vertex AI services, for calls inside this process.
        store: The Cloud Storage objects.
        clock: The time that schedules go by; a test can advance it.
        faults: What the test plans for calls. Plans that were not hit fail it at its end.
        timeout: Seconds after which a run is cancelled, or None.
    """

    def __init__(self, vertex: LocalVertex) -> None:
        self.vertex = vertex
        self.home: Path = vertex.home
        self.environment: Mapping[str, str] = vertex.environment
        self.services = vertex.services
        self.store = vertex.store
        self.clock = vertex.clock
        self.faults: Faults = vertex.faults
        self.timeout: float | None = None

    def run(self, pipeline: Any, /, **parameters: Any) -> Outcome:
        """Run a pipeline and return what came of it, also when it failed.

        Args:
            pipeline: A function that KFP made a pipeline of, a compiled YAML file, or the name of
                a pipeline of this package.
            **parameters: Of the pipeline; a ``Path`` is copied into a local bucket.

        Raises:
            UsageError: There is no such pipeline, or a parameter is unknown or missing.
            RunError: It needs what is not run on this machine.
        """
        return run_pipeline(self.vertex, pipeline, parameters, timeout=self.timeout)

    def new_bucket(self) -> str:
        """Make a bucket that no other test knows, and return its name."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        self.store.create_bucket(name)
        return name

    def path(self, uri: str) -> Path:
        """Return the place of a ``gs://`` URI on this machine."""
        return Path(self.store.path(uri))


def redirect(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead the Google clients of this process to the services for the time of a test."""
    for name in MISLEADING:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    # google-auth reads these at its import, which may lie behind.
    module = sys.modules.get(GOOGLE_METADATA)
    if module is not None:
        monkeypatch.setattr(module, "_GCE_METADATA_HOST", environment["GCE_METADATA_HOST"])

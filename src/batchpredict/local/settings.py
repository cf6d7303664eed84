"""What a user may choose of the services on this machine."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class BatchSettings:
    """What the service chooses by itself on Google Cloud.

    Attributes:
        shards: The number of files of results; the batches go round, so that a small job leaves
            some of them empty.
        in_flight: How many requests of a job the model server has at a time.
        active_jobs: How many jobs run at a time; the others wait.
    """

    shards: int = 1
    in_flight: int = 2
    active_jobs: int = 4


@dataclass(frozen=True)
class LocalSettings:
    """How the services of one session run.

    Attributes:
        warm: Fork steps from a parent that has the packages loaded.
        isolate: Run steps in private namespaces where the system allows it.
        caching: Take a step from an earlier run in the same home where its YAML allows it.
        images: An ``images.toml``: how containers of your own are started here. Without it, that
            of the current folder is taken if there is one.
        model_servers: How many model servers stay running; the one that was not asked for longest
            makes room.
        port: The port of the proxy that leads clients to the services; 0 takes any free one.
        batch: What the batch prediction service chooses by itself on Google Cloud.
    """

    warm: bool = True
    isolate: bool = True
    caching: bool = True
    images: Path | None = None
    model_servers: int = 8
    port: int = 0
    batch: BatchSettings = field(default_factory=BatchSettings)

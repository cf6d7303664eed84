"""Custom jobs and training packages for tests."""

import io
import tarfile
from typing import Any

from batchpredict.local.session import LocalVertex

IMAGE = "us-docker.pkg.dev/vertex-ai/training/sklearn-cpu.1-6:latest"


def pool(*command: str, **fields: Any) -> dict[str, Any]:
    """Return a worker pool of one container."""
    machine = {"machine_type": "n1-standard-4"}
    container = {"image_uri": IMAGE, "command": list(command), **fields.pop("container", {})}
    return {"container_spec": container, "machine_spec": machine, "replica_count": 1, **fields}


def python(code: str, **fields: Any) -> dict[str, Any]:
    """Return a worker pool that runs Python code."""
    return pool("python3", "-c", code, **fields)


def job(*pools: Any, **spec: Any) -> dict[str, Any]:
    """Return a custom job of these pools."""
    return {"display_name": "job", "job_spec": {"worker_pool_specs": list(pools), **spec}}


def put_package(vertex: LocalVertex, uri: str, files: dict[str, str]) -> None:
    """Write a source archive of these files into the store."""
    path = vertex.store.path(uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"trainer-0.1/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))

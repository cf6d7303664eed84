"""Metadata that a file cannot carry, in JSON files beside the tree of the buckets."""

import json
import shutil
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from batchpredict.local.storage.names import sidecar_segments
from batchpredict.local.storage.tree import replace_in_folder


@dataclass(frozen=True)
class Sidecar:
    """What is known of one generation of an object, or of a bucket.

    Attributes:
        generation: The generation it belongs to.
        metageneration: How many versions of these attributes this generation has had.
        updated_ns: When they last changed, in nanoseconds since 1970.
        attributes: Fields by their name in the JSON API, such as ``contentType``.
    """

    generation: int
    metageneration: int = 1
    updated_ns: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Sidecars:
    """The folder ``.metadata``: one JSON file for each object that was uploaded or patched."""

    def __init__(self, folder: Path, staging: Path) -> None:
        self._folder = folder
        self._staging = staging

    def read(self, bucket: str, name: str) -> Sidecar | None:
        """Return the metadata of an object, whatever generation it belongs to."""
        try:
            content = json.loads(self._path(bucket, name).read_bytes())
            return Sidecar(**content)
        except (OSError, ValueError, TypeError):
            return None  # a file that a step wrote has none; a damaged one counts as none

    def exists(self, bucket: str, name: str) -> bool:
        """Tell whether there is metadata, without reading it."""
        return self._path(bucket, name).exists()

    def stage(self, sidecar: Sidecar) -> Path:
        """Write ``sidecar`` to a temporary file, which :meth:`publish` puts in place."""
        path = self._staging / uuid.uuid4().hex
        try:
            path.write_text(json.dumps(asdict(sidecar)))
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path

    def publish(self, staged: Path, bucket: str, name: str) -> None:
        """Put a staged file in the place of the object's metadata."""
        replace_in_folder(staged, self._path(bucket, name))

    def write(self, bucket: str, name: str, sidecar: Sidecar) -> None:
        """Replace the metadata of an object."""
        staged = self.stage(sidecar)
        try:
            self.publish(staged, bucket, name)
        finally:
            staged.unlink(missing_ok=True)

    def remove(self, bucket: str, name: str) -> None:
        """Forget an object, and the folders that only it needed."""
        path = self._path(bucket, name)
        path.unlink(missing_ok=True)
        with suppress(OSError):
            for parent in path.parents:
                if parent == self._folder:
                    break
                parent.rmdir()

    def remove_bucket(self, bucket: str) -> None:
        """Forget all objects of a bucket."""
        shutil.rmtree(self._folder / bucket, ignore_errors=True)

    def _path(self, bucket: str, name: str) -> Path:
        return self._folder.joinpath(bucket, *sidecar_segments(name))

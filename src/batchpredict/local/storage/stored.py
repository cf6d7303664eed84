"""An object as it lies in the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_CONTENT_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class StoredObject:
    """The live generation of an object.

    Attributes:
        bucket: Its bucket.
        name: Its name, with slashes; a folder marker ends in one.
        file: Path of its file, or of the folder of a marker.
        size: Bytes.
        generation: Modification time of the file in nanoseconds.
        metageneration: Number of the version of its attributes.
        updated_ns: When data or attributes last changed.
        attributes: Fields by their name in the JSON API.
        inode: Of its file.
    """

    bucket: str
    name: str
    file: str
    size: int
    generation: int
    metageneration: int
    updated_ns: int
    attributes: Mapping[str, Any]
    inode: int = 0

    @property
    def path(self) -> Path:
        """Return its file, or the folder of a marker."""
        return Path(self.file)

    @property
    def etag(self) -> str:
        """Return what changes with the data and with the attributes."""
        return f"{self.generation:x}.{self.metageneration}"

    @property
    def content_type(self) -> str:
        """Return the media type."""
        return str(self.attributes.get("contentType") or DEFAULT_CONTENT_TYPE)

"""The packages of a registry as files: a file for each version, and which version a tag means."""

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batchpredict.local.files import write_whole
from batchpredict.local.vertex.errors import invalid, not_found

NAME = re.compile(r"[a-z0-9]([a-z0-9._:-]{0,127})")
TAG = re.compile(r"[a-z0-9]([a-z0-9._-]{0,127})")
VERSION = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Repository:
    """Where packages are: ``projects/{project}/locations/{location}/repositories/{name}``."""

    project: str
    location: str
    name: str

    @property
    def resource(self) -> str:
        """Its resource name."""
        return f"projects/{self.project}/locations/{self.location}/repositories/{self.name}"


class Packages:
    """All repositories below one folder; each exists once something is asked of it.

    A version is the SHA-256 of its content: the same content is the same version.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()

    def add(self, repository: Repository, package: str, content: bytes) -> str:
        """Keep a content; return its version."""
        version = f"sha256:{hashlib.sha256(content).hexdigest()}"
        folder = self._folder(repository, package)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{version[7:]}.yaml"
        if not path.exists():
            write_whole(path, content)
        return version

    def content(self, repository: Repository, package: str, reference: str) -> bytes:
        """Return the content of a version or a tag.

        Raises:
            ServiceError: There is none.
        """
        version = reference
        if not VERSION.fullmatch(reference):
            version = self.tags(repository, package).get(reference, "")
        path = self._folder(repository, package) / f"{version[7:]}.yaml"
        if not version or not path.is_file():
            raise not_found(f"{repository.resource}/packages/{package} {reference}")
        return path.read_bytes()

    def packages(self, repository: Repository) -> list[str]:
        """Return the names of the packages of a repository."""
        folder = self._folder(repository)
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def versions(self, repository: Repository, package: str) -> list[str]:
        """Return the versions of a package.

        Raises:
            ServiceError: There is no such package.
        """
        found = sorted(self._folder(repository, package).glob("*.yaml"))
        if not found:
            raise not_found(f"{repository.resource}/packages/{package}")
        return [f"sha256:{path.stem}" for path in found]

    def tags(self, repository: Repository, package: str) -> dict[str, str]:
        """Return the version of each tag of a package."""
        path = self._folder(repository, package) / "tags.json"
        return dict(json.loads(path.read_text())) if path.is_file() else {}

    def set_tags(
        self, repository: Repository, package: str, tags: Mapping[str, str | None]
    ) -> None:
        """Let tags mean versions; None removes a tag.

        Raises:
            ServiceError: A tag is not of the form, or there is no such version.
        """
        known = self.versions(repository, package)
        for tag, version in tags.items():
            if not TAG.fullmatch(tag):
                raise invalid(f"tag {tag!r} is not of the form {TAG.pattern}")
            if version is not None and version not in known:
                raise not_found(f"{repository.resource}/packages/{package}/versions/{version}")
        with self._lock:
            changed = {**self.tags(repository, package), **tags}
            kept = {tag: version for tag, version in sorted(changed.items()) if version}
            write_whole(self._folder(repository, package) / "tags.json", json.dumps(kept))

    def _folder(self, repository: Repository, *package: str) -> Path:
        names = (repository.project, repository.location, repository.name, *package)
        for name in names:
            if not NAME.fullmatch(name) or ".." in name:
                raise invalid(f"{name!r} is not the name of a project, repository or package")
        return self._root.joinpath(*names)

"""Models as they are kept: the versions, and what all versions of a model share.

Each version is kept as ``models/ID@1``, ``models/ID@2`` and so on. Beside them ``models/ID@-``,
the head, holds what belongs to the model: display name, description, labels, times, the last
number given to a version, and the aliases as ``alias@number``. All aliases stand in that one file,
so that an alias moves in one write and a killed service leaves it on exactly one version.

Which field belongs to the model and which to the version is said by ``UpdateModelRequest.model``
of google/cloud/aiplatform/v1/model_service.proto.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from google.cloud.aiplatform_v1 import types

from batchpredict.local.vertex.errors import not_found
from batchpredict.local.vertex.state import Resources

DEFAULT = "default"
SHARED = ("display_name", "description", "create_time", "update_time")


def parent_of(name: str) -> str:
    """Return ``projects/…/locations/…`` of a resource name."""
    return "/".join(name.split("/")[:4])


def base_of(name: str) -> str:
    """Return the name of a model without its version."""
    return name.partition("@")[0]


class ModelVersions:
    """The versions of every model. Hold ``lock`` over what must not change in between."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self.lock = threading.RLock()
        self._repair()

    def _repair(self) -> None:
        """Give a head to versions without one, as earlier releases kept them; finish deletions.

        A head without versions, which a killed session may leave, is no model and in nobody's way.
        """
        names = [name for name in self._resources.names("projects/") if "@" in name]
        for base in dict.fromkeys(map(base_of, names)):
            if f"{base}@-" not in names:
                self._adopt(base, self.numbers(base))
            elif DEFAULT not in self._owners(self._head(base)):
                self._remove(base)

    def _adopt(self, base: str, numbers: Sequence[int]) -> None:
        versions = [self._resources.get(f"{base}@{number}") for number in numbers]
        claims = {
            it: int(version.version_id) for version in versions for it in version.version_aliases
        }
        head = _new_head(versions[0])
        head.version_id = str(numbers[-1])
        self._put_head(head, {DEFAULT: numbers[-1], **claims})

    def bases(self, parent: str) -> list[str]:
        """Return the names of the models of a location."""
        names = self._resources.names(f"{parent}/models/")
        return list(dict.fromkeys(base_of(name) for name in names if not name.endswith("@-")))

    def numbers(self, base: str) -> list[int]:
        """Return the version numbers of a model, oldest first; none when there is no model."""
        ends = (name.rpartition("@")[2] for name in self._resources.names(f"{base}@"))
        return sorted(int(end) for end in ends if end.isdecimal())

    def number(self, name: str) -> int:
        """Return the version that ``@NUMBER`` or ``@alias`` means, without one the default."""
        base, _, wanted = name.partition("@")
        if not wanted.isdecimal():
            owners = self._owners(self._head(base))
            wanted = str(owners.get(wanted.strip("-") or DEFAULT, ""))
        if not wanted or not self._resources.has(f"{base}@{wanted}"):
            raise not_found(name)
        return int(wanted)

    def resolve(self, name: str) -> Any:
        """Return the version that a name means, with the model's own fields filled in."""
        base = base_of(name)
        return self.view(base, self.number(name))

    def view(self, base: str, number: int) -> Any:
        """Return one version, with the model's own fields filled in."""
        version = self._resources.get(f"{base}@{number}")
        # The messages below proto-plus: a model is asked for again and again.
        own, head = types.Model.pb(version), types.Model.pb(self._head(base))
        own.display_name, own.description = head.display_name, head.description
        own.create_time.CopyFrom(head.create_time)
        own.update_time.CopyFrom(head.update_time)
        for key, label in head.labels.items():
            if key not in own.labels:
                own.labels[key] = label
        aliases = [alias for alias, owner in self._owners(head).items() if owner == number]
        own.version_aliases[:] = aliases
        return version

    def add(self, version: Any, aliases: Sequence[str], *, new: bool) -> None:
        """Keep the first version of a new model, or a further one of a model that is there."""
        base = version.name
        head = _new_head(version) if new else self._head(base)
        number = 1 if new else max(int(head.version_id), *self.numbers(base)) + 1
        version.version_id = head.version_id = str(number)
        owners = {**self._owners(head), **dict.fromkeys(aliases, number)}
        if new:  # a head alone is no model yet; a version alone would have lost the labels
            self._put_head(head, owners)
            version.labels = {}
        self._resources.put(f"{base}@{number}", version)
        self._put_head(head, owners)

    def update_model(self, base: str, change: Callable[[Any], None]) -> None:
        """Change what all versions of a model share."""
        head = self._head(base)
        change(head)
        self._resources.put(f"{base}@-", head)

    def update_version(self, base: str, number: int, change: Callable[[Any], None]) -> None:
        """Change what belongs to one version."""
        self._resources.update(f"{base}@{number}", change)

    def merge_aliases(
        self, base: str, number: int, added: Iterable[str], removed: Iterable[str]
    ) -> None:
        """Give aliases to a version, taking them from any other, and take some of its own."""
        head = self._head(base)
        owners = {**self._owners(head), **dict.fromkeys(added, number)}
        gone = [alias for alias in removed if owners.get(alias) == number]
        self._put_head(head, {it: owner for it, owner in owners.items() if it not in gone})

    def delete_version(self, base: str, number: int) -> None:
        """Delete one of several versions; the newest one left becomes the default if need be."""
        head = self._head(base)
        owners = self._owners(head)
        kept = {alias: owner for alias, owner in owners.items() if owner != number}
        left = [it for it in self.numbers(base) if it != number]
        self._put_head(head, {DEFAULT: left[-1], **kept})
        self._resources.delete(f"{base}@{number}")

    def delete(self, base: str) -> None:
        """Delete a model, in one write: without a default version it is none.

        What a killed session leaves of it after that write is removed at the next start.
        """
        self._put_head(self._head(base), {})
        self._remove(base)

    def _remove(self, base: str) -> None:
        for number in self.numbers(base):
            self._resources.delete(f"{base}@{number}")
        self._resources.delete(f"{base}@-")

    def _head(self, base: str) -> Any:
        head = self._resources.find(f"{base}@-")
        if head is None:
            raise not_found(base)
        return head

    @staticmethod
    def _owners(head: Any) -> dict[str, int]:
        pairs = (text.rpartition("@") for text in head.version_aliases)
        return {alias: int(number) for alias, _, number in pairs}

    def _put_head(self, head: Any, owners: dict[str, int]) -> None:
        head.version_aliases = [f"{alias}@{number}" for alias, number in owners.items()]
        self._resources.put(f"{head.name}@-", head)


def _new_head(version: Any) -> Any:
    shared = {field: getattr(version, field) for field in SHARED}
    return types.Model(name=version.name, labels=dict(version.labels), **shared)

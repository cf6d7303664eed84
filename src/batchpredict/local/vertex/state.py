"""The resources of one home folder: held as messages, kept as one JSON file each."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.rpc import code_pb2, status_pb2

from batchpredict.errors import EnvironmentFault
from batchpredict.local.files import remove_halves, write_whole
from batchpredict.local.vertex.errors import ServiceError, invalid, not_found

SAFE_NAME = re.compile(r"projects/[a-z0-9][\w.:-]*/locations/[a-z0-9-]+/\w+/[\w.-]+(@[\w-]+)?")


class Resources:
    """Every resource by its full name.

    A reader gets a message of its own; what it changes counts once it is ``put``.

    Args:
        root: Folder of the JSON files; a resource of an earlier session is found again.
        kinds: The proto-plus message type of each collection, such as ``models``.

    Attributes:
        ended: How many resources of each collection a killed session had left under way.
        halves: How many half-written files it had left.
    """

    def __init__(self, root: Path, kinds: dict[str, Any]) -> None:
        self._root = root
        self._kinds = kinds
        self._data: dict[str, bytes] = {}
        self._lock = threading.RLock()
        self.ended: Counter[str] = Counter()
        self.halves = remove_halves(root)
        for path in sorted(root.glob("projects/*/locations/*/*/*.json")):
            self._load(path)

    def _load(self, path: Path) -> None:
        name = str(path.relative_to(self._root).with_suffix(""))
        kind = self._kinds.get(path.parent.name)
        if kind is None:
            return
        try:
            message = kind.from_json(path.read_text(), ignore_unknown_fields=True)
        except (ValueError, json_format.ParseError) as error:
            raise EnvironmentFault(
                "E304", f"the state file {path} is damaged; move it away: {error}"
            ) from error
        self._data[name] = kind.serialize(message)

    def put(self, name: str, message: Any) -> None:
        """Create or replace a resource, on disk first."""
        if not SAFE_NAME.fullmatch(name):
            raise invalid(f"{name!r} is not a resource name")
        kind = type(message)
        path = self._root / f"{name}.json"
        with self._lock:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, json_format.MessageToJson(kind.pb(message)))
            self._data[name] = kind.serialize(message)

    def create(self, name: str, message: Any) -> None:
        """Put a new resource; raise ALREADY_EXISTS when the name is taken."""
        with self._lock:
            if name in self._data:
                raise ServiceError(code_pb2.ALREADY_EXISTS, f"{name} exists already.")
            self.put(name, message)

    def find(self, name: str) -> Any | None:
        """Return the resource, or None."""
        with self._lock:
            data = self._data.get(name)
        return None if data is None else self._kind(name).deserialize(data)

    def has(self, name: str) -> bool:
        """Tell whether there is such a resource."""
        return name in self._data

    def get(self, name: str) -> Any:
        """Return the resource; raise NOT_FOUND when there is none."""
        message = self.find(name)
        if message is None:
            raise not_found(name)
        return message

    def update(self, name: str, change: Callable[[Any], None]) -> Any:
        """Apply ``change`` to the resource in one step and return it."""
        with self._lock:
            message = self.get(name)
            change(message)
            self.put(name, message)
        return message

    def conclude(self, name: str, change: Callable[[Any], None]) -> OSError | None:
        """Apply the last change of a resource; who waits for it sees it on a full disk too.

        Returns:
            Why it could not be saved, or None.
        """
        with self._lock:
            try:
                self.update(name, change)
            except OSError as error:
                message = self.get(name)
                change(message)
                self._data[name] = type(message).serialize(message)
                return error
        return None

    def delete(self, name: str) -> None:
        """Forget the resource; raise NOT_FOUND when there is none."""
        with self._lock:
            if self._data.pop(name, None) is None:
                raise not_found(name)
            (self._root / f"{name}.json").unlink(missing_ok=True)

    def names(self, prefix: str) -> list[str]:
        """Return the names that begin with ``prefix``, sorted."""
        with self._lock:
            return sorted(name for name in self._data if name.startswith(prefix))

    def list(self, parent: str, collection: str) -> list[Any]:
        """Return the resources of one collection, oldest name first."""
        found: list[Any] = self._found(self.names(f"{parent}/{collection}/"))
        return found

    def everywhere(self, collection: str) -> Any:
        """Return the resources of one collection in every project and location."""
        with self._lock:
            names = [name for name in self._data if name.split("/")[4] == collection]
        return self._found(names)

    def _found(self, names: Sequence[str]) -> Any:
        return [message for name in names if (message := self.find(name)) is not None]

    def end_interrupted(self, collection: str, active: Sequence[Any], failed: Any) -> None:
        """Mark what a session left running when it was killed: nothing works on it any more."""
        for name in [name for name in self._data if name.split("/")[4] == collection]:
            message = self.get(name)
            if message.state in active:
                message.state = failed
                message.error = status_pb2.Status(
                    code=code_pb2.ABORTED, message="the session ended before the job did"
                )
                self.put(name, message)
                self.ended[collection] += 1

    def _kind(self, name: str) -> Any:
        return self._kinds[name.split("/")[4]]

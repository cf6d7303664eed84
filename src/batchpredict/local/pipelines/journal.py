"""What a run has finished, line by line, so that it can go on after any end of the session.

A line is on the disk before its step counts as finished; so a step that anybody saw end well is
never repeated. The graph is walked anew from these lines: which branch was taken and how often a
loop turned follows from the outputs of the steps, and is not kept.
"""

import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kfp import dsl

from batchpredict.local.pipelines.values import from_json, to_json
from batchpredict.local.storage.errors import StorageError

log = logging.getLogger("batchpredict.local")


@dataclass(frozen=True)
class Finished:
    """A step that ended well.

    Attributes:
        step: Its name within the run.
        given: Digest of its inputs.
        outputs: What it gave, as JSON.
        files: Number of files and bytes under each ``gs://`` URI among the outputs.
        start: When it started, as ISO 8601 has it.
        end: When it ended.
        source: The run and the step that it was taken from, if from the cache.
    """

    step: str
    given: str
    outputs: Mapping[str, Any]
    files: Mapping[str, Any]
    start: str
    end: str
    source: Mapping[str, str] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """Return the outputs."""
        return {name: from_json(value) for name, value in self.outputs.items()}


class Journal:
    """The journal of one run; safe to use from many threads.

    Args:
        path: The file.
        finished: What earlier sessions noted.
        resumed: How often the run was resumed.
    """

    def __init__(self, path: Path, finished: Mapping[str, Finished], resumed: int) -> None:
        self.resumed = resumed
        self._path = path
        self._finished = finished
        self._lock = threading.Lock()

    @classmethod
    def begin(cls, path: Path, identity: Mapping[str, str]) -> "Journal":
        """Return the journal of a new run; what makes it that run's stands in the first line."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        journal = cls(path, {}, 0)
        journal._append({"run": dict(identity)})
        return journal

    @classmethod
    def reopen(cls, path: Path, identity: Mapping[str, str]) -> "Journal":
        """Return the journal of a run that goes on.

        Raises:
            ValueError: It is the journal of another pipeline or of other parameters (E361), or
                another line than the last is damaged (E362).
        """
        try:
            lines = _whole_lines(path)
        except FileNotFoundError:  # killed before the first line
            lines = []
        if not lines:
            journal = cls.begin(path, identity)
        else:
            _check_identity(path, lines[0].get("run"), identity)
            finished = [_finished(path, it["done"]) for it in lines if "done" in it]
            resumed = sum("resumed" in it for it in lines)
            journal = cls(path, {it.step: it for it in finished}, resumed)
        journal.resumed += 1
        journal._append({"resumed": journal.resumed})
        return journal

    def find(
        self, step: str, given: Mapping[str, Any], path_of: Callable[[str], Path]
    ) -> Finished | None:
        """Return what an earlier session noted of a step with these inputs.

        Args:
            step: The step's name within the run.
            given: Its inputs.
            path_of: Returns where a ``gs://`` URI lies.

        Returns:
            None when it must run: it did not end well, or its outputs are not there any more.
        """
        found = self._finished.get(step)
        if found is None or found.given != _digest_of_inputs(given):
            return None
        return found if found.files == _files(found.values(), path_of) else None

    def note(
        self,
        step: str,
        given: Mapping[str, Any],
        outputs: Mapping[str, Any],
        path_of: Callable[[str], Path],
        times: tuple[str, str],
        source: Mapping[str, str],
    ) -> None:
        """Write down that a step ended well.

        Args:
            step: The step's name within the run.
            given: Its inputs.
            outputs: What it gave.
            path_of: Returns where a ``gs://`` URI lies.
            times: When it started and when it ended.
            source: The run and the step that it was taken from, if from the cache.
        """
        values = {name: to_json(value) for name, value in outputs.items()}
        digest, files = _digest_of_inputs(given), _files(outputs, path_of)
        done = Finished(step, digest, values, files, *times, source)
        try:
            self._append({"done": asdict(done)})
        except ValueError as error:  # NaN in the metadata of an artifact
            log.info("%s will be repeated if the run is resumed: %s", step, error)

    def _append(self, content: Mapping[str, Any]) -> None:
        line = json.dumps(content, allow_nan=False).encode() + b"\n"
        with self._lock, self._path.open("ab", buffering=0) as file:
            file.write(line)
            os.fsync(file.fileno())


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines; cut off a last one that a kill or a full disk left unfinished."""
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        os.truncate(path, end)
    lines = []
    for number, line in enumerate(data[:end].splitlines(), 1):
        try:
            content = json.loads(line)
        except ValueError as error:
            raise _damaged(path, f"line {number}: {error}") from error
        if not isinstance(content, dict):
            raise _damaged(path, f"line {number} is no object")
        lines.append(content)
    return lines


def _finished(path: Path, content: Any) -> Finished:
    try:
        return Finished(**content)
    except TypeError as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, what: str) -> ValueError:
    return ValueError(f"E362 the journal {path} is damaged: {what}; start a new run")


def _check_identity(path: Path, kept: Any, identity: Mapping[str, str]) -> None:
    if not isinstance(kept, dict):
        raise _damaged(path, "its first line names no run")
    other = [name for name, value in identity.items() if kept.get(name) != value]
    if other:
        raise ValueError(
            f"E361 the journal {path} is of another {other[0]}: "
            "a run goes on with its own pipeline and parameters; start a new one"
        )


def digest_of(content: Any) -> str:
    """Return the digest of a JSON value."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _digest_of_inputs(given: Mapping[str, Any]) -> str:
    return digest_of({name: to_json(value) for name, value in given.items()})


def _files(values: Mapping[str, Any], path_of: Callable[[str], Path]) -> dict[str, list[int]]:
    """Return the number of files and of bytes at the place of each artifact in a bucket."""
    artifacts = [it for it in values.values() if isinstance(it, dsl.Artifact)]
    uris = sorted({str(it.uri) for it in artifacts if str(it.uri).startswith("gs://")})
    return {uri: _measured(uri, path_of) for uri in uris}


def _measured(uri: str, path_of: Callable[[str], Path]) -> list[int]:
    try:
        path = path_of(uri)
    except StorageError:  # a URI that can be nothing here
        return [0, 0]
    found = path.rglob("*") if path.is_dir() else [path]
    sizes = [it.stat().st_size for it in found if it.is_file()]
    return [len(sizes), sum(sizes)]

"""What lies in a home folder, read from its files: no server needs to run."""

import json
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNS_SHOWN = 5


@dataclass(frozen=True)
class LastRun:
    """A pipeline job: its id, the name of its state, and when it was created."""

    run: str
    state: str
    created: str


@dataclass(frozen=True)
class Contents:
    """What a home folder holds.

    Attributes:
        counts: How many there are of each kind of resource, of buckets and of runs.
        size: Bytes on disk.
        runs: The newest pipeline jobs, newest first.
    """

    counts: dict[str, int]
    size: int
    runs: list[LastRun]


def contents_of(home: Path) -> Contents:
    """Return what a home folder holds; one that is not there holds nothing."""
    counts = {**_resources(home), "buckets": _folders(home / "storage")}
    counts["runs"] = _folders(home / "runs")
    return Contents(counts, _size(home), _last_runs(home))


def _resources(home: Path) -> dict[str, int]:
    """Count the resources by collection; the versions of a model are one model."""
    names = defaultdict(set)
    for path in (home / "vertex").glob("projects/*/locations/*/*/*.json"):
        names[path.parent.name].add((path.parent, path.stem.partition("@")[0]))
    return {collection: len(found) for collection, found in sorted(names.items())}


def _folders(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    return sum(path.is_dir() and not path.name.startswith(".") for path in folder.iterdir())


def _size(home: Path) -> int:
    """Add up the blocks; links are not followed."""
    total = 0
    for folder, _, files in os.walk(home):
        for name in files:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
            except OSError:
                continue  # a step removed it meanwhile
    return total


def _last_runs(home: Path) -> list[LastRun]:
    found = [
        _last_run(path)
        for path in (home / "vertex").glob("projects/*/locations/*/pipelineJobs/*.json")
    ]
    return sorted(found, key=lambda run: run.created, reverse=True)[:RUNS_SHOWN]


def _last_run(path: Path) -> LastRun:
    try:
        job: Any = json.loads(path.read_text())
        state = str(job.get("state", "")).removeprefix("PIPELINE_STATE_")
        return LastRun(path.stem, state, str(job.get("createTime", "")))
    except (OSError, ValueError, AttributeError):
        return LastRun(path.stem, "UNREADABLE", "")

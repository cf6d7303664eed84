"""Find a run of this machine and what lies around it, in its files: no server needs to run."""

import contextlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from batchpredict.errors import UsageError
from batchpredict.pipeline_files import unknown
from batchpredict.reporting.facts import Surroundings

JOBS = "vertex/projects/*/locations/*/pipelineJobs"
LAST_LINES = 20
LAST_BYTES = 64 * 1024


def find_local_run(home: Path, run: str) -> Path | None:
    """Return the file of a run's job, None when this machine has no such run.

    Args:
        home: Folder of the local runs.
        run: Its id, its resource name or its folder; "" for the last one.

    Raises:
        UsageError: ``run`` is a folder, but its home does not hold the job any more (E442).
    """
    if run and Path(run).is_dir():
        folder = Path(run).resolve()
        found = _jobs(folder.parent.parent).get(folder.name)
        if found is None:
            message = f"{run} is not the folder of a run: name .batchpredict/runs/RUN in its home"
            raise UsageError("E442", message)
        return found
    jobs = _jobs(home)
    if run:
        return jobs.get(run.rpartition("/")[2])
    return max(jobs.values(), key=lambda path: path.stat().st_mtime_ns, default=None)


def no_such_run(home: Path, run: str) -> UsageError:
    """Return the error for a run that is nowhere.

    Args:
        home: Where it was looked for.
        run: What was asked for.
    """
    where = f"{home}: {unknown('run', run, list(_jobs(home)))}" if run else f"{home} has no run"
    return UsageError("E442", f"{where}; for a run on Vertex AI add --project and --location")


def _jobs(home: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(home.glob(f"{JOBS}/*.json"))}


def read_local_run(path: Path) -> tuple[dict[str, Any], Surroundings]:
    """Return a run's job, and what lies around it.

    Args:
        path: The file of its job, as :func:`find_local_run` gives it.
    """
    home = path.resolve().parents[6]
    job: dict[str, Any] = json.loads(path.read_text())
    folder = home / "runs" / path.stem
    steps: list[dict[str, Any]] = []
    with contextlib.suppress(OSError, ValueError, LookupError):  # a run that was killed has none
        steps = json.loads((folder / "run.json").read_text())["steps"]

    def link_of(uri: str) -> str:
        place = home / "storage" / uri.removeprefix("gs://")
        is_inside = ".." not in place.parts and uri.startswith("gs://")
        return place.as_uri() if is_inside and place.exists() else ""

    def log_of(step: str) -> Sequence[str]:
        return last_lines(folder / "logs" / f"{step.replace('/', '.')}.log")

    return job, Surroundings(
        link_of=link_of,
        log_of=log_of,
        gave={step["name"]: step.get("parameters", {}) for step in steps},
        folder=str(folder),
    )


def last_lines(path: Path) -> list[str]:
    """Return the last lines of a log, without escape sequences; none when there is no log.

    Args:
        path: The log.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LAST_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", text).splitlines()[-LAST_LINES:]

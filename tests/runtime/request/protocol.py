"""A service and its notes in one file, with a clock of their own, and a step that is killed.

What is asked of the service is done at a moment of its own choice within the create deadline, also
when the one who asked has been killed meanwhile. Time passes only when somebody sleeps.
"""

import itertools
import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from batchpredict.runtime.request import submitting
from batchpredict.runtime.request.submitting import submit_job

DEADLINE = 60.0
SETTLE = 180.0
GAVE_UP = 3
LAG = 120.0
"""How long a job may stay invisible in lists after it was made."""


class World:
    """The state outside of the step, kept in a file: it outlives every kill.

    Args:
        path: The file.
        seed: Decides delays, faults, and what a create that was cut off comes to.
    """

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        if not path.exists():
            self.save({"now": 0.0, "jobs": [], "notes": {}, "seed": seed, "calls": 0})

    def load(self) -> dict[str, Any]:
        return json.loads(self.path.read_text())

    def save(self, state: dict[str, Any]) -> None:
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps(state))
        temporary.replace(self.path)

    def live(self) -> list[dict[str, Any]]:
        return [job for job in self.load()["jobs"] if job["state"] == "JOB_STATE_RUNNING"]


class Service:
    """What a step may ask; ``point`` runs before and after each effect."""

    def __init__(self, world: World, point: Callable[[], None], faults: bool) -> None:
        self.world, self.point, self.faults = world, point, faults

    def create(self, body: dict[str, Any]) -> tuple[int, dict[str, Any], str]:
        self.point()
        state = self.world.load()
        state["calls"] += 1
        luck = random.Random(state["seed"] * 1_000_003 + state["calls"])
        fault = luck.choice([0, 0, 429, 503, -503]) if self.faults else 0
        if fault in (429, 503):
            self.world.save(state)
            return fault, {}, "try again"
        made = state["now"] + luck.uniform(0, DEADLINE)
        job = {
            "name": f"job-{len(state['jobs'])}",
            "key": body["labels"]["batchpredict-step"],
            "createTime": f"{made:012.3f}",
            "visible": made + luck.uniform(0, LAG),
            "state": "JOB_STATE_RUNNING",
        }
        state["jobs"].append(job)
        self.world.save(state)
        self.point()  # killed here, nobody hears of the job, which is made all the same
        state["now"] = max(state["now"], made)
        self.world.save(state)
        return (0, {}, "no reply") if fault else (200, {"name": job["name"]}, "")

    def list(self, key: str) -> list[dict[str, Any]]:
        self.point()
        state = self.world.load()
        return [it for it in state["jobs"] if it["key"] == key and it["visible"] <= state["now"]]

    def get(self, name: str) -> dict[str, Any]:
        self.point()
        return next(job for job in self.world.load()["jobs"] if job["name"] == name)

    def cancel(self, name: str) -> None:
        self.point()
        state = self.world.load()
        next(job for job in state["jobs"] if job["name"] == name)["state"] = "JOB_STATE_CANCELLED"
        self.world.save(state)
        self.point()

    def read(self, note: str) -> dict[str, Any] | None:
        self.point()
        return self.world.load()["notes"].get(note)

    def write(self, note: str, content: dict[str, Any], previous: dict[str, Any] | None) -> bool:
        self.point()
        state = self.world.load()
        now = state["notes"].get(note) or {}
        if now.get("generation") != (previous or {}).get("generation"):
            return False
        state["notes"][note] = {**content, "generation": now.get("generation", 0) + 1}
        self.world.save(state)
        self.point()
        return True

    def sleep(self, seconds: float) -> None:
        state = self.world.load()
        state["now"] += seconds
        self.world.save(state)
        self.point()

    def now(self) -> float:
        return float(self.world.load()["now"])


def calls_of(world: World, point: Callable[[], None], faults: bool = False) -> dict[str, Any]:
    """Return the calls of a step, by name."""
    service = Service(world, point, faults)
    names = ("create", "list", "get", "cancel", "read", "write", "sleep", "now")
    return {name: getattr(service, name) for name in names}


def attempt(world: World, die_at: int, settle: float = SETTLE, faults: bool = False) -> str:
    """Run the step in a process of its own that kills itself at its n-th point; 0 lets it live.

    Returns:
        ``killed``, ``gave up`` or ``done``.
    """
    child = os.fork()
    if child == 0:
        passed = 0

        def point() -> None:
            nonlocal passed
            passed += 1
            if passed == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            submit_job(calls_of(world, point, faults), {"displayName": "x"}, "step", settle)
        except RuntimeError as error:  # the service was busy for an hour: the step is tried again
            os._exit(GAVE_UP if str(error).startswith("E291 ") else 1)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    return {None: "killed", GAVE_UP: "gave up", 0: "done"}[code]


def survive(world: World, deaths: list[int], settle: float = SETTLE, faults: bool = False) -> int:
    """Kill attempt after attempt at these points, then let them live; return the kills."""
    killed = 0
    for point in itertools.chain(deaths, itertools.repeat(0)):
        end = attempt(world, point, settle, faults)
        killed += end == "killed"
        if end == "done":
            break
    return killed


def job_recorded(world: World) -> str:
    """Return the job that the step knows."""
    return str(world.load()["notes"]["record"]["name"])


def points_of(folder: Path) -> int:
    """Return how many points a submission without a kill passes."""
    passed: list[int] = []
    calls = calls_of(World(folder / "count.json", 7), lambda: passed.append(1))
    submit_job(calls, {"displayName": "x"}, "step", SETTLE)
    return len(passed)


def check(world: World) -> int:
    """Return the jobs too many; the one that is recorded must live."""
    live = [job["name"] for job in world.live()]
    assert job_recorded(world) in live
    world.path.unlink()
    return len(live) - 1


def kill_at_every_point(folder: Path) -> tuple[int, int]:
    """Kill at each point, and the next attempt at each of its own; return kills, jobs too many."""
    kills = extra = 0
    count = points_of(folder)
    for first in range(1, count + 1):
        for second in range(1, count + 3):
            world = World(folder / "world.json", first * 100 + second)
            kills += survive(world, [first, second])
            extra += check(world)
    return kills, extra


def kill_at_random(folder: Path, kills_wanted: int, seed: int, settle: float) -> tuple[int, int]:
    """Kill at random points of random histories with faults; return kills, jobs too many."""
    kills = extra = 0
    while kills < kills_wanted:
        seed += 1
        luck = random.Random(seed)
        deaths = [luck.randint(1, 14) for _ in range(luck.randint(1, 6))]
        world = World(folder / "world.json", seed)
        kills += survive(world, deaths, settle, faults=True)
        extra += check(world)
    return kills, extra


def main() -> None:
    """Run a campaign: ``protocol.py every``, or ``protocol.py random KILLS SEED SETTLE``.

    A process of its own, since a fork of the tests' large one takes ten times as long.
    """
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1] == "every":
            kills, extra = kill_at_every_point(Path(folder))
        else:
            if sys.argv[1] == "blind":
                submitting.adopted_job = lambda calls, key: None  # noqa: ARG005
            numbers = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
            kills, extra = kill_at_random(Path(folder), *numbers)
    print(json.dumps({"kills": kills, "extra jobs": extra}))


if __name__ == "__main__":
    main()

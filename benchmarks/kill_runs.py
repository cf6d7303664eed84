"""Kill ``batchpredict run`` at random moments, resume until it is done, and count the steps.

usage: python benchmarks/kill_runs.py [--runs N] [--seed TEXT]

The pipeline has a loop, branches, a diamond and an exit task; every step adds a line to a file of
its own. Each command is killed with SIGKILL after a random number of lines, until one comes
through. A step that stood in the journal when a command was killed must never run again, and in
the end each step has ended well once. The exit code is 1 when that does not hold.
"""

# mypy: disable-error-code="valid-type,type-arg"

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from random import Random

warnings.simplefilter("ignore")

from kfp import dsl  # noqa: E402
from kfp.compiler import Compiler  # noqa: E402

COMMAND = (sys.executable, "-W", "ignore", "-c", "from batchpredict.cli import main; main()")
PLAIN = ("--cold", "--no-isolation", "--no-cache")
ITEMS = ["0", "1", "2", "3"]
STEPS = 3 + len(ITEMS) + 2
DEADLINE = 120


@dsl.component(base_image="python:3.11-slim")
def mark(folder: str, name: str) -> str:
    with open(f"{folder}/{name}", "a") as file:
        file.write("ran\n")
    return name


@dsl.pipeline(name="killed")
def killed(folder: str) -> None:
    with dsl.ExitHandler(mark(folder=folder, name="exit")):
        first = mark(folder=folder, name="first")
        left = mark(folder=folder, name="left").after(first)
        right = mark(folder=folder, name="right").after(first)
        with dsl.ParallelFor(ITEMS, parallelism=2) as item:
            with dsl.If(item != "2"):
                mark(folder=folder, name=item).after(left)
            with dsl.Else():
                mark(folder=folder, name=item).after(right)
        mark(folder=folder, name="last").after(left, right)


def counts(marks: Path) -> Counter[str]:
    """Return how often each step has run so far."""
    return Counter({path.name: len(path.read_text().splitlines()) for path in marks.iterdir()})


def finished(home: Path) -> set[str]:
    """Return the names that the steps in the journal gave."""
    done = []
    for path in home.glob("runs/*/journal.jsonl"):
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n") and "done" in (content := json.loads(line)):
                done.append(content["done"]["outputs"]["Output"]["value"])
    assert len(done) == len(set(done)), f"a step stands twice in the journal: {sorted(done)}"
    return set(done)


def interrupted(command: list[str], marks: Path, lines: int, delay: float) -> bool:
    """Run a command and kill it after so many more lines; return whether it was killed."""
    wanted = counts(marks).total() + lines
    with subprocess.Popen(
        [*COMMAND, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + DEADLINE
        while process.poll() is None and counts(marks).total() < wanted:
            assert time.monotonic() < deadline, "nothing happens"
            time.sleep(0.005)
        if process.poll() is None:
            time.sleep(delay)
            process.kill()
        assert process.stderr is not None
        text = process.stderr.read()
    assert process.returncode in (0, -9), text
    return process.returncode != 0


def one_run(folder: Path, dice: Random) -> int:
    """Bring one run to its end through kills; return how many there were."""
    home, marks, compiled = folder / "home", folder / "marks", folder / "killed.yaml"
    marks.mkdir()
    Compiler().compile(killed, str(compiled))
    command = ["run", str(compiled), "-p", f"folder={marks}", "--home", str(home), *PLAIN]
    kills = 0
    while True:
        before, done = counts(marks), finished(home)
        was_killed = interrupted(command, marks, dice.randint(1, 4), dice.uniform(0, 0.3))
        after = counts(marks)
        again = [name for name in done if after[name] != before[name]]
        assert not again, f"ran again although they had ended well: {again}"
        if not was_killed or has_succeeded(home):
            break
        kills += 1
        command = ["run", "--resume", "--home", str(home), *PLAIN]
    assert len(finished(home)) == STEPS, f"{STEPS - len(finished(home))} steps are missing"
    return kills


def has_succeeded(home: Path) -> bool:
    """Whether the command was killed only after the end of the run."""
    [job] = home.glob("vertex/**/pipelineJobs/*.json")
    return bool(json.loads(job.read_text())["state"] == "PIPELINE_STATE_SUCCEEDED")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", default=time.strftime("%Y%m%d%H%M%S"))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    total = 0
    for number in range(arguments.runs):
        with tempfile.TemporaryDirectory() as name:
            kills = one_run(Path(name), Random(f"{arguments.seed} {number}"))
        total += kills
        print(f"run {number + 1}: {kills} kills, {STEPS} steps, none repeated after its end")
    print(f"{total} kills in {arguments.runs} runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())

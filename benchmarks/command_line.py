"""How long the verbs take that need no cloud, each in a process of its own.

usage: python benchmarks/command_line.py [--runs N]

Prints the median of N calls in seconds beside the budget, and the median of what the processors
worked, which says more on a busy machine. The project is one that ``init`` makes.
Exit code 1 when a verb is over its budget: say how busy the machine was.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = (sys.executable, "-c", "from batchpredict.cli import main; main()")
HELP, VERB = 0.2, 1.5
INSIDE: tuple[tuple[str, float, tuple[str, ...]], ...] = (
    ("--help", HELP, ("--help",)),
    ("components list", VERB, ("components", "list")),
    ("pipelines list", VERB, ("pipelines", "list")),
    ("config show", VERB, ("config", "show", "--env", "dev")),
    ("check", VERB, ("check",)),
    ("check of a file", VERB, ("check", "compiled/train_and_score.yaml")),
    ("compile", VERB, ("compile",)),
    ("compile --check", VERB, ("compile", "--check")),
    ("submit --dry-run", VERB, ("submit", "train_and_score", "--env", "dev", "--dry-run")),
    ("schedule next", VERB, ("schedule", "next", "--env", "dev", "--cron", "0 6 * * *")),
)


def measured(arguments: tuple[str, ...], folder: Path) -> tuple[float, float]:
    """Return how long a call of the command takes, and how long a processor works for it."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*COMMAND, *arguments], cwd=folder, capture_output=True, text=True)
    spent, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr}")
    return spent, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure each verb; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = [measured(("init", f"p{n}", "--yes"), folder) for n in range(runs)]
        times = {"init": (VERB, made)}
        for verb, budget, arguments in INSIDE:
            measured(arguments, folder / "p0")  # the files are in memory from here on
            times[verb] = (budget, [measured(arguments, folder / "p0") for _ in range(runs)])
    over = 0
    print(f"{'verb':<18} {'median':>7} {'cpu':>7} {'budget':>7}")
    for verb, (budget, spent) in times.items():
        median, work = (statistics.median(it) for it in zip(*spent, strict=True))
        over += median > budget
        note = "" if median <= budget else "  over"
        print(f"{verb:<18} {median:7.2f} {work:7.2f} {budget:7.1f}{note}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())

"""How long ``batchpredict run`` takes before the first step, first and later in one home.

usage: python benchmarks/start_up.py [--runs N]

Each run is the command as a person types it, a process of its own. The numbers are seconds from
the start of that process, by the clock of the system; medians.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-W", "ignore", "-c", "from batchpredict.cli import main; main()")
PARAMETERS = (
    *("-p", f"dataset_uri={ROOT / 'examples' / 'penguins.csv'}"),
    *("-p", "target_column=species"),
)


def run(home: Path, *options: str) -> dict[str, float]:
    """Run the main job over a home; return the seconds until each moment."""
    before = set(home.glob("runs/*"))
    started = time.time()
    subprocess.run(
        [*COMMAND, "run", "train_and_batch_predict", "--home", home, *PARAMETERS, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    ended = time.time()
    [folder] = set(home.glob("runs/*")) - before
    job = json.loads(next(home.glob(f"vertex/**/pipelineJobs/{folder.name}.json")).read_text())
    details = job["jobDetail"]["taskDetails"]
    starts = [
        datetime.datetime.fromisoformat(it["startTime"]) for it in details if "startTime" in it
    ]
    return {"first step": min(starts).timestamp() - started, "end": ended - started}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    columns: dict[str, list[dict[str, float]]] = {
        "first run": [],
        "later": [],
        "later, cached": [],
    }
    with tempfile.TemporaryDirectory() as name:
        for number in range(runs):
            home = Path(name) / str(number)
            columns["first run"].append(run(home, "--no-cache"))
            columns["later"].append(run(home, "--no-cache"))
        run(home)
        columns["later, cached"] = [run(home) for _ in range(runs)]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, medians of {runs}, seconds\n")
    print("| until | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for moment in ("first step", "end"):
        cells = [statistics.median(it[moment] for it in samples) for samples in columns.values()]
        print(f"| {moment} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")


if __name__ == "__main__":
    main()

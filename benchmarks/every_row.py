"""Random outputs of batch prediction jobs, each row of which is compared with the truth.

usage: python benchmarks/every_row.py [--rows N] [--seed N] [--round-rows N]

Each round makes a job of a random layout, lets parse_predictions read it, and compares every row
of the tables with what was generated: it must be there once, with its own key, prediction and
file. A round that differs is printed with the command that repeats it; then the exit code is 1.
"""

import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

warnings.simplefilter("ignore")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from truth.comparing import check  # noqa: E402
from truth.jobs import make_job  # noqa: E402
from truth.layouts import Layout  # noqa: E402
from truth.parsing import Parsed  # noqa: E402

# Lines of these forms are short: a round of them has as many rows as was asked for.
SMALLEST = 0.1


def run_round(layout: Layout) -> tuple[Counter[str], str]:
    """Make, parse and compare one job; return the seconds of each, and what differs."""
    seconds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder, started = Path(name), time.perf_counter()
        job = make_job(layout, folder)
        made = time.perf_counter()
        seconds["make"] = made - started
        try:
            parsed = Parsed(job, folder).run()
            seconds["parse"] = time.perf_counter() - made
            check(job, parsed)
        except Exception as error:
            return seconds, f"{type(error).__name__}: {error}"
        finally:
            seconds["compare"] = time.perf_counter() - made - seconds["parse"]
    return seconds, ""

"""Random outputs of batch prediction jobs, each row of which is compared with the truth.

usage: python benchmarks/every_row.py [--rows N] [--seed N] [--round-rows N] [--only ROUND]

Each round makes the output of a job in a random layout, lets parse_predictions read it, and
compares every row with what was made: it must be there once, with its own key, prediction and
file. The files of a round are removed before the next. A round that differs is printed with the
command that repeats it; the exit code is then 1.
"""

import argparse
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

warnings.simplefilter("ignore")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from truth.comparing import check  # noqa: E402
from truth.jobs import make_job  # noqa: E402
from truth.layouts import Layout, random_layout  # noqa: E402
from truth.parsing import Parsed  # noqa: E402

# What is read line by line takes ten times as long or more: such rounds have fewer rows.
SLOW_FORMS = {"object", "anything", "mixed", "detection", "segmentation", "extraction", "video"}
SLOW_FORMS |= {"embedding", "gemini"}
SLOW_ODDITIES = {"crlf", "explained", "orders", "respelt", "spaces"}


def round_layout(seed: int, number: int, most: int) -> Layout:
    """Choose the layout of a round; every fourth is a small one, where all is odd."""
    dice = Random(f"{seed} {number}")
    if number % 4 == 3:
        return random_layout(dice, dice.randint(0, 60))
    layout = random_layout(dice, dice.randint(most // 4, most))
    slow = layout.form in SLOW_FORMS or layout.odd & SLOW_ODDITIES or layout.csv
    slow = slow or layout.numbering in ("decimal", "text")
    return replace(layout, rows=layout.rows // 40) if slow else layout


def run_round(layout: Layout) -> tuple[list[float], str]:
    """Make, parse and compare one job; return the seconds of each, and what differs."""
    times, found = [time.perf_counter()], ""
    with tempfile.TemporaryDirectory() as name:
        job = make_job(layout, Path(name))
        times.append(time.perf_counter())
        try:
            parsed = Parsed(job, Path(name)).run()
            times.append(time.perf_counter())
            check(job, parsed)
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
    times += [time.perf_counter()] * (4 - len(times))
    return [after - before for before, after in pairwise(times)], found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--round-rows", type=int, default=1_000_000, help="most rows of a round")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of the round to run")
    arguments = parser.parse_args()
    rows, number, failed, spent = 0, arguments.only or 0, 0, [0.0, 0.0, 0.0]
    while rows < arguments.rows:
        layout = round_layout(arguments.seed, number, arguments.round_rows)
        seconds, found = run_round(layout)
        spent = [before + more for before, more in zip(spent, seconds, strict=True)]
        rows += layout.rows
        if found:
            failed += 1
            again = f"--seed {arguments.seed} --round-rows {arguments.round_rows} --only {number}"
            print(f"round {number} differs; repeat it with: {again}\n{found[:4000]}\n")
        number += 1
        if arguments.only is not None:
            break
        if sys.stdout.isatty():
            print(f"\r{rows:,} rows in {number} rounds, {failed} differ", end="", flush=True)
    rounds = 1 if arguments.only is not None else number
    make, parse, compare = spent
    print(f"\n{rows:,} rows, {rounds} rounds, {failed} differ from the truth")
    print(f"{rows / sum(spent):,.0f} rows/s: {make:.0f} s make, {parse:.0f} s parse, ", end="")
    print(f"{compare:.0f} s compare")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Many batch prediction jobs submitted at once: every one must end right.

usage: python benchmarks/many_jobs.py [--jobs N]

Jobs over one scikit-learn model, each with one to seven rows of its own, are submitted over gRPC
by 32 clients at once. Of every job the state, the counts and each prediction are compared with
what they must be. The exit code is 1 when one differs.
"""

import argparse
import datetime
import logging
import os
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from local.lean_world import job_problem, make_place, start_many  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    count = parser.parse_args().jobs
    logging.disable(logging.CRITICAL)
    from batchpredict.local.session import local_vertex

    today = datetime.datetime.now(datetime.UTC).date()
    print(f"{today}, {os.cpu_count()} cores, Python {sys.version.split()[0]}", end="; ")
    print(f"load {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as home, local_vertex(Path(home)) as vertex:
        vertex.sandbox.wait_ready()
        place = make_place(vertex, "many-jobs")
        started = time.monotonic()
        names = start_many(vertex, place, count)
        submitted = time.monotonic() - started
        found = [job_problem(vertex, name, number) for number, name in enumerate(names)]
        ended = time.monotonic() - started
    problems = [problem for problem in found if problem]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("| jobs | submitted in | all ended after | jobs a second | wrong | peak memory |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {count:,} | {submitted:.1f} s | {ended:.1f} s | {count / ended:.0f} | "
        f"{len(problems)} | {memory:,.0f} MB |"
    )
    for problem in problems[:10]:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

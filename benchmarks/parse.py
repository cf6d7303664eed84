"""How fast ``parse_predictions`` is, beside other readers, in one run on one machine.

usage: python benchmarks/parse.py [--quick] [--peers PYTHON] [--data FOLDER] [--runs N]
           [--pandas-runs N] [--case CASE ...]

Each run is a fresh process, imports included; runs are interleaved; figures are medians. Our step
runs as on Vertex AI: KFP's executor on the embedded source. The others know the schema beforehand
(pandas cannot) and write the flat table of that one family, compressed with Snappy; "same columns"
is DuckDB writing what ``predictions`` holds, compressed with Zstandard, level 1. All must agree on
the rows and on the sum of the scores. The data is generated once and kept; the 20 million rows are
5 million, linked four times. It takes 10 GB of disk; pandas takes 5 GB of memory and 45 s a run.
"""

import argparse
import datetime
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.parse_cases import CASES, Sizes  # noqa: E402
from benchmarks.parse_runs import Bench, environment  # noqa: E402

PINS = ROOT / "benchmarks" / "peers.txt"
QUICK = Sizes(tab=2_000, others=1_000, growth=(2_000, 4_000))
START = "start"
"""The case that is a script of its own: it needs packages that this process should not load."""


def own_peers() -> Path:
    """Return the interpreter of an environment with the other readers; make it when absent."""
    name = hashlib.sha256(PINS.read_bytes()).hexdigest()[:12]
    home = Path(tempfile.gettempdir()) / f"batchpredict-peers-{name}"
    python, done = home / "bin" / "python", home / "complete"
    if not done.exists():
        install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(PINS)]
        for command in ([sys.executable, "-m", "venv", "--clear", str(home)], install):
            subprocess.run(command, env=environment(), check=True)
        done.touch()
    return python


def embedded_source() -> str:
    """Return the source that the step ``parse_predictions`` carries."""
    command = [sys.executable, "-m", "benchmarks.parse_start", "source"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return str(json.loads(done.stdout.splitlines()[-1]))


def show_head(bench: Bench) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    pins = PINS.read_text().split()
    readers = [pin for pin in pins if pin.startswith(("duckdb", "pandas", "polars=", "pyarrow"))]
    print(f"{today}, {os.cpu_count()} cores, Python {sys.version.split()[0]}. ", end="")
    print(f"Step: kfp {version('kfp')}, duckdb {version('duckdb')}. ", end="")
    print(f"Readers: {', '.join(it.replace('==', ' ') for it in readers)}.")
    print(f"Medians of {bench.runs} runs", end="")
    print(f", {bench.pandas_runs} of pandas." if bench.pandas_runs < bench.runs else ".")
    print(
        "The limit is to decode every value plus the best Parquet writer, by cpu time. DuckDB, "
        "flat, was at\n47 % of it where it was measured (reg 40 %, scalar 38 %, key 27 %, expl "
        "48 %), so here the limit is\nthat share of the cpu seconds that DuckDB, flat, takes here."
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few rows, one run of each")
    parser.add_argument("--peers", type=Path, help="an interpreter with benchmarks/peers.txt")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "bench-data")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pandas-runs", type=int, default=5)
    parser.add_argument("--case", nargs="+", choices=[*CASES, START], default=[*CASES, START])
    arguments = parser.parse_args()
    runs = 1 if arguments.quick else arguments.runs
    data = arguments.data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    peers = arguments.peers.absolute() if arguments.peers else own_peers()
    bench = Bench(data, peers, runs, min(runs, arguments.pandas_runs), embedded_source())
    show_head(bench)
    for case in arguments.case:
        if case in CASES:
            CASES[case](bench, QUICK if arguments.quick else Sizes())
        else:
            start = [sys.executable, "-m", "benchmarks.parse_start", str(data), str(runs)]
            subprocess.run(start, cwd=ROOT, check=True)
    for problem in bench.problems:
        print(f"\nWrong: {problem}")
    return 1 if bench.problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""Time and memory of the two steps that see every row, on a generated table.

usage: python benchmarks/large_tables.py [--rows N]

Each step runs in a process of its own. ``read`` reads the same file with DuckDB and writes it as
Parquet: the least that any of them could do.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

warnings.simplefilter("ignore")

import duckdb  # noqa: E402
from kfp import dsl  # noqa: E402

COLUMNS = 10
SHARDS = 10


def generate(folder: Path, rows: int) -> None:
    """Write a CSV table, the instances of all its rows, and shards with a prediction for each."""
    features = ", ".join(f"random() AS f{number}" for number in range(COLUMNS - 1))
    with duckdb.connect() as database:
        database.execute("SELECT setseed(0.5)")
        database.execute(
            f"CREATE TABLE made AS SELECT 'k' || i AS key, {features}, random() AS target"
            f" FROM range({rows}) AS t(i)"
        )
        database.execute(f"COPY (SELECT * EXCLUDE key FROM made) TO '{folder}/table.csv'")
        database.execute(
            f"COPY (SELECT * EXCLUDE target FROM made) TO '{folder}/instances.jsonl' (FORMAT json)"
        )
        (folder / "shards").mkdir()
        for shard in range(SHARDS):
            name = f"prediction.results-{shard:05}-of-{SHARDS:05}"
            database.execute(
                f"COPY (SELECT key, target AS prediction FROM made WHERE hash(key) % {SHARDS}"
                f" = {shard} ORDER BY hash(key)) TO '{folder}/shards/{name}' (FORMAT json)"
            )


def read(folder: Path) -> None:
    with duckdb.connect() as database:
        database.execute(f"COPY (FROM read_csv('{folder}/table.csv')) TO '{folder}/copy.parquet'")


def split(folder: Path) -> None:
    from batchpredict.components.split_dataset import split_dataset

    outputs = {
        name: dsl.Dataset(uri=str(folder / f"split-{name}"))
        for name in ("train", "test", "instances")
    }
    split_dataset.python_func(
        dataset=dsl.Dataset(uri=str(folder / "table.csv")), **outputs, target_column="target"
    )


def parse(folder: Path) -> None:
    from batchpredict.components.parse_predictions import parse_predictions

    parse_predictions.python_func(
        output_directory=dsl.Artifact(uri=str(folder / "shards")),
        predictions=dsl.Dataset(uri=str(folder / "predictions")),
        failures=dsl.Dataset(uri=str(folder / "failures")),
        summary=dsl.Artifact(uri=str(folder / "summary")),
        metrics=dsl.Metrics(uri=str(folder / "metrics")),
        report=dsl.Markdown(uri=str(folder / "report")),
        instances=dsl.Dataset(uri=str(folder / "instances.jsonl")),
    )


STEPS: dict[str, Callable[[Path], None]] = {"read": read, "split": split, "parse": parse}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        started = time.perf_counter()
        STEPS[arguments.step](arguments.folder)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps([time.perf_counter() - started, peak / 1e6]))
        return
    print(f"{arguments.rows:,} rows of {COLUMNS} columns, DuckDB {duckdb.__version__}\n")
    print("| step | seconds | peak GB | ratio to read |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        generate(Path(name), arguments.rows)
        least = 0.0
        for step in STEPS:
            command = [sys.executable, __file__, "--step", step, "--folder", name]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds, peak = json.loads(done.stdout.splitlines()[-1])
            least = least or seconds
            print(f"| {step} | {seconds:.1f} | {peak:.2f} | {seconds / least:.1f} |")


if __name__ == "__main__":
    main()

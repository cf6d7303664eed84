"""Runs of ``parse_predictions`` and of its peers, each in a fresh process, and their cost."""

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
OURS, FLAT, SAME, PANDAS = "parse_predictions", "DuckDB, flat", "DuckDB, same columns", "pandas"
PEERS = {
    FLAT: "bare_flat",
    SAME: "bare_same",
    "polars": "polars",
    "pyarrow": "pyarrow",
    "json loop": "json",
    PANDAS: "pandas",
}
ARTIFACTS = {
    "predictions": "Dataset",
    "failures": "Dataset",
    "summary": "Artifact",
    "metrics": "Metrics",
    "report": "Markdown",
    "output_directory": "Artifact",
    "instances": "Dataset",
}
COUNTS = ("predicted", "failed", "missing")


class RunFailedError(Exception):
    """A process ended with an error; the message is the last line that it wrote."""


@dataclass(frozen=True)
class Cost:
    """What one process took: seconds, megabytes."""

    wall: float
    cpu: float
    peak: float
    written: float


@dataclass
class Bench:
    """Where the data is, how often to run, and what went wrong."""

    data: Path
    peers: Path
    runs: int
    pandas_runs: int
    source: str
    problems: list[str] = field(default_factory=list)

    def folder(self, family: str, rows: int) -> Path:
        """Return the output of a job; generate it when an earlier run has not."""
        folder = self.data / f"{family}.{rows}"
        if not folder.exists():
            generate(folder, family, str(rows))
        for file in folder.iterdir():
            warm(file)
        return folder

    def instances(self, family: str, rows: int) -> Path:
        """Return the file of what was predicted."""
        file = self.data / f"{family}.{rows}.jsonl"
        if not file.exists():
            generate(file, "--instances", family, str(rows))
        warm(file)
        return file


def warm(file: Path) -> None:
    """Read a file into the page cache, in parts: the kernel counts our peak as a child's."""
    with file.open("rb") as content, open(os.devnull, "wb") as nowhere:
        shutil.copyfileobj(content, nowhere, 1 << 20)


def generate(target: Path, *arguments: str) -> None:
    """Run the generator; what it leaves incomplete is not taken for data later."""
    part = target.with_name(f"{target.name}.part")
    if part.is_dir():
        shutil.rmtree(part)
    command = [sys.executable, "-m", "benchmarks.outputs", *arguments, str(part)]
    subprocess.run(command, cwd=ROOT, check=True)
    part.rename(target)


def environment(**added: str) -> dict[str, str]:
    """Return the environment of a run: byte code is kept, as in an image."""
    dropped = "PYTHONDONTWRITEBYTECODE", "PYTHONPATH"
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, **added}


def run(
    command: list[str], scratch: Path, predictions: Path, environ: Mapping[str, str], cwd: Path
) -> Cost:
    """Run a process to its end and return what it took, its own children included.

    Args:
        command: The process.
        scratch: Where its messages go.
        predictions: The table that it writes.
        environ: Its environment.
        cwd: Its working directory.

    Returns:
        The cost of the process.

    Raises:
        RunFailedError: It ended with an error.
    """
    log = scratch / "log"
    with log.open("wb") as out:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environ, cwd=cwd)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        lines = log.read_text(errors="replace").strip().splitlines() or [""]
        raise RunFailedError(f"exit code {process.returncode}: {lines[-1][:300]}")
    cpu = usage.ru_utime + usage.ru_stime
    peak = usage.ru_maxrss * 1024 / 1e6  # kilobytes on Linux
    return Cost(wall, cpu, peak, predictions.stat().st_size / 1e6)


def run_peer(bench: Bench, engine: str, family: str, folder: Path, scratch: Path) -> Cost:
    out = scratch / "predictions.parquet"
    module = [str(bench.peers), "-m", "benchmarks.parse_peers"]
    command = [*module, PEERS[engine], family, str(folder), str(out)]
    return run(command, scratch, out, environment(), ROOT)


def run_ours(
    bench: Bench, family: str, folder: Path, scratch: Path, instances: Path | None = None
) -> Cost:
    """Run ``parse_predictions`` as the step runs it: KFP's executor on the embedded source."""
    command = step_command(sys.executable, bench.source, family, folder, scratch, instances)
    environ = environment(_KFP_RUNTIME="true")
    return run(command, scratch, scratch / "predictions.parquet", environ, scratch)


def step_command(
    python: str, source: str, family: str, folder: Path, scratch: Path, instances: Path | None
) -> list[str]:
    """Write the step's source to a file, as the step does, and return what it then executes."""
    module = scratch / "step" / "ephemeral_component.py"
    module.parent.mkdir()
    module.write_text(source, encoding="utf-8")
    executor = [python, "-m", "kfp.dsl.executor_main", "--component_module_path", str(module)]
    request = json.dumps(executor_input(family, folder, scratch, instances))
    return [*executor, "--executor_input", request, "--function_to_execute", OURS]


def executor_input(
    family: str, folder: Path, scratch: Path, instances: Path | None
) -> dict[str, Any]:
    """Return what Vertex AI Pipelines hands to the step."""

    def artifact(name: str, path: Path) -> dict[str, Any]:
        kind = {"schemaTitle": f"system.{ARTIFACTS[name]}"}
        return {"artifacts": [{"name": name, "uri": str(path), "type": kind, "metadata": {}}]}

    inputs = {"output_directory": folder} | ({"instances": instances} if instances else {})
    outputs = {name: scratch / name for name in ARTIFACTS if name not in inputs}
    outputs.pop("instances", None)
    parameters: dict[str, Any] = {"max_failed": 0.5 if family in ("odd", "cut") else 0.0}
    if family == "csv":
        parameters["target_column"] = "species"
    return {
        "inputs": {
            "parameterValues": parameters,
            "artifacts": {name: artifact(name, path) for name, path in inputs.items()},
        },
        "outputs": {
            "outputFile": str(scratch / "executor.json"),
            "parameters": {name: {"outputFile": str(scratch / name)} for name in COUNTS},
            "artifacts": {name: artifact(name, path) for name, path in outputs.items()},
        },
    }


def outcome(scratch: Path) -> dict[str, int]:
    """Return the counts that the step handed back."""
    values = json.loads((scratch / "executor.json").read_text())["parameterValues"]
    return {name: int(values[name]) for name in COUNTS}


def check(bench: Bench, engine: str, family: str, rows: int, scratch: Path) -> None:
    """Note it when a table is not what the outputs hold; the sum is that of bare DuckDB."""
    if engine == OURS:
        counts = outcome(scratch)
        if sum(counts.values()) != rows:
            bench.problems.append(f"{family}, {engine}: {counts} for {rows} rows")
    if family in ("odd", "cut"):
        return
    column = "value" if family in ("reg", "scalar") else "score"
    module = [str(bench.peers), "-m", "benchmarks.parse_peers"]
    command = [*module, "count", column, str(scratch), str(scratch / "predictions.parquet")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found, total = done.stdout.split()
    expected = EXPECTED.setdefault((family, rows), float(total))
    if int(found) != rows or not math.isclose(float(total), expected, rel_tol=1e-9):
        problem = f"{found} rows of {rows}, sum of {column} {total}, not {expected}"
        bench.problems.append(f"{family}, {engine}: {problem}")


EXPECTED: dict[tuple[str, int], float] = {}
"""The sum of the scores or values of an output, as the first reader found it."""

Run = Callable[[Path], Cost]


def interleaved(
    bench: Bench, case: str, runs: Mapping[str, Run], checks: Mapping[str, Callable[[Path], None]]
) -> dict[str, Cost]:
    """Run all of ``runs`` in turn, several times.

    Args:
        bench: Where and how often.
        case: What to call them in a message.
        runs: What to run, by name.
        checks: What looks at the files that the first run of each has written.

    Returns:
        The medians of those that worked.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in runs}
    for number in range(bench.runs):
        names = list(costs)
        turn = number % len(names) if names else 0  # no reader always follows the same one
        for name in names[turn:] + names[:turn]:
            if name == PANDAS and number >= bench.pandas_runs:
                continue
            scratch = bench.data / "scratch"
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            try:
                costs[name].append(runs[name](scratch))
                if number == 0 and name in checks:
                    checks[name](scratch)
            except RunFailedError as error:
                bench.problems.append(f"{case}, {name}: {error}")
                del costs[name]
    shutil.rmtree(bench.data / "scratch", ignore_errors=True)
    return {name: median(them) for name, them in costs.items() if them}


def median(costs: list[Cost]) -> Cost:
    return Cost(*map(statistics.median, zip(*map(astuple, costs), strict=True)))

"""What a step pays before its work: installation, imports, and the source it carries.

usage: python -m benchmarks.parse_start DATA RUNS
"""

import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import yaml

from benchmarks.parse_runs import ROOT, environment, step_command

PIP = "python3 -m pip install --quiet --no-warn-script-location"
UV = "uv pip install --quiet --compile-bytecode"


def step() -> tuple[list[str], str]:
    """Return the ``pip install`` commands of the step ``parse_predictions``, and its source."""
    from batchpredict.components.parse_predictions import parse_predictions

    command = parse_predictions.component_spec.implementation.container.command
    script = next(part for part in command if PIP in part)
    installs = [part.strip() for part in script.split("&&") if PIP in part]
    return [part[part.index(PIP) :] for part in installs], command[-1]


def timed(command: list[str], environ: dict[str, str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return time.perf_counter() - started


def one_start(installer: str, data: Path) -> tuple[float, float, float]:
    """Install the step's packages into a fresh environment and parse an output of one row.

    Args:
        installer: ``pip``, as KFP's command has it, or ``uv``.
        data: Where to work.

    Returns:
        Seconds for the packages of the step, for KFP, and from the start of the process to the
        end of the step.
    """
    scratch = data / "start"
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "output").mkdir(parents=True)
    row = '{"instance": [1.4, 1.3, 5.1, 2.8], "prediction": 2.0451931953430176}\n'
    (scratch / "output" / "prediction.results-00000-of-00001").write_text(row)
    home = scratch / "environment"
    bare = ["--without-pip"] if installer == "uv" else []
    subprocess.run([sys.executable, "-m", "venv", *bare, str(home)], env=environment(), check=True)
    path = f"{home / 'bin'}:{environment()['PATH']}"
    environ = environment(VIRTUAL_ENV=str(home), PATH=path, PIP_DISABLE_PIP_VERSION_CHECK="1")
    installs, source = step()
    seconds = [
        timed(["sh", "-c", it.replace(PIP, UV) if installer == "uv" else it], environ)
        for it in installs
    ]
    command = step_command(
        str(home / "bin" / "python3"), source, "scalar", scratch / "output", scratch, None
    )
    seconds.append(timed(command, {**environ, "_KFP_RUNTIME": "true"}))
    shutil.rmtree(scratch)
    return sum(seconds[:-2]), seconds[-2], seconds[-1]


def show_starts(data: Path, runs: int) -> None:
    print("\n### Start-up of the step\n")
    print("Fresh environment, packages from the installer's cache, output of one row. Seconds:\n")
    print("| installer | packages of the step | kfp, without dependencies | process | sum |")
    print("|---|---|---|---|---|")
    installers = ["pip", *(["uv"] if shutil.which("uv") else [])]
    for installer in installers:
        one_start(installer, data)  # fills the installer's cache
    samples: dict[str, list[tuple[float, float, float]]] = {it: [] for it in installers}
    for _ in range(runs):
        for installer in installers:
            samples[installer].append(one_start(installer, data))
    for installer, starts in samples.items():
        parts = [statistics.median(part) for part in zip(*starts, strict=True)]
        whole = statistics.median(map(sum, starts))
        print(f"| {installer} | " + " | ".join(f"{it:.2f}" for it in (*parts, whole)) + " |")
    if "uv" not in installers:
        print("\nuv is not on the path: not measured.")


def show_sources() -> None:
    print(
        "\n### Embedded source of each step, bytes\n\n| component | step | bytes |\n|---|---|---|"
    )
    for file in sorted((ROOT / "compiled" / "components").glob("*.yaml")):
        specification = next(yaml.safe_load_all(file.read_text(encoding="utf-8")))
        for name, executor in specification["deploymentSpec"]["executors"].items():
            if "--function_to_execute" in executor.get("container", {}).get("args", []):
                size = len(executor["container"]["command"][-1].encode())
                print(f"| {file.stem} | {name.removeprefix('exec-')} | {size:,} |")


if __name__ == "__main__":
    if sys.argv[1:] == ["source"]:
        print(json.dumps(step()[1]))
    else:
        show_starts(Path(sys.argv[1]), int(sys.argv[2]))
        show_sources()

"""Run the command as a person does, and find what it left behind."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-c", "from batchpredict.cli import main; main()")
MAIN_JOB = "train_and_batch_predict"


@dataclass(frozen=True)
class FinishedRun:
    """A run of the command that has ended."""

    home: Path
    exit_code: int
    stdout: str
    stderr: str

    @cached_property
    def folder(self) -> Path:
        """The newest run's folder."""
        return max((self.home / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "run.json").read_text()))

    @property
    def job_file(self) -> Path:
        return next(self.home.glob(f"vertex/**/pipelineJobs/{self.folder.name}.json"))

    def output(self, step: str, name: str) -> Path:
        """Return the path of an output artifact."""
        return next(
            Path(it["path"])
            for it in self.manifest["outputs"]
            if it["step"] == step and it["name"] == name
        )


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command with these arguments."""
    environment = {**os.environ, **options.pop("env", {})}
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env=environment,
        **options,
    )


def run_command(
    home: Path, *arguments: str, pipeline: str = MAIN_JOB, **options: Any
) -> FinishedRun:
    """Run a pipeline over ``home``."""
    done = command("run", pipeline, "--home", str(home), *arguments, **options)
    return FinishedRun(home, done.returncode, done.stdout, done.stderr)

"""How long the main job takes here, warm and cold, beside the same work in one process.

usage: python benchmarks/local_run.py [--runs N]

Prints a table of medians in seconds. "direct" calls the components' own functions one after
another in one process with everything imported; those that talk to Vertex AI talk to the same
local services. Google's launchers have no function of ours: what they do is left out, and the
batch prediction is ``model.predict`` on the held-back rows. Start-up is shown apart.
"""

import argparse
import contextlib
import datetime
import io
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")

from kfp import dsl  # noqa: E402

ROOT = Path(__file__).parents[1]
DATASET = ROOT / "examples" / "penguins.csv"
NAME = "train-and-batch-predict"
STEPS = {
    "split": ("split-dataset",),
    "train": ("train-model",),
    "upload": ("upload-model/check-model", "upload-model/model-upload"),
    "batch predict": ("batch-predict/model-batch-predict",),
    "parse": ("condition-branches-1/parse-in-one-step/parse-predictions",),
    "evaluate": ("evaluate-predictions",),
    "gate": ("gate",),
    "deploy": (
        "gate-passed/deploy-model/find-or-create-endpoint",
        "gate-passed/deploy-model/model-deploy",
        "gate-passed/deploy-model/predict-once",
    ),
}
Times = dict[str, float]


def run_here(home: Path, *, warm: bool, runs: int) -> tuple[float, list[Times], list[Times]]:
    """Return start-up seconds, the times of each run over one session, and the direct times."""
    from batchpredict.local import runs as local_runs
    from batchpredict.local.session import local_vertex
    from batchpredict.local.settings import LocalSettings
    from batchpredict.pipeline_files import read_pipeline

    pipeline = read_pipeline("train_and_batch_predict")
    samples = []
    with local_vertex(home, LocalSettings(warm=warm, caching=False)) as vertex:
        start_up = max(vertex.sandbox.wait_ready(), vertex.start_seconds)
        uri = local_runs.import_file(vertex, DATASET)
        for _ in range(runs):
            parameters = {"dataset_uri": uri, "target_column": "species"}
            name = local_runs.start_run(vertex, pipeline, parameters)
            vertex.services.pipelines.wait(name, None)
            job = vertex.services.pipelines.snapshot(name)
            if job.state.name != "PIPELINE_STATE_SUCCEEDED":
                raise RuntimeError(job.error.message)
            spent = {step.name: step.seconds for step in local_runs.steps(job)}
            times = {step: sum(spent[part] for part in parts) for step, parts in STEPS.items()}
            times["wall time"] = (job.end_time - job.start_time).total_seconds()
            samples.append(times)
        direct = direct_in_another_process(vertex.environment, runs) if warm else []
    return start_up, samples, direct


def direct_in_another_process(environment: Mapping[str, str], runs: int) -> list[Times]:
    """Google's libraries read the address of the metadata server when they are imported."""
    from batchpredict.local.network.environment import scrubbed

    done = subprocess.run(
        [sys.executable, __file__, "--runs", str(runs), "--direct"],
        env={**scrubbed(), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return list(json.loads(done.stdout))


class _DirectRun:
    """The components' own functions, called one after another in this process, and their times."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.times: Times = {}
        names = ("train", "test", "instances", "predictions", "failures")
        self.tables = {name: self.artifact(dsl.Dataset, name) for name in names}
        self.model = self.artifact(dsl.Model, "model")
        self.shards = folder / "shards"

    def artifact(self, kind: Any, name: str) -> Any:
        return kind(name=name, uri=str(self.folder / name))

    def timed(self, name: str, call: Callable[..., Any], **arguments: Any) -> Any:
        started = time.perf_counter()
        result = call(**arguments)
        self.times[name] = time.perf_counter() - started
        return result

    def run(self) -> Times:
        """Take all steps; return the seconds of each and of all."""
        split = self.split()
        trained = self.train(split)
        self.upload(trained)
        self.timed("batch predict", self.predict, features=split.feature_columns)
        self.parse(trained)
        evaluated = self.evaluate(split, trained)
        self.gate(evaluated)
        self.timed("deploy", self.deploy, features=split.feature_columns)
        self.times["wall time"] = sum(self.times.values())
        return self.times

    def split(self) -> Any:
        from batchpredict.components.split_dataset import split_dataset

        tables = {name: self.tables[name] for name in ("train", "test", "instances")}
        dataset = dsl.Dataset(uri=str(DATASET))
        call = split_dataset.python_func
        return self.timed("split", call, dataset=dataset, **tables, target_column="species")

    def train(self, split: Any) -> Any:
        from batchpredict.components.train_model import train_model

        return self.timed(
            "train",
            train_model.python_func,
            train=self.tables["train"],
            model=self.model,
            target_column="species",
            feature_columns=split.feature_columns,
            task=split.task,
        )

    def upload(self, trained: Any) -> None:
        from batchpredict.components.check_model import check_model

        self.timed(
            "upload",
            check_model.python_func,
            model=self.model,
            unmanaged_model=self.artifact(dsl.Artifact, "unmanaged"),
            parent_model=self.artifact(dsl.Artifact, "parent"),
            display_name=NAME,
            serving_container_image_uri=trained.serving_image,
            **place(),
        )

    def predict(self, features: list[str]) -> None:
        """Write what the service would write."""
        import joblib
        import numpy as np

        self.shards.mkdir()
        with open(self.tables["instances"].path) as lines:
            rows = [json.loads(line) for line in lines]
        values = np.asarray([[row[name] for name in features] for row in rows])
        predictions = joblib.load(Path(self.model.path) / "model.joblib").predict(values)
        with (self.shards / "prediction.results-00000-of-00001").open("w") as out:
            for row, prediction in zip(rows, predictions, strict=True):
                out.write(json.dumps({"key": row["key"], "prediction": prediction}) + "\n")
        (self.shards / "prediction.errors_stats-00000-of-00001").touch()

    def parse(self, trained: Any) -> None:
        from batchpredict.components.parse_predictions import parse_predictions

        tables = {name: self.tables[name] for name in ("predictions", "failures", "instances")}
        self.timed(
            "parse",
            parse_predictions.python_func,
            output_directory=dsl.Artifact(uri=str(self.shards)),
            summary=self.artifact(dsl.Artifact, "summary"),
            metrics=self.artifact(dsl.Metrics, "parse-metrics"),
            report=self.artifact(dsl.Markdown, "parse-report"),
            labels=trained.labels,
            **tables,
        )

    def evaluate(self, split: Any, trained: Any) -> Any:
        from batchpredict.components.evaluate_predictions import evaluate_predictions

        return self.timed(
            "evaluate",
            evaluate_predictions.python_func,
            predictions=self.tables["predictions"],
            truth=self.tables["test"],
            target_column="species",
            task=split.task,
            metrics=self.artifact(dsl.Metrics, "metrics"),
            classification_metrics=self.artifact(dsl.ClassificationMetrics, "classification"),
            report=self.artifact(dsl.HTML, "report"),
            labels=trained.labels,
        )

    def gate(self, evaluated: Any) -> None:
        from batchpredict.components.gate import gate

        self.timed("gate", gate.python_func, scores=evaluated.scores)

    def deploy(self, features: list[str]) -> None:
        """Find the endpoint and ask it once; deploying is Google's component."""
        from batchpredict.components.find_or_create_endpoint import find_or_create_endpoint
        from batchpredict.components.predict_once import predict_once

        endpoint = self.artifact(dsl.Artifact, "endpoint")
        find_or_create_endpoint.python_func(endpoint=endpoint, display_name=NAME, **place())
        predict_once.python_func(
            endpoint=endpoint, instances=self.tables["instances"], feature_columns=features
        )


def place() -> dict[str, str]:
    from batchpredict.local import LOCATION, PROJECT

    return {"project": PROJECT, "location": LOCATION}


def medians(samples: list[Times]) -> Times:
    return {
        name: statistics.median(sample.get(name, 0.0) for sample in samples)
        for name in (*STEPS, "wall time")
    }


def help_seconds(runs: int) -> float:
    """Return the median time from process start to the end of ``--help``."""
    command = [str(Path(sys.executable).with_name("batchpredict")), "--help"]
    samples = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        samples.append(time.perf_counter() - started)
    return statistics.median(samples)


def show(columns: Mapping[str, Times], start_ups: Mapping[str, float]) -> None:
    print("| step | " + " | ".join(columns) + " |")
    print("|---|" + "---|" * len(columns))
    for step in (*STEPS, "wall time"):
        cells = (f"{times[step]:.2f}" for times in columns.values())
        print(f"| {step} | " + " | ".join(cells) + " |")
    print("| start-up, apart | " + " | ".join(f"{it:.2f}" for it in start_ups.values()) + " | |")
    direct = columns["direct"]["wall time"]
    ratios = (f"{times['wall time'] / direct:.1f}" for times in columns.values())
    print("| ratio to direct | " + " | ".join(ratios) + " |")


def run_all_directly(runs: int) -> list[Times]:
    """Return the times of each direct run; a first one, to import everything, is not counted."""
    samples = []
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stderr(io.StringIO()):
        for number in range(runs + 1):
            folder = Path(name) / str(number)
            folder.mkdir()
            samples.append(_DirectRun(folder).run())
    return samples[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--direct", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if arguments.direct:
        print(json.dumps(run_all_directly(arguments.runs)))
        return
    with tempfile.TemporaryDirectory() as name:
        warm_start, warm, direct = run_here(Path(name) / "warm", warm=True, runs=arguments.runs)
        cold_start, cold, _ = run_here(Path(name) / "cold", warm=False, runs=arguments.runs)
    today = datetime.datetime.now(datetime.UTC).date()
    packages = ("kfp", "google-cloud-pipeline-components", "google-cloud-aiplatform")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    print(f"{today}, {os.cpu_count()} cores, Python {sys.version.split()[0]}, {versions}")
    print(f"medians of {arguments.runs} runs, seconds; load {os.getloadavg()[0]:.1f}\n")
    columns = {"warm": medians(warm), "cold": medians(cold), "direct": medians(direct)}
    show(columns, {"warm": warm_start, "cold": cold_start})
    print(
        f"\nbatchpredict --help: {help_seconds(max(arguments.runs, 9)):.3f} s from process start"
    )


if __name__ == "__main__":
    main()

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
    from batchpredict.pipeline_files import read_pipeline

    pipeline = read_pipeline("train_and_batch_predict")
    samples = []
    with local_vertex(home, warm=warm) as vertex:
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


def run_directly(folder: Path) -> Times:
    """Call the components' own functions in this process; return their times."""
    import joblib
    import numpy as np

    from batchpredict.components.check_model import check_model
    from batchpredict.components.evaluate_predictions import evaluate_predictions
    from batchpredict.components.find_or_create_endpoint import find_or_create_endpoint
    from batchpredict.components.gate import gate
    from batchpredict.components.parse_predictions import parse_predictions
    from batchpredict.components.predict_once import predict_once
    from batchpredict.components.split_dataset import split_dataset
    from batchpredict.components.train_model import train_model
    from batchpredict.local import LOCATION, PROJECT

    name, place = "train-and-batch-predict", {"project": PROJECT, "location": LOCATION}
    times: Times = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = call()
        times[name] = time.perf_counter() - started
        return result

    def artifact(kind: Any, name: str) -> Any:
        return kind(name=name, uri=str(folder / name))

    tables = {name: artifact(dsl.Dataset, name) for name in ("train", "test", "instances")}
    split = timed(
        "split",
        lambda: split_dataset.python_func(
            dataset=dsl.Dataset(uri=str(DATASET)), **tables, target_column="species"
        ),
    )
    model = artifact(dsl.Model, "model")
    trained = timed(
        "train",
        lambda: train_model.python_func(
            train=tables["train"],
            model=model,
            target_column="species",
            feature_columns=split.feature_columns,
            task=split.task,
        ),
    )
    timed(
        "upload",
        lambda: check_model.python_func(
            model=model,
            unmanaged_model=artifact(dsl.Artifact, "unmanaged"),
            parent_model=artifact(dsl.Artifact, "parent"),
            display_name=name,
            serving_container_image_uri=trained.serving_image,
            **place,
        ),
    )
    shards = folder / "shards"
    shards.mkdir()

    def predict() -> None:
        with open(tables["instances"].path) as lines:
            rows = [json.loads(line) for line in lines]
        values = [[row[name] for name in split.feature_columns] for row in rows]
        predictions = joblib.load(Path(model.path) / "model.joblib").predict(np.asarray(values))
        with (shards / "prediction.results-00000-of-00001").open("w") as out:
            for row, prediction in zip(rows, predictions, strict=True):
                out.write(json.dumps({"key": row["key"], "prediction": prediction}) + "\n")
        (shards / "prediction.errors_stats-00000-of-00001").touch()

    timed("batch predict", predict)
    predictions = artifact(dsl.Dataset, "predictions")
    timed(
        "parse",
        lambda: parse_predictions.python_func(
            output_directory=dsl.Artifact(uri=str(shards)),
            predictions=predictions,
            failures=artifact(dsl.Dataset, "failures"),
            summary=artifact(dsl.Artifact, "summary"),
            metrics=artifact(dsl.Metrics, "parse-metrics"),
            report=artifact(dsl.Markdown, "parse-report"),
            instances=tables["instances"],
            labels=trained.labels,
        ),
    )
    evaluated = timed(
        "evaluate",
        lambda: evaluate_predictions.python_func(
            predictions=predictions,
            truth=tables["test"],
            target_column="species",
            task=split.task,
            metrics=artifact(dsl.Metrics, "metrics"),
            classification_metrics=artifact(dsl.ClassificationMetrics, "classification"),
            report=artifact(dsl.HTML, "report"),
            labels=trained.labels,
        ),
    )
    timed("gate", lambda: gate.python_func(scores=evaluated.scores))
    endpoint = artifact(dsl.Artifact, "endpoint")

    def deploy() -> None:
        find_or_create_endpoint.python_func(endpoint=endpoint, display_name=name, **place)
        predict_once.python_func(
            endpoint=endpoint,
            instances=tables["instances"],
            feature_columns=split.feature_columns,
        )

    timed("deploy", deploy)
    times["wall time"] = sum(times.values())
    return times


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
            samples.append(run_directly(folder))
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

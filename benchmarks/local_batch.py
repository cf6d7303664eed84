"""How many rows per second a local batch prediction job takes, beside the model server alone.

usage: python benchmarks/local_batch.py [--rows N] [--batch-size N] [--rounds N]

The server is Google's own, with a scikit-learn model of eight features. "asked directly" sends it
requests that were made beforehand, one after another over one connection, and throws the replies
away. A job reads its input, asks the same server in batches of the same size, and writes its
output. Both take turns; medians are shown, and the share of "asked directly" that each job has.
The time of the services' processor for a row, without that of the server, depends less on what
else the machine does.
"""

import argparse
import datetime
import json
import logging
import os
import resource
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")

FEATURES = [f"x{number}" for number in range(8)]
FOLDER = "gs://benchmark-bucket"
GOAL = 0.5
DIRECT = "asked directly"


def write_inputs(store: Any, rows: int) -> None:
    """Write the same numbers as lists, as objects with a key, and as a table."""
    import numpy as np

    store.create_bucket("benchmark-bucket")
    chance = np.random.default_rng(0)
    files = {name: store.path(f"{FOLDER}/{name}").open("w") for name in ("lists", "keyed", "csv")}
    files["csv"].write(",".join(FEATURES) + "\n")
    for number in range(rows):
        values = [round(value, 4) for value in chance.normal(size=len(FEATURES)).tolist()]
        keyed = {"key": f"row-{number}", **dict(zip(FEATURES, values, strict=True))}
        files["lists"].write(json.dumps(values) + "\n")
        files["keyed"].write(json.dumps(keyed) + "\n")
        files["csv"].write(",".join(map(str, values)) + "\n")
    for file in files.values():
        file.close()


def upload_model(vertex: Any) -> Any:
    """Fit and upload a model, and return it."""
    import joblib
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from batchpredict.images import SKLEARN_SERVING
    from batchpredict.local.runs import PARENT

    rows = np.random.default_rng(1).normal(size=(1000, len(FEATURES)))
    path = vertex.store.path(f"{FOLDER}/model/model.joblib")
    path.parent.mkdir(parents=True)
    joblib.dump(LogisticRegression().fit(rows, rows.sum(axis=1) > 0), path)
    spec = {"image_uri": SKLEARN_SERVING}
    model = {"display_name": "m", "artifact_uri": f"{FOLDER}/model", "container_spec": spec}
    call(vertex, "UploadModel", parent=PARENT, model=model)
    return call(vertex, "ListModels", parent=PARENT).models[0]


def call(vertex: Any, method: str, **fields: Any) -> Any:
    """Call a method of the services; an answer about a job waits until it has ended."""
    from batchpredict.local.network.rpcs import load_rpcs
    from batchpredict.local.polling import LAUNCHER

    rpc = next(rpc for rpc in load_rpcs().values() if rpc.method == method)
    return vertex.services.call(rpc, rpc.request_type(**fields), {"user-agent": LAUNCHER})


def run_job(vertex: Any, model: Any, name: str, into: str, rows: int, size: int) -> None:
    """Run one job and see that it predicted every row."""
    from batchpredict.local.runs import PARENT

    config = {}
    if name == "keyed":
        config = {"key_field": "key", "included_fields": FEATURES, "instance_type": "array"}
    job = {
        "display_name": name,
        "model": model.name,
        "input_config": {
            "instances_format": "csv" if name == "csv" else "jsonl",
            "gcs_source": {"uris": [f"{FOLDER}/{name}"]},
        },
        "output_config": {
            "predictions_format": into,
            "gcs_destination": {"output_uri_prefix": f"{FOLDER}/out"},
        },
        "instance_config": config,
        "manual_batch_tuning_parameters": {"batch_size": size},
    }
    made = call(vertex, "CreateBatchPredictionJob", parent=PARENT, batch_prediction_job=job)
    ended = call(vertex, "GetBatchPredictionJob", name=made.name)
    if ended.completion_stats.successful_count != rows:
        raise RuntimeError(f"{ended.state.name}: {ended.error.message}")


def bodies(vertex: Any, size: int) -> list[bytes]:
    """Return the requests that a job over the lists sends."""
    lines = vertex.store.path(f"{FOLDER}/lists").read_text().splitlines()
    chunks = (lines[start : start + size] for start in range(0, len(lines), size))
    return [f'{{"instances": [{", ".join(chunk)}]}}'.encode() for chunk in chunks]


def ask_directly(vertex: Any, model: Any, requests: list[bytes]) -> None:
    """Send requests to the model's server, past the services."""
    jobs = vertex.services._services["JobService"]
    server = jobs._servers.ensure(jobs._models.resolve(model.name))
    for body in requests:
        status, _ = server.connections.request("POST", server.recipe.predict_route, body, 60.0)
        if status != 200:
            raise RuntimeError(f"the server answered {status}")


def measure(vertex: Any, rows: int, size: int, rounds: int) -> Iterator[tuple[str, float, float]]:
    """Yield rows per second and microseconds a row of each way, several times in turn."""
    write_inputs(vertex.store, rows)
    model = upload_model(vertex)
    requests = bodies(vertex, size)
    ways: dict[str, Callable[[], None]] = {
        DIRECT: lambda: ask_directly(vertex, model, requests),
        "job, lists": lambda: run_job(vertex, model, "lists", "jsonl", rows, size),
        "job, CSV": lambda: run_job(vertex, model, "csv", "jsonl", rows, size),
        "job, objects with keys": lambda: run_job(vertex, model, "keyed", "jsonl", rows, size),
        "job, CSV to CSV": lambda: run_job(vertex, model, "csv", "csv", rows, size),
    }
    ask_directly(vertex, model, requests[:20])  # the server starts, and is warm
    for _ in range(rounds):
        for name, way in ways.items():
            started, worked = time.perf_counter(), time.process_time()
            way()
            seconds, busy = time.perf_counter() - started, time.process_time() - worked
            yield name, rows / seconds, busy / rows * 1e6


def show(found: dict[str, list[tuple[float, float]]]) -> None:
    """Print the table."""
    medians = {
        name: [statistics.median(values) for values in zip(*pairs, strict=True)]
        for name, pairs in found.items()
    }
    print("| | rows per second | share | processor, µs a row |\n|---|---|---|---|")
    for name, (speed, busy) in medians.items():
        share = speed / medians[DIRECT][0]
        print(f"| {name} | {speed:,.0f} | {share:.2f} | {busy:.1f} |")
    print(f"\ngoal: a share of {GOAL}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the services, the inputs of this script in it: {peak:,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    from batchpredict.local.session import local_vertex

    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as home, local_vertex(Path(home)) as vertex:
        vertex.sandbox.wait_ready()
        sizes = (arguments.rows, arguments.batch_size, arguments.rounds)
        for name, speed, busy in measure(vertex, *sizes):
            found.setdefault(name, []).append((speed, busy))
    today = datetime.datetime.now(datetime.UTC).date()
    packages = ("google-cloud-aiplatform", "scikit-learn", "uvicorn")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    print(f"{today}, {os.cpu_count()} cores, Python {sys.version.split()[0]}, {versions}")
    print(
        f"{arguments.rows:,} rows of {len(FEATURES)} features, batches of {arguments.batch_size}, "
        f"medians of {arguments.rounds} rounds; load {os.getloadavg()[0]:.1f}\n"
    )
    show(found)


if __name__ == "__main__":
    main()

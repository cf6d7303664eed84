"""Carries out one batch prediction job: reads instances, asks the model server, writes shards."""

import datetime
import glob
import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.rpc import code_pb2

from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.errors import ServiceError, invalid, not_found
from batchpredict.local.vertex.instances import Instance, check_instance_config, read_instances

DEFAULT_BATCH_SIZE = 64
Predict = Callable[[Any, bytes], tuple[int, bytes]]


def check_request(job: Any) -> None:
    """Refuse at creation what this machine cannot do, rather than ignore it."""
    source, target = job.input_config, job.output_config
    if source.instances_format != "jsonl" or not source.gcs_source.uris:
        kind = source.instances_format or "none"
        message = f"instances_format {kind!r}: only jsonl from Cloud Storage is served here"
        raise ServiceError(code_pb2.UNIMPLEMENTED, message)
    if target.predictions_format != "jsonl" or not target.gcs_destination.output_uri_prefix:
        kind = target.predictions_format or "none"
        message = f"predictions_format {kind!r}: only jsonl to Cloud Storage is written here"
        raise ServiceError(code_pb2.UNIMPLEMENTED, message)
    if job.generate_explanation:
        raise ServiceError(code_pb2.UNIMPLEMENTED, "generate_explanation is not served here")
    for uri in (*source.gcs_source.uris, target.gcs_destination.output_uri_prefix):
        if not uri.startswith("gs://") or ".." in uri.split("/"):
            raise invalid(f"{uri!r} is not a Cloud Storage URI")
    check_instance_config(job.instance_config)


@dataclass
class Outcome:
    """What became of the instances so far."""

    succeeded: int = 0
    failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)


def run_batch_prediction(
    job: Any, model: Any, store: ObjectStore, predict: Predict, cancelled: threading.Event
) -> Outcome:
    """Predict every instance of ``job``; a batch that the model refuses is counted as failed.

    The output names are those that real jobs of custom models have: a folder
    ``prediction-<model>-<time>`` with ``prediction.results-*`` and ``prediction.errors_stats-*``.
    """
    paths = _inputs(job.input_config.gcs_source.uris, store)
    outcome = Outcome()
    folder = store.path(job.output_info.gcs_output_directory)
    folder.mkdir(parents=True)
    size = job.manual_batch_tuning_parameters.batch_size or DEFAULT_BATCH_SIZE
    parameters = json_format.MessageToDict(protobuf(job).model_parameters)
    instances = read_instances(paths, job.instance_config)
    with (folder / _shard("prediction.results")).open("w") as results:
        for batch in _batches(instances, size):
            if cancelled.is_set():
                break
            results.writelines(_predict_batch(batch, parameters, model, predict, outcome))
    errors = "".join(f"{pair!r}\n" for pair in outcome.errors.items())
    (folder / _shard("prediction.errors_stats")).write_text(errors)
    return outcome


def _inputs(uris: Sequence[str], store: ObjectStore) -> list[Path]:
    paths: list[Path] = []
    for uri in uris:
        names = _matches(uri, store) if "*" in uri else [uri]
        files = [path for path in map(store.path, names) if path.is_file()]
        if not files:
            raise not_found(f"input {uri}")
        paths += files
    return paths


def _matches(uri: str, store: ObjectStore) -> list[str]:
    """Return the URIs that a wildcard stands for; ``*`` is the only special character."""
    folder = uri.partition("*")[0].rpartition("/")[0]
    pattern = "*".join(glob.escape(text) for text in uri[len(folder) + 1 :].split("*"))
    names = glob.glob(pattern, root_dir=store.path(folder), recursive=True)
    return sorted(f"{folder}/{name}" for name in names)


def output_directory(job: Any, model: Any) -> str:
    """Return the folder that the job's output goes to."""
    now = datetime.datetime.now(datetime.UTC)
    stamp = now.strftime("%Y_%m_%dT%H_%M_%S_%f")[:-3] + "Z"
    name = model.display_name.replace("/", "_")
    prefix = job.output_config.gcs_destination.output_uri_prefix.rstrip("/")
    return f"{prefix}/prediction-{name}-{stamp}"


def _shard(kind: str) -> str:
    return f"{kind}-00000-of-00001"


def _batches(instances: Iterator[Instance], size: int) -> Iterator[list[Instance]]:
    while batch := list(itertools.islice(instances, size)):
        yield batch


def _predict_batch(
    batch: Sequence[Instance], parameters: Any, model: Any, predict: Predict, outcome: Outcome
) -> Iterator[str]:
    request: dict[str, Any] = {"instances": [instance.sent for instance in batch]}
    if parameters is not None:
        request["parameters"] = parameters
    status, content = predict(model, json.dumps(request).encode())
    predictions = _predictions(status, content, len(batch))
    if isinstance(predictions, str):
        outcome.failed += len(batch)
        outcome.errors[predictions] += len(batch)
        return
    outcome.succeeded += len(batch)
    for instance, prediction in zip(batch, predictions, strict=True):
        yield json.dumps({**instance.echo, "prediction": prediction}) + "\n"


def _predictions(status: int, content: bytes, wanted: int) -> list[Any] | str:
    """Return the predictions of one reply, or the message of its failure."""
    start = "Post request fails. Cannot get predictions. Error:"
    text = content.decode(errors="replace")
    if status != 200:
        return f"{start} Non-OK result {status} ({text}) from server."
    try:
        predictions = json.loads(text)["predictions"]
    except (ValueError, KeyError, TypeError):
        return f"{start} the reply is not an object with predictions ({text[:200]})."
    if not isinstance(predictions, list) or len(predictions) != wanted:
        return f"{start} the reply does not hold {wanted} predictions."
    return predictions


def check_outcome(outcome: Outcome) -> None:
    """Raise when not one instance was predicted."""
    if outcome.succeeded:
        return
    if not outcome.failed:
        raise invalid("the input holds no instances")
    message = next(iter(outcome.errors))
    raise ServiceError(
        code_pb2.INTERNAL, f"all {outcome.failed} instances failed. {message[:1000]}"
    )

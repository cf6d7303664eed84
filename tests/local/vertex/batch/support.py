"""What the tests of batch prediction share: requests, waiting, the files of a job. No tests."""

import ast
import csv
import json
import time
from pathlib import Path
from typing import Any

from google.cloud.aiplatform_v1 import types

from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex

State = types.JobState
DEADLINE = 120.0
FINAL = (State.JOB_STATE_SUCCEEDED, State.JOB_STATE_FAILED, State.JOB_STATE_CANCELLED)


class Bucket:
    """A folder of its own in the store."""

    def __init__(self, vertex: LocalVertex, name: str) -> None:
        self._vertex = vertex
        self.uri = f"gs://batch-jobs/{name}"

    def write(self, name: str, *lines: Any) -> str:
        return self.write_text(name, "".join(json.dumps(line) + "\n" for line in lines))

    def write_text(self, name: str, text: str) -> str:
        return self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, content: bytes) -> str:
        path = self.path(f"{self.uri}/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return f"{self.uri}/{name}"

    def path(self, uri: str) -> Path:
        return Path(self._vertex.store.path(uri))

    def folder(self, job: Any) -> Path:
        return self.path(job.output_info.gcs_output_directory)

    def results(self, job: Any, kind: str = "prediction") -> list[Any]:
        text = (self.folder(job) / f"{kind}.results-00000-of-00001").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def table(self, job: Any) -> list[list[str]]:
        path = self.folder(job) / "prediction.results-00000-of-00001.csv"
        with path.open(newline="") as file:
            return list(csv.reader(file))

    def errors(self, job: Any) -> list[Any]:
        text = (self.folder(job) / "prediction.errors_stats-00000-of-00001").read_text()
        return [ast.literal_eval(line) for line in text.splitlines()]


def make_job(
    bucket: Bucket, uris: list[str], *, form: str = "jsonl", into: str = "jsonl", **fields: Any
) -> Any:
    return types.BatchPredictionJob(
        **{
            "display_name": "job",
            "input_config": {"instances_format": form, "gcs_source": {"uris": uris}},
            "output_config": {
                "predictions_format": into,
                "gcs_destination": {"output_uri_prefix": f"{bucket.uri}/out"},
            },
            **fields,
        }
    )


def start(client: Any, job: Any) -> str:
    made = client.create_batch_prediction_job(parent=PARENT, batch_prediction_job=job)
    assert made.state == State.JOB_STATE_PENDING
    return str(made.name)


def wait(client: Any, name: str) -> Any:
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        job = client.get_batch_prediction_job(name=name)  # held until it ends, for at most 3 s
        if job.state in FINAL:
            return job
    raise AssertionError(f"{name} did not end")


def run(client: Any, bucket: Bucket, uris: list[str], **fields: Any) -> Any:
    return wait(client, start(client, make_job(bucket, uris, **fields)))


def counts(job: Any) -> tuple[int, int]:
    return job.completion_stats.successful_count, job.completion_stats.failed_count

"""Google's launcher of batch prediction jobs, run as it is against a client without a service."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.cloud import aiplatform
from google.cloud.aiplatform_v1 import types
from google_cloud_pipeline_components.container.v1.batch_prediction_job import remote_runner
from google_cloud_pipeline_components.container.v1.gcp_launcher import job_remote_runner
from google_cloud_pipeline_components.v1.batch_predict_job import ModelBatchPredictOp

from batchpredict.local.pipelines.placeholders import resolve_command

PARENT = "projects/p-12345/locations/us-central1"
NAME = f"{PARENT}/batchPredictionJobs/7"
GOOD = {
    "job_display_name": "nightly",
    "gcs_source_uris": ["gs://bkt/in.jsonl"],
    "gcs_destination_output_uri_prefix": "gs://bkt/out",
    "machine_type": "n1-standard-2",
}


class EndlessError(Exception):
    """The launcher still waits after many looks."""


class Client:
    """Takes jobs as the generated client does, and ends them as it is told."""

    def __init__(self, *ends: dict[str, Any]) -> None:
        self.ends = list(ends) or [{"state": types.JobState.JOB_STATE_SUCCEEDED}]
        self.created: list[Any] = []
        self.fault: Exception | None = None

    def create_batch_prediction_job(self, parent: str, batch_prediction_job: dict) -> Any:
        assert parent == PARENT
        job = types.BatchPredictionJob(batch_prediction_job)
        self.created.append(job)
        if self.fault:
            raise self.fault
        return types.BatchPredictionJob(name=NAME)

    def get_batch_prediction_job(self, name: str, retry: Any) -> Any:
        assert (name, bool(retry)) == (NAME, True)
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        return types.BatchPredictionJob(name=NAME, **end)


def payload_of(model: str = f"{PARENT}/models/1", **inputs: Any) -> str:
    """Return what the compiled component hands to the launcher, texts put in as they are."""
    spec = ModelBatchPredictOp.component_spec
    values = {name: it.default for name, it in spec.inputs.items() if it.default is not None}
    artifact = {"artifacts": [{"metadata": {"resourceName": model}}]}
    executor_input = {
        "inputs": {
            "parameterValues": {**values, **GOOD, **inputs},
            "artifacts": {"model": artifact},
        },
        "outputs": {},
    }
    arguments = spec.implementation.container.args
    template = arguments[arguments.index("--payload") + 1]._to_string()  # the compiled form
    [payload] = resolve_command([template], executor_input, {})
    return payload


class Launcher:
    """Runs the launcher in a folder of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client = Client()
        self.folder = folder
        self.looks = 0
        monkeypatch.setattr(aiplatform.gapic, "JobServiceClient", lambda **_: self.client)
        monkeypatch.setattr(job_remote_runner.time, "sleep", self._sleep)

    def _sleep(self, _seconds: float) -> None:
        self.looks += 1
        if self.looks > 100:
            raise EndlessError

    def run(self, payload: str, artifacts: dict | None = None) -> dict[str, Any]:
        """Create and poll; return the artifacts that the launcher wrote."""
        output = self.folder / "output.json"
        names = ("batchpredictionjob", "bigquery_output_table", "gcs_output_directory")
        given = {
            "inputs": {"artifacts": artifacts or {}},
            "outputs": {
                "artifacts": {
                    name: {"artifacts": [{"name": name, "uri": f"gs://root/{name}"}]}
                    for name in names
                },
                "outputFile": str(output),
            },
        }
        place = ("p-12345", "us-central1", payload, str(self.folder / "gcp_resources"))
        remote_runner.create_batch_prediction_job("BatchPredictionJob", *place, json.dumps(given))
        return json.loads(output.read_text())["artifacts"] if output.exists() else {}

    def sent(self, **inputs: Any) -> Any:
        """Return the job that these inputs make."""
        self.run(payload_of(**inputs))
        return self.client.created[-1]

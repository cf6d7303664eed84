"""What the run of a pipeline job is given: its constants, its folders, and its parameters."""

import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format

from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.pipelines.cache import StepCache
from batchpredict.local.pipelines.journal import Journal, digest_of
from batchpredict.local.pipelines.placeholders import plain_numbers
from batchpredict.local.pipelines.retries import Clock
from batchpredict.local.pipelines.spec import Pipeline, load_pipeline
from batchpredict.local.pipelines.tasks import RunContext
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.errors import invalid
from batchpredict.local.vertex.models import parent_of
from batchpredict.local.vertex.schedules.runs import scheduled_time

FAIL_FAST = types.PipelineFailurePolicy.PIPELINE_FAILURE_POLICY_FAIL_FAST
PARALLEL_STEPS = max(4, 2 * (os.cpu_count() or 1))


@dataclass(frozen=True)
class RunPlaces:
    """Where the steps of all runs work.

    Attributes:
        environment: Variables of every step.
        runs: Folder that gets one sub-folder with the logs and the journal of each job.
        work: Folder for temporary files of the steps.
    """

    store: ObjectStore
    sandbox: Sandbox
    environment: Mapping[str, str]
    runs: Path
    work: Path

    def journal_of(self, job: Any) -> Path:
        """Return the place of a job's journal."""
        return self.runs / job_id_of(job) / "journal.jsonl"

    def logs_of(self, job: Any) -> Path:
        """Return the folder of the logs of a job's steps."""
        return self.runs / job_id_of(job) / "logs"

    def context(
        self,
        job: Any,
        *,
        slots: threading.Semaphore,
        cancelled: threading.Event,
        resource_state: Callable[[str], tuple[str, str]],
        clock: Clock,
        cache: StepCache | None,
        journal: Journal,
    ) -> RunContext:
        """Return what all tasks of a job's run share."""
        job_id = job_id_of(job)
        root = job.runtime_config.gcs_output_directory.rstrip("/")
        logs = self.logs_of(job)
        logs.mkdir(parents=True, exist_ok=True)
        constants = _constants(job, job_id, root)
        project = constants[".pipeline_google_cloud_project_id"]
        return RunContext(
            constants=constants,
            root=f"{root}/{job_id}",
            store=self.store,
            sandbox=self.sandbox,
            logs=logs,
            work=self.work / job_id,
            environment={**self.environment, "CLOUD_ML_PROJECT_ID": project},
            slots=slots,
            parallel_steps=PARALLEL_STEPS,
            cancelled=cancelled,
            resource_state=resource_state,
            clock=clock,
            cache=cache,
            journal=journal,
            fail_fast=job.runtime_config.failure_policy == FAIL_FAST,
        )


def job_id_of(job: Any) -> str:
    """Return the last part of a job's name."""
    return str(job.name).rpartition("/")[2]


def _constants(job: Any, job_id: str, root: str) -> dict[str, str]:
    """Return the values of the pipeline's placeholders."""
    _, project, _, location = parent_of(job.name).split("/")
    return {
        ".pipeline_google_cloud_project_id": project,
        ".pipeline_google_cloud_location": location,
        ".pipeline_job_resource_name": job.name,
        ".pipeline_job_name": job_id,
        ".pipeline_job_uuid": job_id,
        ".pipeline_job_create_time_utc": f"{job.create_time:%Y-%m-%dT%H:%M:%SZ}",
        ".pipeline_job_schedule_time_utc": scheduled_time(job),
        ".pipeline_persistent_resource_id": "",
        ".pipeline_service_account": job.service_account,
        ".pipeline_network": job.network,
        ".pipeline_encryption_key_name": job.encryption_spec.kms_key_name,
        ".pipeline_root": root,
    }


def spec_of(job: Any) -> dict[str, Any]:
    """Return the pipeline of a job as JSON."""
    return dict(json_format.MessageToDict(protobuf(job).pipeline_spec))


def pipeline_of(job: Any) -> Pipeline:
    """Return the pipeline of a job; refuse one that cannot be run here."""
    try:
        return load_pipeline(spec_of(job))
    except ValueError as error:
        raise invalid(str(error)) from error


def parameters_of(job: Any, pipeline: Pipeline) -> dict[str, Any]:
    """Return the run's parameters; refuse unknown and missing ones."""
    root = job.runtime_config.gcs_output_directory
    if not root.startswith("gs://"):
        raise invalid("runtime_config.gcs_output_directory must be a gs:// folder")
    given = given_parameters(job)
    known = pipeline.root.input_definitions.parameters
    unknown = sorted(set(given) - set(known))
    missing = sorted(
        name
        for name, spec in known.items()
        if name not in given and not spec.is_optional and not spec.HasField("default_value")
    )
    if unknown or missing:
        raise invalid(f"unknown parameters: {unknown}; missing parameters: {missing}")
    return given


def given_parameters(job: Any) -> dict[str, Any]:
    """Return the parameters that a job was created with."""
    content = json_format.MessageToDict(protobuf(job).runtime_config)
    return {k: plain_numbers(v) for k, v in content.get("parameterValues", {}).items()}


def identity_of(job: Any) -> dict[str, str]:
    """Return what makes the journal of one run unfit for another."""
    spec = json.loads(json.dumps(spec_of(job)))
    return {
        "job": str(job.name),
        "pipeline": digest_of(spec),
        "parameters": digest_of(given_parameters(job)),
    }

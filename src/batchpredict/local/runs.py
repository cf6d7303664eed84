"""Start a compiled pipeline on the local services, and say what came of it."""

import contextlib
import datetime
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from google.rpc import code_pb2

from batchpredict import __version__
from batchpredict.errors import BatchpredictError, EnvironmentFault, RunError, RunTooLong
from batchpredict.local import LOCATION, PROJECT
from batchpredict.local.files import write_whole
from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.pipelines.features import check_platforms
from batchpredict.local.pipelines.placeholders import plain_numbers
from batchpredict.local.pipelines.states import State
from batchpredict.local.session import LocalVertex
from batchpredict.local.storage.errors import StorageError
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.pipeline_files import CompiledPipeline
from batchpredict.pipeline_jobs import pipeline_job

ORIGINS = ("cached_run", "cached_task", "resumed")
LATER = datetime.datetime.max.replace(tzinfo=datetime.UTC)
FULL = 64 * 1024
BUCKET = "local-pipelines"
INPUTS = "local-inputs"
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
PACKAGES = ("kfp", "google-cloud-pipeline-components", "google-cloud-aiplatform")


def import_file(vertex: LocalVertex, path: Path) -> str:
    """Copy a file of this machine into a local bucket and return its URI.

    The same content keeps the same URI.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:12]
    _ensure_bucket(vertex, INPUTS)
    uri = f"gs://{INPUTS}/{digest}/{path.name}"
    target = vertex.store.path(uri)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with vertex.store.staging.staged() as staged:
            shutil.copyfile(path, staged.path)
            os.replace(staged.path, target)
    return uri


def _ensure_bucket(vertex: LocalVertex, name: str) -> None:
    if not vertex.store.bucket_exists(name):
        vertex.store.create_bucket(name)


def start_run(
    vertex: LocalVertex, pipeline: CompiledPipeline, parameters: Mapping[str, Any]
) -> str:
    """Start the pipeline as Vertex AI Pipelines would and return the job's resource name.

    Raises:
        RunError: The pipeline needs what is not run on this machine.
    """
    _ensure_bucket(vertex, BUCKET)
    content = pipeline_job(
        pipeline.spec,
        display_name=pipeline.name,
        pipeline_root=f"gs://{BUCKET}",
        parameters=parameters,
    )
    try:
        check_platforms(pipeline.platforms)
    except ValueError as error:
        raise _coded(str(error)) from error
    try:
        job = json_format.ParseDict(content, types.PipelineJob.pb(types.PipelineJob()))
        request = types.CreatePipelineJobRequest(
            parent=PARENT, pipeline_job=types.PipelineJob.wrap(job)
        )
        created = vertex.services.pipelines.create_pipeline_job(request)
    except ServiceError as error:
        raise _coded(error.message) from error
    except (json_format.ParseError, TypeError, ValueError) as error:
        raise RunError("E341", f"{pipeline.path} is not a compiled pipeline: {error}") from error
    folder = run_folder(vertex, created.name)
    (folder / "pipeline.yaml").write_text(pipeline.text)
    return str(created.name)


def _coded(message: str) -> RunError:
    found = re.fullmatch(r"(E\d{3}) (.*)", message, re.DOTALL)
    return RunError(*(found.groups() if found else ("E341", message)))


def run_folder(vertex: LocalVertex, job_name: str) -> Path:
    """Return the folder of a run's logs and manifest."""
    return vertex.home / "runs" / job_name.rpartition("/")[2]


@dataclass(frozen=True)
class Step:
    """One container or importer task of a run, or a branch that was not taken.

    Attributes:
        name: Names of the graph components around it and its own, with ``/`` between.
        state: Name of the state, such as ``SUCCEEDED``.
        seconds: Run time so far; 0 when it has not started.
        error: One line, or "".
        artifacts: The output artifacts by name.
        taken: URIs of the input artifacts.
        origin: Where the outputs were taken from when it did not run: ``cached_run`` and
            ``cached_task``, or ``resumed`` when it ended well before the run was resumed.
    """

    name: str
    state: str
    seconds: float
    error: str
    artifacts: Mapping[str, Any]
    taken: frozenset[str] = frozenset()
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_kept(self) -> bool:
        """Whether it ended well before the run was resumed."""
        return bool(self.origin.get("resumed"))


def steps(job: Any) -> list[Step]:
    """Return the steps of a job in the order in which they started, without the graphs."""
    details = list(job.job_detail.task_details)
    parents = {detail.parent_task_id for detail in details}
    leaves = [detail for detail in details if detail.task_id not in parents]
    leaves.sort(key=lambda detail: detail.start_time or detail.end_time or LATER)
    return [_step(detail) for detail in leaves]


def _step(detail: Any) -> Step:
    seconds = 0.0
    if detail.start_time:
        end = detail.end_time or type(detail.start_time).now(detail.start_time.tzinfo)
        seconds = (end - detail.start_time).total_seconds()
    artifacts = {name: group.artifacts[0] for name, group in detail.outputs.items()}
    taken = frozenset(it.uri for group in detail.inputs.values() for it in group.artifacts)
    state, error = State(detail.state).name, detail.error.message
    metadata = dict(detail.execution.metadata or {})
    origin = {name: metadata[name] for name in ORIGINS if name in metadata}
    return Step(detail.task_name, state, seconds, error, artifacts, taken, origin)


def outputs_of(job: Any, vertex: LocalVertex) -> Iterator[tuple[str, str, Any, Path]]:
    """Yield step, output name, artifact and local path of every artifact under Cloud Storage."""
    for step in steps(job):
        for name, artifact in sorted(step.artifacts.items()):
            with contextlib.suppress(StorageError):  # a URI that can be nothing here
                if artifact.uri.startswith("gs://"):
                    yield step.name, name, artifact, vertex.store.path(artifact.uri)


def write_manifest(vertex: LocalVertex, pipeline: CompiledPipeline, job: Any) -> Path:
    """Write ``run.json``: what ran, with what, when, and where its outputs are."""
    path = run_folder(vertex, job.name) / "run.json"
    runtime = json_format.MessageToDict(protobuf(job).runtime_config)
    content = {
        "job": job.name,
        "pipeline": pipeline.name,
        "pipeline_sha256": hashlib.sha256(pipeline.text.encode()).hexdigest(),
        "state": job.state.name,
        "error": job.error.message,
        "start_time": str(job.start_time),
        "end_time": str(job.end_time),
        "parameters": plain_numbers(runtime.get("parameterValues", {})),
        "steps": [
            {
                "name": step.name,
                "state": step.state,
                "seconds": round(step.seconds, 3),
                "error": step.error,
                "parameters": vertex.services.pipelines.output_parameters(job.name, step.name),
                **step.origin,
            }
            for step in steps(job)
        ],
        "outputs": [
            {"step": step, "name": name, "uri": artifact.uri, "path": str(place)}
            for step, name, artifact, place in outputs_of(job, vertex)
            if place.exists()
        ],
        "versions": {
            "batchpredict": __version__,
            **{name: version(name) for name in PACKAGES},
        },
        "isolated": vertex.sandbox.isolated,
        "warm": vertex.sandbox.warm,
        "notes": list(vertex.sandbox.notes),
    }
    write_whole(path, json.dumps(content, indent=2) + "\n")
    return path


def fault_of(job: Any, home: Path) -> BatchpredictError | None:
    """Return the error that a job ended with, or None when it succeeded."""
    if job.state.name == "PIPELINE_STATE_SUCCEEDED":
        return None
    message = job.error.message or f"the run ended as {job.state.name}"
    if job.error.code == code_pb2.DEADLINE_EXCEEDED:
        return RunTooLong("E363", message)
    # With no room for its log, a step cannot say so itself.
    if "No space left on device" in message or shutil.disk_usage(home).free < FULL:
        return EnvironmentFault("E303", f"the disk of {home} is full: {message}")
    return RunError("E110", message)

"""What Vertex ML Metadata keeps of a pipeline run: contexts, executions, artifacts and events.

All of it is read from the run's ``PipelineJob``, so that there is nothing more to be kept.
"""

import itertools
from dataclasses import dataclass, field
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format

from batchpredict.local.network.rpcs import protobuf

STORE = "metadataStores/default"
VERSION = "0.0.1"
METRICS = (
    "system.Metrics",
    "system.ClassificationMetrics",
    "system.SlicedClassificationMetrics",
    "google.ClassificationMetrics",
    "google.RegressionMetrics",
    "google.ForecastingMetrics",
)
State = types.Execution.State
Kind = types.Event.Type
STATES = {
    "PIPELINE_STATE_SUCCEEDED": State.COMPLETE,
    "PIPELINE_STATE_FAILED": State.FAILED,
    "PIPELINE_STATE_CANCELLED": State.CANCELLED,
}


@dataclass
class Lineage:
    """The nodes and edges of one run."""

    contexts: list[Any] = field(default_factory=list)
    executions: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, Any] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)


def contexts_of(job: Any) -> tuple[Any, Any]:
    """Return the contexts of a job's pipeline and of its run."""
    parent, _, job_id = job.name.partition("/pipelineJobs/")
    info = json_format.MessageToDict(protobuf(job).pipeline_spec).get("pipelineInfo", {})
    times = {"create_time": job.create_time, "update_time": job.create_time}
    pipeline = types.Context(
        name=f"{parent}/{STORE}/contexts/{info.get('name', '')}",
        display_name=info.get("name", ""),
        schema_title="system.Pipeline",
        schema_version=VERSION,
        **times,
    )
    run = types.Context(
        name=f"{parent}/{STORE}/contexts/{job_id}",
        display_name=job_id,
        schema_title="system.PipelineRun",
        schema_version=VERSION,
        parent_contexts=[pipeline.name],
        **times,
    )
    return pipeline, run


def new_detail(job: Any) -> Any:
    """Return the detail of a job that has not started a task: its contexts."""
    pipeline, run = contexts_of(job)
    return types.PipelineJobDetail(pipeline_context=pipeline, pipeline_run_context=run)


def lineage_of(job: Any) -> Lineage:
    """Return the nodes and edges of a run, as far as it has come."""
    found = Lineage(contexts=list(contexts_of(job)))
    run = _run_execution(job)
    found.executions[run.name] = run
    for detail in job.job_detail.task_details:
        if not detail.execution.name:
            continue  # it was not started
        found.executions[detail.execution.name] = detail.execution
        _add(found, detail, detail.inputs, Kind.INPUT)
        _add(found, detail, detail.outputs, Kind.OUTPUT)
    found.events += _metrics(found, run)
    return found


def _metrics(found: Lineage, run: Any) -> list[Any]:
    """Return the metrics that the tasks wrote as outputs of the whole run."""
    written = {
        event.artifact: types.Event(event, execution=run.name)
        for event in found.events
        if event.type_ == Kind.OUTPUT and found.artifacts[event.artifact].schema_title in METRICS
    }
    return list(written.values())


def _add(found: Lineage, detail: Any, lists: Any, kind: Any) -> None:
    """Add the artifacts of a task's inputs or outputs."""
    for artifact in itertools.chain(*(group.artifacts for group in lists.values())):
        known = found.artifacts.setdefault(artifact.name, artifact)
        if kind == Kind.OUTPUT or not known.create_time:
            artifact.create_time = artifact.update_time = detail.end_time or detail.start_time
            artifact.state = types.Artifact.State.LIVE
            found.artifacts[artifact.name] = artifact
        found.events.append(_event(artifact, detail.execution, detail, kind))


def _event(artifact: Any, execution: Any, detail: Any, kind: Any) -> Any:
    is_input = kind == Kind.INPUT
    return types.Event(
        artifact=artifact.name,
        execution=execution.name,
        event_time=detail.start_time if is_input else detail.end_time,
        type_=kind,
    )


def _run_execution(job: Any) -> Any:
    """Return what stands for the whole run; its metadata are the run's parameters."""
    parent, _, job_id = job.name.partition("/pipelineJobs/")
    given = {f"input:{name}": value for name, value in _parameters(job).items()}
    return types.Execution(
        metadata=given,
        name=f"{parent}/{STORE}/executions/{job_id}-0",
        display_name=job_id,
        state=STATES.get(job.state.name, State.RUNNING),
        schema_title="system.Run",
        schema_version=VERSION,
        create_time=job.create_time,
        update_time=job.update_time,
    )


def _parameters(job: Any) -> dict[str, Any]:
    """Return the parameters of a run, defaults included."""
    spec = json_format.MessageToDict(protobuf(job).pipeline_spec)
    known = spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
    given = json_format.MessageToDict(protobuf(job).runtime_config).get("parameterValues", {})
    defaults = {name: it["defaultValue"] for name, it in known.items() if "defaultValue" in it}
    return {**defaults, **given}

"""One check for each method of the service of metadata, over one pipeline run."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from local.conformance.asking import World
from local.vertex.schedules.support import pipeline

from batchpredict.local.runs import PARENT

STORE = f"{PARENT}/metadataStores/default"
NAME = "conformance-lineage"


def lineage_pipeline() -> dict[str, Any]:
    """Return a pipeline whose one step writes a dataset."""
    path = "{{$.outputs.artifacts['data'].path}}"
    made = pipeline("sh", "-c", 'mkdir -p "$(dirname "$0")" && echo x > "$0"', path)
    kind = {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}
    outputs = {"artifacts": {"data": {"artifactType": kind}}}
    made["components"]["comp-a"]["outputDefinitions"] = outputs
    made["pipelineInfo"]["name"] = NAME
    return made


def run_of(world: World) -> Any:
    """Return the run whose lineage the checks read; the first of them starts it."""
    found = world.names("ListPipelineJobs", filter=f'display_name="{NAME}"')
    if not found:
        wanted = {
            "display_name": NAME,
            "pipeline_spec": lineage_pipeline(),
            "runtime_config": {"gcs_output_directory": "gs://conformance-runs/lineage"},
        }
        found = [world.ask("CreatePipelineJob", parent=PARENT, pipeline_job=wanted).name]
    done = world.until("GetPipelineJob", found[0], "SUCCEEDED", "FAILED")
    assert done.state.name == "PIPELINE_STATE_SUCCEEDED", done.error.message
    return done


def task_of(job: Any) -> Any:
    [task] = [it for it in job.job_detail.task_details if it.task_name == "a"]
    return task


def absent(world: World, method: str, kind: str) -> None:
    with pytest.raises(exceptions.NotFound):
        world.ask(method, name=f"{STORE}/{kind}/there-is-none")


def get_metadata_store(world: World) -> None:
    assert world.ask("GetMetadataStore", name=STORE).name == STORE
    with pytest.raises(exceptions.NotFound):
        world.ask("GetMetadataStore", name=f"{PARENT}/metadataStores/other")


def list_metadata_stores(world: World) -> None:
    assert world.names("ListMetadataStores") == [STORE]


def get_context(world: World) -> None:
    run = run_of(world).job_detail.pipeline_run_context.name
    assert world.ask("GetContext", name=run).schema_title == "system.PipelineRun"
    absent(world, "GetContext", "contexts")


def listed(world: World, method: str, condition: str) -> list[str]:
    return [it.name for it in world.ask(method, parent=STORE, filter=condition)]


def list_contexts(world: World) -> None:
    detail = run_of(world).job_detail
    above = f'parent_contexts:"{detail.pipeline_context.name}"'
    assert listed(world, "ListContexts", above) == [detail.pipeline_run_context.name]


def query_context(world: World) -> None:
    run = run_of(world).job_detail.pipeline_run_context.name
    found = world.ask("QueryContextLineageSubgraph", context=run)
    assert [it.schema_title for it in found.artifacts] == ["system.Dataset"]
    assert found.executions


def get_execution(world: World) -> None:
    name = task_of(run_of(world)).execution.name
    assert world.ask("GetExecution", name=name).state.name == "COMPLETE"
    absent(world, "GetExecution", "executions")


def list_executions(world: World) -> None:
    job = run_of(world)
    inside = f'in_context("{job.job_detail.pipeline_run_context.name}")'
    assert task_of(job).execution.name in listed(world, "ListExecutions", inside)


def query_execution(world: World) -> None:
    task = task_of(run_of(world))
    name = task.execution.name
    found = world.ask("QueryExecutionInputsAndOutputs", execution=name)
    [written] = task.outputs["data"].artifacts
    assert [it.name for it in found.artifacts] == [written.name]
    assert [it.type_.name for it in found.events] == ["OUTPUT"]


def get_artifact(world: World) -> None:
    [written] = task_of(run_of(world)).outputs["data"].artifacts
    assert world.ask("GetArtifact", name=written.name).uri == written.uri
    absent(world, "GetArtifact", "artifacts")


def list_artifacts(world: World) -> None:
    [written] = task_of(run_of(world)).outputs["data"].artifacts
    assert listed(world, "ListArtifacts", f'uri="{written.uri}"') == [written.name]


def query_artifact(world: World) -> None:
    task = task_of(run_of(world))
    [written] = task.outputs["data"].artifacts
    found = world.ask("QueryArtifactLineageSubgraph", artifact=written.name)
    assert [it.name for it in found.executions] == [task.execution.name]


CHECKS: dict[str, Callable[[World], None]] = {
    "GetMetadataStore": get_metadata_store,
    "ListMetadataStores": list_metadata_stores,
    "GetContext": get_context,
    "ListContexts": list_contexts,
    "QueryContextLineageSubgraph": query_context,
    "GetExecution": get_execution,
    "ListExecutions": list_executions,
    "QueryExecutionInputsAndOutputs": query_execution,
    "GetArtifact": get_artifact,
    "ListArtifacts": list_artifacts,
    "QueryArtifactLineageSubgraph": query_artifact,
}

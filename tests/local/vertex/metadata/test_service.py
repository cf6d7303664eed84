"""The lineage of pipeline runs can be read as from Vertex ML Metadata."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from kfp import dsl

from batchpredict.local.runs import PARENT

STORE = f"{PARENT}/metadataStores/default"
Kind = types.Event.Type
State = types.Execution.State


@dsl.component(base_image="python:3.11-slim")
def measure(number: int, data: dsl.Output[dsl.Dataset], metrics: dsl.Output[dsl.Metrics]) -> None:  # type: ignore[type-arg]
    with open(data.path, "w") as file:
        file.write(str(number))
    metrics.log_metric("accuracy", 0.5)


@dsl.component(base_image="python:3.11-slim")
def use(data: dsl.Input[dsl.Dataset], model: dsl.Output[dsl.Model]) -> None:  # type: ignore[type-arg]
    model.metadata["framework"] = "none"
    with open(data.path) as file, open(model.path, "w") as out:
        out.write(file.read())


@dsl.pipeline(name="lineage")
def lineage(number: int, text: str = "default") -> None:  # noqa: ARG001 - a parameter of the run
    use(data=measure(number=number).outputs["data"])


@pytest.fixture(scope="module")
def job(run_pipeline: Callable[..., Any]) -> Any:
    run_pipeline(lineage, number=1)
    done = run_pipeline(lineage, number=2)
    assert done.state.name == "PIPELINE_STATE_SUCCEEDED", done.error.message
    return done


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, gapic: Callable[[str, str], Any]) -> Any:
    return gapic("metadata", request.param)


def detail_of(job: Any, task: str) -> Any:
    [found] = [it for it in job.job_detail.task_details if it.task_name == task]
    return found


def test_a_job_names_its_contexts(job: Any, client: Any) -> None:
    pipeline = client.get_context(name=f"{STORE}/contexts/lineage")
    assert (pipeline.display_name, pipeline.schema_title) == ("lineage", "system.Pipeline")
    assert job.job_detail.pipeline_context.name == pipeline.name
    assert pipeline.create_time < job.create_time  # of the first run
    run = client.get_context(name=job.job_detail.pipeline_run_context.name)
    assert run.schema_title == "system.PipelineRun"
    assert list(run.parent_contexts) == [pipeline.name]
    request = {"parent": STORE, "filter": f'parent_contexts:"{pipeline.name}"'}
    assert len(list(client.list_contexts(request))) == 2
    request["filter"] = f'schema_title="system.Pipeline" AND child_contexts:"{run.name}"'
    assert [it.name for it in client.list_contexts(request)] == [pipeline.name]


def test_a_run_has_its_parameters_and_the_metrics_of_its_tasks(job: Any, client: Any) -> None:
    context = job.job_detail.pipeline_context.name
    wanted = f'schema_title="system.Run" AND in_context("{context}")'
    runs = list(client.list_executions({"parent": STORE, "filter": wanted}))
    assert [dict(it.metadata) for it in runs] == [
        {"input:number": 2.0, "input:text": "default"},
        {"input:number": 1.0, "input:text": "default"},
    ]
    assert runs[0].display_name == job.name.rpartition("/")[2]
    assert runs[0].state == State.COMPLETE
    found = client.query_execution_inputs_and_outputs(execution=runs[0].name)
    assert [dict(it.metadata) for it in found.artifacts] == [{"accuracy": 0.5}]
    assert [(it.execution, it.type_) for it in found.events] == [(runs[0].name, Kind.OUTPUT)]


def test_what_a_task_wrote_is_what_the_next_was_given(job: Any, client: Any) -> None:
    measured, used = detail_of(job, "measure"), detail_of(job, "use")
    [written], [given] = measured.outputs["data"].artifacts, used.inputs["data"].artifacts
    assert written.name == given.name
    found = client.get_artifact(name=written.name)
    assert (found.uri, found.schema_title) == (written.uri, "system.Dataset")
    assert found.state == types.Artifact.State.LIVE
    edges = client.query_execution_inputs_and_outputs(execution=used.execution.name)
    assert {(it.artifact, it.type_) for it in edges.events} == {
        (written.name, Kind.INPUT),
        (used.outputs["model"].artifacts[0].name, Kind.OUTPUT),
    }
    assert client.get_execution(name=used.execution.name).state == State.COMPLETE
    request = {"parent": STORE, "filter": f'uri="{written.uri}"'}
    assert [it.name for it in client.list_artifacts(request)] == [written.name]


def test_the_whole_of_a_run_can_be_read(job: Any, client: Any) -> None:
    run = job.job_detail.pipeline_run_context.name
    found = client.query_context_lineage_subgraph(context=run)
    titles = sorted(it.schema_title for it in found.artifacts)
    assert titles == ["system.Dataset", "system.Metrics", "system.Model"]
    assert len(found.executions) == 3
    request = {"parent": STORE, "filter": f'in_context("{run}") AND schema_title="system.Model"'}
    [model] = client.list_artifacts(request)
    assert dict(model.metadata) == {"framework": "none"}
    near = client.query_artifact_lineage_subgraph({"artifact": model.name, "max_hops": 1})
    assert [it.display_name for it in near.executions] == ["use"]
    far = client.query_artifact_lineage_subgraph({"artifact": model.name})
    assert {it.display_name for it in far.executions} >= {"use", "measure"}
    assert len(far.artifacts) == 3


def test_there_is_one_store(client: Any) -> None:
    assert client.get_metadata_store(name=STORE).name == STORE
    assert [it.name for it in client.list_metadata_stores(parent=PARENT)] == [STORE]
    with pytest.raises(exceptions.NotFound):
        client.get_metadata_store(name=f"{PARENT}/metadataStores/other")


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("get_context", "contexts/there-is-no-such-run"),
        ("get_execution", "executions/there-is-no-such-run-1"),
        ("get_artifact", "artifacts/1"),
    ],
)
def test_what_is_not_there_is_not_found(client: Any, method: str, name: str) -> None:
    with pytest.raises(exceptions.NotFound):
        getattr(client, method)(name=f"{STORE}/{name}")


def test_what_clients_would_write_is_refused(gapic: Callable[[str, str], Any]) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="CreateContext"):
        gapic("metadata", "grpc").create_context(parent=STORE, context={"display_name": "mine"})

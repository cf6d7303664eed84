"""MetadataService: the lineage of pipeline runs, for reading.

There is one store, ``default``, in each location. What clients would write themselves, such as
experiments, is not emulated.
"""

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.cloud.aiplatform_v1 import types

from batchpredict.local.vertex.errors import ServiceError, invalid, not_found
from batchpredict.local.vertex.listing import Relation, select
from batchpredict.local.vertex.metadata.nodes import STORE, Lineage, lineage_of
from batchpredict.local.vertex.models import parent_of
from batchpredict.local.vertex.pipeline_jobs import PipelineService
from batchpredict.local.vertex.state import Resources

Output = types.Event.Type.OUTPUT
IN_CONTEXT = re.compile(r"in_context\s*\(\s*(\"[^\"]*\"|'[^']*')\s*\)")
MOST_HOPS = 100


class MetadataService:
    """Reads the lineage of every pipeline job."""

    def __init__(self, resources: Resources, pipelines: PipelineService) -> None:
        self._resources = resources
        self._pipelines = pipelines

    def get_metadata_store(self, request: Any) -> Any:
        """Return the store of a location, which is always there."""
        if request.name != f"{parent_of(request.name)}/{STORE}":
            raise not_found(request.name)
        return types.MetadataStore(name=request.name)

    def list_metadata_stores(self, request: Any) -> Any:
        """Return the one store of a location."""
        store = types.MetadataStore(name=f"{request.parent}/{STORE}")
        return types.ListMetadataStoresResponse(metadata_stores=[store])

    def get_context(self, request: Any) -> Any:
        """Return the context of a pipeline or of a run."""
        return _named(request.name, _contexts(self._runs(request.name)))

    def list_contexts(self, request: Any) -> Any:
        """Return contexts; ``parent_contexts`` and ``child_contexts`` can be filtered by."""
        found = _contexts(self._runs(request.parent))
        children = {
            parent: {it.name for it in found.values() if parent in it.parent_contexts}
            for parent in found
        }
        page, token = _select(
            found.values(),
            request,
            parent_contexts=lambda it, name: name in it.parent_contexts,
            child_contexts=lambda it, name: name in children[it.name],
        )
        return types.ListContextsResponse(contexts=page, next_page_token=token)

    def query_context_lineage_subgraph(self, request: Any) -> Any:
        """Return what belongs to a pipeline or a run."""
        runs = self._runs(request.context)
        _named(request.context, _contexts(runs))
        inside = [run for run in runs if request.context in _names(run.contexts)]
        return _subgraph(inside)

    def get_execution(self, request: Any) -> Any:
        """Return the execution of a run or of one of its tasks."""
        return _named(request.name, _executions(self._runs(request.name)))

    def list_executions(self, request: Any) -> Any:
        """Return executions; ``in_context`` can be filtered by."""
        runs = self._runs(request.parent)
        page, token = _select(
            _executions(runs).values(), request, in_context=_membership(runs, "executions")
        )
        return types.ListExecutionsResponse(executions=page, next_page_token=token)

    def query_execution_inputs_and_outputs(self, request: Any) -> Any:
        """Return an execution with its artifacts; a run has the metrics of all its tasks."""
        runs = self._runs(request.execution)
        execution = _named(request.execution, _executions(runs))
        events = [it for run in runs for it in run.events if it.execution == execution.name]
        artifacts = _artifacts(runs)
        names = dict.fromkeys(event.artifact for event in events)
        return types.LineageSubgraph(
            artifacts=[artifacts[name] for name in names], executions=[execution], events=events
        )

    def get_artifact(self, request: Any) -> Any:
        """Return an artifact that a task wrote or was given."""
        return _named(request.name, _artifacts(self._runs(request.name)))

    def list_artifacts(self, request: Any) -> Any:
        """Return artifacts; ``uri`` and ``in_context`` can be filtered by."""
        runs = self._runs(request.parent)
        page, token = _select(
            _artifacts(runs).values(), request, in_context=_membership(runs, "artifacts")
        )
        return types.ListArtifactsResponse(artifacts=page, next_page_token=token)

    def query_artifact_lineage_subgraph(self, request: Any) -> Any:
        """Return what an artifact was made of, and what was made of it."""
        if request.max_hops < 0:
            raise invalid(f"max_hops {request.max_hops} is less than 0")
        runs = self._runs(request.artifact)
        _named(request.artifact, _artifacts(runs))
        events = [event for run in runs for event in run.events]
        hops = min(request.max_hops or MOST_HOPS, MOST_HOPS)
        reached = _reached(request.artifact, events, hops)
        kept = [it for it in events if it.artifact in reached and it.execution in reached]
        return types.LineageSubgraph(
            artifacts=[it for name, it in _artifacts(runs).items() if name in reached],
            executions=[it for name, it in _executions(runs).items() if name in reached],
            events=kept,
        )

    def _runs(self, name: str) -> list[Lineage]:
        """Return the lineage of every run of a location, oldest first."""
        found = []
        for job in self._resources.list(parent_of(name), "pipelineJobs"):
            with contextlib.suppress(ServiceError):  # it has just been deleted
                found.append(self._pipelines.snapshot(job.name))
        return [lineage_of(job) for job in sorted(found, key=lambda job: job.create_time)]


def _names(nodes: Iterable[Any]) -> set[str]:
    return {node.name for node in nodes}


def _contexts(runs: Sequence[Lineage]) -> dict[str, Any]:
    """Return the contexts by name; that of a pipeline is as old as its first run."""
    return {it.name: it for run in reversed(runs) for it in run.contexts}


def _executions(runs: Sequence[Lineage]) -> dict[str, Any]:
    return {name: it for run in runs for name, it in run.executions.items()}


def _artifacts(runs: Sequence[Lineage]) -> dict[str, Any]:
    """Return the artifacts by name, each as the first run had it that knew it."""
    return {name: it for run in reversed(runs) for name, it in run.artifacts.items()}


def _named(name: str, nodes: Mapping[str, Any]) -> Any:
    if name not in nodes:
        raise not_found(name)
    return nodes[name]


def _membership(runs: Sequence[Lineage], group: str) -> Relation:
    """Return the test whether an execution or artifact is in a context."""
    members: dict[str, set[str]] = {}
    for run in runs:
        for context in run.contexts:
            members.setdefault(context.name, set()).update(getattr(run, group))
    return lambda node, context: node.name in members.get(context, ())


def _select(nodes: Iterable[Any], request: Any, **relations: Relation) -> tuple[list[Any], str]:
    kind = type(request)
    asked = kind.deserialize(kind.serialize(request))
    asked.filter = IN_CONTEXT.sub(r"in_context:\1", request.filter)
    return select(list(nodes), asked, relations=relations)


def _subgraph(runs: Sequence[Lineage]) -> Any:
    return types.LineageSubgraph(
        artifacts=list(_artifacts(runs).values()),
        executions=list(_executions(runs).values()),
        events=[event for run in runs for event in run.events],
    )


def _reached(start: str, events: Sequence[Any], hops: int) -> set[str]:
    """Return what can be reached from an artifact over so many edges."""
    found = {start}
    for _ in range(hops):
        further = {
            name
            for event in events
            if {event.artifact, event.execution} & found
            for name in (event.artifact, event.execution)
        }
        if further <= found:
            break
        found |= further
    return found

"""A run as Vertex AI has it, in the form of its REST interface."""

from typing import Any

from batchpredict.vertex import clients
from batchpredict.vertex.runs import name_of


def run_document(run: str, project: str = "", location: str = "") -> dict[str, Any]:
    """Return the ``PipelineJob`` of a run in camel case.

    Args:
        run: Its resource name, or its id.
        project: The project, when only the id is given.
        location: The region, when only the id is given.

    Raises:
        RunError: There is none (E403).
    """
    from google.protobuf import json_format

    name = name_of(run, project, location)
    with clients.calling(f"reading the run {name.rpartition('/')[2]}"):
        client = clients.pipelines(name.split("/")[3])
        job = client.get_pipeline_job(name=name, **clients.reading())
    found: dict[str, Any] = json_format.MessageToDict(type(job).pb(job))
    return found

"""A run as Vertex AI has it, in the form of its REST interface."""

from typing import Any

from batchpredict.vertex.runs import get_job, name_of


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

    job = get_job(name_of(run, project, location))
    found: dict[str, Any] = json_format.MessageToDict(type(job).pb(job))
    return found

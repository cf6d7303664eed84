"""Inputs and outputs of steps as JSON, and back."""

from collections.abc import Mapping
from typing import Any

from kfp import dsl
from kfp.local import executor_output_utils
from kfp.pipeline_spec import pipeline_spec_pb2


def to_json(value: Any) -> Any:
    """Return what a parameter, an artifact or a list of artifacts is kept as."""
    if isinstance(value, list) and any(isinstance(it, dsl.Artifact) for it in value):
        return {"artifacts": [to_json(it) for it in value]}
    if not isinstance(value, dsl.Artifact):
        return {"value": value}
    return {
        "artifact": value.name,
        "uri": value.uri,
        "title": value.schema_title,
        "version": value.schema_version,
        "metadata": value.metadata,
    }


def from_json(content: Mapping[str, Any]) -> Any:
    """Return the value that ``to_json`` made this of."""
    if "artifacts" in content:
        return [from_json(it) for it in content["artifacts"]]
    if "artifact" not in content:
        return content["value"]
    kind = pipeline_spec_pb2.ArtifactTypeSchema(schema_title=content["title"])
    message = pipeline_spec_pb2.RuntimeArtifact(
        name=content["artifact"], uri=content["uri"], type=kind
    )
    artifact = executor_output_utils.runtime_artifact_to_dsl_artifact(message)
    artifact.schema_title, artifact.schema_version = content["title"], content["version"]
    artifact.metadata = content["metadata"]
    return artifact

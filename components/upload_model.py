"""Upload a model to the Model Registry, as a new version when its name is known there."""

from typing import NamedTuple

from google_cloud_pipeline_components.types.artifact_types import VertexModel
from google_cloud_pipeline_components.v1.model import ModelUploadOp
from kfp import dsl

from batchpredict import placeholders
from batchpredict.components.check_model import check_model


class Outputs(NamedTuple):
    """What the graph hands on."""

    model: VertexModel


@dsl.pipeline(name="upload-model")
def upload_model(
    model: dsl.Input[dsl.Model],
    display_name: str,
    serving_container_image_uri: str,
    version_aliases: list = [],
    labels: dict = {},
    project: str = placeholders.PROJECT,
    location: str = placeholders.LOCATION,
) -> Outputs:
    """Check a model's files, then upload it with Google's ModelUploadOp.

    When the registry has a model of the same display name, this becomes its next version.

    Args:
        model: Folder with ``model.joblib``, ``model.pkl`` or ``model.bst``.
        display_name: Name in the Model Registry: 1 to 128 letters, digits, spaces or ``._-()``.
        serving_container_image_uri: Image that serves the model.
        version_aliases: Aliases that shall mean this version.
        labels: Labels of the model.
        project: Project of the registry; the pipeline run's own by default.
        location: Region of the registry; the pipeline run's own by default.

    Returns:
        model: The version that was created.
    """
    checked = check_model(
        model=model,
        display_name=display_name,
        serving_container_image_uri=serving_container_image_uri,
        project=project,
        location=location,
    )
    checked.set_caching_options(False)  # the registry changes behind the same inputs
    uploaded = ModelUploadOp(
        display_name=display_name,
        unmanaged_container_model=checked.outputs["unmanaged_model"],
        parent_model=checked.outputs["parent_model"],
        version_aliases=version_aliases,
        labels=labels,
        project=project,
        location=location,
    )
    uploaded.set_caching_options(False)
    return Outputs(model=uploaded.outputs["model"])

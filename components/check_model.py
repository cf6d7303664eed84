"""Check a model before it is uploaded, and find the model that it is a new version of."""

from typing import NamedTuple

from kfp import dsl

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.model_files import check_versions
from batchpredict.runtime.vertex_api import (
    check_display_name,
    find_model,
)


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.GOOGLE_AUTH, images.REQUESTS],
    additional_funcs=carried(check_display_name, check_versions, find_model),
)
def check_model(
    model: dsl.Input[dsl.Model],
    unmanaged_model: dsl.Output[dsl.Artifact],
    parent_model: dsl.Output[dsl.Artifact],
    display_name: str,
    serving_container_image_uri: str,
    project: str,
    location: str,
) -> NamedTuple("Outputs", [("written_with", str)]):
    """Check that the serving container can load the model, and look up its display name.

    Args:
        model: Folder with ``model.joblib``, ``model.pkl`` or ``model.bst``.
        display_name: Name of the model in the Model Registry.
        serving_container_image_uri: Image that will serve the model.
        project: Project of the Model Registry.
        location: Region of the Model Registry.

    Returns:
        unmanaged_model: The model's folder together with its serving container, as ModelUploadOp
            takes it.
        parent_model: The model of the same display name that this becomes a version of; its
            resource name is empty when there is none.
        written_with: Library and version that wrote the file, or "" when it does not say.
    """
    check_display_name(display_name)
    written = check_versions(model.path, serving_container_image_uri)
    parent = find_model(project, location, display_name)
    unmanaged_model.uri = model.uri
    unmanaged_model.metadata["containerSpec"] = {"imageUri": serving_container_image_uri}
    parent_model.metadata["resourceName"] = parent
    return (written,)

"""Find the endpoint of a display name, or create it."""

from kfp import dsl

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.vertex_api import (
    check_display_name,
    get_or_create_endpoint,
)


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.GOOGLE_AUTH, images.REQUESTS],
    additional_funcs=carried(check_display_name, get_or_create_endpoint),
)
def find_or_create_endpoint(
    endpoint: dsl.Output[dsl.Artifact], display_name: str, project: str, location: str
) -> str:
    """Return the endpoint of this display name; create it when there is none.

    Its identifier is derived from the name, so that a repeated step makes no second one.

    Args:
        display_name: Name of the endpoint: 1 to 128 letters, digits, spaces or ``._-()``.
        project: Project of the endpoint.
        location: Region of the endpoint.

    Returns:
        endpoint: The endpoint.
        Output: Resource name of the endpoint.
    """
    check_display_name(display_name)
    name = get_or_create_endpoint(project, location, display_name)
    endpoint.uri = f"https://{location}-aiplatform.googleapis.com/v1/{name}"
    endpoint.metadata["resourceName"] = name
    return name

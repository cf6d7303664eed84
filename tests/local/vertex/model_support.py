"""Models for the tests of what can be done with them."""

from typing import Any

from google.cloud.aiplatform_v1 import types

from batchpredict.local.runs import PARENT

IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"


def upload(client: Any, parent_model: str = "", model_id: str = "", **fields: Any) -> Any:
    """Upload a model, or a version of ``parent_model``; return the reply."""
    model = types.Model(**{"display_name": "m", "container_spec": {"image_uri": IMAGE}, **fields})
    request = types.UploadModelRequest(
        parent=PARENT, parent_model=parent_model, model_id=model_id, model=model
    )
    return client.upload_model(request).result()


def upload_two(client: Any) -> str:
    """Upload a model of two versions, of which the second is the default; return its name."""
    base = str(upload(client, version_aliases=["first-one"]).model)
    upload(client, base, version_aliases=["default", "stable"], version_description="better")
    return base


def get(client: Any, name: str) -> Any:
    """Return the model of a name."""
    return client.get_model(name=name)

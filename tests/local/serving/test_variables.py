"""What Vertex AI sets in a container, and the references to it."""

from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from batchpredict.local.serving.variables import (
    Deployment,
    Routes,
    container_environment,
    expand,
    vertex_variables,
    wanted_port,
)

DEPLOYED = types.DeployedModel(
    id="34",
    dedicated_resources={
        "machine_spec": {"machine_type": "n1-standard-2", "accelerator_type": "NVIDIA_TESLA_T4"}
    },
)
PLACE = Deployment.of("projects/p/locations/l/endpoints/12", DEPLOYED)


def model(**spec: Any) -> Any:
    return types.Model(
        name="projects/p/locations/l/models/1",
        version_id="1",
        artifact_uri="gs://b/m",
        container_spec={"image_uri": "i", **spec},
    )


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("--port=$(A)$(B)", "--port=12"),
        ("$(C)", "$(C)"),  # unknown: as it stands
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
        ("$()", "$()"),
        ("$$$$", "$$"),
        ("$(D)", "$(A)"),  # a value is not looked through again
    ],
)
def test_references_are_those_of_kubernetes(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1", "B": "2", "D": "$(A)"}) == expanded


def test_the_variables_of_a_deployed_model() -> None:
    routes = Routes.of(model(), PLACE)
    assert vertex_variables(model(), PLACE, routes, 8081) == {
        "AIP_ACCELERATOR_TYPE": "NVIDIA_TESLA_T4",
        "AIP_DEPLOYED_MODEL_ID": "34",
        "AIP_ENDPOINT_ID": "12",
        "AIP_FRAMEWORK": "CUSTOM_CONTAINER",
        "AIP_HEALTH_ROUTE": "/v1/endpoints/12/deployedModels/34",
        "AIP_HTTP_PORT": "8081",
        "AIP_MACHINE_TYPE": "n1-standard-2",
        "AIP_MODE": "PREDICTION",
        "AIP_MODE_VERSION": "1.0.0",
        "AIP_MODEL_NAME": "12",
        "AIP_PREDICT_ROUTE": "/v1/endpoints/12/deployedModels/34:predict",
        "AIP_PROJECT_NUMBER": "123456789012",
        "AIP_STORAGE_URI": "gs://b/m",
        "AIP_VERSION_NAME": "34",
    }


def test_without_a_machine_and_files() -> None:
    place = Deployment.of("e/1", types.DeployedModel(id="2"))
    bare = model()
    bare.artifact_uri = ""
    found = vertex_variables(bare, place, Routes("/h", "/p"), 1)
    assert not {"AIP_ACCELERATOR_TYPE", "AIP_MACHINE_TYPE"} & set(found)
    assert found["AIP_STORAGE_URI"] == ""


def test_the_routes_that_a_model_names() -> None:
    assert Routes.of(model(health_route="/h", predict_route="/p"), PLACE) == Routes("/h", "/p")


def test_jobs_have_numbers_that_stay_and_differ_between_versions() -> None:
    one, again, other = model(), model(), model()
    other.version_id = "2"
    places = [Deployment.of_jobs(it) for it in (one, again, other)]
    assert places[0] == places[1] != places[2]
    assert all(it.endpoint.isdigit() and it.identifier.isdigit() for it in places)
    assert places[0].endpoint != places[0].identifier


def test_the_port() -> None:
    assert wanted_port(model()) == 8080
    ports = [{"container_port": 9000}, {"container_port": 9001}]
    assert wanted_port(model(ports=ports)) == 9000


def test_the_models_variables_win_over_the_images_and_nothing_over_vertex() -> None:
    env = [
        {"name": "B", "value": "$(A) of model"},
        {"name": "C", "value": "$(D)"},  # D comes later
        {"name": "D", "value": "$(AIP_MODE)"},
        {"name": "AIP_MODE", "value": "MINE"},
    ]
    image = {"A": "$(AIP_HTTP_PORT)", "B": "of image", "E": "$(A)"}
    vertex = {"AIP_MODE": "PREDICTION", "AIP_HTTP_PORT": "1"}
    assert container_environment(image, model(env=env), vertex) == {
        **vertex,
        "A": "1",
        "B": "1 of model",
        "C": "$(D)",
        "D": "PREDICTION",
        "E": "1",
    }

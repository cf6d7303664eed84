"""Which images have a local server, and which versions fit."""

from importlib.metadata import version
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from batchpredict.images import SKLEARN_SERVING, XGBOOST_SERVING
from batchpredict.local.serving import recipes
from batchpredict.local.serving.recipes import recipe_for
from batchpredict.local.vertex.errors import ServiceError

PREFIX = "us-docker.pkg.dev/vertex-ai/prediction"


def model(image: str, **spec: Any) -> Any:
    return types.Model(artifact_uri="gs://b/m", container_spec={"image_uri": image, **spec})


def refusal(image: str) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        recipe_for(model(image), "/s")
    return caught.value


@pytest.mark.parametrize(
    ("image", "predictor"),
    [
        (SKLEARN_SERVING, "SklearnPredictor"),
        (XGBOOST_SERVING, "XgboostPredictor"),
        (SKLEARN_SERVING.removesuffix(":latest"), "SklearnPredictor"),
        (SKLEARN_SERVING.replace(":latest", "@sha256:0123abcd"), "SklearnPredictor"),
        (SKLEARN_SERVING.replace("us-", "europe-"), "SklearnPredictor"),
    ],
)
def test_a_prebuilt_image_has_a_server(image: str, predictor: str) -> None:
    recipe = recipe_for(model(image), "/socket")
    assert recipe.environment["PREDICTOR_CLASS"] == predictor
    assert recipe.environment["AIP_STORAGE_URI"] == "gs://b/m"
    assert recipe.command[recipe.command.index("--uds") + 1] == "/socket"


@pytest.mark.parametrize(
    "image",
    [
        "gcr.io/mine/server:1",
        f"{PREFIX}/tf2-cpu.2-15:latest",
        f"{PREFIX}/sklearn-gpu.1-6:latest",
        f"evil.example/{PREFIX}/sklearn-cpu.1-6:latest",
        f"{PREFIX}/sklearn-cpu.1-6:latest; rm -rf /",
        f"{PREFIX}/sklearn-cpu.1:latest",
        "",
    ],
)
def test_any_other_image_is_refused_by_name(image: str) -> None:
    error = refusal(image)
    assert error.status == "UNIMPLEMENTED"
    assert error.message.startswith("E331 ")
    assert image in error.message


@pytest.mark.parametrize(
    ("framework", "wanted", "package", "name"),
    [
        ("sklearn", "1-5", "scikit-learn", "scikit-learn"),
        ("sklearn", "1-60", "scikit-learn", "scikit-learn"),
        ("sklearn", "0-23", "scikit-learn", "scikit-learn"),
        ("xgboost", "1-7", "xgboost-cpu", "xgboost"),
        ("xgboost", "3-1", "xgboost-cpu", "xgboost"),
    ],
)
def test_another_version_is_refused_and_both_are_named(
    framework: str, wanted: str, package: str, name: str
) -> None:
    error = refusal(f"{PREFIX}/{framework}-cpu.{wanted}:latest")
    assert error.status == "FAILED_PRECONDITION"
    assert error.message.startswith("E332 ")
    assert f"serves version {wanted.replace('-', '.')}" in error.message
    assert f"{name} {version(package)}" in error.message


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(recipes.DISTRIBUTIONS, "sklearn", ("no-such-distribution",))
    assert "no-such-distribution none" in refusal(SKLEARN_SERVING).message


def test_versions_are_compared_as_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "version", lambda _: "1.60.2")
    assert "scikit-learn 1.60.2" in refusal(SKLEARN_SERVING).message


def test_the_routes_and_variables_of_the_model_are_kept() -> None:
    spec = {
        "health_route": "/h",
        "predict_route": "/p",
        "env": [{"name": "MINE", "value": "1"}, {"name": "AIP_STORAGE_URI", "value": "gs://x"}],
    }
    recipe = recipe_for(model(SKLEARN_SERVING, **spec), "/s")
    assert (recipe.health_route, recipe.predict_route) == ("/h", "/p")
    assert recipe.environment["MINE"] == "1"
    assert recipe.environment["AIP_STORAGE_URI"] == "gs://b/m"

"""Which prebuilt images have a local server, and which versions fit."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from batchpredict.images import SKLEARN_SERVING, XGBOOST_SERVING
from batchpredict.local.serving.prebuilt import Prebuilt
from batchpredict.local.serving.recipes import Recipe
from batchpredict.local.vertex.errors import ServiceError

PREFIX = "us-docker.pkg.dev/vertex-ai/prediction"
CPR = {"google-cloud-aiplatform": "1.165.1", "fastapi": "0.1", "uvicorn": "0.1"}
ARTIFACTS = Path("/store/b/m")


def prebuilt(image: str) -> Prebuilt:
    found = Prebuilt.of(image)
    assert found is not None
    return found


def recipe(image: str, python: Path | None = None, **spec: Any) -> Recipe:
    model = types.Model(artifact_uri="gs://b/m", container_spec={"image_uri": image, **spec})
    return prebuilt(image).recipe(model, "it", ARTIFACTS, "/socket", python)


def refusal(image: str, installed: dict[str, str]) -> str:
    with pytest.raises(ServiceError) as caught:
        prebuilt(image).check(installed, "this environment")
    assert caught.value.status == "FAILED_PRECONDITION"
    assert image in caught.value.message
    assert "docs/reference/images.md" in caught.value.message
    return caught.value.message


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
def test_googles_predictors_serve_scikit_learn_and_xgboost(image: str, predictor: str) -> None:
    found = recipe(image)
    assert found.environment["PREDICTOR_CLASS"] == predictor
    assert found.environment["AIP_STORAGE_URI"] == "gs://b/m"
    assert found.command[found.command.index("--uds") + 1] == "/socket"
    assert found.command[0] == "python3"


@pytest.mark.parametrize(
    "image",
    [
        "gcr.io/mine/server:1",
        f"{PREFIX}/tf-cpu.1-15:latest",
        f"{PREFIX}/tf_opt-cpu.nightly:latest",
        f"{PREFIX}/sklearn-gpu.1-6:latest",
        f"evil.example/{PREFIX}/sklearn-cpu.1-6:latest",
        f"{PREFIX}/sklearn-cpu.1-6:latest; rm -rf /",
        f"{PREFIX}/sklearn-cpu.1:latest",
        "",
    ],
)
def test_other_images_are_none_of_them(image: str) -> None:
    assert Prebuilt.of(image) is None


def test_what_is_installed_here_fits_our_own_images() -> None:
    for image, package in ((SKLEARN_SERVING, "scikit-learn"), (XGBOOST_SERVING, "xgboost-cpu")):
        installed = {package: version(package), **CPR}
        found = prebuilt(image).check(installed, "here")
        assert found == f"{package.removesuffix('-cpu')} {version(package)}"


@pytest.mark.parametrize(
    ("image", "installed"),
    [
        ("sklearn-cpu.1-5", {"scikit-learn": "1.6.1"}),
        ("sklearn-cpu.1-60", {"scikit-learn": "1.6.1"}),
        ("sklearn-cpu.1-6", {"scikit-learn": "1.60.2"}),
        ("sklearn-cpu.0-23", {"scikit-learn": "1.6.1"}),
        ("xgboost-cpu.1-7", {"xgboost-cpu": "2.1.4"}),
        ("xgboost-cpu.3-1", {"xgboost": "2.1.4"}),
        ("tf2-cpu.2-15", {"tensorflow": "2.14.1"}),
        ("tf2-cpu.2-15", {"tensorflow-cpu": "3.0.0"}),
        ("pytorch-cpu.2-4", {"torch": "2.3.1+cpu", "torchserve": "0.12.0"}),
        ("sklearn-cpu.1-6", {"scikit-learn": "main"}),
    ],
)
def test_another_version_is_refused_and_both_are_named(
    image: str, installed: dict[str, str]
) -> None:
    message = refusal(f"{PREFIX}/{image}:latest", {**installed, **CPR})
    assert message.startswith("E332 ")
    wanted = image.partition(".")[2].replace("-", ".")
    assert f"serves version {wanted}, this environment has " in message
    assert next(iter(installed.values())) in message


@pytest.mark.parametrize(
    ("image", "installed", "served_by"),
    [
        ("tf2-cpu.2-15", {"tensorflow-cpu": "2.15.1"}, "tensorflow 2.15.1"),
        ("tf2-gpu.2-15", {"tensorflow": "2.18.0"}, "tensorflow 2.18.0"),
        ("pytorch-gpu.1-13", {"torch": "1.13.1", "torchserve": "0.12.0"}, "torch 1.13.1"),
        ("sklearn-cpu.1-5", {"scikit-learn": "1.5.2", **CPR}, "scikit-learn 1.5.2"),
    ],
)
def test_versions_that_fit(image: str, installed: dict[str, str], served_by: str) -> None:
    assert prebuilt(f"{PREFIX}/{image}:latest").check(installed, "there") == served_by


@pytest.mark.parametrize(
    ("image", "installed", "missing"),
    [
        ("sklearn-cpu.1-6", CPR, "scikit-learn"),
        ("sklearn-cpu.1-6", {"scikit-learn": "1.6.1"}, "google-cloud-aiplatform[prediction]"),
        ("tf2-cpu.2-15", {}, "tensorflow"),
        ("pytorch-cpu.2-4", {"torch": "2.4.1"}, "torchserve"),
        ("pytorch-cpu.2-4", {"torchserve": "0.12.0"}, "torch"),
    ],
)
def test_a_package_that_is_not_installed_is_named(
    image: str, installed: dict[str, str], missing: str
) -> None:
    message = refusal(f"{PREFIX}/{image}:latest", installed)
    assert message.startswith("E337 ")
    assert f" needs {missing}, which this environment does not have" in message


def test_the_routes_and_variables_of_the_model_are_kept() -> None:
    found = recipe(
        SKLEARN_SERVING,
        health_route="/h",
        predict_route="/p",
        env=[
            {"name": "MINE", "value": "1"},
            {"name": "AIP_STORAGE_URI", "value": "gs://x"},
            {"name": "BOTH", "value": "$(MINE) of $(AIP_STORAGE_URI)"},
        ],
    )
    assert (found.health_route, found.predict_route) == ("/h", "/p")
    assert found.environment["MINE"] == "1"
    assert found.environment["BOTH"] == "1 of gs://b/m"
    assert found.environment["AIP_STORAGE_URI"] == "gs://b/m"


def test_an_environment_of_its_own_comes_before_that_of_this_program() -> None:
    found = recipe(SKLEARN_SERVING, Path("/envs/a/bin/python"))
    assert found.command[:3] == (
        "/usr/bin/env",
        "PATH=/envs/a/bin:/usr/local/bin:/usr/bin:/bin",
        "/envs/a/bin/python",
    )


def test_a_framework_server_gets_its_loader_and_the_files() -> None:
    found = recipe(f"{PREFIX}/tf2-gpu.2-15:latest")
    files = [Path(part).name for part in found.command[1:4]]
    assert files == ["framework_server.py", "tensorflow_loader.py", "m"]
    assert found.command[4:] == ("/socket", "/health", "/predict")
    assert all(Path(part).is_file() for part in found.command[1:3])

"""How the prebuilt prediction containers are served here: by the prediction server Google ships.

The containers themselves cannot run without Docker. The server and the predictors inside
``google.cloud.aiplatform.prediction`` load the same files and answer the same requests.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from google.rpc import code_pb2

from batchpredict.local.vertex.errors import ServiceError

PREBUILT = re.compile(
    r"(us|europe|asia)-docker\.pkg\.dev/vertex-ai/prediction/"
    r"(?P<framework>sklearn|xgboost)-cpu\.(?P<major>\d+)-(?P<minor>\d+)(:[\w.-]+|@sha256:\w+)?"
)
PREDICTORS = {
    "sklearn": ("google.cloud.aiplatform.prediction.sklearn.predictor", "SklearnPredictor"),
    "xgboost": ("google.cloud.aiplatform.prediction.xgboost.predictor", "XgboostPredictor"),
}
DISTRIBUTIONS = {"sklearn": ("scikit-learn",), "xgboost": ("xgboost", "xgboost-cpu")}
SERVER = "google.cloud.aiplatform.prediction.model_server:CprModelServer"
DEFAULT_HEALTH_ROUTE = "/health"
DEFAULT_PREDICT_ROUTE = "/predict"


@dataclass(frozen=True)
class Recipe:
    """A command and its variables; ``installed`` names the package that loads the model."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    health_route: str
    predict_route: str
    installed: str


def recipe_for(model: Any, socket_path: str) -> Recipe:
    """Return how to serve ``model`` on a Unix socket.

    Raises:
        ServiceError: UNIMPLEMENTED for an image that has no local form; FAILED_PRECONDITION when
            the image is of another minor version than the package installed here.
    """
    spec = model.container_spec
    match = PREBUILT.fullmatch(spec.image_uri)
    if match is None:
        message = (
            f"E331 there is no local server for the image {spec.image_uri}; the prebuilt "
            "sklearn-cpu and xgboost-cpu containers have one."
        )
        raise ServiceError(code_pb2.UNIMPLEMENTED, message)
    installed = _installed(match["framework"])
    wanted = f"{match['major']}.{match['minor']}"
    if installed.partition(" ")[2].split(".")[:2] != wanted.split("."):
        message = (
            f"E332 the image {spec.image_uri} serves version {wanted}, this environment has "
            f"{installed}; install {wanted} or choose the image of your version."
        )
        raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
    health = spec.health_route or DEFAULT_HEALTH_ROUTE
    predict = spec.predict_route or DEFAULT_PREDICT_ROUTE
    environment = _variables(model, match["framework"], health, predict)
    command = ("python3", "-m", "uvicorn", "--factory", SERVER, "--uds", socket_path)
    return Recipe((*command, "--log-level", "warning"), environment, health, predict, installed)


def _installed(framework: str) -> str:
    for name in DISTRIBUTIONS[framework]:
        try:
            return f"{DISTRIBUTIONS[framework][0]} {version(name)}"
        except PackageNotFoundError:
            continue
    return f"{DISTRIBUTIONS[framework][0]} none"


def _variables(model: Any, framework: str, health: str, predict: str) -> dict[str, str]:
    module, name = PREDICTORS[framework]
    return {
        **{variable.name: variable.value for variable in model.container_spec.env},
        "AIP_HTTP_PORT": "8080",  # the server insists on it; it listens on the socket instead
        "AIP_HEALTH_ROUTE": health,
        "AIP_PREDICT_ROUTE": predict,
        "AIP_STORAGE_URI": model.artifact_uri,
        "AIP_MODE": "PREDICTION",
        "HANDLER_MODULE": "google.cloud.aiplatform.prediction.handler",
        "HANDLER_CLASS": "PredictionHandler",
        "PREDICTOR_MODULE": module,
        "PREDICTOR_CLASS": name,
        "OMP_NUM_THREADS": "1",
    }

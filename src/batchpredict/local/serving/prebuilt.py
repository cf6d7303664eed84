"""How the prebuilt prediction containers are served here.

The containers themselves cannot run without Docker. For scikit-learn and XGBoost the server and
the predictors inside ``google.cloud.aiplatform.prediction`` load the same files and answer the
same requests; for TensorFlow and PyTorch a small server here has the interface of theirs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from batchpredict.local.serving import inside
from batchpredict.local.serving.recipes import PAGE, Recipe, refusal, with_python
from batchpredict.local.serving.variables import container_environment

IMAGE = re.compile(
    r"(us|europe|asia)-docker\.pkg\.dev/vertex-ai/prediction/"
    r"(?P<framework>(sklearn|xgboost)-cpu|(tf2|pytorch)-[cg]pu)"
    r"\.(?P<major>\d+)-(?P<minor>\d+)(:[\w.-]+|@sha256:\w+)?"
)
SERVER = "google.cloud.aiplatform.prediction.model_server:CprModelServer"
CLIENT = "google-cloud-aiplatform"
DEFAULT_HEALTH_ROUTE = "/health"
DEFAULT_PREDICT_ROUTE = "/predict"
INSIDE = Path(inside.__file__).parent


@dataclass(frozen=True)
class Framework:
    """What serves the models of one framework.

    Attributes:
        name: Its package.
        packages: The packages that may be it.
        beside: The packages that are needed beside it.
        exact: Whether it must be of the same minor version; else a later one will do.
        predictor: Module and class of Google's predictor, or "".
        loader: The file that answers requests, or "".
    """

    name: str
    packages: tuple[str, ...]
    beside: tuple[str, ...]
    exact: bool
    predictor: str = ""
    loader: str = ""


GOOGLE = "google.cloud.aiplatform.prediction"
CPR = (CLIENT, "fastapi", "uvicorn")
FRAMEWORKS = {
    "sklearn": Framework(
        "scikit-learn",
        ("scikit-learn",),
        CPR,
        True,
        predictor=f"{GOOGLE}.sklearn.predictor:SklearnPredictor",
    ),
    "xgboost": Framework(
        "xgboost",
        ("xgboost", "xgboost-cpu"),
        CPR,
        True,
        predictor=f"{GOOGLE}.xgboost.predictor:XgboostPredictor",
    ),
    "tf2": Framework(
        "tensorflow",
        ("tensorflow", "tensorflow-cpu", "tensorflow-macos"),
        (),
        False,
        loader="tensorflow_loader.py",
    ),
    "pytorch": Framework("torch", ("torch",), ("torchserve",), False, loader="torch_loader.py"),
}


@dataclass(frozen=True)
class Prebuilt:
    """A prebuilt container."""

    uri: str
    framework: Framework
    wanted: tuple[int, int]

    @classmethod
    def of(cls, uri: str) -> "Prebuilt | None":
        """Return the container that ``uri`` names, if it is one that has a server here."""
        match = IMAGE.fullmatch(uri)
        if match is None:
            return None
        framework = FRAMEWORKS[match["framework"].partition("-")[0]]
        return cls(uri, framework, (int(match["major"]), int(match["minor"])))

    def needed(self) -> tuple[str, ...]:
        """Return the packages to look for in the environment."""
        return (*self.framework.packages, *self.framework.beside)

    def added(self) -> tuple[str, ...]:
        """Return the requirements that every environment made for it gets."""
        return (f"{CLIENT}[prediction]=={version(CLIENT)}",) if self.framework.predictor else ()

    def check(self, installed: Mapping[str, str], place: str) -> str:
        """Return what loads the models, such as ``scikit-learn 1.6.1``.

        Args:
            installed: The versions of what is there of :meth:`needed`.
            place: Where that is, for messages.

        Raises:
            ServiceError: FAILED_PRECONDITION, something is missing or of another version.
        """
        found = next((installed[it] for it in self.framework.packages if it in installed), "")
        wanted = ".".join(map(str, self.wanted))
        for name in (*(() if found else (self.framework.name,)), *self._missing(installed)):
            raise refusal(
                f"E337 the image {self.uri} needs {name}, which {place} does not have; install it "
                f"there, or name an environment for the image in images.toml ({PAGE})"
            )
        if not self._fits(found):
            least = "" if self.framework.exact else " or a later one"
            raise refusal(
                f"E332 the image {self.uri} serves version {wanted}, {place} has "
                f"{self.framework.name} {found}; install {wanted}{least}, choose the image of "
                f"your version, or name an environment for the image in images.toml ({PAGE})"
            )
        return f"{self.framework.name} {found}"

    def _missing(self, installed: Mapping[str, str]) -> list[str]:
        extra = {CLIENT: f"{CLIENT}[prediction]", "fastapi": f"{CLIENT}[prediction]"}
        return [extra.get(it, it) for it in self.framework.beside if it not in installed]

    def _fits(self, found: str) -> bool:
        numbers = re.match(r"(\d+)\.(\d+)", found)
        if numbers is None:
            return False
        here = (int(numbers[1]), int(numbers[2]))
        if self.framework.exact:
            return here == self.wanted
        return here[0] == self.wanted[0] and here >= self.wanted

    def recipe(
        self, model: Any, served_by: str, artifacts: Path, socket: str, python: Path | None
    ) -> Recipe:
        """Return how to serve ``model`` on a Unix socket.

        Args:
            model: The model.
            served_by: What :meth:`check` returned.
            artifacts: Where its files are on this machine.
            socket: The socket.
            python: The interpreter; None for the one of this program.
        """
        spec = model.container_spec
        health = spec.health_route or DEFAULT_HEALTH_ROUTE
        predict = spec.predict_route or DEFAULT_PREDICT_ROUTE
        environment = container_environment({}, model, self._variables(model, health, predict))
        files = (INSIDE / "framework_server.py", INSIDE / self.framework.loader, artifacts)
        command: tuple[str, ...] = ("python3", *map(str, files), socket, health, predict)
        if self.framework.predictor:
            command = ("python3", "-m", "uvicorn", "--factory", SERVER, "--uds", socket)
            command += ("--log-level", "warning")
        full = with_python(python, command, environment)
        return Recipe(full, environment, health, predict, served_by)

    def _variables(self, model: Any, health: str, predict: str) -> dict[str, str]:
        common = {
            "AIP_HTTP_PORT": "8080",  # Google's server insists on it; it listens on the socket
            "AIP_HEALTH_ROUTE": health,
            "AIP_PREDICT_ROUTE": predict,
            "AIP_STORAGE_URI": model.artifact_uri,
            "AIP_MODE": "PREDICTION",
            "OMP_NUM_THREADS": "1",
        }
        if not self.framework.predictor:
            return common
        module, _, name = self.framework.predictor.partition(":")
        return {
            **common,
            "HANDLER_MODULE": f"{GOOGLE}.handler",
            "HANDLER_CLASS": "PredictionHandler",
            "PREDICTOR_MODULE": module,
            "PREDICTOR_CLASS": name,
        }

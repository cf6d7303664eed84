"""How a model is served here: the command that stands for its container."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from google.rpc import code_pb2

from batchpredict.local.vertex.errors import ServiceError

START_SECONDS = 120.0
PATH = "/usr/local/bin:/usr/bin:/bin"
PYTHONS = ("python3", "python")
PAGE = "docs/reference/images.md"


@dataclass(frozen=True)
class Recipe:
    """A command and where it answers.

    Attributes:
        command: What is run.
        environment: Its variables, beside those that lead clients to the local services.
        health_route: Path of health checks.
        predict_route: Path of predictions.
        served_by: What loads the model, such as ``scikit-learn 1.6.1``.
        directory: Its working folder; an empty one without it.
        start_seconds: After how long it is given up.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    health_route: str
    predict_route: str
    served_by: str
    directory: Path | None = None
    start_seconds: float = START_SECONDS


def with_python(
    python: Path | None, command: tuple[str, ...], environment: Mapping[str, str]
) -> tuple[str, ...]:
    """Return ``command`` so that it finds ``python`` and the programs beside it first.

    The sandbox puts its own ``python3`` at the front of PATH, so this must come after it.
    """
    if python is None:
        return command
    path = f"PATH={python.parent}:{environment.get('PATH') or PATH}"
    first = str(python) if command[0] in PYTHONS else command[0]
    return ("/usr/bin/env", path, first, *command[1:])


def refusal(text: str) -> ServiceError:
    """Return the error for a model that cannot be served as things stand."""
    return ServiceError(code_pb2.FAILED_PRECONDITION, text)

"""Custom containers: the command that ``images.toml`` names, with what Vertex AI sets in one."""

from pathlib import Path
from typing import Any

from batchpredict.local.serving.images import Image
from batchpredict.local.serving.recipes import (
    PAGE,
    START_SECONDS,
    Recipe,
    refusal,
    with_python,
)
from batchpredict.local.serving.variables import (
    Deployment,
    Routes,
    container_environment,
    expand_all,
    vertex_variables,
)


def container_recipe(
    model: Any, image: Image, deployment: Deployment, port: int, python: Path | None
) -> Recipe:
    """Return how to run the container of ``model`` so that it listens on ``port``.

    Args:
        model: The model.
        image: What stands for its image.
        deployment: Where it is deployed.
        port: A free port.
        python: The interpreter of its environment; None for the one of this program.

    Raises:
        ServiceError: FAILED_PRECONDITION, nobody says which command it runs.
    """
    spec = model.container_spec
    command = (*(image.command or spec.command), *spec.args)
    if not image.command and not spec.command:
        raise refusal(
            f"E336 {spec.image_uri} has no command here: the entry {image.match!r} of images.toml "
            f"names none, and the model's container_spec neither ({PAGE})"
        )
    routes = Routes.of(model, deployment)
    vertex = vertex_variables(model, deployment, routes, port)
    environment = container_environment(image.environment, model, vertex)
    full = with_python(python, expand_all(command, environment), environment)
    return Recipe(
        full,
        environment,
        routes.health,
        routes.predict,
        f"the command {command[0]}",
        image.directory,
        spec.deployment_timeout.total_seconds() or START_SECONDS,
    )

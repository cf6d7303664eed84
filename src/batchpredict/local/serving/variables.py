"""The environment of a model's container, and the references to it in its command.

Source: https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from batchpredict.local import PROJECT_NUMBER

REFERENCE = re.compile(r"\$\$|\$\(([^()]*)\)")
DEFAULT_PORT = 8080
LONGEST_ID = 10**18


@dataclass(frozen=True)
class Deployment:
    """Where a model is deployed.

    Attributes:
        endpoint: The last part of the endpoint's name.
        identifier: That of the deployed model.
        machine: The type of machine that was asked for, or "".
        accelerator: The type of accelerator that was asked for, or "".
    """

    endpoint: str
    identifier: str
    machine: str = ""
    accelerator: str = ""

    @classmethod
    def of(cls, endpoint_name: str, deployed: Any) -> "Deployment":
        """Return where ``deployed`` is."""
        spec = deployed.dedicated_resources.machine_spec
        accelerator = spec.accelerator_type.name if spec.accelerator_type else ""
        endpoint = endpoint_name.rpartition("/")[2]
        return cls(endpoint, deployed.id, spec.machine_type, accelerator)

    @classmethod
    def of_jobs(cls, model: Any) -> "Deployment":
        """Return what stands for the place where batch prediction deploys a model.

        Its numbers are unknown to a user of Vertex AI; here those of a model version stay.
        """
        digest = hashlib.sha256(f"{model.name}@{model.version_id}".encode()).digest()
        endpoint, deployed = (int.from_bytes(digest[at : at + 8]) for at in (0, 8))
        return cls(str(endpoint % LONGEST_ID), str(deployed % LONGEST_ID))


@dataclass(frozen=True)
class Routes:
    """The paths that a container answers on."""

    health: str
    predict: str

    @classmethod
    def of(cls, model: Any, deployment: Deployment) -> "Routes":
        """Return the paths of a model, or those that Vertex AI takes when it names none."""
        place = f"/v1/endpoints/{deployment.endpoint}/deployedModels/{deployment.identifier}"
        spec = model.container_spec
        return cls(spec.health_route or place, spec.predict_route or f"{place}:predict")


def wanted_port(model: Any) -> int:
    """Return the port that a container listens on: the first of its list, else 8080."""
    ports = model.container_spec.ports
    return int(ports[0].container_port) if ports else DEFAULT_PORT


def vertex_variables(
    model: Any, deployment: Deployment, routes: Routes, port: int
) -> dict[str, str]:
    """Return what Vertex AI sets in a custom container."""
    found = {
        "AIP_ACCELERATOR_TYPE": deployment.accelerator,
        "AIP_DEPLOYED_MODEL_ID": deployment.identifier,
        "AIP_ENDPOINT_ID": deployment.endpoint,
        "AIP_FRAMEWORK": "CUSTOM_CONTAINER",
        "AIP_HEALTH_ROUTE": routes.health,
        "AIP_HTTP_PORT": str(port),
        "AIP_MACHINE_TYPE": deployment.machine,
        "AIP_MODE": "PREDICTION",
        "AIP_MODE_VERSION": "1.0.0",
        "AIP_MODEL_NAME": deployment.endpoint,
        "AIP_PREDICT_ROUTE": routes.predict,
        "AIP_PROJECT_NUMBER": PROJECT_NUMBER,
        "AIP_VERSION_NAME": deployment.identifier,
    }
    known = {name: value for name, value in found.items() if value}
    return {**known, "AIP_STORAGE_URI": model.artifact_uri}  # set even when it is empty


def container_environment(
    image: Mapping[str, str], model: Any, vertex: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a container.

    A value may name the variables of Vertex AI and those before it. The model's win over the
    image's, and nothing wins over Vertex AI.

    Args:
        image: What the image sets.
        model: The model with its ``container_spec.env``.
        vertex: What Vertex AI sets.
    """
    found = dict(vertex)
    spec = ((variable.name, variable.value) for variable in model.container_spec.env)
    for name, value in (*image.items(), *spec):
        found[name] = expand(value, found)
        found.update(vertex)
    return found


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Put in the values of ``$(NAME)`` as Kubernetes does: ``$$`` is ``$``, unknown ones stay."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return variables.get(found[1], found[0])

    return REFERENCE.sub(value, text)


def expand_all(texts: Iterable[str], variables: Mapping[str, str]) -> tuple[str, ...]:
    """Put the values into each text."""
    return tuple(expand(text, variables) for text in texts)

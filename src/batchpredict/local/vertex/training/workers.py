"""The replicas of a custom job: what each of them runs, and what it is told."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from google.rpc import code_pb2

from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.serving.images import Image, Images
from batchpredict.local.vertex.errors import ServiceError, invalid

MOST_REPLICAS = 8
ROLES = ("chief", "worker", "ps", "evaluator")


@dataclass(frozen=True)
class Replica:
    """One process of a job.

    Attributes:
        name: ``workerpool0-0`` for the first of the first pool, whose end is that of the job.
        command: What is run, arguments included.
        variables: What its environment has beside that of every step.
        image: What stands for its container image.
        packages: ``gs://`` URIs of the Python packages that it needs.
    """

    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str]
    image: Image
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cluster:
    """The replicas of a job by their pools, with the addresses that they are reached at.

    Attributes:
        pools: Number of a pool and how many replicas it has; empty pools are left out.
    """

    pools: Mapping[int, int]
    addresses: Mapping[tuple[int, int], str]

    def variables(self, pool: int, index: int, spec: str, trial: str) -> dict[str, str]:
        """Return what one replica is told of the others; ``TF_CONFIG`` only if there are any."""
        task: dict[str, Any] = {"type": f"workerpool{pool}", "index": index}
        if trial:
            task["trial"] = trial
        shared = {"environment": "cloud", "job": spec}
        cluster = {f"workerpool{number}": self._members(number) for number in self.pools}
        told = {"CLUSTER_SPEC": json.dumps({"cluster": cluster, "task": task, **shared})}
        if sum(self.pools.values()) > 1:
            roles = {ROLES[number]: self._members(number) for number in self.pools}
            role = {"type": ROLES[pool], "index": index}
            told["TF_CONFIG"] = json.dumps({"cluster": roles, "task": role, **shared})
        return told

    def _members(self, pool: int) -> list[str]:
        return [self.addresses[pool, index] for index in range(self.pools[pool])]


def pool_sizes(spec: Any) -> dict[int, int]:
    """Return how many replicas each pool of a ``CustomJobSpec`` has.

    Raises:
        ServiceError: There is none, or there are more than a machine should run.
    """
    if not spec.worker_pool_specs or not protobuf(spec.worker_pool_specs[0]).ByteSize():
        raise invalid("job_spec.worker_pool_specs: the first worker pool is required")
    if len(spec.worker_pool_specs) > len(ROLES):
        raise invalid(f"job_spec.worker_pool_specs: there are at most {len(ROLES)} worker pools")
    sizes = {
        number: max(1, int(pool.replica_count))
        for number, pool in enumerate(spec.worker_pool_specs)
        if protobuf(pool).ByteSize()
    }
    if sizes[0] > 1:
        raise invalid("job_spec.worker_pool_specs[0].replica_count must be 1")
    if sum(sizes.values()) > MOST_REPLICAS:
        message = (
            f"E351 the job has {sum(sizes.values())} replicas, one machine runs at most "
            f"{MOST_REPLICAS}; ask for fewer in worker_pool_specs"
        )
        raise ServiceError(code_pb2.RESOURCE_EXHAUSTED, message)
    return sizes


def replicas_of(
    spec: Any, images: Images, told: Mapping[str, str], ports: Sequence[int], trial: str = ""
) -> list[Replica]:
    """Return the replicas of a job, the first one first.

    Args:
        spec: The ``CustomJobSpec``.
        images: The commands that stand for images.
        told: Variables of all of them.
        ports: One free port for each.
        trial: The trial that the job is, if it is one.

    Raises:
        ServiceError: The job has no pool, too many replicas, or an image without a local form.
    """
    sizes = pool_sizes(spec)
    members = [(pool, index) for pool, size in sizes.items() for index in range(size)]
    addresses = {it: f"127.0.0.1:{port}" for it, port in zip(members, ports, strict=False)}
    cluster = Cluster(sizes, addresses)
    text = json.dumps(json_format.MessageToDict(protobuf(spec), preserving_proto_field_name=True))
    found = []
    for pool, index in members:
        variables = {**told, **cluster.variables(pool, index, text, trial)}
        name = f"workerpool{pool}-{index}"
        found.append(_replica(spec.worker_pool_specs[pool], name, images, variables))
    return found


def _replica(pool: Any, name: str, images: Images, variables: Mapping[str, str]) -> Replica:
    """Return a replica; its own variables win, but not over those that name its place."""
    if "python_package_spec" in pool:
        task = pool.python_package_spec
        image = _image(images, task.executor_image_uri)
        command = ("python3", "-m", task.python_module, *task.args)
        _check_package(task)
        packages = tuple(task.package_uris)
    elif "container_spec" in pool:
        task, packages = pool.container_spec, ()
        image = _image(images, task.image_uri)
        command = (*(task.command or _entrypoint(task.image_uri, image)), *task.args)
    else:
        raise invalid(f"{name}: container_spec or python_package_spec is required")
    own = {variable.name: variable.value for variable in task.env}
    merged = {**image.environment, **variables, **own}
    return Replica(name, command, merged, image, packages)


def _image(images: Images, uri: str) -> Image:
    """Return what ``images.toml`` says of an image; one that it does not name is this machine."""
    if not uri:
        raise invalid("the URI of the container image is required")
    return images.find(uri) or Image(uri)


def _entrypoint(uri: str, image: Image) -> tuple[str, ...]:
    if image.command:
        return image.command
    message = (
        f"E350 the image {uri} cannot be run here, and container_spec has no command that could; "
        "give it one, or say in images.toml which command the image stands for"
    )
    raise ServiceError(code_pb2.UNIMPLEMENTED, message)


def _check_package(task: Any) -> None:
    if not task.python_module or not task.package_uris:
        raise invalid("python_package_spec needs package_uris and python_module")
    for uri in task.package_uris:
        if not uri.startswith("gs://"):
            raise invalid(f"python_package_spec.package_uris: {uri!r} is no gs:// URI")

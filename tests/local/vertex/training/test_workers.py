"""What each replica of a custom job runs, and what it is told."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from local.vertex.training.support import IMAGE, pool

from batchpredict.local.serving.images import Image, Images
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.training.workers import Replica, replicas_of

PORTS = range(5000, 5008)
NONE = Images()


def replicas(*pools: Any, images: Images = NONE, **told: str) -> list[Replica]:
    return replicas_of(types.CustomJobSpec(worker_pool_specs=pools), images, told, PORTS)


def test_a_container_runs_its_command_with_its_arguments_and_variables() -> None:
    env = [{"name": "A", "value": "own"}, {"name": "B", "value": "2"}]
    [found] = replicas(pool("run", "it", container={"args": ["--x"], "env": env}), A="job", C="3")
    assert found.name == "workerpool0-0"
    assert found.command == ("run", "it", "--x")
    assert {name: found.variables[name] for name in "ABC"} == {"A": "own", "B": "2", "C": "3"}
    assert "TF_CONFIG" not in found.variables


def test_every_replica_is_told_of_the_others() -> None:
    found = replicas(pool("a"), {}, pool("ps", replica_count=2))
    assert [it.name for it in found] == ["workerpool0-0", "workerpool2-0", "workerpool2-1"]
    assert [it.command for it in found] == [("a",), ("ps",), ("ps",)]
    told = json.loads(found[2].variables["CLUSTER_SPEC"])
    assert told["cluster"] == {
        "workerpool0": ["127.0.0.1:5000"],
        "workerpool2": ["127.0.0.1:5001", "127.0.0.1:5002"],
    }
    assert told["task"] == {"type": "workerpool2", "index": 1}
    assert told["environment"] == "cloud"
    assert json.loads(told["job"])["worker_pool_specs"][0]["container_spec"]["command"] == ["a"]
    config = json.loads(found[2].variables["TF_CONFIG"])
    assert config["cluster"] == {
        "chief": ["127.0.0.1:5000"],
        "ps": ["127.0.0.1:5001", "127.0.0.1:5002"],
    }
    assert config["task"] == {"type": "ps", "index": 1}


def test_a_package_is_run_as_a_module() -> None:
    task = {
        "executor_image_uri": IMAGE,
        "package_uris": ["gs://b/trainer.tar.gz"],
        "python_module": "trainer.task",
        "args": ["--epochs=2"],
    }
    [found] = replicas({"python_package_spec": task})
    assert found.command == ("python3", "-m", "trainer.task", "--epochs=2")
    assert found.packages == ("gs://b/trainer.tar.gz",)


def test_an_image_without_a_command_needs_one_in_images_toml(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"E350 .*images\.toml") as caught:
        replicas(pool())
    assert caught.value.status == "UNIMPLEMENTED"
    image = Image(
        "*sklearn*",
        command=("train",),
        directory=tmp_path,
        environment={"FROM": "image", "A": "image"},
    )
    [found] = replicas(pool(container={"args": ["1"]}), images=Images((image,)), A="job")
    assert found.command == ("train", "1")
    assert found.image.directory == tmp_path
    assert (found.variables["FROM"], found.variables["A"]) == ("image", "job")
    [found] = replicas(pool("own"), images=Images((image,)))
    assert found.command == ("own",)


@pytest.mark.parametrize(
    ("pools", "words"),
    [
        ([], "first worker pool"),
        ([{}, pool("a")], "first worker pool"),
        ([pool("a", replica_count=2)], "must be 1"),
        ([pool("a"), pool("b", replica_count=8)], "E351 the job has 9 replicas"),
        ([pool("a")] * 5, "at most 4 worker pools"),
        ([{"machine_spec": {"machine_type": "m"}}], "container_spec or python_package_spec"),
        ([pool("a", container={"image_uri": ""})], "URI of the container image"),
        ([{"python_package_spec": {"executor_image_uri": "i"}}], "package_uris and python_module"),
        (
            [
                {
                    "python_package_spec": {
                        "executor_image_uri": "i",
                        "python_module": "m",
                        "package_uris": ["/tmp/x.tar.gz"],
                    }
                }
            ],
            "is no gs:// URI",
        ),
    ],
)
def test_jobs_that_cannot_run_are_refused(pools: list[Any], words: str) -> None:
    with pytest.raises(ServiceError, match=words):
        replicas(*pools)

"""docs/reference/images.md: its examples are read, and its server serves."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT

from batchpredict.local.serving.images import KEYS, Image, load_images
from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.serving.variables import Deployment, Routes, vertex_variables

PAGE = (ROOT / "docs" / "reference" / "images.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def entries(tmp_path: Path) -> tuple[Image, ...]:
    """The entries of the page, with the folders that they name."""
    (tmp_path / "services" / "scorer").mkdir(parents=True)
    python = tmp_path / ".venvs" / "tensorflow" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    (tmp_path / "services" / "scorer" / "scorer.py").write_text(blocks("python")[0])
    (tmp_path / "images.toml").write_text("\n".join(blocks("toml")))
    return load_images(tmp_path / "images.toml").entries


def test_every_key_is_explained() -> None:
    assert re.findall(r"^\| `(\w+)` \| ", PAGE.partition("## What")[0], re.MULTILINE) == list(KEYS)


def test_every_variable_is_explained(container_model: Callable[..., Any]) -> None:
    listed = set(re.findall(r"`(AIP_\w+)`", PAGE))
    place = Deployment("1", "2", "n1-standard-2", "NVIDIA_TESLA_T4")
    model = container_model()
    assert listed == set(vertex_variables(model, place, Routes.of(model, place), 1))


def test_the_examples(
    entries: tuple[Image, ...],
    serve: Callable[..., ModelServers],
    container_model: Callable[..., Any],
) -> None:
    assert len(entries) == len(blocks("toml")) == 4
    servers = serve(*entries)
    model = container_model("europe-docker.pkg.dev/my-project/my-repo/scorer:1")
    status, content = servers.post(model, b'{"instances": [0.4, 0.6]}')
    assert (status, json.loads(content)) == (200, {"predictions": [False, True]})
    # The second serves files; the folder that it starts in answers 200 on "/".
    other = container_model("gcr.io/my-project/any-server:2.1", number=2, health_route="/")
    assert servers.ensure(other).is_alive()


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("us-docker.pkg.dev/vertex-ai/prediction/tf2-gpu.2-15:latest", 2),
        ("europe-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-5", 3),
    ],
)
def test_which_images_the_examples_mean(entries: tuple[Image, ...], uri: str, number: int) -> None:
    assert [entry.matches(uri) for entry in entries].index(True) == number

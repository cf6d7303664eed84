"""Model archives of TorchServe; their handlers where TorchServe is installed."""

import json
import zipfile
from pathlib import Path

import pytest

from batchpredict.local.serving.inside.torch_loader import load, unpack

HANDLER = """
import json, os

class Handler:
    def initialize(self, context):
        folder = context.system_properties["model_dir"]
        with open(os.path.join(folder, "weights.json")) as file:
            self.factor = json.load(file)

    def handle(self, data, context):
        return [self.factor * row for row in data]
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "model.mar"
    manifest = {"model": {"modelName": "model", "handler": "own_handler.py"}}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
        file.writestr("own_handler.py", HANDLER)
        file.writestr("weights.json", "3")
    return path


def test_an_archive_is_unpacked(archive: Path, tmp_path: Path) -> None:
    assert unpack(str(archive), str(tmp_path / "in")) == "own_handler.py"
    assert (tmp_path / "in" / "weights.json").read_text() == "3"


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_what_is_no_archive(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.mar"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.mar is no model archive: "):
        unpack(str(path), str(tmp_path / "in"))


@pytest.mark.parametrize("manifest", ["{", "[]", "{}", '{"model": {}}', '{"model": 1}'])
def test_an_archive_that_names_no_handler(tmp_path: Path, manifest: str) -> None:
    path = tmp_path / "model.mar"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("MAR-INF/MANIFEST.json", manifest)
    with pytest.raises(ValueError, match=r"model\.mar is no model archive: "):
        unpack(str(path), str(tmp_path / "in"))


@pytest.mark.filterwarnings("ignore")  # TorchServe leaves a file open
def test_a_handler(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ts", reason="TorchServe and PyTorch are too large for the locks")
    monkeypatch.chdir(tmp_path)
    predict = load(str(archive.parent))
    assert predict({"instances": [1, 2]}) == {"predictions": [3, 6]}

"""Python packages of training jobs are found in what was unpacked."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.training.packages import requirements_of, unpack_packages

METADATA = (
    "Metadata-Version: 2.1\nName: t\nVersion: 1\nRequires-Dist: numpy (>=1)\n"
    'Requires-Dist: torch ; extra == "gpu"\n'
)


def store_with(root: Path, name: str, files: dict[str, str]) -> ObjectStore:
    store = ObjectStore(root / "store")
    store.create_bucket("pkg")
    path = store.path(f"gs://pkg/{name}")
    if name.endswith(".whl"):
        with zipfile.ZipFile(path, "w") as wheel:
            for file, text in files.items():
                wheel.writestr(file, text)
        return store
    with tarfile.open(path, "w:gz") as archive:
        for file, text in files.items():
            member = tarfile.TarInfo(file)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return store


@pytest.mark.parametrize(
    ("name", "files", "searched", "needed"),
    [
        ("a.tar.gz", {"t-1/setup.py": "", "t-1/t/x.py": ""}, "0/t-1", []),
        ("a.tar.gz", {"t-1/pyproject.toml": "", "t-1/src/t/x.py": ""}, "0/t-1/src", []),
        ("a.tar.gz", {"t/x.py": ""}, "0", []),
        ("a.whl", {"t/x.py": "", "t-1.dist-info/METADATA": METADATA}, "0", ["numpy (>=1)"]),
        (
            "a.tar.gz",
            {
                "t-1/setup.py": "",
                "t-1/t.egg-info/PKG-INFO": "Name: t\n",
                "t-1/t.egg-info/requires.txt": "numpy>=1\n\n[gpu]\ntorch\n",
            },
            "0/t-1",
            ["numpy>=1"],
        ),
    ],
)
def test_modules_and_requirements_are_found(
    tmp_path: Path, name: str, files: dict[str, str], searched: str, needed: list[str]
) -> None:
    store = store_with(tmp_path, name, files)
    found = unpack_packages([f"gs://pkg/{name}"], store, tmp_path / "work")
    assert found == [tmp_path / "work" / searched]
    assert requirements_of(found) == needed


def test_what_is_no_package_is_refused(tmp_path: Path) -> None:
    store = store_with(tmp_path, "a.tar.gz", {"x": ""})
    store.path("gs://pkg/b.tar.gz").write_text("no archive")
    with pytest.raises(ServiceError, match=r"E352 the package gs://pkg/b\.tar\.gz"):
        unpack_packages(["gs://pkg/b.tar.gz"], store, tmp_path / "b")
    with pytest.raises(ServiceError, match="there is no such object") as caught:
        unpack_packages(["gs://pkg/c.tar.gz"], store, tmp_path / "c")
    assert caught.value.status == "NOT_FOUND"


def test_an_archive_cannot_write_elsewhere(tmp_path: Path) -> None:
    store = store_with(tmp_path, "a.tar.gz", {"../../outside.py": "x"})
    with pytest.raises(ServiceError, match="E352"):
        unpack_packages(["gs://pkg/a.tar.gz"], store, tmp_path / "deep" / "work")
    assert not list(tmp_path.rglob("outside.py"))

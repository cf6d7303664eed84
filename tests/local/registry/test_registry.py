"""Artifact Registry on this machine, through KFP's own client."""

from pathlib import Path
from typing import Any

import pytest
import requests
from kfp.registry import RegistryClient
from kfp.registry.registry_client import ApiAuth

from batchpredict.local.registry.packages import Packages, Repository
from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.pipeline_files import compiled_folder

HOST = "https://europe-west4-kfp.pkg.dev/local-project"
YAML = compiled_folder() / "train_and_batch_predict.yaml"
PACKAGE = "train-and-batch-predict"


@pytest.fixture
def client(vertex: LocalVertex, monkeypatch: pytest.MonkeyPatch, request: Any) -> Any:
    for name in ("HTTPS_PROXY", "https_proxy", "REQUESTS_CA_BUNDLE", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, vertex.environment[name])
    name = request.node.name.replace("_", "-")[:40]
    return RegistryClient(host=f"{HOST}/{name}", auth=ApiAuth("local"))


def status(error: pytest.ExceptionInfo[requests.HTTPError]) -> int:
    assert error.value.response is not None
    return int(error.value.response.status_code)


def test_an_upload_comes_back_as_it_was(client: Any, tmp_path: Path) -> None:
    package, version = client.upload_pipeline(str(YAML), tags=["v1", "latest"])
    assert package == PACKAGE
    assert client.upload_pipeline(str(YAML)) == (package, version)
    for how in ({"version": version}, {"tag": "latest"}):
        path = client.download_pipeline(package, **how, file_name=str(tmp_path / "got.yaml"))
        assert Path(path).read_bytes() == YAML.read_bytes()
    assert [it["name"].rpartition("/")[2] for it in client.list_packages()] == [PACKAGE]
    assert client.get_package(package)["name"].endswith(f"/packages/{PACKAGE}")
    [listed] = client.list_versions(package)
    assert listed == client.get_version(package, version)
    assert sorted(it["name"].rpartition("/")[2] for it in listed["relatedTags"]) == [
        "latest",
        "v1",
    ]


def test_a_tag_moves_with_what_it_means(client: Any, tmp_path: Path) -> None:
    package, first = client.upload_pipeline(str(YAML), tags="live")
    changed = tmp_path / "changed.yaml"
    changed.write_text(YAML.read_text() + "\n# changed\n")
    _, second = client.upload_pipeline(str(changed), tags="live")
    assert first != second
    assert client.get_tag(package, "live")["version"].endswith(second)
    client.update_tag(package, first, "live")
    client.create_tag(package, second, "next")
    found = {it["name"].rpartition("/")[2]: it["version"] for it in client.list_tags(package)}
    assert {tag: name.rpartition("/")[2] for tag, name in found.items()} == {
        "live": first,
        "next": second,
    }
    with pytest.raises(requests.HTTPError) as caught:
        client.create_tag(package, first, "next")
    assert status(caught) == 409
    client.delete_tag(package, "next")
    with pytest.raises(requests.HTTPError) as caught:
        client.get_tag(package, "next")
    assert status(caught) == 404


def test_what_is_not_there_or_not_emulated_is_said(client: Any, tmp_path: Path) -> None:
    package, version = client.upload_pipeline(str(YAML))
    for call, code in (
        (lambda: client.get_package("nothing"), 404),
        (lambda: client.list_versions("nothing"), 404),
        (lambda: client.get_version(package, f"sha256:{'0' * 64}"), 404),
        (lambda: client.download_pipeline(package, tag="nothing"), 404),
        (lambda: client.update_tag(package, version, "nothing"), 404),
        (lambda: client.create_tag(package, f"sha256:{'0' * 64}", "x"), 404),
        (lambda: client.create_tag(package, version, "UPPER"), 400),
        (lambda: client.delete_version(package, version), 501),
        (lambda: client.delete_package(package), 501),
    ):
        with pytest.raises(requests.HTTPError) as caught:
            call()
        assert status(caught) == code
    bad = tmp_path / "bad.yaml"
    for text in ("a: 1\n", "\0"):
        bad.write_text(text)
        with pytest.raises(requests.HTTPError) as caught:
            client.upload_pipeline(str(bad))
        assert status(caught) == 400


@pytest.mark.parametrize("name", ["..", "a/../../b", "", "A", "a b", ".hidden", "a..b"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    packages = Packages(tmp_path / "registry")
    for place, package in (
        (Repository("p", "l", name), "a"),
        (Repository(name, "l", "r"), "a"),
        (Repository("p", "l", "r"), name),
    ):
        with pytest.raises(ServiceError):
            packages.add(place, package, b"")
    assert not list(tmp_path.iterdir())


def test_a_restart_keeps_what_was_uploaded(tmp_path: Path) -> None:
    place = Repository("p", "l", "r")
    version = Packages(tmp_path).add(place, "a", b"text")
    Packages(tmp_path).set_tags(place, "a", {"live": version})
    again = Packages(tmp_path)
    assert again.content(place, "a", "live") == b"text"
    assert (again.packages(place), again.versions(place, "a")) == (["a"], [version])

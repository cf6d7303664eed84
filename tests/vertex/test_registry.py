"""``upload``, and the pipelines that ``submit`` takes from a registry."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials
from verbs import LOCAL, Verbs

from batchpredict.errors import UsageError
from batchpredict.local.session import LocalVertex
from batchpredict.pipeline_files import compiled_folder, read_pipeline
from batchpredict.vertex.registry import (
    REPOSITORIES,
    Repository,
    _set_tag,
    _version_of,
    repository_of,
    resolve,
    upload,
)
from batchpredict.vertex.uploads import check_record

YAML = compiled_folder() / "train_and_batch_predict.yaml"
HOST = "https://us-central1-kfp.pkg.dev/local-project"


@pytest.mark.parametrize(
    "text",
    [
        "https://us-central1-kfp.pkg.dev/my-project/repo",
        "us-central1-kfp.pkg.dev/my-project/repo/",
        "projects/my-project/locations/us-central1/repositories/repo",
        "repo",
    ],
)
def test_a_repository_has_several_names(text: str) -> None:
    found = repository_of(text, "my-project", "us-central1")
    assert found == Repository("my-project", "us-central1", "repo")


@pytest.mark.parametrize(
    "text",
    [
        "https://us-central1-kfp.pkg.dev.evil.example/p/repo",
        "https://evil.example/-kfp.pkg.dev/p/repo",
        "https://us-central1-kfp.pkg.dev@evil.example/p/repo",
        "https://us-central1-docker.pkg.dev/p/repo",
        "http://us-central1-kfp.pkg.dev/p/repo",
        "https://us-central1-kfp.pkg.dev/p/repo/package/tag",
        "https://us-central1-kfp.pkg.dev/p/../x",
        "Repo",
        "",
    ],
)
def test_e460_a_token_goes_to_a_registry_only(text: str) -> None:
    with pytest.raises(UsageError, match=r"^E460 "):
        repository_of(text, "p", "us-central1")
    with pytest.raises(UsageError, match=r"^E460 "):
        resolve(f"{text}/package/tag")
    assert not any(form.fullmatch(f"{text}\n") for form in REPOSITORIES)


def test_a_name_alone_needs_a_project() -> None:
    with pytest.raises(UsageError, match="a name alone needs --project and --location"):
        repository_of("repo", "", "")


def test_tags_are_set_where_the_upload_did_not(
    vertex: LocalVertex, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "REQUESTS_CA_BUNDLE", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, vertex.environment[name])
    monkeypatch.setattr(google.auth, "default", lambda scopes: (AnonymousCredentials(), scopes))
    place = repository_of(f"{HOST}/tags")
    compiled = read_pipeline(str(YAML))
    first = upload(compiled, place)
    second = upload(replace(compiled, text=f"{compiled.text}\n# another\n"), place)
    for version in (first.version, first.version, second.version):
        _set_tag(place, first.package, version, "live")
        assert _version_of(place, first.package, "live") == version
    found = resolve(f"{place.url}/{first.package}/live")
    assert (found.template_uri, found.text) == (second.uri, f"{compiled.text}\n# another\n")
    assert resolve(first.uri).text == compiled.text


def tags_of(record: Path) -> dict[str, list[str]]:
    rows = json.loads(record.read_text())["uploads"]
    return {row["uri"].rpartition("/")[2]: row["tags"] for row in rows}


def test_the_same_content_is_the_same_version(verb: Verbs, tmp_path: Path) -> None:
    arguments = ("upload", "train_and_batch_predict", "--repository", f"{HOST}/twice")
    first = verb(*arguments, "--tag", "v1", "--tag", "live", cwd=tmp_path)
    assert (first.code, first.stderr.count("noted in uploads.json")) == (0, 1), first
    uri = first.stdout.strip()
    assert uri.startswith(f"{HOST}/twice/train-and-batch-predict/sha256:")
    again = verb(*arguments, "--output", "json", cwd=tmp_path)
    assert (again.code, again.json["uri"]) == (0, uri), again
    version = again.json["version"]
    assert tags_of(tmp_path / "uploads.json") == {version: ["live", "v1"]}

    changed = tmp_path / "changed.yaml"
    content = (YAML.read_text() + "\n# another\n").replace("\n", "\r\n").encode()
    changed.write_bytes(content)
    moved = ("upload", "changed.yaml", "--repository", f"{HOST}/twice", "--tag", "live")
    second = verb(*moved, "--output", "json", cwd=tmp_path)
    assert second.code == 0, second
    assert second.json["version"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert tags_of(tmp_path / "uploads.json") == {
        version: ["v1"],
        second.json["version"]: ["live"],
    }
    back = verb(*arguments, "--tag", "live", cwd=tmp_path)
    assert (back.code, back.stdout.strip()) == (0, uri)
    assert tags_of(tmp_path / "uploads.json")[version] == ["live", "v1"]


def test_a_run_names_the_version_not_the_tag(
    verb: Verbs, vertex: LocalVertex, tmp_path: Path
) -> None:
    place = ("--repository", "runs", "--project", "local-project", "--location", "us-central1")
    sent = verb("upload", str(YAML), *place, "--tag", "live", cwd=tmp_path)
    assert sent.code == 0, sent
    tag = f"{HOST}/runs/train-and-batch-predict/live"
    required: dict[str, Any] = {"dataset_uri": "gs://b/x.csv", "target_column": "y"}
    values = [text for name, value in required.items() for text in ("-p", f"{name}={value}")]
    dry = verb("submit", tag, *values, "--dry-run", cwd=tmp_path, env=LOCAL)
    assert dry.code == 0, dry
    job = dry.json["pipelineJob"]
    assert job["templateUri"] == sent.stdout.strip()
    assert job["pipelineSpec"]["pipelineInfo"]["name"] == "train-and-batch-predict"
    run = verb("submit", tag, *values, "--output", "json", cwd=tmp_path, env=LOCAL)
    assert run.code == 0, run
    assert vertex.services.pipelines.wait(run.json["name"], 60.0)
    assert vertex.services.pipelines.snapshot(run.json["name"]).template_uri == job["templateUri"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nothing", "--repository", f"{HOST}/r"], 2, "E101 "),
        (["train_and_batch_predict", "--repository", "https://evil.example/r"], 2, "E460 "),
        (["train_and_batch_predict", "--repository", f"{HOST}/r", "--tag", "A"], 2, "E461 "),
        (["train_and_batch_predict", "--repository", f"{HOST}/r", "--record", "r"], 2, "E463 "),
    ],
)
def test_what_cannot_be_uploaded(
    verb: Verbs, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    (tmp_path / "r").write_text("[]")
    result = verb("upload", *arguments, cwd=tmp_path)
    assert (result.code, result.stdout) == (code, "")
    assert result.stderr.startswith(f"Error: {said}")
    assert not (tmp_path / "uploads.json").exists()


def test_e403_a_tag_that_is_not_there(verb: Verbs, tmp_path: Path) -> None:
    uri = f"{HOST}/runs/nothing/live"
    result = verb("submit", uri, "--dry-run", cwd=tmp_path, env=LOCAL)
    assert result.code == 1
    assert result.stderr.startswith(f"Error: E403 looking for {uri}: ")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"uploads": [{}]}', '{"uploads": 1}'])
def test_e463_a_file_that_is_no_record_stays(tmp_path: Path, text: str) -> None:
    path = tmp_path / "uploads.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"^E463 .* is not a record of uploads"):
        check_record(path)
    assert path.read_text() == text

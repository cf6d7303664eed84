"""What is refused in a configuration, with the words a person reads."""

from pathlib import Path
from typing import Any

import pytest

from batchpredict.config.loading import load_settings
from batchpredict.config.settings import SCALARS
from batchpredict.errors import UsageError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (*SCALARS, "env", "config"):
        monkeypatch.delenv(f"BATCHPREDICT_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(code: str, *arguments: Any) -> str:
    with pytest.raises(UsageError) as raised:
        load_settings(*arguments)
    assert raised.value.code == code
    return raised.value.message


TWO = "environments: {dev: {project: p-dev}, prod: {project: p-prod}}"


def test_without_a_file_all_is_unset() -> None:
    found = load_settings(None, None, {})
    assert (found.project, found.file, found.environments) == ("", None, ())
    with pytest.raises(UsageError) as raised:
        found.require("project", "network")
    assert raised.value.message == (
        "project is not set: give --project or set BATCHPREDICT_PROJECT or write "
        "environments.NAME.project into batchpredict.yaml; network is not set: set "
        "BATCHPREDICT_NETWORK or write environments.NAME.network into batchpredict.yaml"
    )


@pytest.mark.parametrize("suffix", ["yaml", "yml", "toml", "json"])
def test_the_file_of_the_folder_is_found(folder: Path, suffix: str) -> None:
    text = {"toml": "defaults.project = 'p-1'", "json": '{"defaults": {"project": "p-1"}}'}
    (folder / f"batchpredict.{suffix}").write_text(text.get(suffix, "defaults: {project: p-1}"))
    assert load_settings(None, None, {}).project == "p-1"


def test_two_files_are_one_too_many(folder: Path) -> None:
    (folder / "batchpredict.yaml").touch()
    (folder / "batchpredict.json").touch()
    assert refused("E410", None, None, {}) == (
        "there are batchpredict.yaml and batchpredict.json; keep one, or name it with --config"
    )


def test_a_variable_names_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "other.toml").write_text("defaults.project = 'p-2'")
    monkeypatch.setenv("BATCHPREDICT_CONFIG", "other.toml")
    assert load_settings(None, None, {}).project == "p-2"


def test_no_environment_is_taken_by_itself(folder: Path) -> None:
    (folder / "batchpredict.yaml").write_text(f"defaults: {{location: us-east1}}\n{TWO}")
    found = load_settings(None, None, {})
    with pytest.raises(UsageError) as raised:
        found.require("project")
    assert raised.value.code == "E412"
    assert raised.value.message.endswith("choose one with --env: dev, prod")
    # What defaults say holds in an environment only; a flag is an answer of its own.
    with pytest.raises(UsageError, match="E412"):
        load_settings(None, None, {"project": "p-3"}).require("project", "location")
    load_settings(None, None, {"project": "p-3"}).require("project")
    load_settings("dev", None, {}).require("project", "location")


def test_a_variable_chooses_the_environment(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "batchpredict.yaml").write_text(TWO)
    monkeypatch.setenv("BATCHPREDICT_ENV", "prod")
    found = load_settings(None, None, {})
    assert (found.project, found.origin("environment")) == ("p-prod", "BATCHPREDICT_ENV")
    assert load_settings("dev", None, {}).project == "p-dev"
    assert load_settings("", None, {}).project == ""


def test_an_environment_that_is_not_there(folder: Path) -> None:
    assert refused("E412", "dev", None, {}) == (
        "there is no batchpredict.yaml here: there is no environment 'dev'. There are: none"
    )
    (folder / "batchpredict.yaml").write_text(TWO)
    assert "did you mean 'prod'?" in refused("E412", "prud", None, {})


def test_everything_wrong_is_said_at_once(folder: Path) -> None:
    (folder / "batchpredict.yaml").write_text(
        """
        compild: x
        defaults: {locaton: a, location: Europe, labels: {Team: x, version: 1}}
        environments:
          dev: {project: My Project, failure_policy: fst, enable_caching: 'yes', 1: x}
          "a b": {}
          prod:
        """
    )
    message = refused("E410", None, None, {})
    for part in (
        "batchpredict.yaml: compild: there is no key 'compild'; did you mean 'compiled'?",
        "defaults.locaton: there is no key 'locaton'; did you mean 'location'?",
        "defaults.location: takes a region such as europe-west4, not 'Europe'",
        "defaults.labels.Team: the key must be lower-case letters",
        "defaults.labels.version: takes a text; put it into quotes, not 1",
        "environments.dev.project: takes a project's id such as my-project-1, not 'My Project'",
        "environments.dev.failure_policy: takes slow or fast, not 'fst'",
        "environments.dev.enable_caching: takes true or false, not 'yes'",
        "environments.dev.1: a key must be a text; put it into quotes",
        "environments.a b: the key must be a name of letters",
        "environments.prod: takes keys and values, not None",
    ):
        assert part in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("c.yaml", "a: 1\na: 2", "the key 'a' stands twice in line 1"),
        ("c.json", '{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ("c.toml", "a = 1\na = 2", "Cannot overwrite a value"),
        ("c.yaml", "a: &x [1]\nb: *x", "it has an alias"),
        ("c.yaml", "[" * 200 + "]" * 200, "nested deeper than 100 levels"),
        ("c.json", "[" * 100_000, "maximum recursion depth"),
        ("c.yaml", "a: [", "while parsing"),
        ("c.yaml", "a: 1\n---\nb: 2", "more than one document"),
        ("c.yaml", "- 1", "it holds no keys"),
        ("c.yaml", "? [1]\n: 2", "unhashable key"),
        ("c.json", '{"a": NaN}', "NaN is no number of JSON"),
        ("c.json", "", "Expecting value"),
        ("c.ini", "", "a configuration is .yaml, .yml, .toml or .json"),
        ("none.yaml", None, "cannot read none.yaml: No such file"),
    ],
)
def test_a_file_that_cannot_be_read(folder: Path, name: str, text: str | None, said: str) -> None:
    if text is not None:
        (folder / name).write_text(text)
    assert said in refused("E410", None, Path(name), {})


def test_bytes_that_are_no_text(folder: Path) -> None:
    (folder / "c.yaml").write_bytes(b"\xff\xfe\x00")
    assert "c.yaml cannot be read" in refused("E410", None, Path("c.yaml"), {})


def test_an_empty_file_says_nothing(folder: Path) -> None:
    (folder / "batchpredict.yaml").write_text("# later\n")
    assert load_settings(None, None, {}).project == ""


def test_flags_and_variables_are_held_to_the_same_form(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refused("E410", None, None, {"project": "A B", "location": "here"})
    assert message.startswith("flag --project: takes a project's id")
    assert "; flag --location: takes a region" in message
    monkeypatch.setenv("BATCHPREDICT_ENABLE_CACHING", "yes")
    assert refused("E410", None, None, {}) == (
        "BATCHPREDICT_ENABLE_CACHING: takes true or false, not 'yes'"
    )


@pytest.mark.parametrize(("text", "value"), [("true", True), ("0", False), ("", None)])
def test_a_variable_that_is_true_or_false(
    monkeypatch: pytest.MonkeyPatch, text: str, value: bool | None
) -> None:
    monkeypatch.setenv("BATCHPREDICT_ENABLE_CACHING", text)
    assert load_settings(None, None, {}).enable_caching is value


def test_an_empty_flag_takes_a_value_away(folder: Path) -> None:
    (folder / "batchpredict.yaml").write_text("defaults: {service_account: a@b.c}")
    assert load_settings(None, None, {"service_account": ""}).service_account == ""


def test_folders_stand_beside_the_file(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "c.yaml").write_text("compiled: out\nsources: src")
    found = load_settings(None, Path("sub/c.yaml"), {})
    assert (found.compiled, found.sources) == (Path("sub/out"), Path("sub/src"))
    assert found.origin("compiled") == "sub/c.yaml: compiled"

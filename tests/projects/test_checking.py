"""What ``check`` finds in a project, all in one go."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from batchpredict.errors import UsageError
from batchpredict.projects.checking import Row, check_project, open_project

Rewrite = Callable[[str, str, str], None]
OWN = "train_and_score"


def checked(
    names: Sequence[str] = (),
    *assignments: str,
    environment: str | None = None,
    every: bool = False,
) -> list[Row]:
    """Return what is found, but for images without a digest."""
    project = open_project(names, None, environment, every)
    return [row for row in check_project(project, assignments)[1] if row.code != "W152"]


def test_a_new_project_is_right(project: Path) -> None:
    assert checked() == []
    assert checked([OWN], environment="prod") == []
    assert checked([str(project / "compiled" / f"{OWN}.yaml")]) == []


def test_all_findings_in_one_go(project: Path, rewrite: Rewrite) -> None:
    rewrite("batchpredict.yaml", "app: customer-scores", "App: x")
    rewrite("batchpredict.yaml", "target_column: churned", "target_colum: churned")
    rewrite("batchpredict.yaml", "max_failed: 0.01", "max_failed: '1'")
    rewrite("batchpredict.yaml", "dataset_uri: gs://my-bucket/dev/customers.csv", "run_date: ''")
    rewrite(
        "batchpredict.yaml",
        '\n    project: "my-project"\n    pipeline_root: gs://my-bucket/dev/runs',
        "",
    )
    (project / "pipelines" / "other.py").write_text("import no_such_module\n")
    (project / "pipelines" / "empty.py").write_text("x = 1\n")
    rewrite(f"pipelines/{OWN}.py", "n1-standard-2", "n1-standard-4")
    place = "batchpredict.yaml"
    found = [(it.pipeline, it.environment, it.where, it.code) for it in checked()]
    assert found == [
        ("", "", f"{place}: defaults.labels.App", "E410"),
        ("", "dev", f"{place}: environments.dev.pipeline_root", "W411"),
        ("", "dev", f"{place}: environments.dev.project", "W411"),
        ("empty", "", "pipelines/empty.py", "E415"),
        ("other", "", "pipelines/other.py", "E415"),
        (OWN, "", f"{place}: defaults.parameters.{OWN}.target_colum", "E413"),
        (OWN, "", "parameter target_column", "E106"),
        (OWN, "", f"pipelines/{OWN}.py", "E122"),
        (OWN, "dev", "parameter dataset_uri", "E106"),
        (OWN, "prod", f"{place}: environments.prod.parameters.{OWN}.max_failed", "E413"),
    ]
    [unknown] = [it.message for it in checked() if it.where.endswith("target_colum")]
    assert "did you mean 'target_column'?" in unknown


def test_one_environment_or_all(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    given = "dataset_uri=gs://b/x", "max_failed=2"
    monkeypatch.setenv("BATCHPREDICT_ENV", "dev")
    assert open_project((), None, None, False).settings[0].environment == "dev"
    monkeypatch.setenv("BATCHPREDICT_ENV", "test")
    everywhere = open_project((), None, None, True).settings
    assert [it.environment for it in everywhere] == ["dev", "prod"]
    monkeypatch.delenv("BATCHPREDICT_ENV")
    assert checked((), *given) == []
    with pytest.raises(UsageError, match=r"E412 .*did you mean 'dev'"):
        open_project((), None, "dve", False)


def test_parameters_of_no_pipeline(rewrite: Rewrite) -> None:
    rewrite(
        "batchpredict.yaml",
        "    train_and_score:\n      target",
        "    trian_and_score:\n      target",
    )
    [found] = [it for it in checked() if it.code == "E413"]
    assert found.where == "batchpredict.yaml: defaults.parameters.trian_and_score"
    assert "did you mean 'train_and_score'?" in found.message
    assert found.environment == ""


def test_a_file_that_is_no_yaml_does_not_hide_the_rest(project: Path) -> None:
    (project / "batchpredict.yaml").write_text("environments: [")
    found = checked([f"compiled/{OWN}.yaml"])
    assert [(it.where, it.code) for it in found] == [("batchpredict.yaml", "E410")]


def test_a_step_that_lacks_a_name(rewrite: Rewrite) -> None:
    rewrite(f"compiled/{OWN}.yaml", "def gs_pattern(", "def gs_patern(")
    found = {(it.where, it.code) for it in checked()}
    assert found == {("check-batch-request", "E121"), (f"pipelines/{OWN}.py", "E122")}


def test_a_source_that_lacks_a_name(project: Path) -> None:
    (project / "pipelines" / "bare.py").write_text(
        "from kfp import dsl\nLIMIT = 3\n\n"
        "@dsl.component(base_image='python:3.11-slim')\ndef count() -> int:\n    return LIMIT\n\n"
        "@dsl.pipeline(name='bare')\ndef bare():\n    count()\n"
    )
    [found] = checked(["bare"])
    assert (found.where, found.code) == ("pipelines/bare.py", "E121")
    assert found.message.endswith("does not carry LIMIT")


def test_a_compiled_file_of_ones_own_that_is_none(project: Path) -> None:
    (project / "compiled" / "odd.yaml").write_text("a: b")
    [found] = checked()
    assert (found.pipeline, found.code) == ("odd", "E102")


def test_sources_that_are_not_there(rewrite: Rewrite) -> None:
    rewrite("batchpredict.yaml", "sources: pipelines", "sources: pipes")
    [found] = checked()
    assert (found.where, found.code) == ("batchpredict.yaml: sources", "E415")


def test_what_is_wrong_in_the_configuration_is_left_out_of_the_rest(project: Path) -> None:
    (project / "batchpredict.yaml").write_text(
        "sources: pipelines\ncompiled: compiled\ndefaults: []\nenvironments:\n"
        "  dev: {projct: x, project: p-1, parameters: {train_and_score: 3}}\n  prod: 3\n"
    )
    found = [(it.environment, it.where.partition(": ")[2], it.code) for it in checked()]
    assert found == [
        ("", "defaults", "E410"),
        ("", f"environments.dev.parameters.{OWN}", "E410"),
        ("", "environments.dev.projct", "E410"),
        ("", "environments.prod", "E410"),
        ("dev", "environments.dev.location", "W411"),
        ("dev", "environments.dev.pipeline_root", "W411"),
        ("dev", "", "E106"),
        ("dev", "", "E106"),
        ("dev", "", "E106"),
    ]

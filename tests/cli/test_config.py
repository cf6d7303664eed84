"""``batchpredict config`` as a person types it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import ROOT

from batchpredict.cli.config import command
from batchpredict.config.models import schema_text
from batchpredict.config.settings import SCALARS

FILE = """\
defaults: {location: europe-west4, labels: {team: risk}}
environments:
  dev: {project: p-dev, parameters: {score: {share: 0.5}}}
  prod: {project: p-prod}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (*SCALARS, "env", "config"):
        monkeypatch.delenv(f"BATCHPREDICT_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "batchpredict.yaml").write_text(FILE)
    return tmp_path


def test_each_value_is_shown_with_its_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCHPREDICT_PIPELINE_ROOT", "gs://bkt/runs")
    done = CliRunner().invoke(command, ["show", "-e", "dev", "--location", "us-east1"])
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["SETTING", "VALUE", "ORIGIN"]
    assert ["environment", "dev", "flag", "--env"] in rows
    assert ["project", "p-dev", "batchpredict.yaml:", "environments.dev.project"] in rows
    assert ["location", "us-east1", "flag", "--location"] in rows
    assert ["pipeline_root", "gs://bkt/runs", "BATCHPREDICT_PIPELINE_ROOT"] in rows
    assert ["network", "-", "default"] in rows
    assert ["labels.team", "risk", "batchpredict.yaml:", "defaults.labels.team"] in rows
    assert rows[-1][:2] == ["parameters.score.share", "0.5"]


def test_json_is_for_programs_and_words_are_for_people() -> None:
    done = CliRunner().invoke(command, ["show", "--output", "json"])
    found = {row["key"]: row for row in json.loads(done.stdout)}
    assert found["project"] == {"key": "project", "value": "", "origin": "default"}
    assert found["location"]["origin"] == "batchpredict.yaml: defaults.location"
    assert done.stderr == ""
    told = CliRunner().invoke(command, ["show"])
    assert told.stderr == "no environment is chosen (--env): dev, prod\n"


def test_the_published_schema_is_that_of_the_models() -> None:
    done = CliRunner().invoke(command, ["schema"])
    assert done.stdout == schema_text()
    published = ROOT / "docs" / "reference" / "config.schema.json"
    assert published.read_text() == done.stdout, "batchpredict config schema > that file"


def test_the_schema_refuses_what_we_refuse() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    check = jsonschema.Draft202012Validator(json.loads(schema_text()))
    assert check.is_valid({"environments": {"dev": {"project": "p-1", "labels": {"a": "b"}}}})
    refused: list[dict[str, object]] = [
        {"enviroments": {}},
        {"environments": {"dev": {"location": "Europe"}}},
        {"environments": {"dev": {"labels": {"A": "b"}}}},
        {"defaults": {"failure_policy": "fst"}},
        {"environments": {"a b": {}}},
    ]
    for wrong in refused:
        assert not check.is_valid(wrong), wrong

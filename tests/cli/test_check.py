"""``batchpredict check`` as a person types it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from kfp import compiler, dsl

from batchpredict.cli.check import command
from batchpredict.components.run_batch_prediction_job import run_batch_prediction_job
from batchpredict.errors import RunError, UsageError

HEADER = ["PIPELINE", "ENVIRONMENT", "WHERE", "CODE", "MESSAGE"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where no configuration is."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def faulty(tmp_path: Path) -> str:
    @dsl.pipeline(name="faulty")
    def pipeline() -> None:
        run_batch_prediction_job(job_display_name="nightly", instances_format="jsnol")

    compiler.Compiler().compile(pipeline, str(tmp_path / "faulty.yaml"))
    return str(tmp_path / "faulty.yaml")


def test_a_pipeline_of_ours_passes() -> None:
    done = CliRunner().invoke(command, ["train_and_batch_predict"])
    assert done.exit_code == 0
    assert done.stdout.split("\n")[0].split() == HEADER
    assert "W152  image python:3.11-slim has no digest" in done.stdout
    assert done.stderr.startswith("1 checked, ")


@pytest.fixture
def open_name(tmp_path: Path) -> str:
    @dsl.pipeline(name="open")
    def pipeline(job_name: str, region: str = "europe-west4") -> None:
        run_batch_prediction_job(
            job_display_name=job_name,
            model_name="projects/my-project/locations/europe-west4/models/1",
            location=region,
            gcs_source_uris=["gs://bkt/a"],
            gcs_destination_output_uri_prefix="gs://bkt/out",
        ).set_caching_options(False)

    compiler.Compiler().compile(pipeline, str(tmp_path / "open.yaml"))
    return str(tmp_path / "open.yaml")


def test_parameters_of_the_run_are_checked(open_name: str) -> None:
    assert CliRunner().invoke(command, [open_name]).exit_code == 0
    given = ["-p", 'job_name=my "daily" job', "-p", "region=us-east1"]
    done = CliRunner().invoke(command, [open_name, *given])
    assert "E130  job_display_name is 'my \"daily\" job'" in done.stdout
    assert "E134  model lies in europe-west4, the job in us-east1" in done.stdout
    assert CliRunner().invoke(command, [open_name, "-p", "job_name=daily"]).exit_code == 0


@pytest.mark.parametrize(("given", "code"), [("nam=x", "E104"), ("job_name", "E103")])
def test_wrong_parameters_are_named(open_name: str, given: str, code: str) -> None:
    done = CliRunner().invoke(command, [open_name, "-p", given])
    assert isinstance(done.exception, UsageError)
    assert done.exception.code == code


def test_warnings_fail_when_that_is_wanted() -> None:
    done = CliRunner().invoke(command, ["train_and_batch_predict", "--strict"])
    assert isinstance(done.exception, RunError)
    assert str(done.exception).startswith("E123 ")


def test_every_fault_is_shown_at_once(faulty: str) -> None:
    done = CliRunner().invoke(command, [faulty])
    assert isinstance(done.exception, RunError)
    lines = done.stdout.splitlines()
    [format_line] = [line for line in lines if " E130 " in line]
    assert format_line.split()[:3] == [faulty, "-", "run-batch-prediction-job"]
    assert "instances_format is 'jsnol'; allowed: " in format_line
    assert len([line for line in lines if " E131 " in line]) == 3


def test_findings_as_json(faulty: str) -> None:
    rows = json.loads(CliRunner().invoke(command, [faulty, "--output", "json"]).stdout)
    assert {tuple(row) for row in rows} == {tuple(name.lower() for name in HEADER)}
    assert (rows[0]["code"], rows[0]["environment"]) == ("E130", "")


def test_what_is_no_pipeline(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: b")
    done = CliRunner().invoke(command, [str(tmp_path / "x.yaml")])
    assert isinstance(done.exception, UsageError)


def test_nothing_to_check_is_a_mistake() -> None:
    done = CliRunner().invoke(command, [])
    assert done.exit_code == 2
    assert "Missing argument 'PIPELINES': there is no configuration with pipelines" in done.stderr


def test_a_configuration_is_checked_with_the_pipelines(open_name: str, tmp_path: Path) -> None:
    (tmp_path / "batchpredict.toml").write_text(
        """
        [environments.dev]
        project = "p-dev"
        location = "us-east1"
        pipeline_root = "gs://bkt/runs"
        parameters.open = { job_name = "daily", regoin = "us-east1" }
        [environments.prod]
        project = "p-prod"
        pipeline_root = "gs://bkt/runs"
        parameters.open = { job_name = "the \\"daily\\" job" }
        [environments.idle]
        """
    )
    done = CliRunner().invoke(command, [open_name, "--output", "json", "-e", "prod"])
    rows = {(row["environment"], row["code"], row["where"]) for row in json.loads(done.stdout)}
    assert ("prod", "E130", "run-batch-prediction-job") in rows
    assert ("prod", "W411", "batchpredict.toml: environments.prod.location") in rows
    everywhere = CliRunner().invoke(command, [open_name, "--output", "json"])
    rows = {
        (row["environment"], row["code"], row["where"]) for row in json.loads(everywhere.stdout)
    }
    assert ("dev", "E413", "batchpredict.toml: environments.dev.parameters.open.regoin") in rows
    assert ("idle", "E106", "parameter job_name") in rows
    assert everywhere.stderr.startswith("1 checked, ")

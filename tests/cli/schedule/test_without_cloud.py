"""What needs no cloud asks none, and says what is wrong before anything is sent."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from helpers import ROOT

NO_SDK = """
import sys
from batchpredict.cli import main
sys.argv = ["batchpredict", *sys.argv[1:]]
try:
    main()
finally:
    google = ("google.cloud.", "google.api", "grpc", "kfp")
    heavy = [it for it in sys.modules if it.startswith(google)]
    print(heavy[:5], file=sys.stderr)
"""
CONFIG = {
    "defaults": {"location": "us-central1", "pipeline_root": "gs://mine/runs"},
    "environments": {
        "dev": {"project": "project-dev", "parameters": {"nothing": {"count": 3, "text": "dev"}}},
        "prod": {"project": "project-prod", "labels": {"team": "x"}},
    },
}
NOWHERE = {
    "BATCHPREDICT_PROJECT": "",
    "BATCHPREDICT_LOCATION": "",
    "BATCHPREDICT_PIPELINE_ROOT": "",
}


def configured(project: Any) -> None:
    (project.folder / "batchpredict.json").write_text(json.dumps(CONFIG))


@pytest.mark.parametrize(
    "arguments", [("apply", "schedules.json", "--dry-run"), ("next", "schedules.json"), ("next",)]
)
def test_a_file_is_read_without_the_sdk(project: Any, arguments: tuple[str, ...]) -> None:
    project.write({"name": "offline"})
    env = {"PATH": os.environ["PATH"], "HOME": str(project.folder)}
    flags = ["--project", "mine", "--location", "us-central1", "--pipeline-root", "gs://mine/x"]
    ended = subprocess.run(
        [sys.executable, "-c", NO_SDK, "schedule", *arguments, *flags],
        cwd=project.folder, env=env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.splitlines()[-1] == "[]"


def test_what_the_schedule_does_not_say_comes_from_its_environment(project: Any) -> None:
    configured(project)
    over = {"pipeline_root": "gs://other/runs", "parameters": {"count": 9}}
    project.write(
        {"name": "one", "environment": "dev", **over},
        {"name": "two", "environment": "prod", "labels": {"kind": "y"}},
    )
    one, two = project.done("apply", "schedules.json", "--dry-run", env=NOWHERE).json
    assert one["parent"] == "projects/project-dev/locations/us-central1"
    runtime = one["schedule"]["createPipelineJobRequest"]["pipelineJob"]["runtimeConfig"]
    assert runtime["parameterValues"] == {"count": 9, "text": "dev"}
    assert runtime["gcsOutputDirectory"] == "gs://other/runs"
    assert two["parent"] == "projects/project-prod/locations/us-central1"
    job = two["schedule"]["createPipelineJobRequest"]["pipelineJob"]
    assert {"team": "x", "kind": "y"}.items() <= job["labels"].items()
    flag = ("--project", "by-flag")
    [one, _] = project.done("apply", "schedules.json", "--dry-run", *flag, env=NOWHERE).json
    assert one["parent"] == "projects/by-flag/locations/us-central1"


@pytest.mark.parametrize(
    ("entry", "arguments", "words"),
    [
        (
            {"environment": "dev"},
            ("-e", "prod"),
            "E426 schedule good is for the environment 'dev'",
        ),
        ({"environment": "test"}, (), "E412"),
        ({}, (), "E412 schedule bad: "),
        ({"environment": "dev", "pipeline": "nothin"}, (), "E101 schedule bad: "),
        (
            {"environment": "dev", "parameters": {"cuont": 1}},
            (),
            "parameters.cuont of schedule bad",
        ),
        ({"environment": "dev", "parameters": {"count": "1"}}, (), "parameters.count of schedule"),
        ({"environment": "dev", "cron": "0 0 0 * * *"}, (), "no field of seconds"),
        ({"environment": "dev", "project": "My Project"}, (), "project is 'My Project'"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_printed(
    project: Any, entry: dict[str, Any], arguments: tuple[str, ...], words: str
) -> None:
    configured(project)
    project.write({"name": "good", "environment": "dev"}, {"name": "bad", **entry})
    refused = project("apply", "schedules.json", "--dry-run", *arguments, env=NOWHERE)
    assert (refused.code, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1
    assert words in refused.stderr


def test_next_says_times_in_both_zones_and_warns_of_the_clocks(project: Any) -> None:
    end = "2027-03-30T00:00:00Z"
    project.write(
        {"name": "night", "timezone": "Europe/Berlin", "cron": "30 2 * 3 *", "end_time": end},
        {"name": "twice", "cron": "0 12 29 2 *", "max_run_count": 2},
    )
    night, twice = project.done("next", "-n", "50", "--output", "json").json
    assert [it["utc"] for it in twice["times"]] == ["2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z"]
    assert night["times"][27] == {
        "utc": "2027-03-28T01:00:00Z",
        "local": "2027-03-28T03:00:00+02:00",
    }
    assert len(night["times"]) == 29
    assert [it["code"] for it in night["warnings"]] == ["W420"]
    people = project.done("next", "-n", "1")
    assert "night: TZ=Europe/Berlin 30 2 * 3 * (Europe/Berlin)" in people.stdout
    assert "2027-03-01T01:30:00Z  Mon 2027-03-01 02:30 CET (UTC+0100)" in people.stdout
    assert people.stderr.startswith("Warning: W420 night: 2027-03-28 02:30 is skipped")


def test_next_takes_an_expression_as_it_is_typed(project: Any) -> None:
    given = ("next", "--cron", "15 9 * * MON", "--timezone", "Asia/Tokyo", "--output", "json")
    [plan] = project.done(*given, "-n", "3").json
    assert {it["local"][10:] for it in plan["times"]} == {"T09:15:00+09:00"}
    wrong = project("next", "--cron", "@weekly")
    assert (wrong.code, "write '0 0 * * 0' for @weekly" in wrong.stderr) == (2, True)
    assert "E420 there is no schedules.yaml" in project("next").stderr


def test_a_pipeline_that_must_not_run_is_not_scheduled(project: Any) -> None:
    step = str(ROOT / "compiled" / "components" / "run_batch_prediction_job.yaml")
    wrong = {"job_display_name": "nightly", "instances_format": "jsnol"}
    project.write({"name": "broken", "pipeline": step, "parameters": wrong})
    refused = project("apply", "schedules.json", "--dry-run")
    assert (refused.code, refused.stdout) == (1, "")
    assert "broken: run-batch-prediction-job: E130 instances_format is 'jsnol'" in refused.stderr
    assert "Error: E123 " in refused.stderr

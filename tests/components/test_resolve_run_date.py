"""The date of runs that are scheduled, late, started by hand, or told their date."""

import datetime
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from helpers import ROOT
from kfp import dsl
from kfp.compiler import Compiler

from batchpredict.components.pick_run_date import pick_run_date
from batchpredict.components.resolve_run_date import resolve_run_date
from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex
from batchpredict.pipeline_files import read_pipeline

STEP = "resolve-run-date/pick-run-date"


@dsl.pipeline(name="dated")
def dated(run_date: str = "", offset_days: int = 0):
    resolve_run_date(run_date=run_date, offset_days=offset_days, time_zone="Asia/Tokyo")


def date_of(vertex: LocalVertex, name: str) -> str:
    assert vertex.services.pipelines.wait(name, 60.0)
    return str(vertex.services.pipelines.output_parameters(name, STEP)["Output"])


def test_without_a_schedule_it_is_the_date_of_the_run(
    vertex: LocalVertex, run_pipeline: Callable[..., Any]
) -> None:
    job = run_pipeline(dated, offset_days=-1)
    there = job.create_time.astimezone(datetime.timezone(datetime.timedelta(hours=9)))
    expected = there.date() - datetime.timedelta(days=1)
    assert date_of(vertex, job.name) == expected.isoformat()
    assert date_of(vertex, run_pipeline(dated, run_date="2024-02-29").name) == "2024-02-29"


def test_a_late_run_of_a_schedule_has_the_date_that_it_was_meant_for(
    vertex: LocalVertex, gapic: Callable[[str, str], Any], tmp_path: Path
) -> None:
    """Three days pass before the services look: each run tells its own day, not the last."""
    Compiler().compile(dated, str(tmp_path / "dated.yaml"))
    job = {"runtime_config": {"gcs_output_directory": "gs://dated/root"}}
    request = types.PipelineJob(job)
    json_format.ParseDict(
        dict(read_pipeline(str(tmp_path / "dated.yaml")).spec),
        types.PipelineJob.pb(request).pipeline_spec,
    )
    client = gapic("schedule", "grpc")
    schedule = client.create_schedule(
        parent=PARENT,
        schedule={
            "display_name": "dated",
            "cron": "TZ=Asia/Tokyo 30 1 * * *",  # 16:30 UTC of the day before
            "max_concurrent_run_count": 1,
            "max_concurrent_active_run_count": 3,
            "max_run_count": 3,
            "create_pipeline_job_request": {"parent": PARENT, "pipeline_job": request},
        },
    )
    first = schedule.next_run_time
    vertex.clock.advance(first + datetime.timedelta(days=2.5) - vertex.clock.now())
    jobs = [
        job
        for job in gapic("pipeline", "grpc").list_pipeline_jobs(parent=PARENT)
        if job.schedule_name == schedule.name
    ]
    client.delete_schedule(name=schedule.name).result()
    days = [first.date() + datetime.timedelta(days=number) for number in (1, 2, 3)]
    found = sorted(date_of(vertex, job.name) for job in jobs)
    assert found == [day.isoformat() for day in days]


def test_the_step_never_comes_from_the_cache() -> None:
    tasks = resolve_run_date.pipeline_spec.root.dag.tasks
    assert not tasks["pick-run-date"].caching_options.enable_cache


def test_the_log_says_where_the_date_is_from(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        date = pick_run_date.python_func(schedule_time="2026-11-21T06:00:00Z", offset_days=7)
    assert date == "2026-11-28"
    assert re.search(
        "was scheduled for 2026-11-21T06:00:00.00:00, and offset_days is 7", caplog.text
    )


def test_the_example_of_the_page_about_dates_compiles(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "howto" / "dates.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    found: dict[str, Any] = {}
    exec(code, found)
    Compiler().compile(found["daily_scores"], str(tmp_path / "daily_scores.yaml"))
    compiled = read_pipeline(str(tmp_path / "daily_scores.yaml"))
    assert compiled.parameters["run_date"]["defaultValue"] == ""

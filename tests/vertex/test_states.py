"""What a run is said to be, from what Vertex AI sends and from what this machine does."""

import datetime
import json
from typing import Any

from google.cloud.aiplatform_v1 import types

from batchpredict.vertex.runs import differences
from batchpredict.vertex.states import run_of

NAME = "projects/p/locations/us-east1/pipelineJobs/r"
START = datetime.datetime(2026, 3, 1, 2, 0, 0, 500_000, tzinfo=datetime.UTC)
JOBS = "projects/p/locations/us-east1"


def detail(number: int, parent: int, name: str, **fields: Any) -> types.PipelineTaskDetail:
    return types.PipelineTaskDetail(
        task_id=number, parent_task_id=parent, task_name=name, **fields
    )


def job(*details: types.PipelineTaskDetail, **fields: Any) -> types.PipelineJob:
    return types.PipelineJob(
        name=NAME, job_detail=types.PipelineJobDetail(task_details=list(details)), **fields
    )


def test_steps_of_vertex_ai_get_the_names_of_the_graphs_around_them() -> None:
    """It gives each task its own name, and the run is a task as well."""
    resources = {"resources": [{"resourceUri": f"https://x.googleapis.com/v1/{JOBS}/jobs/7"}]}
    run = run_of(
        job(
            detail(1, 0, "r"),
            detail(2, 1, "gate-passed"),
            detail(
                3,
                2,
                "deploy",
                state="SUCCEEDED",
                start_time=START,
                end_time=START + datetime.timedelta(seconds=90),
                executor_detail={"container_detail": {"main_job": f"{JOBS}/customJobs/5"}},
                execution={"metadata": {"output:gcp_resources": json.dumps(resources)}},
            ),
            detail(4, 1, "split", state="FAILED", error={"message": "no rows"}),
        )
    )
    assert [(it.name, it.state) for it in run.steps] == [
        ("gate-passed/deploy", "SUCCEEDED"),
        ("split", "FAILED"),
    ]
    deploy, split = run.steps
    assert deploy.jobs == (f"{JOBS}/customJobs/5", f"{JOBS}/jobs/7")
    assert (deploy.start_time, deploy.seconds) == ("2026-03-01T02:00:00.500Z", 90.0)
    assert (split.error, split.seconds, split.jobs) == ("no rows", 0.0, ())


def test_names_that_are_whole_already_stay() -> None:
    run = run_of(job(detail(1, 0, "loop"), detail(2, 1, "loop/say"), detail(3, 0, "last")))
    assert [it.name for it in run.steps] == ["loop/say", "last"]


def test_a_run_for_programs() -> None:
    run = run_of(
        job(
            state="PIPELINE_STATE_FAILED",
            error={"message": "step x"},
            create_time=START,
            runtime_config={
                "parameter_values": {"count": 3, "share": 0.5, "names": [1, "a"], "more": {"k": 2}}
            },
            labels={"b": "2", "a": "1"},
        )
    )
    found = json.loads(json.dumps(run.to_dict()))
    assert found["id"] == "r"
    assert found["parameters"] == {"count": 3, "share": 0.5, "names": [1, "a"], "more": {"k": 2}}
    assert '"count": 3,' in json.dumps(found)
    assert (run.is_over, run.is_failed) == (True, True)
    assert (run.project, run.location, found["end_time"]) == ("p", "us-east1", "")


def test_a_gcp_resources_that_is_no_json_names_no_job() -> None:
    broken = detail(1, 0, "x", execution={"metadata": {"output:gcp_resources": "{"}})
    assert run_of(job(broken)).steps[0].jobs == ()


def pb(**fields: Any) -> Any:
    return types.PipelineJob.pb(types.PipelineJob(fields))


def test_what_the_service_adds_is_no_difference() -> None:
    sent = pb(
        display_name="a", labels={"k": "1"}, runtime_config={"gcs_output_directory": "gs://b"}
    )
    found = pb(
        name=NAME,
        display_name="a",
        labels={"k": "1", "vertex-ai-pipelines-run-billing-id": "9"},
        runtime_config={"gcs_output_directory": "gs://b", "failure_policy": 1},
    )
    assert differences(sent, found) == []
    other = pb(
        display_name="b", labels={"k": "2"}, runtime_config={"gcs_output_directory": "gs://c"}
    )
    assert differences(sent, other) == ["display_name", "gcs_output_directory", "labels"]

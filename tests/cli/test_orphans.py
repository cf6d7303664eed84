"""`orphans` with jobs that really run, through the real client over gRPC."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from kfp import dsl
from kfp.compiler import Compiler
from sklearn.linear_model import LinearRegression
from verbs import LOCAL, Verbs

from batchpredict.components.run_batch_prediction_job import run_batch_prediction_job
from batchpredict.local.runs import PARENT, steps
from batchpredict.local.session import LocalVertex
from batchpredict.local.settings import BatchSettings

State = types.JobState
LONG = 200_000  # rows, one to a request: a minute of work
OLD = ("orphans", "--older-than", "1s")
ENDINGS = {
    "ends-badly": "exit 1",
    "ends-well": "exit 0",
    "ends-too": "exit 0",
    "deleted": "exit 0",
    "goes-on": "sleep 99",
}
LIST = "JobService.ListBatchPredictionJobs"
CANCEL = "JobService.CancelBatchPredictionJob"


@dsl.container_component
def end(command: str):  # type: ignore[no-untyped-def]
    return dsl.ContainerSpec(image="python:3.11-slim", command=["sh", "-c", command])


@dsl.pipeline(name="left-behind")
def left_behind(model_name: str, uri: str, ending: str) -> None:
    """Start a job without waiting for it, and end so."""
    job = run_batch_prediction_job(
        job_display_name="left behind",
        model_name=model_name,
        gcs_source_uris=[uri],
        gcs_destination_output_uri_prefix="gs://left-behind/out",
        machine_type="n1-standard-2",
        manual_batch_tuning_parameters_batch_size=1,
        wait=False,
        settle_seconds=1,
    )
    end(command=ending).after(job)


@pytest.fixture(scope="module")
def jobs(gapic: Callable[[str, str], Any]) -> Any:
    """The client of jobs."""
    return gapic("job", "grpc")


@pytest.fixture(scope="module")
def made(
    verb: Verbs,
    vertex: LocalVertex,
    jobs: Any,
    gapic: Callable[[str, str], Any],
    upload_sklearn: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, str]]:
    """A job of each run by the run's name; the first one works, the others wait behind it."""
    service = vertex.services._services["JobService"]
    before, service.settings = service.settings, BatchSettings(active_jobs=1)
    path = tmp_path_factory.mktemp("orphans") / "left_behind.yaml"
    Compiler().compile(left_behind, str(path))
    model = upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    vertex.store.create_bucket("left-behind")
    vertex.store.path("gs://left-behind/rows.jsonl").write_text("[1]\n" * LONG)
    for run, ending in ENDINGS.items():
        values = {"model_name": model, "uri": "gs://left-behind/rows.jsonl", "ending": ending}
        given = [part for name, value in values.items() for part in ("-p", f"{name}={value}")]
        verb("submit", str(path), *given, "--run-id", run, env=LOCAL)
        if run == "ends-badly":
            job_of(jobs, run)
    found = {run: job_of(jobs, run).name for run in ENDINGS}
    for run in ENDINGS.keys() - {"goes-on"}:
        assert vertex.services.pipelines.wait(f"{PARENT}/pipelineJobs/{run}", 60.0)
    while ("end", "RUNNING") not in states_of(vertex, "goes-on"):
        time.sleep(0.05)  # its first step asks for jobs too, as the tests count
    gapic("pipeline", "grpc").delete_pipeline_job(name=f"{PARENT}/pipelineJobs/deleted").result()
    yield found
    for name in live(jobs):
        jobs.cancel_batch_prediction_job(name=name)
    verb("cancel", "goes-on", env=LOCAL)
    service.settings = before


def states_of(vertex: LocalVertex, run: str) -> list[tuple[str, str]]:
    job = vertex.services.pipelines.snapshot(f"{PARENT}/pipelineJobs/{run}")
    return [(step.name, step.state) for step in steps(job)]


def job_of(jobs: Any, run: str) -> Any:
    filter = f'labels.batchpredict-run="{run}" AND labels.batchpredict-step:*'
    while not (
        found := list(jobs.list_batch_prediction_jobs({"parent": PARENT, "filter": filter}))
    ):
        time.sleep(0.05)
    return found[0]


def live(jobs: Any) -> set[str]:
    """The jobs that go on; a list, since who asks for one job is held until it has ended."""
    states = (State.JOB_STATE_PENDING, State.JOB_STATE_RUNNING)
    found = jobs.list_batch_prediction_jobs(parent=PARENT)
    return {job.name for job in found if job.state in states}


def wait_for_end(jobs: Any, name: str) -> None:
    while (job := jobs.get_batch_prediction_job(name=name)).state == State.JOB_STATE_CANCELLING:
        time.sleep(0.05)
    assert job.state == State.JOB_STATE_CANCELLED


def test_jobs_whose_run_has_ended_are_told_with_what_became_of_it(
    verb: Verbs, made: dict[str, str]
) -> None:
    time.sleep(1.0)  # so old are those that are looked for
    listed = verb(*OLD, "--output", "json", env=LOCAL)
    assert (listed.code, listed.stderr.count("left behind")) == (0, 4)
    told = {it["name"]: (it["run"], it["run_state"], it["abandoned"]) for it in listed.json}
    assert told == {
        made["ends-badly"]: ("ends-badly", "FAILED", True),
        made["ends-well"]: ("ends-well", "SUCCEEDED", False),
        made["ends-too"]: ("ends-too", "SUCCEEDED", False),
        made["deleted"]: ("deleted", "GONE", True),
    }
    states = {it["run"]: it["state"] for it in listed.json}
    assert states.pop("ends-badly") == "RUNNING"
    assert set(states.values()) == {"PENDING"}
    link = "https://console.cloud.google.com/vertex-ai/locations/us-central1/batch-predictions/"
    assert all(it["link"].startswith(link) for it in listed.json)
    young = verb("orphans", env=LOCAL)
    assert (young.code, young.stdout) == (0, "")
    assert young.stderr == "no job of ours goes on without its run\n"


@pytest.mark.parametrize(("stdin", "code"), [("", 2), ("n\n", 0)])
def test_nothing_is_cancelled_unless_somebody_says_so(
    verb: Verbs, jobs: Any, made: dict[str, str], stdin: str, code: int
) -> None:
    before = live(jobs)
    asked = verb(*OLD, "--cancel", env=LOCAL, stdin=stdin)
    assert asked.code == code
    assert "cancel 2 jobs? [y/N]" in asked.stderr
    assert ("Error: E436 nothing was cancelled" in asked.stderr) == (code == 2)
    assert live(jobs) == before >= set(made.values())


def test_what_is_cancelled_and_what_is_not(
    verb: Verbs, vertex: LocalVertex, jobs: Any, made: dict[str, str]
) -> None:
    """Jobs of ours whose run failed or is gone; then one whose run succeeded; nobody else's."""
    model = job_of(jobs, "deleted")
    fields = ("model", "input_config", "output_config", "dedicated_resources")
    stranger = jobs.create_batch_prediction_job(
        parent=PARENT,
        batch_prediction_job={
            "display_name": "somebody else's",
            "labels": {"batchpredict-run": "ends-badly"},
            **{name: getattr(model, name) for name in fields},
        },
    )
    with vertex.faults.plan(CANCEL, "status", status=400, message="not now"):
        failed = verb(*OLD, "--cancel", "--yes", "--output", "json", env=LOCAL)
    assert failed.code == 1
    assert sorted(it["cancelled"] for it in failed.json if it["abandoned"]) == [False, True]
    assert "Error: E437 1 of 2 jobs could not be cancelled: E406" in failed.stderr
    assert len(live(jobs) & {made["ends-badly"], made["deleted"]}) == 1
    with vertex.faults.plan(CANCEL, "lost-reply"):
        done = verb(*OLD, "--cancel", env=LOCAL, stdin="y\n")
    assert done.code == 0, done.stderr
    wait_for_end(jobs, made["ends-badly"])
    wait_for_end(jobs, made["deleted"])
    others = {made[run] for run in ("ends-well", "ends-too", "goes-on")} | {stranger.name}
    assert others <= live(jobs)
    with ThreadPoolExecutor(1) as pool:
        with vertex.faults.plan(LIST, "delay", [2]) as plan:  # it looks again before it acts
            also = pool.submit(
                verb, *OLD, "--cancel", "--succeeded", "--yes", "--output", "json", env=LOCAL
            )
            plan.wait(timeout=60)
            jobs.cancel_batch_prediction_job(name=made["ends-well"])
        rows = {it["name"]: it["cancelled"] for it in also.result().json}
    assert rows == {made["ends-well"]: False, made["ends-too"]: True}
    wait_for_end(jobs, made["ends-too"])
    assert {made["goes-on"], stranger.name} <= live(jobs)
    again = verb(*OLD, "--cancel", "--yes", env=LOCAL)
    assert again.stderr.splitlines()[-1] == "there is nothing to cancel"


def test_usage(verb: Verbs) -> None:
    alone = verb("orphans", "--yes", env=LOCAL)
    assert (alone.code, "need --cancel" in alone.stderr) == (2, True)
    nowhere = verb("orphans", env={})
    assert (nowhere.code, "E411" in nowhere.stderr) == (2, True)

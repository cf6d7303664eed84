"""The states of batch prediction jobs: waiting, cancelled, deleted, many at once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from local.vertex.batch.support import Bucket, make_job, run, start, wait
from sklearn.linear_model import LinearRegression

from batchpredict.local.runs import PARENT
from batchpredict.local.settings import BatchSettings
from batchpredict.local.vertex.jobs import JobService, _Run
from batchpredict.local.vertex.operations import Operations
from batchpredict.local.vertex.services import KINDS
from batchpredict.local.vertex.state import Resources

State = types.JobState
LONG = 100_000  # rows, one to a request: half a minute of work


@pytest.fixture(scope="module")
def model(upload_sklearn: Callable[..., str]) -> str:
    return upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, gapic: Callable[[str, str], Any]) -> Any:
    return gapic("job", request.param)


def long_job(bucket: Bucket, model: str) -> Any:
    uri = bucket.write("long.jsonl", *[[1]] * LONG)
    tuning = {"batch_size": 1}
    return make_job(bucket, [uri], model=model, manual_batch_tuning_parameters=tuning)


def await_running(service: JobService, name: str) -> None:
    """Wait without asking for the job: such an answer is held for up to 3 s."""
    while service._resources.get(name).state == State.JOB_STATE_PENDING:
        time.sleep(0.01)
    assert service._resources.get(name).state == State.JOB_STATE_RUNNING


def test_a_job_that_has_ended_is_deleted_but_not_cancelled(
    client: Any, bucket: Bucket, model: str
) -> None:
    job = run(client, bucket, [bucket.write("in.jsonl", [1])], model=model)
    with pytest.raises(exceptions.BadRequest, match="cannot be cancelled"):
        client.cancel_batch_prediction_job(name=job.name)
    client.delete_batch_prediction_job(name=job.name).result()
    with pytest.raises(exceptions.NotFound):
        client.get_batch_prediction_job(name=job.name)
    assert bucket.results(job)  # the output stays


@pytest.mark.parametrize("method", ["get", "cancel", "delete"])
def test_a_job_that_never_was_is_not_found(client: Any, method: str) -> None:
    with pytest.raises(exceptions.NotFound):
        getattr(client, f"{method}_batch_prediction_job")(name=f"{PARENT}/batchPredictionJobs/1")


def test_a_job_that_runs_is_cancelled_in_the_middle(
    client: Any, bucket: Bucket, model: str
) -> None:
    run(client, bucket, [bucket.write("in.jsonl", [1])], model=model)  # the server is up
    name = start(client, long_job(bucket, model))
    job = client.get_batch_prediction_job(name=name)  # held for 3 s
    assert job.state == State.JOB_STATE_RUNNING
    with pytest.raises(exceptions.BadRequest, match="cancel it first"):
        client.delete_batch_prediction_job(name=name)
    client.cancel_batch_prediction_job(name=name)
    job = wait(client, name)
    assert (job.state, job.error.code) == (State.JOB_STATE_CANCELLED, 1)
    assert "completion_stats" not in job  # as on Google Cloud
    found = bucket.results(job)  # what was predicted until then stays
    assert 0 < len(found) < LONG
    assert {tuple(row) for row in found} == {("instance", "prediction")}
    client.delete_batch_prediction_job(name=name).result()


def test_a_job_that_waits_is_cancelled_at_once(
    client: Any, bucket: Bucket, model: str, service: JobService
) -> None:
    service.settings = BatchSettings(active_jobs=1)
    first = start(client, long_job(bucket, model))
    await_running(service, first)
    second = start(client, long_job(bucket, model))
    client.cancel_batch_prediction_job(name=second)
    job = client.get_batch_prediction_job(name=second)
    assert (job.state, job.error.code) == (State.JOB_STATE_CANCELLED, 1)
    assert job.end_time
    assert not job.start_time
    assert not job.output_info.gcs_output_directory
    assert client.get_batch_prediction_job(name=first).state == State.JOB_STATE_RUNNING
    client.cancel_batch_prediction_job(name=first)
    assert wait(client, first).state == State.JOB_STATE_CANCELLED


def test_a_job_is_cancelling_while_the_server_works(
    client: Any,
    bucket: Bucket,
    model: str,
    service: JobService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = long_job(bucket, model)
    seen: list[Any] = []
    finish = service._finish

    def look(name: str, *rest: Any) -> None:
        seen.append(service._resources.get(name).state)
        finish(name, *rest)

    monkeypatch.setattr(service, "_finish", look)
    name = start(client, job)
    await_running(service, name)
    client.cancel_batch_prediction_job(name=name)
    assert wait(client, name).state == State.JOB_STATE_CANCELLED
    assert seen == [State.JOB_STATE_CANCELLING]


def test_a_job_goes_on_after_its_model_server_was_killed(
    client: Any, bucket: Bucket, model: str, service: JobService
) -> None:
    rows = 5000
    uri = bucket.write("in.jsonl", *[[number] for number in range(rows)])
    tuning = {"batch_size": 1}
    job = make_job(bucket, [uri], model=model, manual_batch_tuning_parameters=tuning)
    name = start(client, job)
    await_running(service, name)
    server = service._servers.ensure(service._models.resolve(model))
    assert server.process is not None
    server.process.kill()
    ended = wait(client, name)
    assert ended.state == State.JOB_STATE_SUCCEEDED
    assert ended.completion_stats.successful_count == rows
    assert [row["instance"] for row in bucket.results(ended)] == [[it] for it in range(rows)]


def test_many_jobs_at_once_all_end_well(client: Any, bucket: Bucket, model: str) -> None:
    uri = bucket.write("in.jsonl", [1], [2])
    names = [
        start(client, make_job(bucket, [uri], model=model, display_name=f"job {number}"))
        for number in range(30)
    ]
    jobs = [wait(client, name) for name in names]
    assert {job.state for job in jobs} == {State.JOB_STATE_SUCCEEDED}
    folders = {job.output_info.gcs_output_directory for job in jobs}
    assert len(folders) == len(jobs)
    assert all(len(bucket.results(job)) == 2 for job in jobs)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("PENDING", "FAILED"),
        ("RUNNING", "FAILED"),
        ("CANCELLING", "CANCELLED"),
        ("SUCCEEDED", "SUCCEEDED"),
        ("CANCELLED", "CANCELLED"),
    ],
)
def test_what_a_killed_session_left(tmp_path: Path, before: str, after: str) -> None:
    name = f"{PARENT}/batchPredictionJobs/7"
    job = types.BatchPredictionJob(name=name, state=f"JOB_STATE_{before}")
    Resources(tmp_path, KINDS).put(name, job)
    resources = Resources(tmp_path, KINDS)
    rest: Any = None
    JobService(resources, Operations(), rest, rest, rest, BatchSettings(), rest)
    assert resources.get(name).state.name == f"JOB_STATE_{after}"


@pytest.fixture
def alone(tmp_path: Path) -> JobService:
    """A service without models and servers."""
    nothing: Any = None
    return JobService(
        Resources(tmp_path, KINDS),
        Operations(),
        nothing,
        nothing,
        nothing,
        BatchSettings(),
        nothing,
    )


def test_a_job_that_was_cancelled_as_it_was_taken_up_does_not_run(alone: JobService) -> None:
    name = f"{PARENT}/batchPredictionJobs/7"
    job = types.BatchPredictionJob(name=name, state=State.JOB_STATE_CANCELLING)
    alone._resources.put(name, job)
    alone._run(name, _Run(types.Model()))
    found = alone._resources.get(name)
    assert found.state == State.JOB_STATE_CANCELLED
    assert not found.start_time


def test_no_two_jobs_have_one_moment(alone: JobService) -> None:
    with ThreadPoolExecutor(8) as pool:
        moments = list(pool.map(lambda _: alone._own_moment(), range(500)))
    assert len({f"{moment:%H%M%S%f}"[:-3] for moment in moments}) == 500

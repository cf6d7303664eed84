"""Batch prediction jobs from the request to the files that they leave."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.cloud.aiplatform_v1 import types
from local.vertex.batch.support import Bucket, counts, run
from sklearn.base import BaseEstimator
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from batchpredict.images import SKLEARN_SERVING
from batchpredict.local.runs import PARENT

State = types.JobState
REFUSED = (
    r"Post request fails\. Cannot get predictions\. Error: Exceeded retries: Non-OK result 500 "
    r"\(.*\) from server, retry=3, elapsed=\d+\.\d\ds\."
)


@pytest.fixture(scope="session")
def summing(upload_sklearn: Callable[..., str]) -> str:
    """Predicts 2a + 20b, and refuses rows of another length."""
    inputs = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    return upload_sklearn(LinearRegression().fit(inputs, inputs @ [2.0, 20.0]))


@pytest.fixture(scope="session")
def naming(upload_sklearn: Callable[..., str]) -> str:
    """Takes objects with ``a`` and ``b``."""
    rows = [{"a": 0.0, "b": 0.0}, {"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0}]
    model: BaseEstimator = make_pipeline(DictVectorizer(), LinearRegression())
    return upload_sklearn(model.fit(rows, [0.0, 2.0, 20.0]), display_name="of objects")


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, gapic: Callable[[str, str], Any]) -> Any:
    return gapic("job", request.param)


def test_array_lines(client: Any, bucket: Bucket, summing: str) -> None:
    uri = bucket.write("in.jsonl", [1, 1], [2, 0])
    job = run(client, bucket, [uri], model=summing)
    assert job.state == State.JOB_STATE_SUCCEEDED
    assert counts(job) == (2, 0)
    found = bucket.results(job)
    assert [row["instance"] for row in found] == [[1, 1], [2, 0]]
    assert [row["prediction"] for row in found] == pytest.approx([22, 4])
    assert bucket.errors(job) == []
    assert job.model_version_id == "1"
    assert job.create_time <= job.start_time <= job.end_time


def test_the_folder_is_named_after_the_model_and_the_time(
    client: Any, bucket: Bucket, naming: str
) -> None:
    job = run(client, bucket, [bucket.write("in.jsonl", {"a": 1, "b": 0})], model=naming)
    prefix = f"{bucket.uri}/out/prediction-of objects-"
    stamp = job.output_info.gcs_output_directory.removeprefix(prefix)
    assert re.fullmatch(r"\d{4}(_\d\d){2}T\d\d(_\d\d){2}_\d{3}Z", stamp)


def test_object_lines(client: Any, bucket: Bucket, naming: str) -> None:
    rows = [{"a": 1, "b": 1}, {"b": 2}]
    job = run(client, bucket, [bucket.write("in.jsonl", *rows)], model=naming)
    found = bucket.results(job)
    assert [row["instance"] for row in found] == rows
    assert [row["prediction"] for row in found] == pytest.approx([22, 40])


def test_a_key_and_included_fields_as_an_array(client: Any, bucket: Bucket, summing: str) -> None:
    rows = [{"id": n, "junk": "x", "b": n, "a": 1} for n in range(3)]
    config = {
        "key_field": "id",
        "included_fields": ["a", "b"],
        "instance_type": "array",
    }
    uri = bucket.write("in.jsonl", *rows)
    job = run(client, bucket, [uri], model=summing, instance_config=config)
    found = bucket.results(job)
    assert [set(row) for row in found] == [{"key", "prediction"}] * 3
    assert [row["key"] for row in found] == ["0", "1", "2"]
    assert [row["prediction"] for row in found] == pytest.approx([2, 22, 42])


def test_excluded_fields_stand_beside_the_prediction(
    client: Any, bucket: Bucket, naming: str
) -> None:
    config = {"excluded_fields": ["id"]}
    uri = bucket.write("in.jsonl", {"id": 7, "a": 1, "b": 0})
    job = run(client, bucket, [uri], model=naming, instance_config=config)
    assert bucket.results(job)[0] == {
        "instance": {"a": 1, "b": 0},
        "id": 7,
        "prediction": pytest.approx(2),
    }


def test_a_batch_that_the_model_refuses_is_counted_and_the_rest_predicted(
    client: Any, bucket: Bucket, summing: str
) -> None:
    lines = [[n, 0] for n in range(6)]
    lines[3] = [1, 2, 3]
    uri = bucket.write("in.jsonl", *lines)
    tuning = {"batch_size": 2}
    job = run(client, bucket, [uri], model=summing, manual_batch_tuning_parameters=tuning)
    assert job.state == State.JOB_STATE_SUCCEEDED
    assert counts(job) == (4, 2)
    assert [row["instance"][0] for row in bucket.results(job)] == [0, 1, 4, 5]
    [(message, count)] = bucket.errors(job)
    assert count == 2
    assert re.fullmatch(REFUSED, message)
    assert job.completion_stats.incomplete_count == 0


def test_a_job_of_which_all_failed_fails(client: Any, bucket: Bucket, summing: str) -> None:
    uri = bucket.write("in.jsonl", [1], [2])
    job = run(client, bucket, [uri], model=summing)
    assert job.state == State.JOB_STATE_FAILED
    assert "all 2 instances failed" in job.error.message
    assert counts(job) == (0, 2)
    assert bucket.results(job) == []
    assert [count for _, count in bucket.errors(job)] == [2]


def test_an_empty_input_fails(client: Any, bucket: Bucket, summing: str) -> None:
    job = run(client, bucket, [bucket.write("in.jsonl")], model=summing)
    assert job.state == State.JOB_STATE_FAILED
    assert "no instances" in job.error.message


def test_a_missing_input_is_not_found(client: Any, bucket: Bucket, summing: str) -> None:
    uri = f"{bucket.uri}/nothing.jsonl"
    job = run(client, bucket, [uri], model=summing)
    assert (job.state, job.error.code) == (State.JOB_STATE_FAILED, 5)
    assert uri in job.error.message


def test_a_line_that_is_no_json_fails_the_job(client: Any, bucket: Bucket, summing: str) -> None:
    uri = bucket.write("in.jsonl", [1, 1])
    with bucket.path(uri).open("a") as file:
        file.write("nonsense\n")
    job = run(client, bucket, [uri], model=summing)
    assert (job.state, job.error.code) == (State.JOB_STATE_FAILED, 3)
    assert "line 2" in job.error.message


def test_wildcards_and_several_uris_are_read_in_order(
    client: Any, bucket: Bucket, summing: str
) -> None:
    for name in ("b/2.jsonl", "b/1.jsonl", "b/[x].jsonl", "b/deep/3.jsonl", "b/4.txt"):
        bucket.write(name, [len(name), 0])
    last = bucket.write("last[1].jsonl", [99, 0])
    bucket.write("last1.jsonl", [98, 0])
    uris = [f"{bucket.uri}/b/*.jsonl", f"{bucket.uri}/*/deep/*", last, f"{bucket.uri}/last[1]*"]
    job = run(client, bucket, uris, model=summing)
    found = [row["instance"][0] for row in bucket.results(job)]
    assert found == [9, 9, 11, 14, 99, 99]


def test_a_wildcard_that_matches_nothing_is_not_found(
    client: Any, bucket: Bucket, summing: str
) -> None:
    bucket.write("in.jsonl", [1, 1])
    job = run(client, bucket, [f"{bucket.uri}/*.csv"], model=summing)
    assert (job.state, job.error.code) == (State.JOB_STATE_FAILED, 5)


def test_a_link_out_of_the_store_is_not_followed(
    client: Any, bucket: Bucket, summing: str, tmp_path: Path
) -> None:
    bucket.write("in.jsonl", [1, 1])
    (tmp_path / "secret.jsonl").write_text("[1, 2]\n")
    (bucket.path(bucket.uri) / "link").symlink_to(tmp_path)
    job = run(client, bucket, [f"{bucket.uri}/*/secret.jsonl"], model=summing)
    assert job.state == State.JOB_STATE_FAILED
    assert "link" in job.error.message


def test_a_model_that_was_never_uploaded(
    client: Any, bucket: Bucket, summing: str, gapic: Callable[[str, str], Any]
) -> None:
    unmanaged = {
        "artifact_uri": gapic("model", "grpc").get_model(name=summing).artifact_uri,
        "container_spec": {"image_uri": SKLEARN_SERVING},
    }
    uri = bucket.write("in.jsonl", [1, 1])
    job = run(client, bucket, [uri], unmanaged_container_model=unmanaged)
    assert job.state == State.JOB_STATE_SUCCEEDED
    assert bucket.results(job)[0]["prediction"] == pytest.approx(22)


def test_a_model_that_does_not_load_fails_the_job(
    client: Any, bucket: Bucket, upload_sklearn: Callable[..., str]
) -> None:
    broken = upload_sklearn({}, artifact_uri=f"{bucket.uri}/no-model")
    uri = bucket.write("in.jsonl", [1, 1])
    job = run(client, bucket, [uri], model=broken)
    assert job.state == State.JOB_STATE_FAILED
    assert job.error.message.startswith("E333 ")


def test_jobs_are_listed_by_state(client: Any, bucket: Bucket, summing: str) -> None:
    title = f"listed {bucket.uri}"
    good = bucket.write("in.jsonl", [1, 1])
    run(client, bucket, [good], model=summing, display_name=title)
    run(client, bucket, [f"{bucket.uri}/none"], model=summing, display_name=title)
    for state in ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED"):
        request = types.ListBatchPredictionJobsRequest(
            parent=PARENT, filter=f'display_name="{title}" AND state="{state}"'
        )
        found = list(client.list_batch_prediction_jobs(request))
        assert [job.state.name for job in found] == [state]

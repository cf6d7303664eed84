"""Jobs over each format of instances and predictions, failing rows, shards, explanations."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from google.cloud.aiplatform_v1 import types
from local.vertex.batch.support import Bucket, counts, run
from local.vertex.batch.test_records import framed
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from batchpredict.local.session import LocalVertex
from batchpredict.local.settings import BatchSettings
from batchpredict.local.vertex.jobs import JobService

State = types.JobState
Upload = Callable[..., str]


def b64(content: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(content).decode()}


def explaining(name: str = "x", path_count: int = 10) -> Any:
    return {
        "parameters": {"sampled_shapley_attribution": {"path_count": path_count}},
        "metadata": {"inputs": {name: {}}, "outputs": {"y": {}}},
    }


@pytest.fixture(scope="module")
def summing(upload_sklearn: Upload) -> str:
    """Predicts 2a + 20b + 1, and refuses rows of another length."""
    inputs = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    return upload_sklearn(LinearRegression().fit(inputs, inputs @ [2.0, 20.0] + 1))


@pytest.fixture(scope="module")
def of_texts(upload_sklearn: Upload) -> str:
    """Takes a number and a text; the text alone counts."""
    rows = [["1.0", "cat"], ["1.0", "dog"]]
    steps: BaseEstimator = make_pipeline(
        OneHotEncoder(handle_unknown="ignore"), LinearRegression(fit_intercept=False)
    )
    return upload_sklearn(steps.fit(rows, [1.0, 2.0]))


@pytest.fixture(scope="module")
def of_bytes(upload_sklearn: Upload) -> str:
    """Predicts 1 for the bytes ``one``, 2 for the bytes ``two``."""
    steps: BaseEstimator = make_pipeline(DictVectorizer(), LinearRegression(fit_intercept=False))
    return upload_sklearn(steps.fit([b64(b"one"), b64(b"\xfftwo")], [1.0, 2.0]))


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, gapic: Callable[[str, str], Any]) -> Any:
    return gapic("job", request.param)


def values(rows: list[Any]) -> list[float]:
    return [row["prediction"] for row in rows]


def test_csv_to_json_lines(client: Any, bucket: Bucket, of_texts: str) -> None:
    uri = bucket.write_text("in.csv", 'n,"animal"\n1.0,"dog"\n1,"cat"\n')
    job = run(client, bucket, [uri], model=of_texts, form="csv")
    found = bucket.results(job)
    assert [row["instance"] for row in found] == [[1.0, "dog"], [1.0, "cat"]]
    assert found[0]["prediction"] > found[1]["prediction"]
    assert job.input_config.instances_format == "csv"


def test_csv_to_csv(client: Any, bucket: Bucket, summing: str) -> None:
    uri = bucket.write_text("in.csv", "b,a\n1,2\n3,4\n")
    job = run(client, bucket, [uri], model=summing, form="csv", into="csv")
    header, *rows = bucket.table(job)
    assert header == ["b", "a", "predicted_value"]
    assert [row[:2] for row in rows] == [["1.0", "2.0"], ["3.0", "4.0"]]
    assert [float(row[2]) for row in rows] == pytest.approx([43, 87])
    assert counts(job) == (2, 0)
    assert sorted(path.name for path in bucket.folder(job).iterdir()) == [
        "prediction.errors_stats-00000-of-00001",
        "prediction.results-00000-of-00001.csv",
    ]


def test_a_key_of_csv_stands_in_both_outputs(client: Any, bucket: Bucket, summing: str) -> None:
    uri = bucket.write_text("in.csv", 'a,id,b\n1,"x",2\n3,007,4\n')
    fields: Any = {"model": summing, "form": "csv", "instance_config": {"key_field": "id"}}
    lines = bucket.results(run(client, bucket, [uri], **fields))
    assert [row["key"] for row in lines] == ["x", "007"]
    table = bucket.table(run(client, bucket, [uri], into="csv", **fields))
    assert table[0] == ["key", "predicted_value"]
    assert [row[0] for row in table[1:]] == ["x", "007"]
    assert [float(row[1]) for row in table[1:]] == pytest.approx(values(lines))


def test_json_lines_to_csv(client: Any, bucket: Bucket, summing: str) -> None:
    uri = bucket.write("in.jsonl", *[{"id": n, "b": n, "a": 1} for n in range(3)])
    config = {"included_fields": ["a", "b"], "instance_type": "array"}
    job = run(client, bucket, [uri], model=summing, into="csv", instance_config=config)
    assert bucket.table(job)[0] == ["a", "b", "predicted_value"]
    assert [row[:2] for row in bucket.table(job)[1:]] == [["1", "0"], ["1", "1"], ["1", "2"]]


def test_csv_files_with_other_columns_are_refused(
    client: Any, bucket: Bucket, summing: str
) -> None:
    uris = [bucket.write_text("1.csv", "a,b\n1,2\n"), bucket.write_text("2.csv", "b,a\n1,2\n")]
    job = run(client, bucket, uris, model=summing, form="csv", into="csv")
    assert (job.state, job.error.code) == (State.JOB_STATE_FAILED, 3)
    assert "2.csv has other columns than 1.csv" in job.error.message


@pytest.mark.parametrize("form", ["tf-record", "tf-record-gzip"])
def test_records(client: Any, bucket: Bucket, of_bytes: str, form: str) -> None:
    content = framed(b"one", b"\xfftwo", b"one")
    packed = gzip.compress(content) if form == "tf-record-gzip" else content
    job = run(client, bucket, [bucket.write_bytes("in", packed)], model=of_bytes, form=form)
    found = bucket.results(job)
    assert [row["instance"] for row in found] == [b64(b"one"), b64(b"\xfftwo"), b64(b"one")]
    assert values(found) == pytest.approx([1, 2, 1])


def test_a_broken_record_fails_the_job_and_what_was_predicted_stays(
    client: Any, bucket: Bucket, of_bytes: str
) -> None:
    uri = bucket.write_bytes("in", framed(*[b"one"] * 70)[:-1])
    job = run(client, bucket, [uri], model=of_bytes, form="tf-record")
    assert (job.state, job.error.code) == (State.JOB_STATE_FAILED, 3)
    assert job.error.message == "in is broken: record 70 is cut: it has 3 of 3 bytes"
    assert job.completion_stats.incomplete_count == -1
    assert len(bucket.results(job)) == job.completion_stats.successful_count


def test_a_list_of_files(client: Any, bucket: Bucket, of_bytes: str) -> None:
    one = bucket.write_bytes("one.bin", b"one")
    two = bucket.write_bytes("two.bin", b"\xfftwo")
    uri = bucket.write_text("in.txt", f"{one}\n{two}\n")
    job = run(client, bucket, [uri], model=of_bytes, form="file-list")
    found = bucket.results(job)
    assert [row["instance"] for row in found] == [one, two]
    assert values(found) == pytest.approx([1, 2])


def test_files_that_cannot_be_read_are_partial_failures(
    client: Any, bucket: Bucket, of_bytes: str
) -> None:
    good = bucket.write_bytes("one.bin", b"one")
    bad = [f"{bucket.uri}/none-{number}" for number in range(25)]
    uri = bucket.write_text("in.txt", "\n".join([*bad, good]))
    job = run(client, bucket, [uri], model=of_bytes, form="file-list")
    assert job.state == State.JOB_STATE_SUCCEEDED
    assert counts(job) == (1, 25)
    assert len(job.partial_failures) == 20  # never more
    assert {failure.code for failure in job.partial_failures} == {5}
    assert job.partial_failures[0].message.startswith(f"{bad[0]} cannot be read: ")
    assert bucket.errors(job) == [("Cannot read a file of the file list.", 25)]
    assert [row["instance"] for row in bucket.results(job)] == [good]


def test_failing_batches_are_counted_by_message_and_the_job_is_green(
    client: Any, bucket: Bucket, summing: str
) -> None:
    lines = [[n, 0] for n in range(200)]
    lines[3] = lines[150] = [1, 2, 3]
    job = run(client, bucket, [bucket.write("in.jsonl", *lines)], model=summing)
    assert job.state == State.JOB_STATE_SUCCEEDED
    assert counts(job) == (200 - 2 * 64, 2 * 64)
    assert sum(count for _, count in bucket.errors(job)) == 2 * 64
    found = [row["instance"][0] for row in bucket.results(job)]
    assert found == [*range(64, 128), *range(192, 200)]
    assert job.resources_consumed.replica_hours > 0


def test_several_shards_are_the_choice_of_the_service(
    client: Any, bucket: Bucket, summing: str, service: JobService
) -> None:
    service.settings = BatchSettings(shards=5)
    uri = bucket.write("in.jsonl", *[[n, 0] for n in range(130)])
    job = run(client, bucket, [uri], model=summing)
    shards = [f"prediction.results-0000{n}-of-00005" for n in range(5)]
    found = [(bucket.folder(job) / name).read_text().splitlines() for name in shards]
    assert [len(lines) for lines in found] == [64, 64, 2, 0, 0]
    rows = [json.loads(line)["instance"][0] for lines in found for line in lines]
    assert rows == list(range(130))


def test_outputs_are_objects(
    vertex: LocalVertex, client: Any, bucket: Bucket, summing: str
) -> None:
    job = run(client, bucket, [bucket.write("in.jsonl", [1, 1])], model=summing)
    name = job.output_info.gcs_output_directory.removeprefix("gs://batch-jobs/")
    found = vertex.store.get("batch-jobs", f"{name}/prediction.results-00000-of-00001")
    assert found.content_type == "text/plain"
    assert found.size == (bucket.folder(job) / "prediction.results-00000-of-00001").stat().st_size


def test_an_output_bucket_of_google_cloud_is_made_here(
    client: Any, bucket: Bucket, summing: str
) -> None:
    place = {"gcs_destination": {"output_uri_prefix": "gs://never-made/out"}}
    output = {"predictions_format": "jsonl", **place}
    uri = bucket.write("in.jsonl", [1, 1])
    job = run(client, bucket, [uri], model=summing, output_config=output)
    assert job.state == State.JOB_STATE_SUCCEEDED
    assert job.output_info.gcs_output_directory.startswith("gs://never-made/out/prediction-")


def test_explanations_of_a_served_model(client: Any, bucket: Bucket, summing: str) -> None:
    uri = bucket.write("in.jsonl", *[[n, 1] for n in range(70)])
    job = run(
        client,
        bucket,
        [uri],
        model=summing,
        generate_explanation=True,
        explanation_spec=explaining(),
    )
    assert sorted(path.name for path in bucket.folder(job).iterdir()) == [
        "explanation.results-00000-of-00001",
        "prediction.errors_stats-00000-of-00001",
    ]
    found = bucket.results(job, "explanation")
    assert counts(job) == (70, 0)
    for number, row in enumerate(found):
        assert list(row) == ["instance", "prediction", "explanation"]
        [attribution] = row["explanation"]["attributions"]
        assert attribution["baselineOutputValue"] == pytest.approx(1)
        assert attribution["instanceOutputValue"] == row["prediction"]
        parts = attribution["featureAttributions"]["x"]
        assert parts == pytest.approx([2 * number, 20])
        assert attribution["outputName"] == "y"


def test_an_explanation_of_a_forest_adds_up(
    client: Any, bucket: Bucket, upload_sklearn: Upload
) -> None:
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(80, 12))
    forest = RandomForestRegressor(5, random_state=0).fit(rows, rows[:, 0] * rows[:, 1])
    spec = explaining(path_count=5)
    model = upload_sklearn(forest, explanation_spec=spec)
    uri = bucket.write("in.jsonl", *rows[:3].tolist())
    jobs = [run(client, bucket, [uri], model=model, generate_explanation=True) for _ in range(2)]
    once, again = (bucket.results(job, "explanation") for job in jobs)
    assert once == again
    for row in once:
        [it] = row["explanation"]["attributions"]
        gained = it["instanceOutputValue"] - it["baselineOutputValue"]
        assert sum(it["featureAttributions"]["x"]) == pytest.approx(gained)
        assert it["approximationError"] > 0


def test_rows_that_cannot_be_explained_fail_alone(
    client: Any, bucket: Bucket, of_bytes: str
) -> None:
    rows = [b64(b"one"), {"other": 1}, b64(b"\xfftwo")]
    job = run(
        client,
        bucket,
        [bucket.write("in.jsonl", *rows)],
        model=of_bytes,
        generate_explanation=True,
        explanation_spec=explaining("b64"),
    )
    assert job.state == State.JOB_STATE_SUCCEEDED
    assert counts(job) == (2, 1)
    message = "Post request fails. Cannot decode the explanation response. Error: "
    assert bucket.errors(job) == [(f"{message}the instance has no field 'b64'.", 1)]
    found = bucket.results(job, "explanation")
    assert [row["instance"] for row in found] == [rows[0], rows[2]]
    parts = [row["explanation"]["attributions"][0]["featureAttributions"] for row in found]
    assert [part["b64"] for part in parts] == pytest.approx(values(found))

"""What the cloud says of a request: the running services, and replies that they never give."""

from typing import Any

import pytest
from sklearn.linear_model import LinearRegression

from batchpredict.runtime.request import cloud
from batchpredict.runtime.request.cloud import cloud_findings

MODEL = "projects/p-12345/locations/europe-west4/models/1"
FORMATS = {
    "supportedInputStorageFormats": ["jsonl", "csv"],
    "supportedOutputStorageFormats": ["jsonl"],
}
REQUEST = {
    "model": MODEL,
    "instances_format": "jsonl",
    "predictions_format": "jsonl",
    "gcs_source_uris": ["gs://in-1/a", "gs://in-1/b*"],
    "gcs_destination_output_uri_prefix": "gs://out-1/x",
}


def findings(monkeypatch, replies: dict[str, Any], **changes: Any) -> list[str]:
    """Return what is found when the cloud gives these replies, by a part of the address."""
    ordered = {**replies, **{part: it for part, it in DEFAULTS.items() if part not in replies}}

    def reply(verb: str, url: str, accepted: tuple[int, ...]) -> dict[str, Any]:
        assert (verb, accepted) == ("GET", (401, 403, 404))
        found = next(it for part, it in ordered.items() if part in url)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(cloud, "google_request", reply)
    return cloud_findings({**REQUEST, **changes}, "europe-west4")


HERE = {"location": "EUROPE-WEST4"}
DEFAULTS = {"/models/": FORMATS, "/b/in-1?": HERE, "/b/out-1?": HERE, "/datasets/": HERE}
TABLE = {"bigquery_source_input_uri": "bq://example.com:my-project.d.t"}


def test_everything_in_its_place_has_no_finding(monkeypatch) -> None:
    assert findings(monkeypatch, {}) == []
    assert findings(monkeypatch, {}, **TABLE) == []


@pytest.mark.parametrize(
    ("replies", "changes", "expected"),
    [
        (
            {"/models/": {**FORMATS, "supportedInputStorageFormats": ["csv"]}},
            {},
            "E139 instances_format is 'jsonl'; the model takes: csv",
        ),
        (
            {},
            {"predictions_format": "csv"},
            "E139 predictions_format is 'csv'; the model takes: jsonl",
        ),
        (
            {"/models/": {"supportedOutputStorageFormats": ["jsonl"]}},
            {},
            "E139 the model supports no batch prediction: supportedInputStorageFormats is empty",
        ),
        (
            {"/models/": {"error": {"message": "no such model"}}},
            {},
            "W141 the model could not be looked up, its formats were not checked: no such model",
        ),
        (
            {},
            {"model": "publishers/google/models/gemini"},
            "W141 the formats of publishers/google/models/gemini are not known here; they were "
            "not checked",
        ),
        (
            {"/b/out-1?": {"location": "US-EAST1"}},
            {},
            "E139 bucket out-1 is in us-east1, the job in europe-west4; use one region",
        ),
        (
            {"/b/in-1?": {"location": "EU"}},
            {},
            "W140 bucket in-1 is in eu, which is no single region; some models refuse it",
        ),
        (
            {"/b/in-1?": RuntimeError("E252 busy")},
            {},
            "W141 bucket in-1 could not be looked up, its place was not checked: E252 busy",
        ),
        (
            {"projects/example.com:my-project/datasets/d?": {"location": "us-east1"}},
            TABLE,
            "E139 dataset d is in us-east1, the job in europe-west4; use one region",
        ),
    ],
)
def test_what_does_not_fit_is_named(monkeypatch, replies, changes, expected) -> None:
    assert findings(monkeypatch, replies, **changes) == [expected]


def test_a_project_alone_has_no_dataset_yet(monkeypatch) -> None:
    given = {"bigquery_destination_output_uri": "bq://my-project"}
    assert findings(monkeypatch, {}, **given) == []


def test_the_running_services_are_asked(services, upload_sklearn) -> None:
    model = upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]))
    if not services.store.bucket_exists("cloud-check"):
        services.store.create_bucket("cloud-check")
    values = {
        "model": model,
        "instances_format": "jsonl",
        "predictions_format": "jsonl",
        "gcs_source_uris": ["gs://cloud-check/a"],
        "gcs_destination_output_uri_prefix": "gs://nobody-made-this/out",
    }
    found = cloud_findings(values, "us-central1")
    assert not any(it.startswith("E") for it in found)
    assert any(it.startswith("W141 bucket nobody-made-this could not be") for it in found)

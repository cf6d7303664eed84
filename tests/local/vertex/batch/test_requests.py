"""Requests for batch prediction jobs that are refused when they are made, by the field's name."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from local.vertex.batch.support import make_job
from sklearn.linear_model import LinearRegression

from batchpredict.images import SKLEARN_SERVING
from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.batch.requests import OUTPUT_ONLY, check_request, without_output

BadRequest, NotThere = exceptions.BadRequest, exceptions.MethodNotImplemented
GCS_IN = {"gcs_source": {"uris": ["gs://batch-jobs/in"]}}
GCS_OUT = {"gcs_destination": {"output_uri_prefix": "gs://batch-jobs/out"}}
BIG_IN = {"bigquery_source": {"input_uri": "bq://a.b.c"}}
BIG_OUT = {"bigquery_destination": {"output_uri": "bq://a.b"}}
EXPLAINED = {"generate_explanation": True}
SPEC = {"container_spec": {"image_uri": SKLEARN_SERVING}}
OTHER_PLACE = "projects/local-project/locations/europe-west1/models/1"


class _Here:
    uri = "gs://batch-jobs"


def job(**fields: Any) -> Any:
    here: Any = _Here()
    return make_job(here, ["gs://batch-jobs/in"], **fields)


@pytest.fixture(scope="module")
def model(upload_sklearn: Callable[..., str]) -> str:
    return upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, gapic: Callable[[str, str], Any]) -> Any:
    return gapic("job", request.param)


def source(kind: str, **place: Any) -> dict[str, Any]:
    return {"input_config": {"instances_format": kind, **place}}


def target(kind: str, **place: Any) -> dict[str, Any]:
    return {"output_config": {"predictions_format": kind, **place}}


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"display_name": ""}, BadRequest, "display_name"),
        ({"display_name": "x" * 129}, BadRequest, "display_name"),
        ({"model": ""}, BadRequest, "exactly one of model and unmanaged_container_model"),
        ({"unmanaged_container_model": {"artifact_uri": "gs://b/m", **SPEC}}, BadRequest, "one"),
        ({"model": "", "unmanaged_container_model": SPEC}, BadRequest, "artifact_uri"),
        ({"model": f"{PARENT}/models/404"}, exceptions.NotFound, "404"),
        ({"model": OTHER_PLACE}, BadRequest, "europe-west1.* is not in"),
        ({"model": "publishers/google/models/gemini"}, NotThere, "publishers/google"),
        (source("", **GCS_IN), BadRequest, "input_config.instances_format ''"),
        (
            source("parquet", **GCS_IN),
            BadRequest,
            r"'parquet' is not supported. Supported values are: \[jsonl, csv, bigquery, tf-",
        ),
        (source("jsonl"), BadRequest, "gcs_source"),
        (source("jsonl", gcs_source={}), BadRequest, "input_config.gcs_source.uris"),
        (source("jsonl", **BIG_IN), BadRequest, "'jsonl' does not go with bigquery_source"),
        (source("bigquery", **GCS_IN), BadRequest, "'bigquery' does not go with gcs_source"),
        (
            source("bigquery", bigquery_source={"input_uri": "bq://a.b"}),
            BadRequest,
            "input_config.bigquery_source.input_uri: 'bq://a.b' is not of the form bq://project.d",
        ),
        (
            source("jsonl", vertex_multimodal_dataset_source={"dataset_name": "x"}),
            NotThere,
            "vertex_multimodal_dataset_source",
        ),
        (target("", **GCS_OUT), BadRequest, "output_config.predictions_format ''"),
        (target("file-list", **GCS_OUT), BadRequest, r"values are: \[jsonl, csv, bigquery\]"),
        (target("jsonl"), BadRequest, "gcs_destination"),
        (target("csv", **BIG_OUT), BadRequest, "'csv' does not go with bigquery_destination"),
        (target("bigquery", **GCS_OUT), BadRequest, "'bigquery' does not go with"),
        (
            target("bigquery", bigquery_destination={"output_uri": "gs://a"}),
            BadRequest,
            "output_config.bigquery_destination.output_uri: 'gs://a'",
        ),
        (
            {**target("bigquery", **BIG_OUT), "instance_config": {"key_field": "k"}},
            BadRequest,
            '"bigquery" output format does not support key_field',
        ),
        (
            {**target("bigquery", **BIG_OUT), **EXPLAINED},
            NotThere,
            "generate_explanation with predictions_format 'bigquery'",
        ),
        (
            target("jsonl", gcs_destination={"output_uri_prefix": "/tmp/x"}),
            BadRequest,
            "output_uri_prefix: '/tmp/x' is not a Cloud Storage URI",
        ),
        ({"instance_config": {"instance_type": "list"}}, BadRequest, "instance_type 'list'"),
        (
            {"instance_config": {"included_fields": ["a"], "excluded_fields": ["b"]}},
            BadRequest,
            "included_fields and excluded_fields",
        ),
        ({"manual_batch_tuning_parameters": {"batch_size": -1}}, BadRequest, "batch_size"),
        ({"dedicated_resources": {"starting_replica_count": 1}}, BadRequest, "machine_type"),
        (
            {
                "dedicated_resources": {
                    "machine_spec": {"machine_type": "n1-standard-2"},
                    "max_replica_count": -1,
                }
            },
            BadRequest,
            "replica count",
        ),
        ({"labels": {"Team": "a"}}, BadRequest, r"labels\['Team'\]"),
        ({"labels": {"team": "A B"}}, BadRequest, r"labels\['team'\]: 'A B'"),
        ({"generate_explanation": True}, BadRequest, "explanation_spec.parameters"),
        ({"explanation_spec": {"parameters": {"top_k": 1}}}, BadRequest, "generate_explanation"),
    ],
)
def test_what_cannot_be_done_is_refused_at_creation(
    client: Any, model: str, fields: dict[str, Any], error: Any, words: str
) -> None:
    request = job(**{"model": model, **fields})
    with pytest.raises(error, match=words):
        client.create_batch_prediction_job(parent=PARENT, batch_prediction_job=request)


@pytest.mark.parametrize(
    "uri", ["gs://batch-jobs/*/../../../../etc/passwd", "/etc/passwd", "../x", "http://x/y", ""]
)
def test_an_input_outside_the_store_is_refused(client: Any, model: str, uri: str) -> None:
    request = job(model=model)
    request.input_config.gcs_source.uris = [uri]
    with pytest.raises(BadRequest, match=r"gcs_source.uris: .* is not a Cloud Storage URI"):
        client.create_batch_prediction_job(parent=PARENT, batch_prediction_job=request)


@pytest.mark.parametrize(
    "fields",
    [
        {"labels": {"team": "größe-1_x", "vertex-ai-pipelines-run-billing-id": "7"}},
        {"manual_batch_tuning_parameters": {"batch_size": 0}},
        {"dedicated_resources": {"machine_spec": {"machine_type": "n1-standard-2"}}},
        {"display_name": "x" * 128},
        source("tf-record-gzip", **GCS_IN),
        target("csv", **GCS_OUT),
    ],
)
def test_what_the_service_takes_is_taken(fields: dict[str, Any]) -> None:
    check_request(job(**{"model": f"{PARENT}/models/1", **fields}))


def test_an_unknown_field_is_refused_by_name(vertex: LocalVertex, model: str) -> None:
    proxy = urllib.request.ProxyHandler({"https": vertex.environment["HTTPS_PROXY"]})
    trust = ssl.create_default_context(cafile=vertex.environment["SSL_CERT_FILE"])
    opener = urllib.request.build_opener(proxy, urllib.request.HTTPSHandler(context=trust))
    body = types.BatchPredictionJob.to_json(job(model=model)).replace("{", '{"modl": 1,', 1)
    url = f"https://us-central1-aiplatform.googleapis.com/v1/{PARENT}/batchPredictionJobs"
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(urllib.request.Request(url, body.encode(), method="POST"))
    assert caught.value.code == 400
    assert '"modl"' in json.loads(caught.value.read())["error"]["message"]


def test_what_only_the_service_says_is_not_taken_from_a_client() -> None:
    sent = job(model="m", state=4, end_time={}, completion_stats={"successful_count": 7})
    sent.error.message = "mine"
    kept = without_output(sent)
    assert all(name not in kept for name in ("end_time", "error", "completion_stats"))
    assert kept.display_name == "job"
    described = types.BatchPredictionJob.pb(kept).DESCRIPTOR.fields_by_name
    assert set(OUTPUT_ONLY) <= set(described)

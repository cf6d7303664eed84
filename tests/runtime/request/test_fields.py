"""Every field of the API is sent, or is known to be said by the service alone."""

import json
import random
from typing import Any

import pytest
from google.cloud import aiplatform_v1, aiplatform_v1beta1
from google.protobuf import json_format

from batchpredict.runtime.request.building import api_version, request_body
from batchpredict.runtime.request.fields import preview_fields, request_fields
from batchpredict.runtime.request.kinds import fault_in
from batchpredict.runtime.request.rules import request_findings

PLACE = "projects/p-123456/locations/europe-west1"
RESERVATION = "projects/p-123456/zones/europe-west1-b/reservations/r"
VALUES: dict[str, tuple[Any, str]] = {
    "job_display_name": ("nightly 7", '"display_name": "nightly 7"'),
    "model": (f"{PLACE}/models/1@2", f'"model": "{PLACE}/models/1@2"'),
    "endpoint": (f"{PLACE}/endpoints/7", f'"endpoint": "{PLACE}/endpoints/7"'),
    "unmanaged_container_model": (
        {"artifactUri": "gs://bkt/model", "containerSpec": {"imageUri": "img"}},
        '"unmanaged_container_model": {"artifact_uri": "gs://bkt/model", '
        '"container_spec": {"image_uri": "img"}}',
    ),
    "instances_format": ("csv", '"input_config": {"instances_format": "csv"}'),
    "gcs_source_uris": (
        ["gs://bkt/a", "gs://bkt/b*"],
        '"input_config": {"gcs_source": {"uris": ["gs://bkt/a", "gs://bkt/b*"]}}',
    ),
    "bigquery_source_input_uri": (
        "bq://p-123456.d.t",
        '"input_config": {"bigquery_source": {"input_uri": "bq://p-123456.d.t"}}',
    ),
    "multimodal_source_dataset_name": (
        f"{PLACE}/datasets/3",
        '"input_config": {"vertex_multimodal_dataset_source": '
        f'{{"dataset_name": "{PLACE}/datasets/3"}}}}',
    ),
    "instance_type": ("object", '"instance_config": {"instance_type": "object"}'),
    "key_field": ("id", '"instance_config": {"key_field": "id"}'),
    "included_fields": (["b", "a"], '"instance_config": {"included_fields": ["b", "a"]}'),
    "excluded_fields": (["c"], '"instance_config": {"excluded_fields": ["c"]}'),
    "model_parameters": (
        {"confidenceThreshold": 0.0, "on": False, "text": "", "n": 5.0},
        '"model_parameters": {"confidenceThreshold": 0, "on": false, "text": "", "n": 5}',
    ),
    "predictions_format": ("jsonl", '"output_config": {"predictions_format": "jsonl"}'),
    "gcs_destination_output_uri_prefix": (
        "gs://bkt/out",
        '"output_config": {"gcs_destination": {"output_uri_prefix": "gs://bkt/out"}}',
    ),
    "bigquery_destination_output_uri": (
        "bq://p-123456.d",
        '"output_config": {"bigquery_destination": {"output_uri": "bq://p-123456.d"}}',
    ),
    "multimodal_destination_bigquery_uri": (
        "bq://p-123456.d.t",
        '"output_config": {"vertex_multimodal_dataset_destination": '
        '{"bigquery_destination": {"output_uri": "bq://p-123456.d.t"}}}',
    ),
    "multimodal_destination_display_name": (
        "answers",
        '"output_config": {"vertex_multimodal_dataset_destination": {"display_name": "answers"}}',
    ),
    "machine_type": (
        "n1-standard-4",
        '"dedicated_resources": {"machine_spec": {"machine_type": "n1-standard-4"}}',
    ),
    "accelerator_type": (
        "NVIDIA_TESLA_T4",
        '"dedicated_resources": {"machine_spec": {"accelerator_type": "NVIDIA_TESLA_T4"}}',
    ),
    "accelerator_count": (
        2.0,
        '"dedicated_resources": {"machine_spec": {"accelerator_count": 2}}',
    ),
    "gpu_partition_size": (
        "1g.10gb",
        '"dedicated_resources": {"machine_spec": {"gpu_partition_size": "1g.10gb"}}',
    ),
    "tpu_topology": (
        "2x2x1",
        '"dedicated_resources": {"machine_spec": {"tpu_topology": "2x2x1"}}',
    ),
    "multihost_gpu_node_count": (
        2,
        '"dedicated_resources": {"machine_spec": {"multihost_gpu_node_count": 2}}',
    ),
    "min_gpu_driver_version": (
        "535.104.06",
        '"dedicated_resources": {"machine_spec": {"min_gpu_driver_version": "535.104.06"}}',
    ),
    "reservation_affinity_type": (
        "SPECIFIC_RESERVATION",
        '"dedicated_resources": {"machine_spec": {"reservation_affinity": '
        '{"reservation_affinity_type": "SPECIFIC_RESERVATION"}}}',
    ),
    "reservation_affinity_key": (
        "compute.googleapis.com/reservation-name",
        '"dedicated_resources": {"machine_spec": {"reservation_affinity": '
        '{"key": "compute.googleapis.com/reservation-name"}}}',
    ),
    "reservation_affinity_values": (
        [RESERVATION],
        '"dedicated_resources": {"machine_spec": {"reservation_affinity": '
        f'{{"values": ["{RESERVATION}"]}}}}}}',
    ),
    "starting_replica_count": (3, '"dedicated_resources": {"starting_replica_count": 3}'),
    "max_replica_count": (4.0, '"dedicated_resources": {"max_replica_count": 4}'),
    "spot": (True, '"dedicated_resources": {"spot": true}'),
    "flex_start_max_runtime_duration": (
        "3600s",
        '"dedicated_resources": {"flex_start": {"max_runtime_duration": "3600s"}}',
    ),
    "service_account": (
        "batch@p-123456.iam.gserviceaccount.com",
        '"service_account": "batch@p-123456.iam.gserviceaccount.com"',
    ),
    "manual_batch_tuning_parameters_batch_size": (
        16,
        '"manual_batch_tuning_parameters": {"batch_size": 16}',
    ),
    "generate_explanation": (True, '"generate_explanation": true'),
    "explanation_metadata": (
        {"inputs": {"x": {"inputBaselines": [0]}}},
        '"explanation_spec": {"metadata": {"inputs": {"x": {"input_baselines": [0]}}}}',
    ),
    "explanation_parameters": (
        {"sampledShapleyAttribution": {"pathCount": 10.0}},
        '"explanation_spec": {"parameters": {"sampled_shapley_attribution": {"path_count": 10}}}',
    ),
    "labels": ({"team": "a", "empty": ""}, '"labels": {"team": "a", "empty": ""}'),
    "encryption_spec_key_name": (
        f"{PLACE}/keyRings/r/cryptoKeys/k",
        f'"encryption_spec": {{"kms_key_name": "{PLACE}/keyRings/r/cryptoKeys/k"}}',
    ),
    "disable_container_logging": (True, '"disable_container_logging": true'),
    "model_monitoring_config": (
        {"alertConfig": {"emailAlertConfig": {"userEmails": ["a@example.com"]}}},
        '"model_monitoring_config": {"alert_config": {"email_alert_config": '
        '{"user_emails": ["a@example.com"]}}}',
    ),
}
"""Of each input: a value, and the field of the job that it becomes, written by hand."""

SAID_BY_THE_SERVICE = (
    *("name", "model_version_id", "output_info", "state", "error", "partial_failures"),
    *("resources_consumed", "completion_stats", "create_time", "start_time", "end_time"),
    *("update_time", "satisfies_pzs", "satisfies_pzi"),
    *("model_monitoring_stats_anomalies", "model_monitoring_status"),
)


def job(values: dict, version: str = ""):
    """Return the job that the inputs make, parsed as strictly as the service does."""
    package = {"v1": aiplatform_v1, "v1beta1": aiplatform_v1beta1}[version or api_version(values)]
    kind = package.BatchPredictionJob
    return json_format.ParseDict(request_body(values), kind.pb(kind()))


def test_there_is_a_value_for_every_input() -> None:
    assert list(VALUES) == list(request_fields())


@pytest.mark.parametrize("name", VALUES)
def test_an_input_becomes_its_field_and_nothing_else(name: str) -> None:
    value, expected = VALUES[name]
    sent = job({name: value})
    assert sent == json_format.Parse(f"{{{expected}}}", type(sent)())


@pytest.mark.parametrize("name", VALUES)
def test_an_input_is_of_its_kind(name: str) -> None:
    found = request_findings({name: VALUES[name][0]})
    assert [text for text in found if text.startswith(f"E130 {name} ")] == []


@pytest.mark.parametrize("name", VALUES)
def test_the_version_of_the_api_is_the_one_that_has_the_field(name: str) -> None:
    values = {name: VALUES[name][0]}
    assert api_version(values) == ("v1beta1" if name in preview_fields() else "v1")
    if name in preview_fields():
        with pytest.raises(json_format.ParseError):
            job(values, "v1")


def test_all_inputs_stand_side_by_side() -> None:
    whole = {name: value for name, (value, _) in VALUES.items()}
    oneofs = ("bigquery_", "multimodal_")
    values = {name: value for name, value in whole.items() if not name.startswith(oneofs)}
    merged = type(job(values))()
    for name, value in values.items():
        merged.MergeFrom(job({name: value}, "v1beta1"))
    assert job(values) == merged


def test_what_says_nothing_is_not_sent() -> None:
    nothing: Any = ("", [], {}, 0, False, None)
    for empty in nothing:
        values: dict = dict.fromkeys(request_fields(), empty)
        values["model_parameters"] = None
        assert request_body(values) == {}


@pytest.mark.parametrize("value", [0, False, "", [], [0, ""], 0.5, "text"])
def test_model_parameters_keep_every_value(value) -> None:
    assert request_body({"model_parameters": value}) == {"modelParameters": value}


def paths(descriptor, prefix: str = "", depth: int = 0):
    """Yield the fields of a message by REST path, as deep as the inputs name them."""
    named = {path for path, _ in request_fields().values()}
    for field in descriptor.fields:
        path = f"{prefix}{field.json_name}"
        inner = field.message_type
        if inner and path not in named and any(it.startswith(f"{path}.") for it in named):
            yield from paths(inner, f"{path}.", depth + 1)
        else:
            yield path, field.name


@pytest.mark.parametrize("package", [aiplatform_v1, aiplatform_v1beta1])
def test_no_field_of_the_installed_client_is_unknown_here(package) -> None:
    kind = package.BatchPredictionJob
    named = {path for path, _ in request_fields().values()}
    unknown = [
        path
        for path, name in paths(kind.pb(kind()).DESCRIPTOR)
        if path not in named and name not in SAID_BY_THE_SERVICE
    ]
    assert unknown == []


def test_numbers_are_whole_where_they_can_be() -> None:
    body = request_body({"explanation_parameters": {"a": [10.0, 0.5, {"b": 1e300}], "c": 2.0**53}})
    assert body["explanationSpec"]["parameters"] == {"a": [10, 0.5, {"b": 1e300}], "c": 2.0**53}
    assert isinstance(body["explanationSpec"]["parameters"]["a"][0], int)


PIECES = ('"', "\\", "{{$.inputs}}", "}", ",", ":", "a", "gs://bkt/", "/", "@", "\n", "é", "..")
TEXTS = [name for name, (value, _) in VALUES.items() if isinstance(value, str)]


def test_hostile_texts_change_no_other_field() -> None:
    """20,000 texts over all fields: each is refused, or holds nothing that JSON would escape."""
    made = random.Random(5)
    passed = 0
    for number in range(20_000):
        name = made.choice(TEXTS)
        tail = "".join(made.choices(PIECES, k=1 + number % 7))
        text = VALUES[name][0] + tail if number % 2 else tail
        place = request_body({name: text})
        for part in request_fields()[name][0].split("."):
            assert list(place) == [part]
            place = place[part]
        assert place == text
        if fault_in(request_fields()[name][1], text) == "":
            passed += 1
            assert json.dumps(text, ensure_ascii=False) == f'"{text}"'
            assert "{{" not in text
    assert passed > 100  # the rules do not refuse everything

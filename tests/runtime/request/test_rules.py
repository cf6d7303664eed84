"""What the service would refuse is refused before it is asked."""

import pytest
from google.cloud.aiplatform_v1beta1 import AcceleratorType

from batchpredict.runtime.request.kinds import choices, fault_in
from batchpredict.runtime.request.rules import request_findings

PLACE = "projects/p-123456/locations/europe-west1"
GOOD = {
    "job_display_name": "nightly",
    "model": f"{PLACE}/models/1",
    "instances_format": "jsonl",
    "gcs_source_uris": ["gs://bkt/in.jsonl"],
    "predictions_format": "jsonl",
    "gcs_destination_output_uri_prefix": "gs://bkt/out",
    "machine_type": "n1-standard-2",
}
TABLE = {"gcs_source_uris": None, "bigquery_source_input_uri": "bq://p-123456.d.t"}
INTO = {
    "gcs_destination_output_uri_prefix": "",
    "bigquery_destination_output_uri": "bq://p-123456",
}


def codes(changes: dict, location: str = "europe-west1") -> list[str]:
    """Return the code and the input of each finding, sorted."""
    return [" ".join(it.split(" ")[:2]) for it in request_findings({**GOOD, **changes}, location)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {**TABLE, "instances_format": "bigquery"},
        {**INTO, "predictions_format": "bigquery"},
        {"key_field": "id", "included_fields": ["a", "b"], "instance_type": "array"},
        {"model": "", "endpoint": f"{PLACE}/endpoints/1"},
        {"model": "", "unmanaged_container_model": {"artifactUri": "gs://b/c"}},
        {"model": "publishers/google/models/gemini-2.5-flash", "machine_type": ""},
        {
            "model": f"{PLACE}/models/1@golden",
            "accelerator_type": "NVIDIA_L4",
            "accelerator_count": 1,
        },
        {"starting_replica_count": 2, "max_replica_count": 2, "spot": True},
        {"generate_explanation": True, "explanation_parameters": {"topK": 3}},
        {"gcs_source_uris": ["gs://bkt/in/*.jsonl"], "labels": {"team": "a-b_1"}},
        {
            "reservation_affinity_type": "SPECIFIC_RESERVATION",
            "reservation_affinity_key": "compute.googleapis.com/reservation-name",
            "reservation_affinity_values": ["projects/p-123456/zones/z-1/reservations/r"],
        },
    ],
)
def test_a_right_request_has_no_finding(changes: dict) -> None:
    assert codes(changes) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"job_display_name": ""}, ["E131 job_display_name"]),
        ({"job_display_name": 'my "daily" job'}, ["E130 job_display_name"]),
        ({"job_display_name": "two\nlines"}, ["E130 job_display_name"]),
        ({"job_display_name": "C:\\temp"}, ["E130 job_display_name"]),
        ({"job_display_name": "x" * 129}, ["E130 job_display_name"]),
        ({"gone": 1}, ["E130 gone"]),
        ({"model": ""}, ["E131 model"]),
        ({"model": "1234"}, ["E130 model"]),
        ({"endpoint": f"{PLACE}/endpoints/1"}, ["E131 model"]),
        ({"model": "projects/p-123456/locations/us-east1/models/1"}, ["E134 model"]),
        ({"instances_format": "parquet"}, ["E130 instances_format"]),
        ({"instances_format": "bigquery"}, ["E132 instances_format"]),
        ({"predictions_format": "bigquery"}, ["E132 predictions_format"]),
        ({**TABLE}, ["E132 instances_format"]),
        ({**INTO}, ["E132 predictions_format"]),
        ({"gcs_source_uris": []}, ["E131 gcs_source_uris"]),
        ({"gcs_source_uris": "gs://bkt/a"}, ["E130 gcs_source_uris"]),
        ({"gcs_source_uris": ["gs://bkt/a", "s3://b"]}, ["E130 gcs_source_uris"]),
        ({"gcs_source_uris": ["gs://bkt/a", "gs://bkt/a"]}, ["E130 gcs_source_uris"]),
        ({"gcs_source_uris": ["gs://bkt/../a"]}, ["E130 gcs_source_uris"]),
        (
            {"bigquery_source_input_uri": "bq://p-123456.d.t"},
            [
                "E131 gcs_source_uris",
                "E132 instances_format",
            ],
        ),
        ({"gcs_destination_output_uri_prefix": ""}, ["E131 gcs_destination_output_uri_prefix"]),
        (
            {"gcs_destination_output_uri_prefix": "gs://bkt/o*"},
            ["E130 gcs_destination_output_uri_prefix"],
        ),
        ({"included_fields": ["a"], "excluded_fields": ["b"]}, ["E131 included_fields"]),
        ({"included_fields": ["id"], "key_field": "id"}, ["E132 included_fields"]),
        ({"instances_format": "csv", "included_fields": ["a"]}, ["E132 included_fields"]),
        ({"instances_format": "file-list", "key_field": "a"}, ["E132 key_field"]),
        ({"instances_format": "csv", "instance_type": "array"}, ["W136 instance_type"]),
        ({"instance_type": "list"}, ["E130 instance_type"]),
        ({**INTO, "predictions_format": "bigquery", "key_field": "id"}, ["E132 key_field"]),
        (
            {"generate_explanation": True, "predictions_format": "csv"},
            ["E132 generate_explanation"],
        ),
        ({"explanation_metadata": {"inputs": {}}}, ["E132 explanation_metadata"]),
        ({"generate_explanation": "yes"}, ["E130 generate_explanation"]),
        ({"machine_type": "", "max_replica_count": 2}, ["E133 max_replica_count"]),
        ({"machine_type": "n1 standard"}, ["E130 machine_type"]),
        ({"accelerator_type": "NVIDIA_L4"}, ["E133 accelerator_type"]),
        ({"accelerator_count": 1}, ["E133 accelerator_type"]),
        ({"accelerator_type": "nvidia", "accelerator_count": 1}, ["E130 accelerator_type"]),
        (
            {"starting_replica_count": 3, "max_replica_count": 2},
            [
                "W136 max_replica_count",
                "E133 starting_replica_count",
            ],
        ),
        ({"starting_replica_count": 1, "max_replica_count": 2}, ["W136 max_replica_count"]),
        ({"starting_replica_count": 1.5}, ["E130 starting_replica_count"]),
        ({"starting_replica_count": True}, ["E130 starting_replica_count"]),
        ({"gpu_partition_size": "1g.10gb"}, ["E133 gpu_partition_size"]),
        ({"spot": True, "flex_start_max_runtime_duration": "9s"}, ["E133 spot"]),
        ({"flex_start_max_runtime_duration": "604801s"}, ["E130 flex_start_max_runtime_duration"]),
        ({"flex_start_max_runtime_duration": "1h"}, ["E130 flex_start_max_runtime_duration"]),
        ({"reservation_affinity_type": "SPECIFIC_RESERVATION"}, ["E133 reservation_affinity_key"]),
        ({"reservation_affinity_key": "a"}, ["E133 reservation_affinity_type"]),
        ({"reservation_affinity_type": "SPECIFIC"}, ["E130 reservation_affinity_type"]),
        ({"service_account": "me@example.com"}, ["E130 service_account"]),
        (
            {"encryption_spec_key_name": "projects/p-123456/locations/us/keyRings/r/cryptoKeys/k"},
            ["E134 encryption_spec_key_name"],
        ),
        (
            {
                **INTO,
                "predictions_format": "bigquery",
                "encryption_spec_key_name": f"{PLACE}/keyRings/r/cryptoKeys/k",
            },
            ["E134 encryption_spec_key_name"],
        ),
        (
            {
                "model": "publishers/google/models/gemini-2.5-flash",
                "service_account": "batch@p-123456.iam.gserviceaccount.com",
            },
            ["E134 service_account"],
        ),
        ({"labels": {"Team": "a"}}, ["E130 labels"]),
        ({"labels": {"team": "A B"}}, ["E130 labels"]),
        ({"labels": {f"k{n}": "" for n in range(65)}}, ["E130 labels"]),
        ({"labels": ["a"]}, ["E130 labels"]),
        ({"unmanaged_container_model": "img", "model": ""}, ["E130 unmanaged_container_model"]),
        ({"gcs_source_uris": ["gs://bkt/out/*"]}, ["E135 gcs_source_uris"]),
        ({"gcs_source_uris": ["gs://bkt/*"]}, ["E135 gcs_source_uris"]),
        (
            {"machine_type": "", "manual_batch_tuning_parameters_batch_size": 5},
            ["W136 manual_batch_tuning_parameters_batch_size"],
        ),
    ],
)
def test_a_wrong_request_is_named(changes: dict, expected: list[str]) -> None:
    assert codes(changes) == expected


def test_a_model_may_come_as_an_artifact() -> None:
    without = {**GOOD, "model": ""}
    assert request_findings(without, model_given=True) == []
    assert [it[:10] for it in request_findings(GOOD, model_given=True)] == ["E131 model"]


def test_the_region_itself_is_checked() -> None:
    assert codes({"model": "", "endpoint": ""}, "attacker.example/") == [
        "E134 location",
        "E131 model",
    ]


def test_a_finding_says_where_what_and_what_instead() -> None:
    said = request_findings({**GOOD, "job_display_name": 'a "b"', "instances_format": "jsnol"})
    assert said == [
        "E130 instances_format is 'jsnol'; allowed: jsonl, csv, bigquery, tf-record, "
        "tf-record-gzip, file-list; did you mean jsonl?",
        "E130 job_display_name is 'a \"b\"'; holds '\"' at position 2; allowed: 1 to 128 letters, "
        "digits, spaces or ._-()",
    ]


def test_long_values_are_cut() -> None:
    assert len(fault_in("display name", "x" * 5000)) < 220


@pytest.mark.parametrize(
    ("kind", "value", "right"),
    [
        ("location", "europe-west1", True),
        ("location", "global", True),
        ("location", "europe-west1/", False),
        ("project", "example.com:my-project", True),
        ("project", "193595526740", True),
        ("project", "My-Project", False),
        ("table", "bq://p-123456.d.my-table 1", True),
        ("table", "bq://p-123456.d", False),
        ("table or dataset", "bq://p-123456", True),
        ("table or dataset", "p-123456.d", False),
        ("folder", "gs://bkt", True),
        ("folder", "gs://bkt/a b/ü", True),
        ("folder", "gs://b", False),
        ("folder", 'gs://bkt/"', False),
        ("folder", "gs://bkt/{{$}}", False),
        ("key", "k", False),
        ("topology", "2x2x1", True),
        ("topology", "2", False),
        ("display name", 7, False),
        ("value", object(), True),
    ],
)
def test_kinds(kind: str, value: object, right: bool) -> None:
    assert (fault_in(kind, value) == "") is right


def test_the_accelerators_are_those_of_the_installed_client() -> None:
    known = {it.name for it in list(AcceleratorType) if it.value}  # type: ignore[call-overload]
    assert set(choices()["accelerator"]) == known

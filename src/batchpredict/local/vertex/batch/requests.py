"""What a request for a batch prediction job may say, checked when the job is created."""

from collections.abc import Sequence
from typing import Any

from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.vertex.batch.instances import check_instance_config
from batchpredict.local.vertex.batch.tables import place
from batchpredict.local.vertex.errors import invalid, unimplemented

INSTANCES_FORMATS = ("jsonl", "csv", "bigquery", "tf-record", "tf-record-gzip", "file-list")
PREDICTIONS_FORMATS = ("jsonl", "csv", "bigquery")
OUTPUT_ONLY = (
    "name",
    "model_version_id",
    "output_info",
    "state",
    "error",
    "partial_failures",
    "resources_consumed",
    "completion_stats",
    "create_time",
    "start_time",
    "end_time",
    "update_time",
)
LONGEST_NAME = 128
LONGEST_LABEL = 64


def check_request(job: Any) -> None:
    """Refuse what the service refuses, and by name what this machine cannot do.

    Raises:
        ServiceError: INVALID_ARGUMENT or UNIMPLEMENTED.
    """
    if not 0 < len(job.display_name) <= LONGEST_NAME:
        raise invalid(f"display_name must have 1 to {LONGEST_NAME} characters")
    _check_model(job)
    _check_input(job.input_config)
    _check_output(job.output_config)
    _check_tables(job)
    check_instance_config(job.instance_config, job.input_config.instances_format)
    _check_resources(job)
    _check_labels(job.labels)


def without_output(job: Any) -> Any:
    """Return ``job`` without what only the service says; a client that sends it is ignored."""
    for name in OUTPUT_ONLY:
        protobuf(job).ClearField(name)
    return job


def _check_model(job: Any) -> None:
    if bool(job.model) == ("unmanaged_container_model" in job):
        raise invalid("exactly one of model and unmanaged_container_model must be set")
    if "publishers" in job.model.split("/"):
        raise unimplemented(f"model {job.model!r}: batch prediction by a publisher's model")
    if not job.model and not job.unmanaged_container_model.artifact_uri:
        raise invalid("unmanaged_container_model.artifact_uri is required")


def _check_input(config: Any) -> None:
    where, kind = "input_config", config.instances_format
    source = protobuf(config).WhichOneof("source")
    _check_format(f"{where}.instances_format", kind, INSTANCES_FORMATS)
    if source is None:
        raise invalid(f"{where}: one of gcs_source and bigquery_source is required")
    if (kind == "bigquery") != (source == "bigquery_source"):
        raise invalid(f"{where}: instances_format {kind!r} does not go with {source}")
    if source == "bigquery_source":
        place(f"{where}.bigquery_source.input_uri", config.bigquery_source.input_uri, table=True)
        return
    if source != "gcs_source":
        raise unimplemented(f"{where}.{source}")
    if not config.gcs_source.uris:
        raise invalid(f"{where}.gcs_source.uris is required")
    for uri in config.gcs_source.uris:
        _check_uri(f"{where}.gcs_source.uris", uri)


def _check_output(config: Any) -> None:
    where, kind = "output_config", config.predictions_format
    target = protobuf(config).WhichOneof("destination")
    _check_format(f"{where}.predictions_format", kind, PREDICTIONS_FORMATS)
    if target is None:
        raise invalid(f"{where}: one of gcs_destination and bigquery_destination is required")
    if (kind == "bigquery") != (target == "bigquery_destination"):
        raise invalid(f"{where}: predictions_format {kind!r} does not go with {target}")
    if target == "bigquery_destination":
        place(f"{where}.bigquery_destination.output_uri", config.bigquery_destination.output_uri)
        return
    if target != "gcs_destination":
        raise unimplemented(f"{where}.{target}")
    field = "gcs_destination.output_uri_prefix"
    _check_uri(f"{where}.{field}", config.gcs_destination.output_uri_prefix)


def _check_tables(job: Any) -> None:
    """Refuse what only an output of files has."""
    if job.output_config.predictions_format != "bigquery":
        return
    if job.instance_config.key_field:
        raise invalid('instance_config: "bigquery" output format does not support key_field')
    if job.generate_explanation:
        # Which columns an explanation of a custom model has is written nowhere.
        raise unimplemented("generate_explanation with predictions_format 'bigquery'")


def _check_format(field: str, kind: str, known: Sequence[str]) -> None:
    if kind not in known:
        values = ", ".join(known)
        raise invalid(f"{field} {kind!r} is not supported. Supported values are: [{values}]")


def _check_uri(field: str, uri: str) -> None:
    if not uri.startswith("gs://") or ".." in uri.split("/"):
        raise invalid(f"{field}: {uri!r} is not a Cloud Storage URI")


def _check_resources(job: Any) -> None:
    if job.manual_batch_tuning_parameters.batch_size < 0:
        raise invalid("manual_batch_tuning_parameters.batch_size must not be negative")
    resources = job.dedicated_resources
    if "dedicated_resources" in job and not resources.machine_spec.machine_type:
        raise invalid("dedicated_resources.machine_spec.machine_type is required")
    if resources.starting_replica_count < 0 or resources.max_replica_count < 0:
        raise invalid("dedicated_resources: a replica count must not be negative")


def _check_labels(labels: Any) -> None:
    for key, value in labels.items():
        for text in (key, value):
            if len(text) > LONGEST_LABEL or not all(map(_is_label_character, text)):
                raise invalid(
                    f"labels[{key!r}]: {text[:100]!r} may have {LONGEST_LABEL} lowercase letters, "
                    "digits, underscores and dashes"
                )


def _is_label_character(character: str) -> bool:
    return character in "_-" or (character.isalnum() and character == character.lower())

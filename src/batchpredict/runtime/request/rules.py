"""What of a request excludes or demands something else."""

from typing import Any

from batchpredict.runtime.request.building import said
from batchpredict.runtime.request.fields import request_fields
from batchpredict.runtime.request.kinds import fault_in


def request_findings(
    values: "dict[str, Any]", location: str = "", model_given: bool = False
) -> list[str]:
    """Check a request with nothing but the request itself, and return every finding.

    Args:
        values: The inputs of ``request_fields`` by name.
        location: Region of the job, if it is known.
        model_given: Whether a model comes as an artifact.

    Returns:
        ``E13x input is …; allowed: …``, or ``W136 input …`` for what is taken without an effect,
        sorted by input; none when all is well.
    """
    findings = [
        *value_findings(values),
        *choice_findings(values, model_given),
        *format_findings(values),
        *instance_findings(values),
        *machine_findings(values),
        *place_findings(values, location),
        *overlap_findings(values),
        *effect_findings(values),
    ]
    return sorted(findings, key=lambda finding: finding.split(" ", 1)[1])


def value_findings(values: "dict[str, Any]") -> "list[str]":
    """Check each value by itself; E130."""
    unknown = [name for name in values if name not in request_fields()]
    findings = [f"E130 {name} is no input of a batch prediction request" for name in unknown]
    for name, (_, kind) in request_fields().items():
        if said(name, values.get(name)):
            fault = fault_in(kind, values[name])
            findings += [f"E130 {name} {fault}"] if fault else []
    seconds = str(values.get("flex_start_max_runtime_duration") or "0s")
    if seconds[:-1].isdigit() and int(seconds[:-1]) > 7 * 86400:
        findings.append(
            f"E130 flex_start_max_runtime_duration is {seconds}; allowed: up to 604800s"
        )
    return findings


def choice_findings(values: "dict[str, Any]", model_given: bool) -> "list[str]":
    """Check that there is one model, one source, one destination, and a name; E131."""
    models = ["model", "endpoint", "unmanaged_container_model"]
    given = [name for name in models if said(name, values.get(name))] + ["model"] * model_given
    sources = ["gcs_source_uris", "bigquery_source_input_uri", "multimodal_source_dataset_name"]
    targets = [
        "gcs_destination_output_uri_prefix",
        "bigquery_destination_output_uri",
        "multimodal_destination_bigquery_uri",
    ]
    findings = exactly_one("model", models, given)
    for what, names in (("source", sources), ("destination", targets)):
        chosen = [name for name in names if said(name, values.get(name))]
        findings += exactly_one(what, names, chosen)
    if not values.get("job_display_name"):
        findings.append("E131 job_display_name is empty; give the job a name")
    if values.get("included_fields") and values.get("excluded_fields"):
        findings.append(
            "E131 included_fields and excluded_fields are both given; give one of them"
        )
    return findings


def exactly_one(what: str, names: list[str], given: list[str]) -> list[str]:
    """Return the finding that not exactly one of ``names`` is given, if so."""
    if len(given) == 1:
        return []
    if not given:
        return [f"E131 {names[0]} is empty and there is no other {what}; give one of {names}"]
    return [f"E131 {' and '.join(given)} are all given; give one {what}"]


def format_findings(values: "dict[str, Any]") -> "list[str]":
    """Check that the formats go with source, destination and options; E132."""
    findings = []
    pairs = (
        ("instances_format", "bigquery_source_input_uri", "gcs_source_uris"),
        (
            "predictions_format",
            "bigquery_destination_output_uri",
            "gcs_destination_output_uri_prefix",
        ),
    )
    for name, table, files in pairs:
        form = values.get(name)
        if said(table, values.get(table)) and form != "bigquery":
            findings.append(f"E132 {name} is {form!r} with {table}; write bigquery")
        if said(files, values.get(files)) and form == "bigquery":
            findings.append(f"E132 {name} is 'bigquery' with {files}; write the files' format")
    form = values.get("predictions_format")
    if values.get("generate_explanation") and form == "csv":
        findings.append("E132 generate_explanation is true with csv predictions; write jsonl")
    if values.get("key_field") and form == "bigquery":
        # The reference allows it; the service refuses it: vertex-ai-samples#4514.
        findings.append("E132 key_field is given with bigquery predictions; write them to files")
    explained = values.get("explanation_metadata") or values.get("explanation_parameters")
    if explained and not values.get("generate_explanation"):
        findings.append("E132 explanation_metadata or …_parameters without generate_explanation")
    return findings


def instance_findings(values: "dict[str, Any]") -> "list[str]":
    """Check what is asked of the instances against their format; E132."""
    form = values.get("instances_format") or ""
    findings = []
    for name in ("included_fields", "excluded_fields"):
        if values.get(name) and form in ("csv", "file-list"):
            findings.append(f"E132 {name} cannot be taken from {form}; use jsonl or bigquery")
    if values.get("key_field") and form == "file-list":
        findings.append("E132 key_field cannot be taken from file-list; use jsonl or bigquery")
    key = values.get("key_field")
    for name in ("included_fields", "excluded_fields"):
        if key and key in (values.get(name) or []):
            findings.append(f"E132 {name} names the key_field {key!r}, which no model gets anyway")
    return findings


def machine_findings(values: "dict[str, Any]") -> "list[str]":
    """Check that what describes a machine has one; E133."""
    findings = []
    details = [
        name
        for name, (path, _) in request_fields().items()
        if path.startswith("dedicatedResources.") and name != "machine_type"
    ]
    if not values.get("machine_type"):
        lonely = [name for name in details if said(name, values.get(name))]
        findings += [
            f"E133 {name} is given without machine_type; name the machine" for name in lonely
        ]
    if bool(values.get("accelerator_count")) != bool(values.get("accelerator_type")):
        findings.append("E133 accelerator_type and accelerator_count go together; give both")
    most, first = values.get("max_replica_count") or 0, values.get("starting_replica_count") or 0
    if isinstance(most, int | float) and isinstance(first, int | float) and 0 < most < first:
        findings.append(
            f"E133 starting_replica_count {first:.0f} is above max_replica_count {most:.0f}"
        )
    if values.get("gpu_partition_size") and values.get("accelerator_count") != 1:
        findings.append("E133 gpu_partition_size wants accelerator_count 1")
    if values.get("spot") and values.get("flex_start_max_runtime_duration"):
        findings.append("E133 spot and flex_start_max_runtime_duration are both given; give one")
    return findings + reservation_findings(values)


def reservation_findings(values: "dict[str, Any]") -> "list[str]":
    """Check that a reservation is named whole; E133."""
    specific = values.get("reservation_affinity_type") == "SPECIFIC_RESERVATION"
    named = [bool(values.get(f"reservation_affinity_{part}")) for part in ("key", "values")]
    if specific and not all(named):
        return ["E133 reservation_affinity_key and …_values must name the SPECIFIC_RESERVATION"]
    if any(named) and not specific:
        return ["E133 reservation_affinity_type must be SPECIFIC_RESERVATION to name one"]
    return []


def place_findings(values: "dict[str, Any]", location: str) -> "list[str]":
    """Check that everything lies in the job's region; E134."""
    findings = []
    fault = fault_in("location", location) if location else ""
    if fault:
        findings.append(f"E134 location {fault}")
    names = ("model", "endpoint", "multimodal_source_dataset_name", "encryption_spec_key_name")
    for name in names:
        parts = str(values.get(name) or "").split("/")
        if parts[:1] == ["projects"] and len(parts) > 4 and location not in ("", parts[3]):
            findings.append(
                f"E134 {name} lies in {parts[3]}, the job in {location}; use one region"
            )
    tables = ("bigquery_source_input_uri", "bigquery_destination_output_uri")
    if values.get("encryption_spec_key_name") and any(values.get(name) for name in tables):
        findings.append("E134 encryption_spec_key_name cannot be used with tables in BigQuery")
    if str(values.get("model") or "").find("publishers/") >= 0:
        findings += [
            f'E134 {name} is not taken by a publisher\'s model; pass ""'
            for name in ("service_account", "encryption_spec_key_name")
            if values.get(name)
        ]
    return findings


def overlap_findings(values: "dict[str, Any]") -> "list[str]":
    """Check that the next run would not take this run's output for input; E135."""
    import re

    prefix = str(values.get("gcs_destination_output_uri_prefix") or "").rstrip("/")
    uris = values.get("gcs_source_uris")
    if not prefix or not isinstance(uris, list):
        return []
    findings = []
    for uri in (uri for uri in uris if isinstance(uri, str)):
        fixed = re.split(r"[*?\[]", uri, maxsplit=1)[0]
        if fixed != uri and f"{prefix}/prediction-".startswith(fixed):
            findings.append(
                f"E135 gcs_source_uris {uri!r} takes in what is written under {prefix!r}; write "
                "the predictions elsewhere"
            )
    return findings


def effect_findings(values: "dict[str, Any]") -> "list[str]":
    """Tell what the service takes and does not heed; W136."""
    findings = []
    form = values.get("instances_format")
    if values.get("instance_type") and form in ("csv", "file-list", "tf-record", "tf-record-gzip"):
        findings.append(f"W136 instance_type has no effect on {form}")
    most, first = values.get("max_replica_count"), values.get("starting_replica_count")
    if most and first and most != first:
        findings.append("W136 max_replica_count has no effect: batch prediction does not scale")
    if values.get("manual_batch_tuning_parameters_batch_size") and not values.get("machine_type"):
        findings.append(
            "W136 manual_batch_tuning_parameters_batch_size has no effect without machine_type"
        )
    return findings

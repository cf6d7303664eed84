"""What only Google Cloud knows of a request: the model's formats, where buckets and tables lie."""

from typing import Any

from batchpredict.runtime.vertex_api import google_request


def cloud_findings(values: "dict[str, Any]", location: str) -> list[str]:
    """Ask for the model, the buckets and the datasets of a request, and compare them with it.

    What cannot be asked for is left out and said with W141: the step's account need not be allowed
    to see what the service's own account may use.

    Args:
        values: The inputs of ``request_fields`` by name, without a fault of their own.
        location: Region of the job.

    Returns:
        ``E139 …`` for what the service would refuse, ``W140 …`` for what it may refuse, ``W141 …``
        for what was not looked at.
    """
    findings = format_support(values, location) if values.get("model") else []
    uris = [
        *(values.get("gcs_source_uris") or []),
        values.get("gcs_destination_output_uri_prefix"),
    ]
    for bucket in sorted({str(uri)[5:].split("/")[0] for uri in uris if uri}):
        address = f"https://storage.googleapis.com/storage/v1/b/{bucket}?fields=location"
        findings += place_of(f"bucket {bucket}", address, location)
    names = ("bigquery_source_input_uri", "bigquery_destination_output_uri")
    for table in sorted({str(values.get(name) or "")[5:] for name in names} - {""}):
        project, _, rest = table.rpartition(":")[2].partition(".")
        owner = f"{table.rpartition(':')[0]}:{project}" if ":" in table else project
        dataset = rest.split(".")[0]
        path = f"projects/{owner}/datasets/{dataset}?fields=location"
        address = f"https://bigquery.googleapis.com/bigquery/v2/{path}"
        findings += place_of(f"dataset {dataset}", address, location) if dataset else []
    return findings


def format_support(values: "dict[str, Any]", location: str) -> "list[str]":
    """Compare the formats with those that the model says it takes and gives."""
    model = str(values["model"])
    if not model.startswith("projects/") or "/publishers/" in model:
        return [f"W141 the formats of {model} are not known here; they were not checked"]
    found, told = looked_up(f"https://{location}-aiplatform.googleapis.com/v1/{model}")
    if told:
        return [f"W141 the model could not be looked up, its formats were not checked: {told}"]
    findings = []
    for name, listed in (
        ("instances_format", "supportedInputStorageFormats"),
        ("predictions_format", "supportedOutputStorageFormats"),
    ):
        allowed = list(found.get(listed) or [])
        if not allowed:
            findings.append(f"E139 the model supports no batch prediction: {listed} is empty")
        elif values.get(name) not in allowed:
            findings.append(
                f"E139 {name} is {values.get(name)!r}; the model takes: {', '.join(allowed)}"
            )
    return findings


def place_of(what: str, address: str, location: str) -> list[str]:
    """Compare the place of a bucket or dataset with the job's region."""
    found, told = looked_up(address)
    place = str(found.get("location", "")).lower()
    if told or not place:
        return [f"W141 {what} could not be looked up, its place was not checked: {told}"]
    if place == location:
        return []
    if "-" in place:
        return [f"E139 {what} is in {place}, the job in {location}; use one region"]
    return [f"W140 {what} is in {place}, which is no single region; some models refuse it"]


def looked_up(address: str) -> "tuple[dict[str, Any], str]":
    """Return what is there, or why it could not be seen."""
    try:
        found = google_request("GET", address, accepted=(401, 403, 404))
    except RuntimeError as error:
        return {}, str(error)[:200]
    refusal = found.get("error")
    return found, str(refusal.get("message", ""))[:200] if isinstance(refusal, dict) else ""

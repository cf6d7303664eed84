"""From the inputs of a step to its outputs: check, submit, wait, tell."""

from typing import Any

from batchpredict.runtime.request.cloud import cloud_findings
from batchpredict.runtime.request.fields import request_fields
from batchpredict.runtime.request.outcomes import console_link, job_outcome
from batchpredict.runtime.request.rules import request_findings


def request_values(inputs: "dict[str, Any]") -> "dict[str, Any]":
    """Return the inputs of a component that belong to the request, models by artifact included.

    Args:
        inputs: All arguments of the component by name. ``model`` and ``unmanaged_container_model``
            may be artifacts of Google's components; ``model_name`` is a model by name, and
            ``model_parameters_json`` parameters that are no object.

    Raises:
        ValueError: E131, an artifact that names no model, or two ways to say one thing; E130, the
            JSON is none.
    """
    import json

    values = {name: inputs[name] for name in request_fields() if name in inputs}
    model, text = inputs.get("model"), inputs.get("model_parameters_json")
    if model is not None and "resourceName" not in model.metadata:
        raise ValueError("E131 the artifact model names no model; give that of ModelUploadOp")
    if model is not None and inputs.get("model_name"):
        raise ValueError("E131 model and model_name are both given; give one of them")
    values["model"] = model.metadata["resourceName"] if model else inputs.get("model_name", "")
    values["unmanaged_container_model"] = unmanaged_model(inputs.get("unmanaged_container_model"))
    if text and values.get("model_parameters"):
        raise ValueError("E131 model_parameters and …_json are both given; give one of them")
    try:
        return {**values, "model_parameters": json.loads(text)} if text else values
    except ValueError as error:
        raise ValueError(f"E130 model_parameters_json is no JSON: {error}") from None


def unmanaged_model(artifact: Any) -> "dict[str, Any]":
    """Return the request's form of an artifact ``google.UnmanagedContainerModel``; {} for none."""
    if artifact is None:
        return {}
    known = ("containerSpec", "predictSchemata")
    described = {name: artifact.metadata[name] for name in known if name in artifact.metadata}
    return {**({"artifactUri": artifact.uri} if artifact.uri else {}), **described}


def require_request(values: "dict[str, Any]", location: str) -> None:
    """Refuse a request that the service would refuse, with everything that is wrong in it.

    What has no effect, and what could not be looked at, is printed.

    Raises:
        ValueError: The first finding's code, and all findings.
    """
    findings = request_findings(values, location)
    if not any(finding.startswith("E") for finding in findings):
        findings += cloud_findings(values, location)
    for warning in (finding for finding in findings if finding.startswith("W")):
        print(warning)
    errors = [finding for finding in findings if finding.startswith("E")]
    if errors:
        raise ValueError("; ".join(errors))


def write_resources(path: str, location: str, version: str, name: str) -> None:
    """Write where the job is, as Google's launchers do: Vertex AI shows it and cancels it.

    Args:
        path: The output ``gcp_resources``.
        location: Region of the job.
        version: Version of the API.
        name: Resource name of the job.
    """
    import json
    import os

    address = f"https://{location}-aiplatform.googleapis.com/{version}/{name}"
    resource = {"resourceType": "BatchPredictionJob", "resourceUri": address}
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(f"{path}.new", "w") as file:
        json.dump({"resources": [resource]}, file)
    os.replace(f"{path}.new", path)  # read while the step runs, and never half written


def fill_artifacts(
    job: "dict[str, Any]", batchpredictionjob: Any, folder: Any, table: Any
) -> None:
    """Fill the artifacts that Google's component gives, with the same metadata.

    Args:
        job: A job that has ended.
        batchpredictionjob: The job.
        folder: The folder with the predictions.
        table: The table with the predictions.
    """
    info = dict(job.get("outputInfo") or {})
    name = str(job["name"])
    location = name.split("/")[3]
    batchpredictionjob.uri = f"https://{location}-aiplatform.googleapis.com/v1/{name}"
    batchpredictionjob.metadata.update({"resourceName": name, **info})
    folder.uri = str(info.get("gcsOutputDirectory") or folder.uri)
    dataset = str(info.get("bigqueryOutputDataset") or "").removeprefix("bq://")
    table_id = str(info.get("bigqueryOutputTable") or "")
    if dataset and table_id:  # a job of which every row failed names no table
        project, _, dataset_id = dataset.rpartition(".")
        names = {"projectId": project, "datasetId": dataset_id, "tableId": table_id}
        table.metadata.update(names)
        path = f"projects/{project}/datasets/{dataset_id}/tables/{table_id}"
        table.uri = f"https://www.googleapis.com/bigquery/v2/{path}"


def told_outputs(job: "dict[str, Any]") -> "dict[str, Any]":
    """Return the parameters that the step gives, and print them for the log."""
    name = str(job["name"])
    told = {"job_resource_name": name, **job_outcome(job), "console_link": console_link(name)}
    print("\n".join(f"{key}: {value}" for key, value in told.items()))
    return told

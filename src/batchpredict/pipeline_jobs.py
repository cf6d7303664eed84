"""The JSON of a ``PipelineJob``: the one place where runs, here and on Vertex AI, get theirs."""

import copy
import datetime
import re
import secrets
from collections.abc import Mapping
from typing import Any

POLICIES = {
    "slow": "PIPELINE_FAILURE_POLICY_FAIL_SLOW",
    "fast": "PIPELINE_FAILURE_POLICY_FAIL_FAST",
}


def pipeline_job(
    spec: Mapping[str, Any],
    *,
    display_name: str,
    pipeline_root: str,
    parameters: Mapping[str, Any],
    service_account: str = "",
    network: str = "",
    encryption_key: str = "",
    labels: Mapping[str, str] | None = None,
    enable_caching: bool | None = None,
    failure_policy: str = "",
) -> dict[str, Any]:
    """Return the ``PipelineJob`` of a compiled pipeline as the REST API has it.

    What is not given is left out.

    Args:
        spec: The compiled pipeline.
        display_name: What people call the run.
        pipeline_root: The ``gs://`` folder of its outputs.
        parameters: The parameters of the run; None is left to the pipeline's default.
        service_account: Whom the steps run as.
        network: The VPC network of the steps.
        encryption_key: The Cloud KMS key of what the run makes.
        labels: Labels of the run.
        enable_caching: Whether tasks may come from the cache; None leaves it to each of them.
        failure_policy: ``slow`` or ``fast``, or "".
    """
    runtime = {
        "gcsOutputDirectory": pipeline_root,
        "parameterValues": {k: v for k, v in parameters.items() if v is not None},
        "failurePolicy": POLICIES.get(failure_policy, ""),
    }
    job = {
        "displayName": display_name,
        "labels": dict(labels or {}),
        "pipelineSpec": spec if enable_caching is None else _with_caching(spec, enable_caching),
        "runtimeConfig": {key: value for key, value in runtime.items() if value != ""},
        "encryptionSpec": {"kmsKeyName": encryption_key} if encryption_key else {},
        "serviceAccount": service_account,
        "network": network,
    }
    return {key: value for key, value in job.items() if value}


def _with_caching(spec: Mapping[str, Any], enabled: bool) -> dict[str, Any]:
    """Return the pipeline with every task, also of nested graphs, told to cache or not."""
    changed: dict[str, Any] = copy.deepcopy(dict(spec))
    graphs = [changed["root"], *changed.get("components", {}).values()]
    for graph in graphs:
        for task in graph.get("dag", {}).get("tasks", {}).values():
            task["cachingOptions"] = {"enableCache": enabled}
    return changed


def new_job_id(name: str) -> str:
    """Return an id for a run of the pipeline of this name."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:96] or "run"
    start = words if words[0].isalpha() else f"run-{words}"
    return f"{start}-{datetime.datetime.now(datetime.UTC):%Y%m%d%H%M%S}-{secrets.token_hex(2)}"

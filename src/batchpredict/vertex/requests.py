"""The request of a pipeline run as a value: made, looked at and compared without Google's SDK."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from batchpredict import __version__
from batchpredict.errors import UsageError
from batchpredict.pipeline_files import CompiledPipeline, read_pipeline
from batchpredict.pipeline_jobs import new_job_id, pipeline_job
from batchpredict.vertex.fields import (
    check_fields,
    check_labels,
    check_parameters,
    check_places,
    label_form,
    run_id_of,
)

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings

PIPELINE_LABEL = "batchpredict-pipeline"
VERSION_LABEL = "batchpredict-version"


@dataclass(frozen=True)
class PipelineRun:
    """What is sent to start a run: the request of ``CreatePipelineJob``.

    Attributes:
        project: The project's id.
        location: The region, such as ``europe-west4``.
        pipeline_job: The ``PipelineJob`` as the REST API has it.
        pipeline_job_id: The id of the run, the last part of its name.
    """

    project: str
    location: str
    pipeline_job: Mapping[str, Any]
    pipeline_job_id: str

    @property
    def parent(self) -> str:
        """The location's resource name."""
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def name(self) -> str:
        """The resource name that the run will have."""
        return f"{self.parent}/pipelineJobs/{self.pipeline_job_id}"

    def to_dict(self) -> dict[str, Any]:
        """Return the request with the field names of the REST API."""
        return {
            "parent": self.parent,
            "pipelineJobId": self.pipeline_job_id,
            "pipelineJob": self.pipeline_job,
        }

    def to_json(self) -> str:
        """Return the request as JSON, as ``submit --dry-run`` prints it."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)


def pipeline_run(
    pipeline: str | CompiledPipeline,
    *,
    project: str,
    location: str,
    pipeline_root: str = "",
    parameters: Mapping[str, Any] | None = None,
    display_name: str = "",
    run_id: str = "",
    service_account: str = "",
    network: str = "",
    encryption_key: str = "",
    labels: Mapping[str, str] | None = None,
    enable_caching: bool | None = None,
    failure_policy: str = "",
) -> PipelineRun:
    """Return the request that starts a run of a compiled pipeline; nothing is sent.

    Args:
        pipeline: A name of ours, a compiled YAML file, or one that was read.
        project: The project's id.
        location: The region, such as ``europe-west4``.
        pipeline_root: The ``gs://`` folder of the outputs; else the one that was compiled in.
        parameters: The parameters of the run, each of the type that the pipeline declares.
        display_name: What people call the run; else the pipeline's name.
        run_id: The id of the run; else one of the pipeline's name and the time. Sending the same
            request with the same id twice starts one run.
        service_account: Whom the steps run as; else the default account of Compute Engine.
        network: The VPC network of the steps, ``projects/NUMBER/global/networks/NAME``.
        encryption_key: The Cloud KMS key of what the run makes.
        labels: Labels of the run, beside the two of ours.
        enable_caching: True or False tells every task to cache or not to; None leaves it to them.
        failure_policy: ``slow`` goes on with what it can when a step failed, ``fast`` starts no
            more.

    Raises:
        UsageError: There is no such pipeline (E101, E102), a parameter is unknown, of another
            type or missing (E104 to E106), a field is not of its form (E400), or a parameter
            names a file of this machine (E450).
    """
    compiled = read_pipeline(pipeline) if isinstance(pipeline, str) else pipeline
    values = check_parameters(compiled, parameters or {})
    root = pipeline_root or str(compiled.spec.get("defaultPipelineRoot", ""))
    check_fields(
        project=project,
        location=location,
        pipeline_root=root,
        service_account=service_account,
        network=network,
        encryption_key=encryption_key,
        failure_policy=failure_policy,
    )
    check_places(values)
    title = display_name or compiled.name
    if len(title) > 128:
        raise UsageError("E400", f"display_name has {len(title)} characters; 128 is the most")
    job = pipeline_job(
        compiled.spec,
        display_name=title,
        pipeline_root=root,
        parameters=values,
        service_account=service_account,
        network=network,
        encryption_key=encryption_key,
        labels=_labels(compiled, labels or {}),
        enable_caching=enable_caching,
        failure_policy=failure_policy,
    )
    if compiled.template_uri:
        job["templateUri"] = compiled.template_uri
    return PipelineRun(project, location, job, run_id_of(run_id or new_job_id(compiled.name)))


def _labels(compiled: CompiledPipeline, labels: Mapping[str, str]) -> dict[str, str]:
    check_labels(labels)
    ours = {PIPELINE_LABEL: label_form(compiled.name), VERSION_LABEL: label_form(__version__)}
    return {**labels, **ours}


def of_settings(
    compiled: CompiledPipeline,
    settings: "Settings",
    parameters: Mapping[str, Any],
    *,
    labels: Mapping[str, str] | None = None,
    enable_caching: bool | None = None,
    **more: Any,
) -> PipelineRun:
    """Return the request of a run with what the settings say.

    Args:
        compiled: The pipeline.
        settings: Where it runs, and as whom.
        parameters: The parameters of the run.
        labels: Labels beside those of the settings.
        enable_caching: Instead of what the settings say, unless None.
        more: ``display_name`` and ``run_id`` of :func:`pipeline_run`.

    Raises:
        UsageError: As :func:`pipeline_run`, or the settings lack what a run needs (E411).
    """
    compiled_root = compiled.spec.get("defaultPipelineRoot")
    settings.require("project", "location", *(() if compiled_root else ("pipeline_root",)))
    return pipeline_run(
        compiled,
        project=settings.project,
        location=settings.location,
        pipeline_root=settings.pipeline_root,
        parameters=parameters,
        service_account=settings.service_account,
        network=settings.network,
        encryption_key=settings.encryption_key,
        labels={**settings.labels, **(labels or {})},
        enable_caching=settings.enable_caching if enable_caching is None else enable_caching,
        failure_policy=settings.failure_policy,
        **more,
    )

"""Let a run that was interrupted, or failed, go on where it ended."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from batchpredict.errors import BatchpredictError, EnvironmentFault, UsageError
from batchpredict.local.runs import run_folder
from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.errors import ServiceError
from batchpredict.local.vertex.pipeline_contexts import given_parameters, spec_of
from batchpredict.pipeline_files import CompiledPipeline, read_pipeline, unknown


def find_run(vertex: LocalVertex, run: str) -> Any:
    """Return the job of a run that can go on.

    Args:
        vertex: The services over the run's home.
        run: Its id, its resource name or its folder; "" for the last one.

    Raises:
        UsageError: There is none (E360).
    """
    jobs = vertex.services.pipelines.resumable()
    if not run:
        if not jobs:
            raise UsageError("E360", f"no run in {vertex.home} was interrupted or has failed")
        return jobs[0]
    known = {job.name.rpartition("/")[2]: job for job in jobs}
    wanted = Path(run).name
    if wanted not in known:
        raise UsageError("E360", unknown("interrupted or failed run", wanted, list(known)))
    return known[wanted]


def pipeline_of(vertex: LocalVertex, job: Any) -> CompiledPipeline:
    """Return the pipeline of a run: the copy in its folder, or what its job holds."""
    path = run_folder(vertex, job.name) / "pipeline.yaml"
    if path.is_file():
        return read_pipeline(str(path))
    spec = spec_of(job)
    return CompiledPipeline(spec["pipelineInfo"]["name"], path, yaml.safe_dump(spec), spec)


def check_same(job: Any, pipeline: CompiledPipeline | None, parameters: Mapping[str, Any]) -> None:
    """Refuse another pipeline or other parameters than those of the run.

    Args:
        job: The run's job.
        pipeline: The pipeline that was named again, if any.
        parameters: The parameters that were given again.

    Raises:
        UsageError: They differ (E361).
    """
    run = job.name.rpartition("/")[2]
    if pipeline is not None and spec_of(job) != _as_kept(job, pipeline):
        message = f"{pipeline.path} is not what {run} ran; start a new run"
        raise UsageError("E361", message)
    kept = given_parameters(job)
    for name, value in parameters.items():
        if kept.get(name) != value:
            message = f"parameter {name!r} of {run} is {kept.get(name)!r}, not {value!r}"
            raise UsageError("E361", f"{message}: a changed file has another URI; start a new run")


def _as_kept(job: Any, pipeline: CompiledPipeline) -> Any:
    """Return a pipeline as a job holds it: its numbers are doubles there."""
    copy = type(job)()
    copy.pipeline_spec = dict(pipeline.spec)
    return spec_of(copy)


def resume_run(vertex: LocalVertex, job: Any) -> str:
    """Let a run go on, and return its name.

    Raises:
        UsageError: The journal is of another pipeline or other parameters (E361).
        EnvironmentFault: The journal is damaged (E362).
    """
    try:
        return str(vertex.services.pipelines.resume(job.name).name)
    except ServiceError as error:
        raise _coded(error) from error


def _coded(error: ServiceError) -> BatchpredictError:
    found = re.fullmatch(r"(E\d{3}) (.*)", error.message, re.DOTALL)
    code, message = found.groups() if found else ("E360", error.message)
    return (EnvironmentFault if code == "E362" else UsageError)(code, message)

"""Run a pipeline to its end, and say what came of it: for Python programs and tests."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from batchpredict.errors import BatchpredictError, UsageError
from batchpredict.local import runs
from batchpredict.local.session import LocalVertex
from batchpredict.pipeline_files import (
    CompiledPipeline,
    check_required,
    local_files,
    read_pipeline,
    unknown,
)


@dataclass(frozen=True)
class Output:
    """An artifact that a step wrote.

    Attributes:
        uri: Where it is in Cloud Storage.
        path: The same place on this machine.
        metadata: What the step noted about it.
    """

    uri: str
    path: Path
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """A run that has ended.

    Attributes:
        state: Such as ``SUCCEEDED`` or ``FAILED``.
        error: Why it ended so, or "".
        job: The ``PipelineJob``.
        steps: Its steps in the order in which they started.
        outputs: The artifacts by step and name.
        parameters: The output parameters by step and name.
        folder: The logs and ``run.json``.
        fault: What :meth:`check` raises, or None.
    """

    state: str
    error: str
    job: Any = field(repr=False)
    steps: list[runs.Step] = field(repr=False)
    outputs: Mapping[str, Mapping[str, Output]] = field(repr=False)
    parameters: Mapping[str, Mapping[str, Any]] = field(repr=False)
    folder: Path
    fault: BatchpredictError | None = field(repr=False)

    @cached_property
    def states(self) -> dict[str, str]:
        """The state of each step by its name."""
        return {step.name: step.state for step in self.steps}

    def check(self) -> "Outcome":
        """Return the outcome of a run that succeeded.

        Raises:
            BatchpredictError: It did not.
        """
        if self.fault is not None:
            raise self.fault
        return self

    @property
    def manifest(self) -> Path:
        """Return the place of ``run.json``."""
        return self.folder / "run.json"

    def log_path(self, step: str) -> Path:
        """Return the place of what a step writes to its standard output and error."""
        return self.folder / "logs" / f"{step.replace('/', '.')}.log"

    def log(self, step: str) -> str:
        """Return what a step wrote to its standard output and error, "" when it did not run."""
        path = self.log_path(step)
        return path.read_text(errors="replace") if path.is_file() else ""


def run_pipeline(
    vertex: LocalVertex,
    pipeline: Any,
    parameters: Mapping[str, Any] | None = None,
    *,
    timeout: float | None = None,
) -> Outcome:
    """Run a pipeline and return what came of it, also when it failed.

    Args:
        vertex: The services.
        pipeline: A function that KFP made a pipeline of, a compiled YAML file, or the name of a
            pipeline of this package.
        parameters: Values by name. A ``Path``, and a parameter ``…_uri`` without a scheme, is a
            file of this machine, which is copied into a local bucket.
        timeout: Seconds after which the run is cancelled.

    Raises:
        UsageError: There is no such pipeline, or a parameter is unknown or missing.
        RunError: It needs what is not run on this machine.
    """
    compiled = compiled_pipeline(pipeline)
    values = _checked(compiled, parameters or {})
    files = {**local_files(values), **{k: v for k, v in values.items() if isinstance(v, Path)}}
    uris = {name: runs.import_file(vertex, path) for name, path in files.items()}
    name = runs.start_run(vertex, compiled, {**values, **uris})
    pipelines = vertex.services.pipelines
    try:
        if not pipelines.wait(name, timeout):
            pipelines.stop(name, late=f"the run was cancelled: it took longer than {timeout:g} s")
    finally:  # also when it is interrupted
        outcome = conclude(vertex, compiled, name)
    return outcome


def compiled_pipeline(pipeline: Any) -> CompiledPipeline:
    """Return a pipeline as it is compiled.

    Raises:
        UsageError: There is none of this name, or the file is none (E101, E102).
    """
    if isinstance(pipeline, str | os.PathLike):
        return read_pipeline(os.fspath(pipeline))
    from kfp.compiler import Compiler

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        Compiler().compile(pipeline, str(path))
        return read_pipeline(str(path))


def _checked(pipeline: CompiledPipeline, values: Mapping[str, Any]) -> dict[str, Any]:
    for name in values:
        if name not in pipeline.parameters:
            known = list(pipeline.parameters)
            raise UsageError("E104", f"{pipeline.name}: {unknown('parameter', name, known)}")
    check_required(pipeline, values)
    return dict(values)


def conclude(vertex: LocalVertex, pipeline: CompiledPipeline, name: str) -> Outcome:
    """Stop a run if it still goes on, write its manifest, and return what came of it."""
    pipelines = vertex.services.pipelines
    pipelines.stop(name)
    job = pipelines.snapshot(name)
    manifest = runs.write_manifest(vertex, pipeline, job)
    steps = runs.steps(job)
    outputs: dict[str, dict[str, Output]] = {step.name: {} for step in steps}
    for step, output, artifact, path in runs.outputs_of(job, vertex):
        outputs[step][output] = Output(artifact.uri, path, dict(artifact.metadata or {}))
    return Outcome(
        state=job.state.name.removeprefix("PIPELINE_STATE_"),
        error=job.error.message,
        job=job,
        steps=steps,
        outputs=outputs,
        parameters={step.name: pipelines.output_parameters(name, step.name) for step in steps},
        folder=manifest.parent,
        fault=runs.fault_of(job, vertex.home),
    )

"""Carry out one container task: its own command, in its own process, with its executor input."""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.local import executor_input_utils, executor_output_utils
from kfp.pipeline_spec import pipeline_spec_pb2

from batchpredict.local.launch.process import Process
from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.logs import last_exception
from batchpredict.local.pipelines.cache import StepCache
from batchpredict.local.pipelines.emails import is_email, tell_email
from batchpredict.local.pipelines.journal import Journal
from batchpredict.local.pipelines.placeholders import (
    plain_numbers,
    resolve_command,
    resolve_constant,
)
from batchpredict.local.pipelines.retries import Clock
from batchpredict.local.storage.objects import ObjectStore

log = logging.getLogger("batchpredict.local")
WAIT_STEP = 0.5


class TaskFailed(Exception):  # noqa: N818 (it names the event)
    """A task ended badly; the message is one line, with the task's name and its log."""


@dataclass(frozen=True)
class RunContext:
    """What all tasks of a run share.

    Attributes:
        constants: Values of the pipeline's placeholders, such as ``.pipeline_job_uuid``.
        root: ``gs://`` folder of the run's artifacts.
        logs: Folder with one log for each task.
        work: Folder for the processes' temporary files.
        environment: Variables of every container.
        parallel_steps: Largest number of steps that run at the same time.
        resource_state: Returns the state of the Vertex AI resource of a name, and its error.
        clock: What the waits between the attempts of a step go by.
        fail_fast: Whether no new task starts once one has failed.
        cache: Steps of earlier runs, or None when every step runs.
        journal: What this run has finished, or None when nobody will resume it.
    """

    constants: Mapping[str, str]
    root: str
    store: ObjectStore
    sandbox: Sandbox
    logs: Path
    work: Path
    environment: Mapping[str, str]
    slots: threading.Semaphore
    parallel_steps: int
    cancelled: threading.Event
    resource_state: Callable[[str], tuple[str, str]]
    clock: Clock = field(default_factory=Clock)
    fail_fast: bool = False
    cache: StepCache | None = None
    journal: Journal | None = None

    def constants_of(self, path: str) -> dict[str, str]:
        """Return the values of the placeholders of the task at ``path``."""
        names = {".pipeline_task_name": path.rpartition("/")[2], ".pipeline_task_uuid": path}
        return {**self.constants, **names}

    def log_of(self, path: str) -> Path:
        """Return the log of the task at ``path``."""
        return self.logs / f"{path.replace('/', '.')}.log"

    def mounted(self, uri: str) -> str:
        """Return the path by which a step reaches ``uri``."""
        if self.sandbox.isolated:
            return "/gcs/" + uri.removeprefix("gs://")
        return str(self.store.path(uri))


def run_container(
    context: RunContext, path: str, component: Any, executor: Any, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Run the container task at ``path`` (its name within the run); return its outputs.

    Raises:
        TaskFailed: The command exited with another code than 0, or was cancelled.
    """
    if is_email(executor.container.command):
        tell_email(context.log_of(path), arguments)
        return {}
    root = f"{context.root}/{path}"
    given = component.input_definitions.artifacts
    structured = {
        name: value
        for name, value in arguments.items()
        if isinstance(value, list | dict) and name not in given
    }
    message = executor_input_utils.construct_executor_input(
        component, {**arguments, **_without_nulls(structured)}, root, block_input_artifact=False
    )
    values = message.inputs.parameter_values
    for name in [name for name, value in values.items() if value.WhichOneof("kind") is None]:
        del values[name]  # an optional one that was not given; the step has its own default
    executor_input = _executor_input(context, message, component)
    executor_input.get("inputs", {}).get("parameterValues", {}).update(structured)
    container = executor.container
    command = resolve_command(
        [*container.command, *container.args],
        executor_input,
        context.constants_of(path),
        "/gcs/" if context.sandbox.isolated else f"{context.store.root}/",
    )
    context.store.path(root).mkdir(parents=True, exist_ok=True)
    variables = {variable.name: variable.value for variable in container.env}
    with context.slots:
        _run_process(context, path, command, variables)
    try:
        return _outputs(context, message, executor_input, component)
    except Exception as error:
        log = context.log_of(path)
        raise TaskFailed(
            f"{path}: E345 cannot read what it wrote: {error} (log: {log})"
        ) from error


def _without_nulls(value: Any) -> Any:
    """Return ``value`` with text for null, which KFP's helper cannot put into a message."""
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items()}
    return "" if value is None else value


def _executor_input(context: RunContext, message: Any, component: Any) -> dict[str, Any]:
    """Return the executor input as JSON, with the paths that the step sees."""
    content = executor_input_utils.executor_input_to_dict(message, component)
    content = plain_numbers(content)
    for artifacts in content.get("inputs", {}).get("artifacts", {}).values():
        artifacts.setdefault("artifacts", [])  # JSON of a message leaves an empty list out
    outputs = content["outputs"]
    for place in (outputs, *outputs.get("parameters", {}).values()):
        place["outputFile"] = context.mounted(place["outputFile"])
    return dict(content)


def _run_process(
    context: RunContext, path: str, command: list[str], variables: Mapping[str, str]
) -> None:
    folder = context.work / path
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    log_path = context.log_of(path)
    labels = {"vertex-ai-pipelines-run-billing-id": context.constants[".pipeline_job_uuid"][:63]}
    environment = {
        **context.environment,
        "VERTEX_AI_PIPELINES_RUN_LABELS": json.dumps(labels),
        "TMPDIR": str(temporary),
        **variables,
    }
    if context.cancelled.is_set():
        raise TaskFailed(f"{path}: cancelled before it started")
    process = context.sandbox.spawn(command, env=environment, cwd=folder, log=log_path)
    code = _wait(process, context.cancelled)
    if context.cancelled.is_set():
        raise TaskFailed(f"{path}: cancelled (log: {log_path})")
    if code:
        cause = last_exception(log_path.read_text(errors="replace"))
        cause += _job_error(context, path)
        ended = f"exit code {code}" if code > 0 else f"signal {-code}"
        raise TaskFailed(f"{path}: {cause} ({ended}, log: {log_path})")


def _job_error(context: RunContext, path: str) -> str:
    """Return the error of the job that a step started: Google's launcher leaves it out."""
    resources = context.store.path(f"{context.root}/{path}/gcp_resources")
    try:
        name = resource_of(json.loads(resources.read_text()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""
    _, error = context.resource_state(name)
    first = error.partition("\n")[0]  # a custom job's has the end of its log
    return f" The job says: {first}" if first else ""


def resource_of(gcp_resources: Any) -> str:
    """Return the name of the resource that Google's launcher noted."""
    uri = gcp_resources["resources"][0]["resourceUri"]
    return str(uri.partition("/v1/")[2])


def _wait(process: Process, cancelled: threading.Event) -> int:
    while True:
        try:
            return process.wait(WAIT_STEP)
        except TimeoutError:
            if cancelled.is_set():
                return _stop(process)


def _stop(process: Process) -> int:
    process.terminate()
    try:
        return process.wait(5.0)
    except TimeoutError:
        process.kill()
        return process.wait()


def _outputs(
    context: RunContext, message: Any, executor_input: Mapping[str, Any], component: Any
) -> dict[str, Any]:
    """Read back what the step wrote, from the files of the store."""
    output_file = context.store.path(message.outputs.output_file)
    seen = json_format.ParseDict(
        dict(executor_input), pipeline_spec_pb2.ExecutorInput(), ignore_unknown_fields=True
    )
    for name, parameter in message.outputs.parameters.items():
        place = context.store.path(parameter.output_file)
        seen.outputs.parameters[name].output_file = str(place)
    written = executor_output_utils.load_executor_output(str(output_file))
    for name, artifacts in message.outputs.artifacts.items():
        if name not in written.artifacts:  # a container that only wrote the file
            written.artifacts[name].CopyFrom(artifacts)
    outputs = executor_output_utils.get_outputs_from_executor_output(written, seen, component)
    for name, spec in component.output_definitions.artifacts.items():
        set_type(outputs[name], spec.artifact_type)
    return dict(outputs)


def set_type(artifact: Any, kind: Any) -> None:
    """Give a KFP artifact the declared type: KFP knows only its own types by class."""
    artifact.schema_title = kind.schema_title or artifact.schema_title
    artifact.schema_version = kind.schema_version or artifact.schema_version


def run_importer(
    executor: Any, arguments: Mapping[str, Any], constants: Mapping[str, str]
) -> dict[str, Any]:
    """Return the artifact that an importer task stands for; its content is not looked at."""
    importer = executor.importer
    if importer.artifact_uri.WhichOneof("value") == "runtime_parameter":
        uri = arguments[importer.artifact_uri.runtime_parameter]
    else:
        uri = importer.artifact_uri.constant.string_value
    metadata = resolve_constant(json_format.MessageToDict(importer.metadata), arguments, constants)
    message = pipeline_spec_pb2.RuntimeArtifact(
        name="artifact", type=importer.type_schema, uri=uri
    )
    message.metadata.update(metadata)
    artifact = executor_output_utils.runtime_artifact_to_dsl_artifact(message)
    set_type(artifact, importer.type_schema)
    return {"artifact": artifact}

"""PipelineService: training pipelines, a custom job whose model is uploaded when it has ended.

AutoML and the tasks that need managed datasets are refused.
"""

import contextlib
import logging
import threading
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import empty_pb2, json_format
from google.rpc import code_pb2, status_pb2

from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.polling import CLIENT_WAIT
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.errors import ServiceError, invalid
from batchpredict.local.vertex.listing import select
from batchpredict.local.vertex.models import ModelService, parent_of
from batchpredict.local.vertex.operations import Operations, new_id
from batchpredict.local.vertex.state import Resources
from batchpredict.local.vertex.surface.checks import check_display_name, check_labels
from batchpredict.local.vertex.surface.rules import admit
from batchpredict.local.vertex.training.custom_jobs import CustomJobs
from batchpredict.local.vertex.training.lifecycle import now

log = logging.getLogger("batchpredict.local")
State = types.PipelineState
COLLECTION = "trainingPipelines"
CUSTOM_TASK = "gs://google-cloud-aiplatform/schema/trainingjob/definition/custom_task_1.0.0.yaml"
ACTIVE = (State.PIPELINE_STATE_PENDING, State.PIPELINE_STATE_RUNNING)
CANCELLING = (State.PIPELINE_STATE_CANCELLING,)


class TrainingPipelines:
    """Runs each pipeline in a thread, as a custom job of its own."""

    def __init__(
        self,
        resources: Resources,
        operations: Operations,
        jobs: CustomJobs,
        models: ModelService,
        store: ObjectStore,
    ) -> None:
        self._resources = resources
        self._operations = operations
        self._jobs = jobs
        self._models = models
        self._store = store
        self._finished: dict[str, threading.Event] = {}
        resources.end_interrupted(COLLECTION, ACTIVE, State.PIPELINE_STATE_FAILED)
        resources.end_interrupted(COLLECTION, CANCELLING, State.PIPELINE_STATE_CANCELLED)

    def create_training_pipeline(self, request: Any) -> Any:
        """Check the pipeline, start its custom job and return it as running."""
        pipeline = request.training_pipeline
        check_display_name(pipeline.display_name)
        check_labels(pipeline.labels)
        job = _custom_job(pipeline)
        if _has_model(pipeline):
            _check_model(pipeline)
        pipeline.name = f"{request.parent}/{COLLECTION}/{new_id()}"
        backing = self._jobs.start(request.parent, job)
        pipeline.training_task_metadata = {"backingCustomJob": backing.name}
        pipeline.create_time = pipeline.start_time = pipeline.update_time = now()
        pipeline.state = State.PIPELINE_STATE_RUNNING
        self._resources.put(pipeline.name, pipeline)
        self._finished[pipeline.name] = threading.Event()
        arguments = (pipeline.name, backing.name)
        threading.Thread(target=self._follow, args=arguments, daemon=True).start()
        return pipeline

    def _follow(self, name: str, job_name: str) -> None:
        """Wait for the custom job, upload the model, and say how the pipeline ended."""
        error: Any = None
        model: Any = None
        try:
            self._jobs.wait(job_name, None)
            job = self._resources.get(job_name)
            if job.state != types.JobState.JOB_STATE_SUCCEEDED:
                error = job.error
            elif _has_model(pipeline := self._resources.get(name)):
                model = self._upload(pipeline, job)
        except ServiceError as refusal:
            error = status_pb2.Status(code=refusal.code, message=refusal.message)
        except Exception as fault:
            log.exception("%s failed", name)
            text = f"{type(fault).__name__}: {fault}"
            error = status_pb2.Status(code=code_pb2.INTERNAL, message=text)
        try:
            self._resources.conclude(name, lambda pipeline: _end(pipeline, model, error))
        finally:
            self._finished.pop(name).set()

    def _upload(self, pipeline: Any, job: Any) -> Any:
        """Upload what the job wrote to ``AIP_MODEL_DIR``, and return the model."""
        folder = f"{job.job_spec.base_output_directory.output_uri_prefix.rstrip('/')}/model"
        path = self._store.path(folder)
        if not path.is_dir() or not any(path.iterdir()):
            message = (
                f"E356 {job.name} succeeded but wrote nothing to {folder}, so that there is no "
                "model to upload; save the model to the folder that AIP_MODEL_DIR names"
            )
            raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
        model = pipeline.model_to_upload
        model.artifact_uri = folder
        model.training_pipeline = pipeline.name
        request = types.UploadModelRequest(
            parent=parent_of(pipeline.name),
            model=model,
            model_id=pipeline.model_id,
            parent_model=pipeline.parent_model,
        )
        operation = self._models.upload_model(request)
        reply = types.UploadModelResponse.pb(types.UploadModelResponse())
        operation.response.Unpack(reply)
        return self._models.resolve(f"{reply.model}@{reply.model_version_id}")

    def get_training_pipeline(self, request: Any) -> Any:
        """Return a pipeline; while it runs, the answer is held for at most 3 s."""
        if finished := self._finished.get(request.name):
            finished.wait(CLIENT_WAIT)
        return self._resources.get(request.name)

    def list_training_pipelines(self, request: Any) -> Any:
        """Return the pipelines of a location."""
        page, token = select(self._resources.list(request.parent, COLLECTION), request)
        return types.ListTrainingPipelinesResponse(training_pipelines=page, next_page_token=token)

    def cancel_training_pipeline(self, request: Any) -> Any:
        """Cancel the custom job; the pipeline is CANCELLING until that has stopped."""

        def cancel(pipeline: Any) -> None:
            if pipeline.state not in ACTIVE:
                message = f"{request.name} is {pipeline.state.name} and cannot be cancelled."
                raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
            pipeline.state = State.PIPELINE_STATE_CANCELLING
            pipeline.update_time = now()

        pipeline = self._resources.update(request.name, cancel)
        backing = pipeline.training_task_metadata["backingCustomJob"]
        with contextlib.suppress(ServiceError):  # it has just ended
            self._jobs.cancel_custom_job(types.CancelCustomJobRequest(name=backing))
        return empty_pb2.Empty()

    def delete_training_pipeline(self, request: Any) -> Any:
        """Delete a pipeline that has ended; its job, model and output stay."""
        if (pipeline := self._resources.get(request.name)).state in (*ACTIVE, *CANCELLING):
            message = f"{request.name} is {pipeline.state.name}; cancel it first."
            raise ServiceError(code_pb2.FAILED_PRECONDITION, message)
        self._resources.delete(request.name)
        metadata = types.DeleteOperationMetadata()
        return self._operations.succeeded(parent_of(request.name), empty_pb2.Empty(), metadata)


def _custom_job(pipeline: Any) -> Any:
    """Return the custom job that carries out a pipeline."""
    if pipeline.training_task_definition != CUSTOM_TASK:
        message = (
            f"E355 the training task {pipeline.training_task_definition!r} is not emulated on "
            f"this machine; {CUSTOM_TASK} is"
        )
        raise ServiceError(code_pb2.UNIMPLEMENTED, message)
    inputs = json_format.MessageToDict(protobuf(pipeline).training_task_inputs)
    job = types.CustomJob(display_name=f"{pipeline.display_name}-custom-job"[:128])
    job.labels = pipeline.labels
    try:
        json_format.ParseDict(inputs, protobuf(job).job_spec)
    except json_format.ParseError as error:
        raise invalid(f"training_task_inputs: {error}") from error
    request = types.CreateCustomJobRequest(custom_job=job)
    admit("CreateCustomJob", request)
    return request.custom_job


def _has_model(pipeline: Any) -> bool:
    """Whether a model is to be uploaded; clients send an empty one when none is."""
    return bool(protobuf(pipeline).model_to_upload.ByteSize())


def _check_model(pipeline: Any) -> None:
    """Refuse a model that could not be uploaded, before the training."""
    check_display_name(pipeline.model_to_upload.display_name)
    if not pipeline.model_to_upload.container_spec.image_uri:
        raise invalid("model_to_upload.container_spec.image_uri is required")
    inputs = json_format.MessageToDict(protobuf(pipeline).training_task_inputs)
    if not {"baseOutputDirectory", "base_output_directory"} & set(inputs):
        raise invalid("training_task_inputs: a model to upload needs base_output_directory")


def _end(pipeline: Any, model: Any, error: Any) -> None:
    """Say how a pipeline ended."""
    pipeline.end_time = pipeline.update_time = now()
    if error is None:
        pipeline.state = State.PIPELINE_STATE_SUCCEEDED
        if model is not None:
            pipeline.model_to_upload = model
        return
    cancelled = error.code == code_pb2.CANCELLED
    state = State.PIPELINE_STATE_CANCELLED if cancelled else State.PIPELINE_STATE_FAILED
    pipeline.state, pipeline.error = state, error

"""The seven Vertex AI services together, and the way from a derived method to its behaviour."""

import inspect
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from google.cloud.aiplatform_v1 import types

from batchpredict.local.bigquery.api import BigQueryApi
from batchpredict.local.clock import AttemptClock, SessionClock
from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.network.rpcs import Rpc
from batchpredict.local.serving.environments import Environments
from batchpredict.local.serving.images import load_images
from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.settings import LocalSettings
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.endpoints import EndpointService
from batchpredict.local.vertex.errors import unimplemented
from batchpredict.local.vertex.jobs import JobService
from batchpredict.local.vertex.metadata.service import MetadataService
from batchpredict.local.vertex.models import ModelService
from batchpredict.local.vertex.operations import Operations
from batchpredict.local.vertex.pipeline_jobs import PipelineService
from batchpredict.local.vertex.predictions import PredictionService
from batchpredict.local.vertex.schedules.service import ScheduleService
from batchpredict.local.vertex.state import Resources
from batchpredict.local.vertex.surface.rules import admit
from batchpredict.local.vertex.training.custom_jobs import CustomJobs
from batchpredict.local.vertex.training.execution import Places
from batchpredict.local.vertex.training.pipelines import TrainingPipelines
from batchpredict.local.vertex.training.tuning import TuningJobs

KINDS = {
    "models": types.Model,
    "endpoints": types.Endpoint,
    "batchPredictionJobs": types.BatchPredictionJob,
    "pipelineJobs": types.PipelineJob,
    "schedules": types.Schedule,
    "customJobs": types.CustomJob,
    "hyperparameterTuningJobs": types.HyperparameterTuningJob,
    "trainingPipelines": types.TrainingPipeline,
}


@cache
def _takes_headers(behaviour: Callable[..., Any]) -> bool:
    return "headers" in inspect.signature(behaviour).parameters


class VertexServices:
    """Wires the services together over one state folder.

    Args:
        home: Folder of the state, the runs and their logs.
        work: Folder for temporary files, deleted after the session.
        environment: Variables of every step and model server.
        settings: How the services run.
        bigquery: The tables that batch prediction reads and writes.

    Attributes:
        clock: The time that schedules, and the waits between the attempts of a step, go by.
        resources: All resources of the home folder.
        bigquery: As given.
    """

    def __init__(
        self,
        home: Path,
        store: ObjectStore,
        sandbox: Sandbox,
        servers: ModelServers,
        environment: Mapping[str, str],
        settings: LocalSettings,
        bigquery: BigQueryApi,
        *,
        work: Path,
    ) -> None:
        self.operations = Operations(home / "vertex" / "operations")
        resources = self.resources = Resources(home / "vertex", KINDS)
        models = ModelService(resources, self.operations, servers.stop)
        self.pipelines = PipelineService(
            resources,
            self.operations,
            store,
            sandbox,
            environment,
            runs=home / "runs",
            work=work,
            caching=settings.caching,
        )
        self.bigquery = bigquery
        self.clock = SessionClock()
        self.pipelines.clock = AttemptClock(self.clock)
        self._schedules = ScheduleService(resources, self.operations, self.pipelines, self.clock)
        self._services: dict[str, Any] = {
            "ModelService": models,
            "EndpointService": EndpointService(resources, self.operations, models, servers),
            "PredictionService": PredictionService(resources, models, servers),
            "JobService": JobService(
                resources, self.operations, models, servers, store, settings.batch, bigquery
            ),
            "PipelineService": self.pipelines,
            "ScheduleService": self._schedules,
            "MetadataService": MetadataService(resources, self.pipelines),
        }
        logs = home / "logs" / "custom-jobs"
        environments = Environments(sandbox, home / "environments", logs)
        places = Places(sandbox, store, environments, environment, work, logs)
        jobs = CustomJobs(resources, self.operations, places, load_images(settings.images))
        training = TrainingPipelines(resources, self.operations, jobs, models, store)
        tuning = TuningJobs(resources, self.operations, jobs, work / "tuning")
        self._further: dict[str, tuple[Any, ...]] = {
            "JobService": (jobs, tuning),
            "PipelineService": (training,),
        }

    def close(self) -> None:
        """Start no more runs."""
        self._schedules.close()

    def behaviour(self, rpc: Rpc) -> Callable[..., Any] | None:
        """Return what carries a method out, or None when it is not emulated."""
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", rpc.method).lower()
        parts = (self._services.get(rpc.service), *self._further.get(rpc.service, ()))
        return next((getattr(part, name) for part in parts if hasattr(part, name)), None)

    def call(self, rpc: Rpc, request: Any, headers: Mapping[str, str]) -> Any:
        """Carry out one method.

        Raises:
            ServiceError: The method refused, or is not emulated (UNIMPLEMENTED).
        """
        behaviour = self.behaviour(rpc)
        if behaviour is None:
            raise unimplemented(f"{rpc.service}.{rpc.method}")
        admit(rpc.method, request)
        if _takes_headers(getattr(behaviour, "__func__", behaviour)):
            return behaviour(request, headers)
        return behaviour(request)

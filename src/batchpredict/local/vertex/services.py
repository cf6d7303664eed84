"""The five Vertex AI services together, and the way from a derived method to its behaviour."""

import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from google.cloud.aiplatform_v1 import types

from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.network.rpcs import Rpc
from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.settings import LocalSettings
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.endpoints import EndpointService
from batchpredict.local.vertex.errors import unimplemented
from batchpredict.local.vertex.jobs import JobService
from batchpredict.local.vertex.models import ModelService
from batchpredict.local.vertex.operations import Operations
from batchpredict.local.vertex.pipeline_jobs import PipelineService
from batchpredict.local.vertex.predictions import PredictionService
from batchpredict.local.vertex.state import Resources
from batchpredict.local.vertex.surface.rules import admit

KINDS = {
    "models": types.Model,
    "endpoints": types.Endpoint,
    "batchPredictionJobs": types.BatchPredictionJob,
    "pipelineJobs": types.PipelineJob,
}


class VertexServices:
    """Wires the services together over one state folder.

    Args:
        home: Folder of the state, the runs and their logs.
        work: Folder for temporary files, deleted after the session.
        environment: Variables of every step and model server.
        settings: How the services run.
    """

    def __init__(
        self,
        home: Path,
        store: ObjectStore,
        sandbox: Sandbox,
        servers: ModelServers,
        environment: Mapping[str, str],
        settings: LocalSettings,
        *,
        work: Path,
    ) -> None:
        self.operations = Operations()
        resources = Resources(home / "vertex", KINDS)
        models = ModelService(resources, self.operations)
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
        self._services: dict[str, Any] = {
            "ModelService": models,
            "EndpointService": EndpointService(resources, self.operations, models, servers),
            "PredictionService": PredictionService(resources, models, servers),
            "JobService": JobService(
                resources, self.operations, models, servers, store, settings.batch
            ),
            "PipelineService": self.pipelines,
        }

    def behaviour(self, rpc: Rpc) -> Callable[..., Any] | None:
        """Return what carries a method out, or None when it is not emulated."""
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", rpc.method).lower()
        return getattr(self._services[rpc.service], name, None)

    def call(self, rpc: Rpc, request: Any, headers: Mapping[str, str]) -> Any:
        """Carry out one method.

        Raises:
            ServiceError: The method refused, or is not emulated (UNIMPLEMENTED).
        """
        behaviour = self.behaviour(rpc)
        if behaviour is None:
            raise unimplemented(f"{rpc.service}.{rpc.method}")
        admit(rpc.method, request)
        if "headers" in inspect.signature(behaviour).parameters:
            return behaviour(request, headers)
        return behaviour(request)

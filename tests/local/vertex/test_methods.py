"""Methods that are not emulated, tokens that are refused, and the SDK as users run it."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from sklearn.linear_model import LinearRegression

from batchpredict.local.network.environment import scrubbed
from batchpredict.local.network.rpcs import load_rpcs, protobuf
from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.errors import HTTP_STATUS, ServiceError

EMULATED = """
UploadModel GetModel ListModels ListModelVersions UpdateModel MergeVersionAliases CopyModel
DeleteModelVersion DeleteModel

CreateEndpoint GetEndpoint ListEndpoints UpdateEndpoint UpdateEndpointLongRunning
DeleteEndpoint DeployModel MutateDeployedModel UndeployModel

Predict RawPredict Explain

CreateBatchPredictionJob GetBatchPredictionJob ListBatchPredictionJobs
CancelBatchPredictionJob DeleteBatchPredictionJob
CreateHyperparameterTuningJob GetHyperparameterTuningJob ListHyperparameterTuningJobs
CancelHyperparameterTuningJob DeleteHyperparameterTuningJob
CreateCustomJob GetCustomJob ListCustomJobs CancelCustomJob DeleteCustomJob

CreatePipelineJob GetPipelineJob ListPipelineJobs CancelPipelineJob DeletePipelineJob
CreateTrainingPipeline GetTrainingPipeline ListTrainingPipelines CancelTrainingPipeline
DeleteTrainingPipeline

CreateSchedule GetSchedule ListSchedules UpdateSchedule PauseSchedule ResumeSchedule
DeleteSchedule

GetMetadataStore ListMetadataStores GetContext ListContexts QueryContextLineageSubgraph
GetExecution ListExecutions QueryExecutionInputsAndOutputs GetArtifact ListArtifacts
QueryArtifactLineageSubgraph
"""
TIMEOUT = 120


@pytest.fixture(params=["grpc", "rest"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_is_not_emulated_says_so(vertex: LocalVertex) -> None:
    refused = set()
    for rpc in load_rpcs().values():
        try:
            vertex.services.call(rpc, rpc.request_type(), {})
        except ServiceError as error:
            if error.status == "UNIMPLEMENTED" and "not emulated" in error.message:
                refused.add(rpc.method)
    assert refused == {rpc.method for rpc in load_rpcs().values()} - set(EMULATED.split())


def test_an_unknown_method_is_unimplemented(
    gapic: Callable[[str, str], Any], transport: str
) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="not emulated"):
        gapic("model", transport).get_model_evaluation(name=f"{PARENT}/models/1/evaluations/1")
    with pytest.raises(exceptions.MethodNotImplemented, match="not emulated"):
        gapic("job", transport).list_data_labeling_jobs(parent=PARENT)


def test_a_streaming_method_is_unimplemented(
    gapic: Callable[[str, str], Any], transport: str
) -> None:
    request = types.StreamRawPredictRequest(endpoint=f"{PARENT}/endpoints/1")
    with pytest.raises(exceptions.MethodNotImplemented):
        list(gapic("prediction", transport).stream_raw_predict(request))


def test_a_real_token_is_refused_over_grpc(gapic: Callable[[str, str], Any]) -> None:
    token = [("authorization", "Bearer ya29.secret")]
    with pytest.raises(exceptions.BadRequest, match="real access token"):
        gapic("model", "grpc").list_models(parent=PARENT, metadata=token)


def test_an_operation_is_found_again(gapic: Callable[[str, str], Any], transport: str) -> None:
    client = gapic("endpoint", transport)
    made = client.create_endpoint(parent=PARENT, endpoint=types.Endpoint(display_name="x"))
    found = gapic("endpoint", "grpc").get_operation({"name": made.operation.name})
    assert found.done
    assert found.response == protobuf(made.operation).response
    with pytest.raises(exceptions.NotFound):
        gapic("endpoint", "grpc").get_operation({"name": f"{PARENT}/operations/1"})


def test_every_code_of_an_error_is_known_to_both_forms() -> None:
    by_number = {code.value[0]: code for code in grpc.StatusCode}
    for code, status in HTTP_STATUS.items():
        known = exceptions.from_http_status(status, "")  # type: ignore[no-untyped-call]
        assert known.code == status
        assert ServiceError(code, "").status == by_number[code].name
        assert ServiceError(code, "").http_status == status


SDK = """
import json, sys
from google.cloud import aiplatform

aiplatform.init(api_transport=sys.argv[1], location="us-central1")
model = aiplatform.Model(sys.argv[2])
endpoint = model.deploy(machine_type="n1-standard-2")
endpoint.deploy(model, machine_type="n1-standard-2", traffic_percentage=40)
found = {
    "listed": [it.resource_name for it in aiplatform.Model.list(order_by="create_time desc")],
    "shares": sorted(endpoint.traffic_split.values()),
    "predictions": endpoint.predict(instances=[[1, 1]]).predictions,
    "raw": endpoint.raw_predict(body=b'{"instances": [[1, 1]]}', headers={}).json(),
}
endpoint.delete(force=True)
print(json.dumps(found))
"""


def test_the_sdk_works_with_the_exported_environment(
    vertex: LocalVertex, upload_sklearn: Callable[..., str], transport: str
) -> None:
    fitted = LinearRegression(fit_intercept=False).fit([[1.0, 0.0], [0.0, 1.0]], [2.0, 20.0])
    model = upload_sklearn(fitted)
    run = subprocess.run(
        [sys.executable, "-c", SDK, transport, model],
        env={**scrubbed(), **vertex.environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["listed"][0] == model
    assert found["shares"] == [40, 60]
    assert found["predictions"] == pytest.approx([22.0])
    assert found["raw"]["predictions"] == pytest.approx([22.0])


def test_a_fault_of_the_emulator_is_internal_and_told(
    gapic: Callable[[str, str], Any],
    vertex: LocalVertex,
    transport: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_down(_: Any) -> Any:
        raise RuntimeError("it broke")

    service = vertex.services._services["ModelService"]
    monkeypatch.setattr(service, "get_model", break_down, raising=True)
    with pytest.raises(exceptions.InternalServerError, match="RuntimeError: it broke"):
        gapic("model", transport).get_model(name=f"{PARENT}/models/1")

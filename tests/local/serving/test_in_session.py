"""A custom container behind the services: deployed, asked, used by a job, undeployed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import struct_pb2

from batchpredict.errors import UsageError
from batchpredict.local.runs import PARENT
from batchpredict.local.serving.images import Image, Images
from batchpredict.local.serving.servers import ModelServers
from batchpredict.local.session import LocalVertex
from batchpredict.local.settings import LocalSettings

MACHINE = {"machine_spec": {"machine_type": "n1-highmem-2"}, "min_replica_count": 1}
VALUE = struct_pb2.Value(number_value=1)
TIMEOUT = 30.0


@pytest.fixture
def servers(vertex: LocalVertex, image: Image, monkeypatch: pytest.MonkeyPatch) -> ModelServers:
    """The model servers of the session, which knows one more image for a while."""
    found: ModelServers = vertex.services._services["PredictionService"]._servers
    monkeypatch.setattr(found._starter, "_images", Images((image,)))
    return found


def upload(gapic: Callable[[str, str], Any]) -> str:
    model = {
        "display_name": "own",
        "container_spec": {"image_uri": "gcr.io/mine/server:1", "health_route": "/fit"},
    }
    return str(gapic("model", "grpc").upload_model(parent=PARENT, model=model).result().model)


def test_an_endpoint(gapic: Callable[[str, str], Any], servers: ModelServers) -> None:
    client, model = gapic("endpoint", "grpc"), upload(gapic)
    endpoint = client.create_endpoint(parent=PARENT, endpoint={"display_name": "e"}).result().name
    deployed = client.deploy_model(
        endpoint=endpoint,
        deployed_model={"model": model, "dedicated_resources": MACHINE},
        traffic_split={"0": 100},
    ).result()
    identifier = deployed.deployed_model.id
    reply = gapic("prediction", "grpc").predict(endpoint=endpoint, instances=[VALUE, VALUE])
    assert len(reply.predictions) == 2
    facts = dict(reply.predictions[0])
    place = f"/v1/endpoints/{endpoint.rpartition('/')[2]}/deployedModels/{identifier}"
    assert facts["path"] == f"{place}:predict"
    assert facts["env"]["AIP_HEALTH_ROUTE"] == "/fit"
    assert facts["env"]["AIP_MACHINE_TYPE"] == "n1-highmem-2"
    assert facts["env"]["AIP_VERSION_NAME"] == identifier
    (key,) = [it for it in servers._servers if it.model == model]
    running = servers._servers[key].running
    assert running is not None
    client.undeploy_model(endpoint=endpoint, deployed_model_id=identifier).result()
    assert running.process.wait(TIMEOUT) < 0
    client.delete_endpoint(name=endpoint).result()


def test_a_batch_prediction_job_and_the_deletion_of_its_model(
    gapic: Callable[[str, str], Any], servers: ModelServers, vertex: LocalVertex, tmp_path: Path
) -> None:
    folder = f"gs://test-own-server/{tmp_path.name}"
    path = Path(vertex.store.path(f"{folder}/in.jsonl"))
    path.parent.mkdir(parents=True)
    path.write_text("1\n2\n3\n")
    model, client = upload(gapic), gapic("job", "grpc")
    job = {
        "display_name": "j",
        "model": model,
        "input_config": {
            "instances_format": "jsonl",
            "gcs_source": {"uris": [f"{folder}/in.jsonl"]},
        },
        "output_config": {
            "predictions_format": "jsonl",
            "gcs_destination": {"output_uri_prefix": f"{folder}/out"},
        },
    }
    name = client.create_batch_prediction_job(parent=PARENT, batch_prediction_job=job).name
    while not (done := client.get_batch_prediction_job(name=name)).end_time:
        pass  # each answer is held back until the job ends
    assert done.completion_stats.successful_count == 3, done.error
    results = Path(vertex.store.path(done.output_info.gcs_output_directory))
    (shard,) = results.glob("prediction.results-*")
    assert [json.loads(line)["instance"] for line in shard.read_text().splitlines()] == [1, 2, 3]
    running = servers.ensure(vertex.services._services["ModelService"].resolve(model))
    gapic("model", "grpc").delete_model(name=model).result()
    assert running.process.wait(TIMEOUT) < 0


def test_a_session_says_what_is_wrong_with_its_images(vertex: LocalVertex, tmp_path: Path) -> None:
    settings = LocalSettings(images=tmp_path / "none.toml")
    with pytest.raises(UsageError, match="E335 "):
        ModelServers.of_session(tmp_path, tmp_path, {}, vertex.store, vertex.sandbox, settings)

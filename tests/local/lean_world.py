"""What lean clients need in the services: made by calls within their process."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import joblib
from google.cloud.aiplatform_v1 import types
from local import lean
from sklearn.linear_model import LinearRegression

from batchpredict.images import SKLEARN_SERVING
from batchpredict.local.network.rpcs import Rpc, load_rpcs, protobuf
from batchpredict.local.polling import LAUNCHER
from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex

MACHINE = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1}


@cache
def rpc(method: str) -> Rpc:
    return next(rpc for rpc in load_rpcs().values() if rpc.method == method)


def call(vertex: LocalVertex, method: str, **fields: Any) -> Any:
    """Call a method of the services; an answer about a job waits until that has ended."""
    kind = rpc(method)
    return vertex.services.call(kind, kind.request_type(**fields), {"user-agent": LAUNCHER})


def make_place(vertex: LocalVertex, bucket: str) -> lean.Place:
    """Make objects, a model that is deployed, and a job that has ended."""
    lean.make_objects(vertex.store, bucket)
    model = upload_doubling(vertex, bucket)
    endpoint = {"display_name": bucket}
    made = call(vertex, "CreateEndpoint", parent=PARENT, endpoint=endpoint)
    name = types.Endpoint.deserialize(made.response.value).name
    deployed = {"model": model, "dedicated_resources": MACHINE}
    call(vertex, "DeployModel", endpoint=name, deployed_model=deployed, traffic_split={"0": 100})
    job = start_job(vertex, bucket, model, "first", [[1.0]])
    call(vertex, "GetBatchPredictionJob", name=job)
    port = urlsplit(vertex.environment["HTTPS_PROXY"]).port or 0
    authority = vertex.environment["REQUESTS_CA_BUNDLE"]
    return lean.Place(port, authority, bucket, model, name, job)


def upload_doubling(vertex: LocalVertex, bucket: str) -> str:
    """Upload a model that doubles a number."""
    path = vertex.store.path(f"gs://{bucket}/model/model.joblib")
    path.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), path)
    model = {
        "display_name": bucket,
        "artifact_uri": f"gs://{bucket}/model",
        "container_spec": {"image_uri": SKLEARN_SERVING},
    }
    made = call(vertex, "UploadModel", parent=PARENT, model=model)
    return str(types.UploadModelResponse.deserialize(made.response.value).model)


def start_job(vertex: LocalVertex, bucket: str, model: str, name: str, rows: Any) -> str:
    """Start a batch prediction job over these rows."""
    request = job_request(vertex, bucket, model, name, rows)
    return str(call(vertex, "CreateBatchPredictionJob", **request).name)


def job_request(
    vertex: LocalVertex, bucket: str, model: str, name: str, rows: Any
) -> dict[str, Any]:
    """Write rows, and return the request of a job over them."""
    path = vertex.store.path(f"gs://{bucket}/in/{name}.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row}\n" for row in rows))
    source = {"uris": [f"gs://{bucket}/in/{name}.jsonl"]}
    target = {"output_uri_prefix": f"gs://{bucket}/out/{name}"}
    job = {
        "display_name": name,
        "model": model,
        "input_config": {"instances_format": "jsonl", "gcs_source": source},
        "output_config": {"predictions_format": "jsonl", "gcs_destination": target},
    }
    return {"parent": PARENT, "batch_prediction_job": job}


def rows_of(number: int) -> list[list[float]]:
    """Return the rows of a job: one to seven, whose values no other job has alike."""
    return [[number + row / 8] for row in range(1 + number % 7)]


def job_problem(vertex: LocalVertex, name: str, number: int) -> str:
    """Wait for a job of ``start_many``; return what is wrong with its end or output, or ""."""
    job = call(vertex, "GetBatchPredictionJob", name=name)
    rows = rows_of(number)
    stats = job.completion_stats
    if job.state.name != "JOB_STATE_SUCCEEDED" or job.display_name != f"j{number}":
        return f"{name} is {job.state.name}: {job.display_name} {job.error.message}"
    if (stats.successful_count, stats.failed_count) != (len(rows), 0):
        return f"{name} counts {stats}"
    folder = vertex.store.path(job.output_info.gcs_output_directory)
    lines = (folder / "prediction.results-00000-of-00001").read_text().splitlines()
    found = [(it["instance"], round(it["prediction"], 6)) for it in map(json.loads, lines)]
    wanted = [(row, round(2 * row[0], 6)) for row in rows]
    return "" if found == wanted else f"{name} holds {found}, not {wanted}"


def start_many(vertex: LocalVertex, place: lean.Place, count: int) -> list[str]:
    """Submit jobs over gRPC, 32 at once; return their names, by number."""
    kind = rpc("CreateBatchPredictionJob")
    requests = []
    for number in range(count):
        fields = job_request(vertex, place.bucket, place.model, f"j{number}", rows_of(number))
        requests.append(protobuf(kind.request_type(**fields)).SerializeToString())
    channels = [lean.open_channel(place) for _ in range(min(32, count))]

    def submit(number: int) -> str:
        reply = channels[number % len(channels)].unary_unary(kind.path)(requests[number])
        return str(kind.response_type.deserialize(reply).name)

    with ThreadPoolExecutor(len(channels)) as pool:
        names = list(pool.map(submit, range(count)))
    for channel in channels:
        channel.close()
    return names
